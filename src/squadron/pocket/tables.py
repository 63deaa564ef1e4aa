"""What the tables of the world are made of: kinds of entity, kinds of fact, and the words for them.

A fact is written as a block of lines, one phrasing a line. A line that ends with a question mark asks, any other line
states; a line that starts with ``*`` is held out: it is used in the new half of the test split and nowhere else.

Slots of a statement: ``{it}`` and ``{its}`` stand for the entity, as a name, a noun or a pronoun; ``{name}`` likewise
but never as a pronoun; ``{v}`` is the answer, ``{when}`` an answer in time with its preposition ("in 1902", "on 3 May
1902"); ``{other}`` is another value of the answer's sort; any name of :mod:`squadron.pocket.values` draws one more of
that sort. ``[...]`` is a longer answer that people give too. A question has ``{name}``, which is the full name there,
``{name_s}``, that name with its apostrophe, and ``{its}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Phrasing = Literal["known", "new"]

ABSOLUTE = 1000
"""A year's bound from here on is a year of the calendar; below, it counts from the entity's first year."""


@dataclass(frozen=True, slots=True)
class Spec:
    """How the value of a fact is drawn. ``tag`` is its sort: two values of one tag can be taken for each other."""

    tag: str
    draw: str
    low: int = 0
    high: int = 0
    unit: str = ""


def person() -> Spec:
    """A person's full name."""
    return Spec("person", "person")


def place() -> Spec:
    """A town."""
    return Spec("place", "place")


def river() -> Spec:
    """A river, without its article."""
    return Spec("river", "river")


def year(low: int, high: int) -> Spec:
    """A year, so many years after the entity's first."""
    return Spec("time", "year", low, high)


def year_between(low: int, high: int) -> Spec:
    """A year of the calendar, whatever the entity's first: for what had not been invented before."""
    assert low >= ABSOLUTE, low
    return Spec("time", "year", low, high)


def date(low: int, high: int) -> Spec:
    """A year, a month or a day, so many years after the entity's first."""
    return Spec("time", "date", low, high)


def count(low: int, high: int) -> Spec:
    """A whole number; in words up to twelve."""
    return Spec("number", "count", low, high)


def measure(low: int, high: int, unit: str) -> Spec:
    """A quantity with its unit, which a short answer may leave out."""
    return Spec("number", "measure", low, high, unit)


def one_of(pool: str) -> Spec:
    """A phrase of a pool of :mod:`squadron.pocket.pools`."""
    return Spec(pool, pool)


def reason(pool: str) -> Spec:
    """A clause that can follow "because"."""
    return Spec("reason", pool)


@dataclass(frozen=True, slots=True)
class Fact:
    """One kind of fact: its key, how its value is drawn, its label in a fact sheet, and its phrasings."""

    key: str
    spec: Spec
    label: str
    block: str
    said: Mapping[Phrasing, tuple[str, ...]] = field(init=False)
    asked: Mapping[Phrasing, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        lines = [line.strip() for line in self.block.strip().splitlines()]
        object.__setattr__(self, "said", _by_phrasing([line for line in lines if not line.endswith("?")]))
        object.__setattr__(self, "asked", _by_phrasing([line for line in lines if line.endswith("?")]))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entity.

    ``names`` are patterns of a full name, with a short one after a bar if there is one. ``noun`` names the kind
    ("the bridge"). ``era`` bounds the entity's first year. ``opening`` is said first, ``companion`` brings in a second
    entity of the kind ({c}), and ``asides`` are sentences that nobody asks about, by the tag of what they distract
    with.
    """

    key: str
    noun: str
    names: tuple[str, ...]
    era: tuple[int, int]
    opening: tuple[str, ...]
    companion: tuple[str, ...]
    facts: tuple[Fact, ...]
    asides: Mapping[str, tuple[str, ...]]
    sexes: bool = False


def _by_phrasing(lines: list[str]) -> dict[Phrasing, tuple[str, ...]]:
    new = tuple(line.removeprefix("*").strip() for line in lines if line.startswith("*"))
    return {"known": tuple(line for line in lines if not line.startswith("*")), "new": new}
