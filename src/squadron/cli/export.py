"""``squadron export``."""

from __future__ import annotations

import rich.console
import typer

from squadron.cli.options import verb
from squadron.cli.output import Console
from squadron.options.core import ExportOptions


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "export", ExportOptions)
    def export(options: ExportOptions, console: Console) -> int:
        """Export a model for peft or transformers, with tokenizer and model card; push it to the hub with --push."""
        from squadron.experiments.export import export as run

        record = run(options, reporter=console.reporter())

        def show(out: rich.console.Console) -> None:
            out.print(f"{record['out']}: {record['to']}", soft_wrap=True)
            if pushed := record.get("pushed"):
                visibility = "private" if pushed["private"] else "public"
                out.print(f"{pushed['url']}: {visibility}, commit {pushed['commit']}", soft_wrap=True)

        console.result(record, show)
        return 0
