"""Columns of numbers: what to set after each number so that the decimal points stand under one another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from squadron.reporting.document.blocks import Cell, Column

_FRACTION = re.compile(r"\d(?P<fraction>[.٫]\d+)?$")
"""The end of a number, in the figures of either language."""


def padded(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    """Return rows whose numbers have the pad that the longest fraction of their column asks for."""
    longest = [
        max((_fraction(row[place]) or "" for row in rows), key=len, default="") if column.align == "end" else ""
        for place, column in enumerate(columns)
    ]
    return tuple(tuple(_padded(cell, longest[place]) for place, cell in enumerate(row)) for row in rows)


def _padded(cell: Cell, longest: str) -> Cell:
    own = _fraction(cell)
    return cell if own is None else replace(cell, pad=longest[len(own) :])


def _fraction(cell: Cell) -> str | None:
    """Return the decimal point and what follows it; None for a cell that is not one number."""
    if len(cell.runs) != 1 or cell.runs[0].kind != "number":
        return None
    found = _FRACTION.search(cell.runs[0].text)
    return None if found is None else found["fraction"] or ""
