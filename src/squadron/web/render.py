"""The page's own HTML. Everything that comes from data goes through a template that escapes it: it is shown, never
run. Texts whose direction is not ours to know stand in ``<bdi>``, so that they cannot turn what is around them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from squadron.experiments.playground import MOST_MODELS
from squadron.runs.board import Board, Listed
from squadron.web.marking import cut_at_marks

_LETTERS = "ABCDEF"
"""What models are called on the page, in the text and above their answers."""
assert len(_LETTERS) == MOST_MODELS
_NAMES = {"targets": "modules", "target_modules": "modules", "lr": "learning rate"}


def answers(record: Mapping[str, Any]) -> str:
    """What :meth:`squadron.experiments.playground.Playground.ask` found: the marked context, and a table a model."""
    models = []
    for model in record["models"]:
        found = model["answers"]
        marked = next((answer for answer in found if answer["place"] is not None), None)
        models.append({**model, "marked": marked})
    places = [tuple(model["marked"]["place"]) if model["marked"] else None for model in models]
    seen = min(answer["seen"] for model in models for answer in model["answers"])
    pieces = cut_at_marks(record["context"], places, seen=seen)
    rows = list(zip(*(model["answers"] for model in models), strict=True))  # a row a strategy, a cell a model
    return _template("answers.html").render(
        record=record, models=models, rows=rows, pieces=pieces, seen=seen, letters=_LETTERS
    )


def problem(text: str) -> str:
    """One line that says what cannot be done, and what can."""
    return _template("problem.html").render(text=" ".join(text.split()))


def leaderboard(board: Board) -> str:
    """The runs, best first."""
    axes = list(dict.fromkeys(axis for row in board.rows for axis in _changes(row)))
    return _template("leaderboard.html").render(board=board, rows=[_shown(row) for row in board.rows], axes=axes)


def run_facts(row: Listed, trouble: str) -> str:
    """What is known of one run, beside its curves; ``trouble`` says why there are none."""
    return _template("run.html").render(row=_shown(row), trouble=trouble)


def _shown(row: Listed) -> dict[str, Any]:
    return {**row.figures, "name": row.name, "path": str(row.path), "changes": _changes(row)}


def _changes(row: Listed) -> dict[str, str]:
    """What tells this run from the others, each value as a person reads it."""
    changes = row.figures.get("changes")
    if not isinstance(changes, Mapping):
        return {}
    return {_NAMES.get(str(axis), str(axis)): _value(value) for axis, value in changes.items()}


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _path(text: str) -> Markup:
    """A run's name, often a path: escaped as all that comes from data, and free to break after its slashes."""
    return Markup("/<wbr>").join(text.split("/"))


def _number(value: Any, shape: str) -> str:
    """A figure, or a dash where there is none: it may be missing, and what a file holds may be anything."""
    return format(value, shape) if _is_figure(value) else "–"


def _is_figure(value: Any) -> bool:
    # The bounds also leave out what is no number, and what no float can hold.
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def _interval(ends: Any) -> str:
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return ""
    low, high = (_number(end, ".1f") for end in ends)
    return f"{low} – {high}"


def _probability(value: float | None) -> str:
    if value is None:
        return "no number"
    if value < 0.001:
        return "< 0.1 %"
    return f"{100 * value:.1f} %"


def _duration(seconds: Any) -> str:
    if not _is_figure(seconds):
        return "–"
    return f"{seconds / 60:,.1f} min" if seconds >= 90 else f"{seconds:,.0f} s"


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("squadron.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "path": _path,
        "number": _number,
        "interval": _interval,
        "probability": _probability,
        "duration": _duration,
    }
    return environment


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)
