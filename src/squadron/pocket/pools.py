"""Pools of common words, in columns: a phrase takes one entry from each column of its pool.

An entry may be empty, or a slot. Reasons are clauses that can follow "because". The words are in ``texts/pools.txt``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from squadron.pocket.sections import read
from squadron.pocket.tables import SLOTS

Pool = tuple[tuple[str, ...], ...]


@cache
def pools() -> Mapping[str, Pool]:
    """Return the pools by name."""
    sections = read("pools.txt").sections
    for section in sections.values():
        section.sets_only()
        for line in section.lines:
            line.slots({*SLOTS, *sections})
    return {name: tuple(map(_entries, section.texts())) for name, section in sections.items()}


def _entries(column: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in column.split(","))
