"""``squadron pocket build``."""

from __future__ import annotations

import rich.console
import typer

from squadron.cli.options import verb
from squadron.cli.output import Console, two_columns
from squadron.options.core import PocketBuildOptions


def add(app: typer.Typer) -> None:
    """Register the verbs for the embedded base."""
    group = typer.Typer(help="Build the embedded pocket base.", no_args_is_help=True)
    app.add_typer(group, name="pocket")

    @group.callback()
    def pocket() -> None:
        """Build the embedded pocket base."""

    @verb(group, "build", PocketBuildOptions)
    def build(options: PocketBuildOptions, console: Console) -> int:
        """Build the pocket base from scratch: tokenizer, pre-training, model card. Resumes an interrupted build."""
        from squadron.experiments.pocket import build_pocket

        record = build_pocket(options, reporter=console.reporter())

        def show(out: rich.console.Console) -> None:
            rows = [
                ("base", record["base"]),
                ("parameters", f"{record['parameters']:,}"),
                ("loss", f"{record['loss']:.3f} nats per token"),
                ("minutes", f"{record['seconds'] / 60:.1f}"),
            ]
            out.print(two_columns(rows))

        console.result(record, show)
        return 0
