"""Invented names: grammars of syllables, and a split for each coined word.

A checksum of its letters assigns every coined word to one split. A grammar makes tens of thousands of words for each
split, so there are enough names for any size, and no surname, town, river or peak is in two splits. First names and the
nouns beside a coined word (Bridge, Museum) are shared, as in the real world.
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
"""The use of names: a split, or the corpus that the base is pre-trained on."""

SHARES: dict[Realm, range] = {
    "train": range(30),
    "validation": range(30, 40),
    "test": range(40, 55),
    "corpus": range(55, 100),
}
"""The shares of coined words, in per cent. The corpus needs the most: it has millions of tokens."""


_HEADINGS = (
    *("onsets", "vowels", "codas", "links"),
    *(f"{sort} endings" for sort in ("surname", "town", "river", "peak")),
    *(f"{sex} first names" for sex in ("female", "male")),
    *(f"{which} words of ships" for which in ("first", "second")),
    "speakers",
)
_LONGEST = 10
"""Most letters of a coined word."""
_UNFIT = re.compile(
    r"anal|anus|arse|ass$|bitch|bum|cock|coon|crap|cum|cunt|dick|fag|fart|fuck|gook|hell|hitler|jap|jew|kike|killer|"
    r"nazi|nig|paki|penis|piss|poo|porn|pube|puss|rape|satan|sex|shag|shit|slag|slut|spic|suck|tit|turd|twat|wank|"
    r"whor|wog|wop|([a-z])\1\1|[aeiou]{4}|[^aeiouy]{4}|mouthm|(..)\2"
)
"""Offensive words that chance would spell, unpronounceable ones, and repeated syllables such as "mimi"."""


def realm_of(word: str) -> Realm:
    """Return the split to which a coined word belongs."""
    place = zlib.crc32(word.lower().encode()) % 100
    return next(realm for realm, share in SHARES.items() if place in share)


@cache
def word_lists() -> Mapping[str, tuple[str, ...]]:
    """Return the parts of names, by the headings of ``texts/names.txt``."""
    text = read("names.txt")
    text.has_only(_HEADINGS)
    return {heading: text.section(heading).words() for heading in _HEADINGS}


class Namer:
    """Makes names for one split. ``coined`` has every coined word made so far."""

    def __init__(self, realm: Realm, dice: Dice) -> None:
        self.realm: Realm = realm
        self.coined: set[str] = set()
        self._dice = dice

    def word(self, sort: str) -> str:
        """Coin a new surname, town, river or peak of this split."""
        while True:
            word = self._spell(sort)
            if len(word) <= _LONGEST and not _UNFIT.search(word.lower()) and self._take(word):
                return word

    def ship(self) -> str:
        """Return the name of a ship: two common words, a pair that belongs to this split."""
        lists = word_lists()
        while True:
            pair = f"{self._dice.pick(lists['first words of ships'])} {self._dice.pick(lists['second words of ships'])}"
            if self._take(pair):
                return pair

    def first_name(self, female: bool) -> str:
        """Draw a common first name."""
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
