"""``squadron demo``."""

from __future__ import annotations

from typing import Any

import rich.console
import typer
from rich.table import Table

from squadron.cli.evaluate import interval
from squadron.cli.options import verb
from squadron.cli.output import Console
from squadron.experiments.options import DemoOptions


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "demo", DemoOptions)
    def demo(options: DemoOptions, console: Console) -> int:
        """See the whole study happen on the embedded base and questions: no network, no GPU, a few minutes."""
        from squadron.experiments.demo import demo as run

        record = run(options, reporter=console.reporter())
        console.result(record, lambda out: _show(out, record))
        return 0


def _show(out: rich.console.Console, record: dict[str, Any]) -> None:
    table = Table(title=f"{record['baseline']['questions']} test questions; F1 also by known and new phrasings")
    table.add_column("model", no_wrap=True)
    for column in ("EM (95 %)", "F1 (95 %)", "known", "new"):
        table.add_column(column, justify="right", no_wrap=True)
    named = {"base, greedy": record["baseline"], **{f"LoRA, {name}": own for name, own in record["tuned"].items()}}
    for name, scores in named.items():
        table.add_row(
            name,
            f"{scores['exact_match']:.1f} ({interval(scores['exact_match_interval'])})",
            f"{scores['f1']:.1f} ({interval(scores['f1_interval'])})",
            *(f"{scores['parts'][part]['f1']:.1f}" for part in ("known", "new")),
        )
    out.print(table)
    out.print(f"done in {record['seconds'] / 60:.1f} minutes; the report: {record['report']}", soft_wrap=True)
