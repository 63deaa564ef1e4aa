"""Render the page's HTML. Templates escape everything that comes from data, so it is shown and never executed. Texts of
unknown direction are in ``<bdi>``, so that they do not change the direction of the text around them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from squadron.experiments.playground import MOST_MODELS
from squadron.languages import Language
from squadron.runs.board import Board, ListedRun
from squadron.visible import escaped, escaped_in_page
from squadron.web.marking import cut_at_marks
from squadron.web.words import Words, page_words

ENGLISH = page_words("en")

_LETTERS = "ABCDEF"
"""Labels of the models, in the marked text and above their answers."""
assert len(_LETTERS) == MOST_MODELS


def answers(record: Mapping[str, Any], words: Words = ENGLISH) -> str:
    """Render the result of :meth:`squadron.experiments.playground.Playground.ask`: the marked context, and a table with
    a row per strategy and a cell per model."""
    models = []
    for model in record["models"]:
        found = model["answers"]
        marked = next((answer for answer in found if answer["place"] is not None), None)
        models.append({**model, "marked": marked})
    places = [tuple(model["marked"]["place"]) if model["marked"] else None for model in models]
    seen = min(answer["seen"] for model in models for answer in model["answers"])
    pieces = cut_at_marks(record["context"], places, seen=seen)
    rows = list(zip(*(model["answers"] for model in models), strict=True))
    return _template("answers.html", words).render(
        record=record, models=models, rows=rows, pieces=pieces, seen=seen, letters=_LETTERS
    )


def problem(text: str, words: Words = ENGLISH) -> str:
    """Render an error message, on one line."""
    return _template("problem.html", words).render(text=words.problem(" ".join(text.split())))


def leaderboard(board: Board, words: Words = ENGLISH) -> str:
    """Render the leaderboard, best run first."""
    axes = list(dict.fromkeys(axis for row in board.rows for axis in _changes(row, words)))
    return _template("leaderboard.html", words).render(
        board=board, rows=[_fields(row, words) for row in board.rows], axes=axes
    )


def run_facts(row: ListedRun, trouble: str, words: Words = ENGLISH) -> str:
    """Render the facts of one run, shown above its curves; ``trouble`` is the reason why there are no curves."""
    return _template("run.html", words).render(row=_fields(row, words), trouble=trouble)


def _fields(row: ListedRun, words: Words) -> dict[str, Any]:
    return {**row.figures, "name": row.name, "path": str(row.path), "changes": _changes(row, words)}


def _changes(row: ListedRun, words: Words) -> dict[str, str]:
    """Return the options in which this run differs from the others, with values as text."""
    changes = row.figures.get("changes")
    if not isinstance(changes, Mapping):
        return {}
    return {words.axis(str(axis)): _value(value, words) for axis, value in changes.items()}


def _value(value: Any, words: Words) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_value(one, words) for one in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return words.numerals.write(value, "rate") if isinstance(value, float) else words.figure(str(value))
    return str(value)


def _path(text: str) -> Markup:
    """Escape a run's name, often a path, and allow line breaks after its slashes."""
    return Markup("/<wbr>").join(escaped(text).split("/"))


def _number(value: Any, shape: str) -> str:
    """Format a figure; a dash if it is missing or not a number, since a file may hold anything."""
    return format(value, shape) if _is_figure(value) else "–"


def _is_figure(value: Any) -> bool:
    # The bounds also exclude NaN, infinity, and integers beyond any float.
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


@functools.cache
def _environment(language: Language) -> jinja2.Environment:
    words = page_words(language)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("squadron.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=escaped_in_page,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def number(value: Any, shape: str) -> str:
        return words.figure(_number(value, shape))

    def interval(ends: Any) -> str:
        if not isinstance(ends, list | tuple) or len(ends) != 2:
            return ""
        return words("interval", low=number(ends[0], ".1f"), high=number(ends[1], ".1f"))

    def probability(value: float | None) -> str:
        if value is None:
            return words("not_a_number")
        if value < 0.001:
            return words("below", value=words.figure("0.1%"))
        return words.figure(f"{100 * value:.1f}%")

    def duration(seconds: Any) -> str:
        if not _is_figure(seconds):
            return "–"
        long = seconds >= 90
        value = words.figure(f"{seconds / 60:,.1f}" if long else f"{seconds:,.0f}")
        return words("minutes" if long else "seconds", value=value)

    environment.globals["words"] = words
    environment.filters |= {
        "path": _path,
        "number": number,
        "interval": interval,
        "probability": probability,
        "duration": duration,
        "model": words.model,
        "status": lambda name: words.status(str(name)) if name else words("unknown"),
    }
    return environment


def _template(name: str, words: Words) -> jinja2.Template:
    return _environment(words.language).get_template(name)
