"""The tables of the world: kinds of entity, kinds of fact, and their phrasings.

They are read from text files; ``texts/README.md`` describes phrasings, slots and values. Values are drawn by code: a
file names one of ``DRAWERS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from squadron.pocket.sections import Line, Section, Text

Phrasing = Literal["known", "validation", "new"]
"""Known phrasings are those of training and of the base's texts. The others are held out: half of them for the
validation split, and ``new`` for the test split."""

ABSOLUTE = 1000
"""A bound of a year from this number on is a calendar year; a lower one counts from the entity's first year."""


@dataclass(frozen=True, slots=True)
class Spec:
    """How the value of a fact is drawn. ``tag`` is its type: values with the same tag can be confused."""

    tag: str
    draw: str
    low: int = 0
    high: int = 0
    unit: str = ""


def person() -> Spec:
    """Return the spec of a person's full name."""
    return Spec("person", "person")


def place() -> Spec:
    """Return the spec of a town."""
    return Spec("place", "place")


def river() -> Spec:
    """Return the spec of a river, without article."""
    return Spec("river", "river")


def year(low: int, high: int) -> Spec:
    """Return the spec of a year: bounds from ``ABSOLUTE`` on are calendar years, others count from the first year."""
    return Spec("time", "year", low, high)


def date(low: int, high: int) -> Spec:
    """Return the spec of a year, month or day; bounds count from the entity's first year."""
    return Spec("time", "date", low, high)


def count(low: int, high: int) -> Spec:
    """Return the spec of a whole number, in words up to twelve."""
    return Spec("number", "count", low, high)


def measure(low: int, high: int, unit: str) -> Spec:
    """Return the spec of a quantity with its unit, which a short answer may leave out."""
    return Spec("number", "measure", low, high, unit)


def one_of(pool: str) -> Spec:
    """Return the spec of a phrase from a pool of :mod:`squadron.pocket.pools`."""
    return Spec(pool, pool)


def reason(pool: str) -> Spec:
    """Return the spec of a clause that can follow "because"."""
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
"""The types of value by their names in text files, with the arguments that follow the name."""

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
"""Slots that any statement may have besides its answer; names of pools are slots too."""

_TELLING = ("it", "its", "name")
_ASKING = ("name", "name_s")
"""Slots that stand for the entity, in statements and in questions."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One kind of fact: its key, how its value is drawn, its label in a fact sheet, and its phrasings as in the file:
    a phrasing that ends with a question mark is a question, others are statements; ``*`` marks held-out ones, of
    which validation and test have half each."""

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

    ``names`` are patterns of a full name, optionally with a short name after a bar. ``noun`` names the kind
    ("the bridge"). ``era`` bounds the entity's first year. ``opening`` are first sentences, ``companion`` introduces a
    second entity of the kind ({c}), and ``asides`` are sentences that no question asks about, by the tag of their
    distractor.
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
    """Parse a setting that describes how a value is drawn.

    Raises :class:`DataError` if it is malformed, or if ``asides`` has no distractors of this type.
    """
    spec = _spec(line, pools)
    if spec.tag not in asides:
        raise line.error(f"a {spec.tag} needs asides with distractors; write some under '== aside {spec.tag}'")
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
    """Return the phrasings of a section whose answers are drawn by ``spec``; ``own`` are additional slots.

    Raises :class:`DataError` for a line that is not a valid statement or question.
    """
    for line in section.lines:
        asks = line.text.endswith("?")
        if not asks and not line.text.endswith("."):
            raise line.error(f"{line.text!r} ends with neither a full stop nor a question mark")
        found = line.slots({*_ASKING, "its", *own} if asks else {*_TELLING, "v", "when", "other", *SLOTS, *pools, *own})
        if not found.keys() & {*(_ASKING if asks else _TELLING), "x"}:
            raise line.error(f"{line.text!r} does not name its subject; add a slot such as {{name}}")
        if asks:
            continue
        if found["v"] + found["when"] != 1:
            raise line.error(f"{line.text!r} must have exactly one answer: {{v}} or {{when}}, once")
        if found["when"] and spec.tag != "time":
            raise line.error(f"{{when}} is for dates and years, and this value is a {spec.tag}; write {{v}}")
        if not re.fullmatch(r"[^][]*(\[[^][]*\][^][]*)?", line.text):
            raise line.error("a longer answer must be between one [ and one ]")
    return section.texts()


def read_asides(text: Text, pools: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the asides of a file, by the type of their distractor."""
    return {section.name: read_remarks(section, {"name", *SLOTS, *pools}) for section in text.of_sort("aside")}


def read_remarks(section: Section, slots: Collection[str], *, once: str = "") -> tuple[str, ...]:
    """Return sentences that no question asks about; each must have the slot ``once`` exactly once, if given."""
    section.sets_only()
    for line in section.lines:
        if not line.text.endswith("."):
            raise line.error(f"{line.text!r} does not end with a full stop")
        found = line.slots(slots)
        if once and found[once] != 1:
            raise line.error(f"{line.text!r} must have {{{once}}} exactly once")
    return section.texts()


def _by_phrasing(lines: list[str]) -> dict[Phrasing, tuple[str, ...]]:
    """Return lines by their use. Of the held-out ones, the first half is for validation."""
    held_out = [line.removeprefix("*").strip() for line in lines if line.startswith("*")]
    half = len(held_out) // 2
    known = tuple(line for line in lines if not line.startswith("*"))
    return {"known": known, "validation": tuple(held_out[:half]), "new": tuple(held_out[half:])}
