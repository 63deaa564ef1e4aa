"""``squadron playground``."""

from __future__ import annotations

import contextlib
from typing import Any

import rich.console
import typer

from squadron.cli.options import verb
from squadron.cli.output import Console
from squadron.options.core import PlaygroundOptions


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "playground", PlaygroundOptions)
    def playground(options: PlaygroundOptions, console: Console) -> int:
        """Open a page to ask a base and adapters about a text, and to look at runs and their curves."""
        from squadron.web.serving import serve

        def ready(record: dict[str, Any]) -> None:
            if record["open"]:
                console.reporter().note(
                    f"note: --host {options.host}: everyone who can reach this machine can ask the models and see the "
                    f"runs; there is no password"
                )

            def show(out: rich.console.Console) -> None:
                out.print(f"the playground is at {record['url']} (Ctrl-C ends it)", soft_wrap=True)

            console.result(record, show)

        with contextlib.suppress(KeyboardInterrupt):  # how a server is meant to end
            serve(options, ready=ready)
        return 0
