"""The kinds of entity, read from ``texts/kinds``. A new kind is a file there and its name in ``_ORDER``."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import get_args

from squadron.pocket.pools import pools
from squadron.pocket.sections import Section, Text, read
from squadron.pocket.tables import SLOTS, Fact, Kind, Phrasing, read_asides, read_phrasings, read_remarks, read_spec

_ORDER = (
    "person",
    "town",
    "river",
    "mountain",
    "company",
    "newspaper",
    "ship",
    "expedition",
    "building",
    "bridge",
    "school",
    "museum",
    "festival",
    "club",
)
"""Kinds are drawn by position here, and facts by position in their file: another order makes another world."""
_NAMES = ("first", "surname", "town", "river", "peak", "ship")
"""Slots in patterns of names, filled by :mod:`squadron.pocket.names`."""
_PRONOUNS = {"it": False, "he or she": True}


@cache
def kinds() -> tuple[Kind, ...]:
    """Return all kinds. Raises :class:`DataError` if one of their files is invalid."""
    return tuple(read_kind(key, read(f"kinds/{key}.txt")) for key in _ORDER)


def read_kind(key: str, text: Text) -> Kind:
    """Return the kind of entity that a file describes. Raises :class:`DataError` if it is invalid."""
    text.has_only(("kind", "names", "opening", "companion"), ("fact", "aside"))
    about = text.section("kind")
    about.sets_only("noun", "era", "pronouns")
    first, last = about.set_to("era").whole_numbers(2)
    pronouns = about.set_to("pronouns")
    if pronouns.text not in _PRONOUNS:
        raise pronouns.error(f"{pronouns.text!r}; write {' or '.join(map(repr, _PRONOUNS))}")
    names = text.section("names")
    names.sets_only()
    for line in names.lines:
        line.slots(_NAMES)
    asides = read_asides(text, pools())
    return Kind(
        key,
        about.set_to("noun").text,
        names=names.texts(),
        era=(first, last),
        opening=read_remarks(text.section("opening"), {"name", *SLOTS, *pools()}, once="name"),
        companion=read_remarks(text.section("companion"), {"c", *SLOTS, *pools()}, once="c"),
        facts=tuple(_fact(section, asides) for section in text.of_sort("fact")),
        asides=asides,
        sexes=_PRONOUNS[pronouns.text],
    )


def _fact(section: Section, asides: Collection[str]) -> Fact:
    section.sets_only("label", "value")
    spec = read_spec(section.set_to("value"), pools(), asides)
    fact = Fact(section.name, spec, section.set_to("label").text, read_phrasings(section, spec, pools()))
    for phrasing in get_args(Phrasing):
        if not fact.said[phrasing] or not fact.asked[phrasing]:
            raise section.heading.error(f"'== {section.heading.text}' lacks a {phrasing} statement or question")
    return fact
