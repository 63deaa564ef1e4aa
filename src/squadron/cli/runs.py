"""``squadron runs``."""

from __future__ import annotations

from typing import Any

import rich.console
import typer
from rich.table import Table
from typer.core import TyperGroup

from squadron.cli.evaluate import after, points
from squadron.cli.options import verb
from squadron.cli.output import Console, counted, figure, megabytes, print_fitting, pruned_line, two_columns
from squadron.options.runs import (
    METRICS,
    RunsCompareOptions,
    RunsListOptions,
    RunsPromoteOptions,
    RunsPruneOptions,
    RunsShowOptions,
)


class _ListByDefault(TyperGroup):
    """Makes ``squadron runs DIR`` mean ``squadron runs list DIR``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["list", *args]
        return super().parse_args(ctx, args)


def add(app: typer.Typer) -> None:
    """Register the verbs for runs."""
    group = typer.Typer(help="List, compare and manage runs.", no_args_is_help=True, cls=_ListByDefault)
    app.add_typer(group, name="runs")

    @group.callback()
    def runs() -> None:
        """List, compare and manage runs. `squadron runs DIR` lists the runs in DIR."""

    @verb(group, "list", RunsListOptions)
    def list_(options: RunsListOptions, console: Console) -> int:
        """List the runs in a sweep folder, or in any folder of run folders, best first."""
        from squadron.runs.listing import list_runs

        record = list_runs(options)
        if options.promote is not None:
            from squadron.runs.maintenance import promote

            chosen = options.model_dump(include={"folder", "split", "decoding", "by"})
            record["promoted"] = promote(RunsPromoteOptions(**chosen, out=options.promote))
        console.result(record, lambda out: _show_list(out, record))
        return 0

    @verb(group, "show", RunsShowOptions)
    def show(options: RunsShowOptions, console: Console) -> int:
        """Show a run's options, results and scores."""
        from squadron.runs.listing import show_run

        record = show_run(options)
        console.result(record, lambda out: _show_run(out, record))
        return 0

    @verb(group, "compare", RunsCompareOptions)
    def compare(options: RunsCompareOptions, console: Console) -> int:
        """Compare two runs question by question with a paired test."""
        from squadron.runs.compare import compare_runs

        record = compare_runs(options, tell=console.reporter().note)
        console.result(record, lambda out: _show_comparison(out, record))
        return 0

    @verb(group, "prune", RunsPruneOptions)
    def prune(options: RunsPruneOptions, console: Console) -> int:
        """Remove checkpoints, last adapters or the weights of losing runs. Without --yes, only list what would go."""
        from squadron.runs.maintenance import prune as run

        record = run(options)
        console.result(record, lambda out: _show_pruned(out, record))
        return 0

    @verb(group, "promote", RunsPromoteOptions)
    def promote(options: RunsPromoteOptions, console: Console) -> int:
        """Copy the best run in a folder, or one run, to a new folder, for `evaluate`, `ask` and `export`."""
        from squadron.runs.maintenance import promote as run

        record = run(options)
        console.result(record, lambda out: out.print(f"copied {record['run']} to {record['out']}", soft_wrap=True))
        return 0


def _show_list(out: rich.console.Console, record: dict[str, Any]) -> None:
    title = f"{counted(len(record['runs']), 'run')}; {record['split']}, {record['decoding']}"
    rules = sorted({run["normalize"] for run in record["runs"] if run["normalize"] is not None})
    title += after(rules[0]) if len(rules) == 1 else ""
    columns = ("run", "status", "F1 (95%)", "EM (95%)", "P(gold)", "trainable")
    rows = [
        (
            run["name"],
            _status(run),
            points(run, "f1"),
            points(run, "exact_match"),
            figure(run["p_gold"], 1),
            "-" if run["trainable_parameters"] is None else f"{run['trainable_parameters']:,}",
        )
        for run in record["runs"]
    ]
    print_fitting(out, title, columns, rows, needed=3)
    if len(rules) > 1:
        out.print(_mixed(record["runs"], rules), soft_wrap=True)
    for run in record["runs"]:
        if "reason" in run:
            out.print(f"{run['name']}: {run['reason']}", soft_wrap=True)
    if "promoted" in record:
        out.print(f"copied {record['promoted']['run']} to {record['promoted']['out']}", soft_wrap=True)


