"""``squadron base init``."""

from __future__ import annotations

import typer

from squadron.cli.options import verb
from squadron.cli.output import Console
from squadron.options.core import BaseInitOptions


def add(app: typer.Typer) -> None:
    """Register the verbs for bases."""
    group = typer.Typer(help="Make base models.", no_args_is_help=True)
    app.add_typer(group, name="base")

    @group.callback()
    def base() -> None:
        """Make base models."""

    @verb(group, "init", BaseInitOptions)
    def init(options: BaseInitOptions, console: Console) -> int:
        """Make a GPT-2 checkpoint folder with seeded random weights, for tests and benchmarks."""
        from squadron.experiments.bases import init_base

        record = init_base(options)
        console.result(record, lambda out: out.print(f"{record['base']}: {record['parameters']:,} parameters"))
        return 0
