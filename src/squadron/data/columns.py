"""Rename the columns of rows whose data set calls them otherwise: ``context=passage,question=query``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from squadron.errors import ConfigError, DataError, option

FIELDS = ("id", "title", "context", "question", "answers", "answer_start", "is_impossible")
"""What a row may have."""
_LISTED = 12


def parse_columns(text: str | None) -> dict[str, str]:
    """Return the column of each field that ``FIELD=COLUMN,...`` names. Raises :class:`ConfigError`."""
    found: dict[str, str] = {}
    for pair in (text or "").split(",") if text is not None else ():
        field, equals, column = (part.strip() for part in pair.partition("="))
        if not equals or not column or field not in FIELDS:
            raise ConfigError(
                f"{option('columns', text)}: {pair.strip()!r} is not FIELD=COLUMN; fields are {', '.join(FIELDS)}"
            )
        if field in found:
            raise ConfigError(f"{option('columns', text)}: names {field} twice; keep one")
        found[field] = column
    return found


def rename_columns(rows: list[Any], columns: Mapping[str, str], source: str) -> list[Any]:
    """Return the rows with the value of each named column under its field; other items are left as they are.

    Raises :class:`DataError` that lists the columns that are there if no row has one of those that are named.
    """
    objects = [row for row in rows if isinstance(row, dict)]
    for field, column in columns.items():
        if not any(column in row for row in objects):
            there = list(dict.fromkeys(str(key) for row in objects[:100] for key in row))
            listed = ", ".join(there[:_LISTED]) + (f" and {len(there) - _LISTED} more" if len(there) > _LISTED else "")
            raise DataError(
                f"{option('columns', f'{field}={column}')}: {source} has no column {column!r}; it has "
                f"{listed or 'no columns'}"
            )
    return [renamed(row, columns) if isinstance(row, dict) else row for row in rows]


def renamed(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Return a row, or a table of columns, with the named ones under their fields too."""
    return {**row, **{field: row[column] for field, column in columns.items() if column in row}}