def _mixed(runs: list[dict[str, Any]], rules: list[str]) -> str:
    """Return which runs are scored after which normalization, where they differ."""
    own = [f"{rule} ({', '.join(run['name'] for run in runs if run['normalize'] == rule)})" for rule in rules]
    return f"EM and F1 are not comparable, as they are after different normalizations of answers: {'; '.join(own)}"


def _status(run: dict[str, Any]) -> str:
    return f"{run['status']}, pruned" if run.get("pruned") else str(run["status"])


def _show_run(out: rich.console.Console, record: dict[str, Any]) -> None:
    run = record["record"]
    rows = [("run", record["folder"]), ("status", _status(run) + (f": {run['reason']}" if "reason" in run else ""))]
    counts = ("trainable_parameters", "steps", "best_step")
    rows += [(key.replace("_", " "), f"{run[key]:,}") for key in counts if run.get(key) is not None]
    losses = {"training loss": run.get("loss"), "validation loss": run.get("validation_loss")}
    rows += [(title, f"{value:.4f}") for title, value in losses.items() if value is not None]
    if run.get("peak_memory_bytes"):
        rows.append(("peak memory", megabytes(run["peak_memory_bytes"])))
    rows += [
        (key, " ".join(map(str, value)) if isinstance(value, list) else str(value))
        for key, value in run["config"].items()
        if value is not None
    ]
    out.print(two_columns(rows))
    if not record["splits"]:
        return
    columns = ("split", "decoding", "F1 (95%)", "EM (95%)", "P(gold)", "questions")
    every = [scores for own in record["splits"].values() for scores in own["decodings"].values()]
    rules = {scores.get("normalize", "official") for scores in every}
    table: list[tuple[str, ...]] = []
    for split, own in record["splits"].items():
        for decoding, scores in own["decodings"].items():
            shown = [*(points(scores, name) for name in ("f1", "exact_match")), figure(scores.get("p_gold"), 1)]
            named = decoding + (after(scores.get("normalize", "official")) if len(rules) > 1 else "")
            table.append((split, named, *shown, f"{scores['questions']:,}"))
    title = "scores" + (after(rules.pop()) if len(rules) == 1 else "")
    print_fitting(out, title, columns, table, needed=3)


def _show_comparison(out: rich.console.Console, record: dict[str, Any]) -> None:
    by = record["decoding"] + after(record["normalize"])
    table = Table(title=f"{record['split']}, {by}: {record['questions']:,} questions, paired")
    table.add_column("", no_wrap=True)
    for column in ("first", "second", "difference (95%)", "p"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, title in METRICS.items():
        if name not in record:  # P(gold), if one was evaluated before there was one
            continue
        test = record[name]
        low, high = test["interval"]
        table.add_row(
            title,
            f"{record['first'][name]:.1f}",
            f"{record['second'][name]:.1f}",
            f"{test['difference']:+.1f} ({low:+.1f} to {high:+.1f})",
            f"{test['p_value']:.3g}",
        )
    out.print(table)
    only = record["mcnemar"]
    out.print(f"correct only in the first: {only['only_first']}; only in the second: {only['only_second']}")
    low, high = record["f1"]["interval"]
    better = "the second is better" if low > 0 else "the first is better" if high < 0 else "no significant difference"
    out.print(f"by F1: {better}")


def _show_pruned(out: rich.console.Console, record: dict[str, Any]) -> None:
    for one in record["paths"]:
        out.print(f"{one['path']}  {megabytes(one['bytes'])}", soft_wrap=True)
    for name in record["skipped"]:
        out.print(f"{name}: in use, or a link; not removed")
    if record["pruned"]:
        out.print(pruned_line(len(record["pruned"])), soft_wrap=True)
    total = f"{counted(len(record['paths']), 'path')}, {megabytes(record['bytes'])}"
    out.print(f"removed {total}" if record["removed"] else f"would remove {total}; add --yes to do it")
