"""Names that nobody bears: grammars of syllables, and a split for each coined word.

Every coined word belongs to one split alone, by a checksum of its letters. A grammar makes tens of thousands of words
for each split, so there are names enough for any size, and no surname, town, river or peak of one split is ever met in
another. First names and the nouns around a coined word (Bridge, Museum) are shared, as in life.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Literal

from squadron.pocket.dice import Dice
from squadron.pocket.sections import read

Realm = Literal["train", "validation", "test", "corpus"]
"""Whose names: those of a split, or of the text that the base reads before."""

SHARES: dict[Realm, range] = {
    "train": range(30),
    "validation": range(30, 40),
    "test": range(40, 55),
    "corpus": range(55, 100),
}
"""Of a hundred coined words, which are whose. The corpus needs most: millions of tokens of it are read."""


_HEADINGS = (
    *("onsets", "vowels", "codas", "links"),
    *(f"{sort} endings" for sort in ("surname", "town", "river", "peak")),
    *(f"{sex} first names" for sex in ("female", "male")),
    *(f"{which} words of ships" for which in ("first", "second")),
    "speakers",
)
_LONGEST = 10
"""Letters of a coined word."""
_UNFIT = re.compile(
    r"anal|anus|arse|ass$|bitch|bum|cock|coon|crap|cum|cunt|dick|fag|fart|fuck|gook|hell|hitler|jap|jew|kike|killer|"
    r"nazi|nig|paki|penis|piss|poo|porn|pube|puss|rape|satan|sex|shag|shit|slag|slut|spic|suck|tit|turd|twat|wank|"
    r"whor|wog|wop|([a-z])\1\1|[aeiou]{4}|[^aeiouy]{4}|mouthm|(..)\2"
)
"""What chance would sooner or later spell, and no reader should meet; what nobody can say; and "mimi"."""


def realm_of(word: str) -> Realm:
    """The split to which a coined word belongs."""
    place = zlib.crc32(word.lower().encode()) % 100
    return next(realm for realm, share in SHARES.items() if place in share)


@cache
def word_lists() -> Mapping[str, tuple[str, ...]]:
    """Return what names are made of, by the headings of ``texts/names.txt``."""
    text = read("names.txt")
    text.has_only(_HEADINGS)
    return {heading: text.section(heading).words() for heading in _HEADINGS}


class Namer:
    """Names for one split. ``coined`` holds every coined word that it has given."""

    def __init__(self, realm: Realm, dice: Dice) -> None:
        self.realm: Realm = realm
        self.coined: set[str] = set()
        self._dice = dice

    def word(self, sort: str) -> str:
        """A surname, town, river or peak of this split that it has not given before."""
        while True:
            word = self._spell(sort)
            if len(word) <= _LONGEST and not _UNFIT.search(word.lower()) and self._take(word):
                return word

    def ship(self) -> str:
        """Two common words, whose pair belongs to this split."""
        lists = word_lists()
        while True:
            pair = f"{self._dice.pick(lists['first words of ships'])} {self._dice.pick(lists['second words of ships'])}"
            if self._take(pair):
                return pair

    def first_name(self, female: bool) -> str:
        """A common first name."""
        return self._dice.pick(word_lists()["female first names" if female else "male first names"])

    def _take(self, name: str) -> bool:
        if name in self.coined or realm_of(name) != self.realm:
            return False
        self.coined.add(name)
        return True

    def _spell(self, sort: str) -> str:
        dice, lists = self._dice, word_lists()
        root = dice.pick(lists["onsets"]) + dice.pick(lists["vowels"])
        ending = dice.pick(lists[f"{sort} endings"])
        if dice.chance(40):
            root += dice.pick(lists["links"]) + dice.pick("aeiou")
        middle = dice.pick(lists["links" if ending[0] in "aeiou" else "codas"])
        return (root + middle + ending).capitalize()
