"""A report as PDF, through Typst. The report goes to Typst as a JSON file, so nothing in it can be read as markup."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from importlib.resources import as_file, files
from typing import Any

from squadron.reporting.document.blocks import Figure, Report, TextRun
from squadron.reporting.document.formulas import FORMULAS, SYMBOLS
from squadron.reporting.document.text import direction, drawable

_LONGEST_WORD = 24
"""Characters in a row after which a line may break, where a word has no place for it."""
_BREAK = "\u200b"


def to_pdf(report: Report, draw: Callable[[dict[str, Any]], str], *, standards: Sequence[str] = ()) -> bytes:
    """The report as a PDF. ``draw`` makes SVG of a figure's specification.

    ``standards`` are those that Typst is to hold it to, such as ``a-2u``, which fails where a glyph is missing.
    """
    import typst

    package = files("squadron.reporting")
    figures = [block for block in report.blocks if isinstance(block, Figure)]
    content: dict[str, bytes] = {
        "main": package.joinpath("templates", "report.typ").read_bytes(),
        "formulas.typ": _formulas().encode(),
        "report.json": json.dumps(_to_plain(report), ensure_ascii=False).encode(),
        **{f"{figure.anchor}.svg": draw(figure.spec).encode() for figure in figures},
    }
    with as_file(package.joinpath("fonts")) as fonts:
        # Its types do not know that files may come by name. The machine's own fonts stay out: everybody gets the
        # same pages.
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
    """The formulas as a Typst module of two dictionaries."""
    lines = []
    for name, table in (("formulas", FORMULAS), ("symbols", SYMBOLS)):
        entries = "".join(f'"{key}": ${one.typst}$, ' for key, one in table.items())
        lines.append(f"#let {name} = ({entries})")
    return "\n".join(lines)


def _to_plain(value: Any) -> Any:
    """Blocks as plain dictionaries, each with its ``type``; charts, which lie beside them, left out."""
    if isinstance(value, TextRun):
        held = value.text if value.kind == "math" else breakable(drawable(value.text))
        return {"text": held, "kind": value.kind, "target": value.target, "direction": direction(value.text)}
    if is_dataclass(value) and not isinstance(value, type):
        skipped = {"spec"} if isinstance(value, Figure) else set()
        named = {one.name: _to_plain(getattr(value, one.name)) for one in fields(value) if one.name not in skipped}
        return {"type": type(value).__name__, **named}
    if isinstance(value, dict):
        return {key: _to_plain(one) for key, one in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    if isinstance(value, (tuple, list)):
        return [_to_plain(one) for one in value]
    if isinstance(value, str):
        return drawable(value)
    return value if isinstance(value, (int, float, bool, type(None))) else str(value)


def breakable(text: str) -> str:
    """Text in which a word longer than a line may be broken."""
    return " ".join(
        _BREAK.join(word[start : start + _LONGEST_WORD] for start in range(0, len(word), _LONGEST_WORD)) or word
        for word in text.split(" ")
    )
