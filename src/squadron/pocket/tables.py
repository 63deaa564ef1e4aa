"""What the tables of the world are made of: kinds of entity, kinds of fact, and the words for them.

They are read from text files; ``texts/README.md`` describes phrasings, slots and values. What a value is and how it is
drawn is code: a file names one of ``DRAWERS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from squadron.pocket.sections import Line, Section, Text

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
    """A year, so many years after the entity's first; or of the calendar, from ``ABSOLUTE`` on."""
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


DRAWERS: Mapping[str, tuple[Callable[..., Spec], str]] = {
    "person": (person, ""),
    "place": (place, ""),
    "river": (river, ""),
    "year": (year, "LOW HIGH"),
    "date": (date, "LOW HIGH"),
    "count": (count, "LOW HIGH"),
    "measure": (measure, "LOW HIGH UNIT"),
    "one_of": (one_of, "POOL"),
    "reason": (reason, "POOL"),
}
"""How a text file names each sort of value, and what it says after the name."""

SLOTS: dict[str, Spec] = {
    "person": person(),
    "place": place(),
    "river": river(),
    "year": year(-20, 90),
    "later": year(30, 90),
    "soon": year(2, 11),
    "earlier": year(-40, -2),
    "count": count(4, 90),
    "large": count(100, 4000),
    "reason": reason("reason"),
}
"""Slots that any statement may have beside its answer; the name of a pool is a slot too."""

_TELLING = ("it", "its", "name")
_ASKING = ("name", "name_s")
"""Slots that stand for the entity, in statements and in questions."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One kind of fact: its key, how its value is drawn, its label in a fact sheet, and its phrasings as a file has
    them: one that ends with a question mark asks, any other states, one that starts with ``*`` is held out."""

    key: str
    spec: Spec
    label: str
    lines: tuple[str, ...]
    said: Mapping[Phrasing, tuple[str, ...]] = field(init=False)
    asked: Mapping[Phrasing, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "said", _by_phrasing([line for line in self.lines if not line.endswith("?")]))
        object.__setattr__(self, "asked", _by_phrasing([line for line in self.lines if line.endswith("?")]))


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


def read_spec(line: Line, pools: Collection[str], asides: Collection[str]) -> Spec:
    """Return how a value is drawn, as a setting says it.

    Raises :class:`DataError` where that makes no sense, or where ``asides`` has none that distract from such a value.
    """
    spec = _spec(line, pools)
    if spec.tag not in asides:
        raise line.error(f"a {spec.tag} needs asides that distract from it; write some under '== aside {spec.tag}'")
    return spec


def _spec(line: Line, pools: Collection[str]) -> Spec:
    name, _, rest = line.text.partition(" ")
    if name not in DRAWERS:
        raise line.error(f"no drawer {name!r}; there are {', '.join(DRAWERS)}")
    make, form = DRAWERS[name]
    wanted = form.split()
    given = rest.split(maxsplit=max(len(wanted) - 1, 0))
    if len(given) != len(wanted):
        raise line.error(f"{line.text!r} is not of the form: {name} {form}")
    if "POOL" in wanted and rest not in pools:
        raise line.error(f"no pool {rest!r}; there are {', '.join(pools)}")
    if "LOW" not in wanted:
        return make(*given)
    low, high = Line(line.file, line.number, " ".join(given[:2])).whole_numbers(2)
    if low > high:
        raise line.error(f"{low} is more than {high}; the lower bound comes first")
    return make(low, high, *given[2:])


def read_phrasings(section: Section, spec: Spec, pools: Collection[str], *own: str) -> tuple[str, ...]:
    """Return the phrasings of a section whose answer is drawn as ``spec`` says; ``own`` are slots of its own.

    Raises :class:`DataError` for a line that cannot be told or asked.
    """
    for line in section.lines:
        asks = line.text.endswith("?")
        if not asks and not line.text.endswith("."):
            raise line.error(f"{line.text!r} ends with neither a full stop nor a question mark")
        found = line.slots({*_ASKING, "its", *own} if asks else {*_TELLING, "v", "when", "other", *SLOTS, *pools, *own})
        if not found.keys() & {*(_ASKING if asks else _TELLING), "x"}:
            raise line.error(f"{line.text!r} does not say what it is about; that is {{name}}, for one")
        if asks:
            continue
        if found["v"] + found["when"] != 1:
            raise line.error(f"{line.text!r} has not one answer; a statement has {{v}} or {{when}} once")
        if found["when"] and spec.tag != "time":
            raise line.error(f"{{when}} is for dates and years, and this value is a {spec.tag}; write {{v}}")
        if not re.fullmatch(r"[^][]*(\[[^][]*\][^][]*)?", line.text):
            raise line.error("a longer answer stands between one [ and one ]")
    return section.texts()


def read_asides(text: Text, pools: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the asides of a file, by the sort of value that they distract with."""
    return {section.name: read_remarks(section, {"name", *SLOTS, *pools}) for section in text.of_sort("aside")}


def read_remarks(section: Section, slots: Collection[str], *, once: str = "") -> tuple[str, ...]:
    """Return sentences that nobody asks about; each has the slot ``once`` one time, if that is given."""
    section.sets_only()
    for line in section.lines:
        if not line.text.endswith("."):
            raise line.error(f"{line.text!r} does not end with a full stop")
        found = line.slots(slots)
        if once and found[once] != 1:
            raise line.error(f"{line.text!r} has {{{once}}} not once")
    return section.texts()


def _by_phrasing(lines: list[str]) -> dict[Phrasing, tuple[str, ...]]:
    new = tuple(line.removeprefix("*").strip() for line in lines if line.startswith("*"))
    return {"known": tuple(line for line in lines if not line.startswith("*")), "new": new}
