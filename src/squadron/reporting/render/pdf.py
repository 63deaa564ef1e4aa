"""Render a report as PDF with Typst. Typst reads the report as JSON, so data cannot become markup."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from importlib.resources import as_file, files
from typing import Any

from squadron.marks import GENERATOR
from squadron.reporting.document.blocks import Code, Figure, Report, TextRun
from squadron.reporting.document.formulas import FORMULAS, SYMBOLS
from squadron.reporting.document.text import DIRECTION_MARK, direction, drawable, with_whole_intervals

_LONGEST_WORD = 24
"""Characters of a word after which a line may break, and of a name that is not broken: its line is stretched."""
_LONG = re.compile(rf"[^ -]{{{_LONGEST_WORD}}}(?=[^ -])")
_BREAK = "\u200b"


def to_pdf(report: Report, draw: Callable[[dict[str, Any]], str], *, standards: Sequence[str] = ()) -> bytes:
    """Return the report as a PDF. ``draw`` converts a figure's specification to SVG.

    ``standards`` are PDF standards that Typst enforces, such as ``a-2u``, which fails if a glyph is missing.
    """
    import typst

    package = files("squadron.reporting")
    figures = [block for block in report.blocks if isinstance(block, Figure)]
    settings = {"generator": GENERATOR, "longest_whole": _LONGEST_WORD}
    content: dict[str, bytes] = {
        "main": package.joinpath("templates", "report.typ").read_bytes(),
        "formulas.typ": _formulas().encode(),
        "report.json": json.dumps({**_to_plain(report), **settings}, ensure_ascii=False).encode(),
        **{f"{figure.anchor}.svg": draw(figure.spec).encode() for figure in figures},
    }
    with as_file(package.joinpath("fonts")) as fonts:
        # Typst's type hints lack files by name. System fonts are ignored, so that every machine makes the same pages.
        compile_files: Any = typst.compile
        made = compile_files(
            content,
            font_paths=[str(fonts)],
            ignore_system_fonts=True,
            pdf_standards=list(standards),
            timestamp=datetime.datetime.combine(report.day, datetime.time(), tzinfo=datetime.UTC),
        )
    assert isinstance(made, bytes), type(made)
    return made


def _formulas() -> str:
    """Return the formulas as a Typst module of two dictionaries."""
    lines = []
    for name, table in (("formulas", FORMULAS), ("symbols", SYMBOLS)):
        entries = "".join(f'"{key}": ${formula.typst}$, ' for key, formula in table.items())
        lines.append(f"#let {name} = ({entries})")
    return "\n".join(lines)


def _to_plain(value: Any) -> Any:
    """Convert blocks to plain dictionaries, each with its ``type``; charts are separate files and left out."""
    if isinstance(value, TextRun):
        held = value.text if value.kind == "math" else breakable(_typeset(value.text))
        held = with_whole_intervals(held) if value.kind == "text" else held
        named = {one.name: getattr(value, one.name) for one in fields(value)}
        return {**named, "text": held, "direction": direction(value.text)}
    if isinstance(value, Code):
        return {"type": "Code", "text": drawable(value.text)}
    if is_dataclass(value) and not isinstance(value, type):
        skipped = {"spec", "narrow"} if isinstance(value, Figure) else set()
        named = {one.name: _to_plain(getattr(value, one.name)) for one in fields(value) if one.name not in skipped}
        return {"type": type(value).__name__, **named}
    if isinstance(value, dict):
        return {key: _to_plain(one) for key, one in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    if isinstance(value, (tuple, list)):
        return [_to_plain(one) for one in value]
    if isinstance(value, str):
        return _typeset(value)
    return value if isinstance(value, (int, float, bool, type(None))) else str(value)


def _typeset(text: str) -> str:
    """Return text as it is typeset. Direction marks are the report's own: those of data were made visible before."""
    return DIRECTION_MARK.join(map(drawable, text.split(DIRECTION_MARK)))


def breakable(text: str) -> str:
    """Return text with break opportunities in long words that have no hyphens, where lines break anyway."""
    return _LONG.sub(lambda found: found[0] + _BREAK, text)
