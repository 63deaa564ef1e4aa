"""``squadron ask``."""

from __future__ import annotations

from typing import Any

import rich.console
import typer
from rich.table import Table
from rich.text import Text

from squadron.cli.options import verb
from squadron.cli.output import Console
from squadron.options.core import AskOptions

_AROUND = 60
"""Characters of context shown on either side of an answer."""


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "ask", AskOptions)
    def ask(options: AskOptions, console: Console) -> int:
        """Answer one question about a text, with several decoding strategies side by side."""
        from squadron.experiments.ask import ask as run

        record = run(options, tell=console.reporter().note)
        console.result(record, lambda out: _show(out, record))
        return 0


def _show(out: rich.console.Console, record: dict[str, Any]) -> None:
    models = list(dict.fromkeys(answer["model"] for answer in record["answers"]))
    several = len(models) > 1
    # Names of models are often long paths: the table has letters for them, so that no name is broken.
    letters = {model: _letter(place) for place, model in enumerate(models)}
    if several:
        for model, letter in letters.items():
            out.print(f"{letter}: {model}", soft_wrap=True)
    table = Table()
    if several:
        table.add_column("model", no_wrap=True)
    table.add_column("decoding", no_wrap=True)
    table.add_column("answer")
    table.add_column("probability", justify="right", no_wrap=True)
    table.add_column("place", no_wrap=True)
    for answer in record["answers"]:
        place = answer["place"]
        cells = [letters[answer["model"]]] if several else []
        table.add_row(
            *cells,
            answer["decoding"],
            " ".join(answer["answer"].split()) or "(nothing)",
            _probability(answer["probability"]),
            "not in the context" if place is None else f"{place[0]} – {place[1]}",
        )
    out.print(table)
    first = record["answers"][0]
    if first["place"] is not None:
        start, stop = first["place"]
        context = record["context"]
        shown = Text("…" if start > _AROUND else "")
        shown.append(context[max(start - _AROUND, 0) : start])
        shown.append(context[start:stop], style="bold reverse")
        shown.append(context[stop : stop + _AROUND])
        out.print(shown)


def _letter(place: int) -> str:
    """Return A to Z, then A2 to Z2, and so on."""
    round_, place = divmod(place, 26)
    return chr(ord("A") + place) + (str(round_ + 1) if round_ else "")


def _probability(value: float | None) -> str:
    if value is None:
        return "not a number"
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
