"""``squadron reproduce`` and ``squadron demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich.console
import typer

from squadron.cli.evaluate import after, points
from squadron.cli.options import verb
from squadron.cli.output import Console, counted, narrow_table
from squadron.cli.sweep_table import SweepTable, clock
from squadron.options.core import DemoOptions
from squadron.options.requests import ReproduceRequest


def add(app: typer.Typer) -> None:
    """Register the verbs."""

    @verb(app, "reproduce", ReproduceRequest)
    def reproduce(request: ReproduceRequest, console: Console) -> int:
        """Run the whole study, from questions to reports. Repeat the same command to resume an interrupted study."""
        from squadron.sweeps.reproduce import reproduce as run
        from squadron.tracking.trackers import open_trackers

        table = SweepTable(console.err)
        listeners = [table, *open_trackers(request.track, Path(request.out))]
        record = run(request.kept(), replace=request.replace, reporter=table, listeners=listeners)
        console.result(record, lambda out: _show(out, record))
        return _exit_code(record)

    @verb(app, "demo", DemoOptions)
    def demo(options: DemoOptions, console: Console) -> int:
        """Run a small study on the embedded base and questions: no network, no GPU, a few minutes."""
        from squadron.sweeps.reproduce import demo as run

        table = SweepTable(console.err)
        record = run(options, reporter=table, listeners=[table])
        console.result(record, lambda out: _show(out, record))
        return _exit_code(record)


def _exit_code(record: dict[str, Any]) -> int:
    return 1 if any(run["status"] in ("failed", "diverged") for run in record["runs"]) else 0


def _show(out: rich.console.Console, record: dict[str, Any]) -> None:
    parts = list(record["baseline"]["greedy"].get("parts", {}))
    asked = record["baseline"]["greedy"]["questions"]
    title = f"{asked:,} {record['split']} questions{after(record['normalize'])}"
    table = narrow_table(f"{title}{'; F1 also by ' + ' and '.join(parts) if parts else ''}")
    table.add_column("model", no_wrap=True)
    for column in ("EM (95%)", "F1 (95%)", *parts):
        table.add_column(column, justify="right", no_wrap=True)
    for model, decodings in (("base", record["baseline"]), ("LoRA", record["tuned"])):
        for name, scores in decodings.items():
            table.add_row(
                f"{model}, {name}",
                points(scores, "exact_match"),
                points(scores, "f1"),
                *(f"{own[part]['f1']:.1f}" if part in (own := scores.get("parts", {})) else "-" for part in parts),
            )
    out.print(table)
    for run in record["runs"]:
        if run["status"] in ("failed", "diverged", "stopped"):
            out.print(f"{run['name']} {run['status']}: {run.get('reason', 'no reason is known')}", soft_wrap=True)
    out.print(
        f"LoRA is {record['best']}, the best of {counted(len(record['runs']), 'run')}: {record['leaderboard']}",
        soft_wrap=True,
    )
    out.print(f"done in {clock(record['seconds'])}; the reports:")
    for report in record["reports"]:
        out.print(report["path"], soft_wrap=True)
