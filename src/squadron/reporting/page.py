"""One page about one study: a baseline, the runs beside it, and their mistakes. Self-contained HTML, no script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from squadron.errors import RunError
from squadron.files import read_json, write_text

_SPLIT = "test"
_EXAMPLES = 3
"""Failures shown of each kind."""
_AROUND = 120
"""Characters of context shown on either side of where an answer stands."""


def write_page(study: Path, out: Path, *, baseline: str, runs: list[str]) -> Path:
    """Write the page of the study in the folder ``study`` to ``out``; return its path.

    ``baseline`` and ``runs`` are folders within it with ``scores.json``. Everything that comes from data is shown as
    text. Raises :class:`RunError` where a file is missing.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("squadron.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["points"] = lambda value: f"{value:.1f}"
    environment.filters["interval"] = lambda ends: f"{ends[0]:.1f} – {ends[1]:.1f}"
    rows = [row for name in (baseline, *runs) for row in _score_rows(study / name, name, _SPLIT)]
    text = environment.get_template("page.html").render(
        data=_read(study / "data" / "data.json"),
        rows=rows,
        parts=[part for row in rows for part in row["parts"]],
        split=_SPLIT,
        runs=[_run(study / name, name) for name in runs],
        failures=[_failures(study / name, name, _SPLIT) for name in runs],
    )
    write_text(out, text)
    return out


def _read(path: Path) -> Any:
    return read_json(path, what="a file of the study", error=RunError)


def _score_rows(folder: Path, name: str, split: str) -> list[dict[str, Any]]:
    """One row a decoding strategy, with the parts of the test split where it has any."""
    decodings = _read(folder / "scores.json")["splits"][split]["decodings"]
    rows = []
    for decoding, scores in decodings.items():
        about = {"name": name, "decoding": decoding}
        parts = [{**about, "part": part, **own} for part, own in scores.get("parts", {}).items()]
        rows.append({**scores, **about, "parts": parts})
    return rows


def _run(folder: Path, name: str) -> dict[str, Any]:
    record = _read(folder / "run.json")
    return {"name": name, **record}


def _failures(folder: Path, name: str, split: str) -> dict[str, Any]:
    """The kinds of mistake of greedy decoding, each with a few examples."""
    found = _read(folder / "failures" / f"greedy.{split}.json")
    kinds = [
        {**kind, "examples": [_shortened(one) for one in found["samples"].get(kind["kind"], [])[:_EXAMPLES]]}
        for kind in found["kinds"]
        if kind["questions"]
    ]
    return {"name": name, "wrong": found["wrong"], "questions": found["questions"], "kinds": kinds}


def _shortened(failure: dict[str, Any]) -> dict[str, Any]:
    """A failure with the part of its context around the gold answer."""
    context, gold = failure["context"], (failure["golds"] or [""])[0]
    place = max(context.find(gold), 0)
    start, stop = max(place - _AROUND, 0), place + len(gold) + _AROUND
    shown = ("… " if start else "") + context[start:stop] + (" …" if stop < len(context) else "")
    return {**failure, "context": shown}
