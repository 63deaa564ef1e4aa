"""``squadron pocket build``."""

from __future__ import annotations

import rich.console
import typer

from squadron.cli.options import verb
from squadron.cli.output import Console, two_columns
from squadron.options.core import PocketBuildOptions


def add(app: typer.Typer) -> None:
    """Register the verbs on the embedded base."""
    group = typer.Typer(help="The embedded base and its world.", no_args_is_help=True)
    app.add_typer(group, name="pocket")

    @group.callback()
    def pocket() -> None:
        """The embedded base and its world."""

    @verb(group, "build", PocketBuildOptions)
    def build(options: PocketBuildOptions, console: Console) -> int:
        """Make the pocket base from nothing: tokenizer, pre-training, model card. Resumes where it was stopped."""
        from squadron.experiments.pocket import build_pocket

        record = build_pocket(options, reporter=console.reporter())

        def show(out: rich.console.Console) -> None:
            rows = [
                ("base", record["base"]),
                ("parameters", f"{record['parameters']:,}"),
                ("loss", f"{record['loss']:.3f} nats a token"),
                ("minutes", f"{record['seconds'] / 60:.1f}"),
            ]
            out.print(two_columns(rows))

        console.result(record, show)
        return 0
