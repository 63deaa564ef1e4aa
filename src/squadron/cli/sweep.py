"""``squadron sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich.console
import typer

from squadron.cli.evaluate import after, points
from squadron.cli.options import verb
from squadron.cli.output import Console, counted, figure, megabytes, print_fitting, pruned_line, two_columns
from squadron.cli.sweep_table import SweepTable, clock
from squadron.options.requests import SweepRequest
from squadron.options.runs import METRICS

_SHOWN = 12
"""Runs on the printed leaderboard; the file has all of them."""


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "sweep", SweepRequest)
    def sweep(request: SweepRequest, console: Console) -> int:
        """Train, score and rank many runs, as fleets on one base. To continue an interrupted sweep, add --resume."""
        if request.dry_run:
            from squadron.sweeps.dry_run import preview

            record = preview(request.kept())
            console.result(record, lambda out: _show_preview(out, record))
            return 0
        from squadron.sweeps.sweep import sweep as run
        from squadron.tracking.trackers import open_trackers

        table = SweepTable(console.err)
        record = run(
            request.kept(),
            resume=request.resume,
            replace=request.replace,
            join=request.join,
            reporter=table,
            listeners=[table, *open_trackers(request.track, Path(request.out))],
        )
        console.result(record, lambda out: _show(out, record))
        return 1 if any(run["status"] in ("failed", "diverged") for run in record["runs"]) else 0


def _show(out: rich.console.Console, record: dict[str, Any]) -> None:
    runs = record["runs"]
    questions = next((run["questions"] for run in runs if run["questions"]), 0)
    asked = counted(questions, f"{record['split']} question")
    title = f"{counted(len(runs), 'run')}, {record['decoding']}, {asked}{after(record['normalize'])}"
    rows = [
        (
            run["name"],
            *(points(run, name) for name in ("f1", "exact_match")),
            figure(run["p_gold"], 1),
            figure(run["loss"] if run["validation_loss"] is None else run["validation_loss"], 3),
        )
        for run in [run for run in runs if run["f1"] is not None][:_SHOWN]
    ]
    print_fitting(out, title, ("run", "F1 (95%)", "EM (95%)", "P(gold)", "loss"), rows, needed=3)
    winner = record.get("winner")
    if winner:
        by = winner["by"]
        low, high = winner[f"{by}_difference_interval"]
        verdict = "is significantly better than" if winner["significant"] else "is NOT significantly better than"
        out.print(
            f"The first {verdict} the second: {winner[f'{by}_difference']:+.1f} {METRICS[by]} "
            f"(95%: {low:+.1f} to {high:+.1f}, p = {winner['p_value']:.2g})."
        )
    repeated = [setting for setting in record.get("settings", []) if setting["f1_deviation"] is not None]
    if repeated:
        best = repeated[0]
        setting = ", ".join(f"{axis} {value}" for axis, value in best["changes"].items()) or "the only setting"
        seeds = counted(len(best["runs"]), "seed")
        out.print(f"Best over {seeds}: {setting}: {', '.join(_spread(best))} (standard deviation).")
    for run in runs:
        if run["status"] in ("failed", "diverged", "stopped") or (run["status"] == "done" and "reason" in run):
            out.print(f"{run['name']} {run['status']}: {run.get('reason', 'no reason is known')}", soft_wrap=True)
    if pruned := sum(run.get("pruned", False) for run in runs):
        out.print(pruned_line(pruned), soft_wrap=True)
    out.print(f"{clock(record['seconds'])}; all runs: {record['leaderboard']}", soft_wrap=True)


def _spread(setting: dict[str, Any]) -> list[str]:
    """Return the mean and deviation of each metric, as text."""
    return [
        f"{title} {setting[f'{name}_mean']:.1f} +- {setting[f'{name}_deviation']:.1f}"
        for name, title in METRICS.items()
        if setting[f"{name}_mean"] is not None
    ]


def _show_preview(out: rich.console.Console, record: dict[str, Any]) -> None:
    rows = [(run["name"], f"{run['trainable_parameters']:,}") for run in record["runs"]]
    print_fitting(out, counted(len(rows), "run"), ("run", "trainable"), rows, needed=2)
    sizes = [len(fleet["runs"]) for fleet in record["fleets"]]
    memory = [fleet["memory_bytes"] for fleet in record["fleets"] if fleet["memory_bytes"] is not None]
    most = f"at most {record['fleet_size']}: {record['fleet_size_reason']}"
    ends = counted(max(sizes), "run") if min(sizes) == max(sizes) else f"{min(sizes)} to {counted(max(sizes), 'run')}"
    together = f", {record['fleets_at_once']} at a time" if record["fleets_at_once"] > 1 else ""
    rows = [("fleets", f"{len(sizes)}, of {ends}{together}; {most}")]
    if memory:
        rows.append(("memory", f"{megabytes(max(memory))} for the largest fleet, plus the base"))
    if record["free_bytes"] is not None:
        rows.append(("free", megabytes(record["free_bytes"])))
    rows += [("does not fit", f"{name}: {text}") for name, text in record["unfit"].items()]
    if record["halving_epochs"]:
        epochs = ", ".join(map(str, record["halving_epochs"]))
        rows.append(("halving", f"after epoch {epochs}; the estimate does not count the time it saves"))
    rows += [
        ("training", f"about {clock(record['training_seconds'])} on this machine, {record['precision']}"),
        ("answering", f"about {clock(record['answering_seconds'])}, including the base without adapter"),
    ]
    if record["best_seconds"]:
        rows.append(
            ("best", f"about {clock(record['best_seconds'])}, to score the best runs and the base under `best:`")
        )
    out.print(two_columns(rows))
