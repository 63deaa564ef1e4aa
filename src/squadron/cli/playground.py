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
        """Serve a web page for asking a base and its adapters about a text, and for viewing runs and their curves."""
        from squadron.web.serving import serve

        def ready(record: dict[str, Any]) -> None:
            if record["open"]:
                console.reporter().note(
                    f"note: --host {options.host}: anyone who can reach this machine can query the models and see the "
                    f"runs; there is no password"
                )

            def show(out: rich.console.Console) -> None:
                out.print(f"the playground is at {record['url']} (Ctrl-C stops it)", soft_wrap=True)

            console.result(record, show)

        with contextlib.suppress(KeyboardInterrupt):  # the normal way to stop the server
            serve(options, ready=ready)
        return 0
