"""``squadron prepare``."""

from __future__ import annotations

import rich.console
import typer

from squadron.cli.options import verb
from squadron.cli.output import Console, two_columns
from squadron.options.core import PrepareOptions


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "prepare", PrepareOptions)
    def prepare(options: PrepareOptions, console: Console) -> int:
        """Check a SQuAD data set and draw train, validation and test questions from it."""
        from squadron.experiments.prepare import prepare as run

        record = run(options)

        def show(out: rich.console.Console) -> None:
            splits = record["splits"]
            sizes = ", ".join(f"{name} {split['questions']:,}" for name, split in splits.items())
            out.print(
                two_columns(
                    [
                        ("source", f"{record['source']}: {record['questions']:,} questions, v{record['version']}"),
                        ("splits", sizes),
                        ("set aside", _listed(record["set_aside"])),
                        ("repaired", _listed(record["repaired"])),
                        ("folder", record["data"]),
                    ]
                )
            )
            if record["summary"]:
                out.print(f"rows: {record['summary']}", soft_wrap=True)

        console.result(record, show)
        return 0


def _listed(findings: list[str]) -> rich.console.RenderableType:
    """Return the number of findings and the first of them, each on a line of its own."""
    if not findings:
        return "none"
    more = [f"... all {len(findings):,} are listed in data.json"] if len(findings) > 5 else []
    return rich.console.Group(f"{len(findings):,}", *findings[:5], *more)
