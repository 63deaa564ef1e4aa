"""``squadron export``."""

from __future__ import annotations

import typer

from squadron.cli.options import verb
from squadron.cli.output import Console
from squadron.options.core import ExportOptions


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "export", ExportOptions)
    def export(options: ExportOptions, console: Console) -> int:
        """Export a run's model: the adapter as PEFT's files, or a merged checkpoint that transformers opens."""
        from squadron.experiments.export import export as run

        record = run(options, tell=console.reporter().note)
        console.result(record, lambda out: out.print(f"{record['out']}: {record['format']}", soft_wrap=True))
        return 0
