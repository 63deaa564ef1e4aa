"""Names that nobody bears: grammars of syllables, and a split for each coined word.

Every coined word belongs to one split alone, by a checksum of its letters. A grammar makes tens of thousands of words
for each split, so there are names enough for any size, and no surname, town, river or peak of one split is ever met in
another. First names and the nouns around a coined word (Bridge, Museum) are shared, as in life.
"""

from __future__ import annotations

import re
import zlib
from typing import Literal

from squadron.pocket.dice import Dice

Realm = Literal["train", "validation", "test", "corpus"]
"""Whose names: those of a split, or of the text that the base reads before."""

SHARES: dict[Realm, range] = {
    "train": range(30),
    "validation": range(30, 40),
    "test": range(40, 55),
    "corpus": range(55, 100),
}
"""Of a hundred coined words, which are whose. The corpus needs most: millions of tokens of it are read."""


def words(text: str) -> tuple[str, ...]:
    """The words of a line, so that a list of names can be written as one."""
    return tuple(text.split())


_ONSETS = words(
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k kn l m n p pl pr r s sh sk sl sm sn sp st str t th tr v w wh y z "
    "b d f g h l m n p r s t b d h l m r"
)
_VOWELS = words("a e i o u a e i o a e o ai ea ee oa ou au ei")
_CODAS = words("l m n r s t l n r s t ck ld ll nd nn rd rn rt ss st th rl")
_LINKS = words("l m n r s t d v b g nd rl st lm rn th k")

_ENDINGS: dict[str, tuple[str, ...]] = {
    "surname": words("ell er man son sen ard ett ow ley well by ridge wood ick ander is ova ini era ant"),
    "town": words("ford mouth ham ton stead wick bury holm haven dale field port minster worth by cross"),
    "river": words("en a el ow ane is er ine ent ey al or"),
    "peak": words("horn fell ar eth ock und iel esk agh oss enna ull"),
}
"""How each sort of name ends."""

_FEMALE = words(
    "Ada Agnes Alice Alma Amelia Anna Beatrice Bertha Carla Cecily Clara Cora Daisy Delia Dora Edith Elena Elsa Emma "
    "Esther Eva Fanny Flora Frida Gerda Greta Hanna Helen Hilda Ida Ines Irene Iris Jane Josefine Julia Karin Laura "
    "Lena Lydia Mabel Magda Maria Martha Maud Mina Nadia Nina Nora Olga Olive Paula Petra Rosa Ruth Sara Sofia Stella "
    "Tilda Ursula Vera Viola Wilma Yvonne Zelda"
)
_MALE = words(
    "Abel Adam Albert Alfred Anton Arno Arthur August Basil Bruno Carl Cecil Conrad David Edgar Edwin Emil Ernst Felix "
    "Frank Fritz Georg Gilbert Gustav Harold Henry Herman Hugo Isak Ivan Jakob Jasper John Jonas Josef Julius Karl "
    "Konrad Leo Linus Louis Lucas Magnus Martin Max Miles Nils Noah Oscar Otto Paul Percy Peter Ralph Robert Rudolf "
    "Samuel Simon Stefan Theo Thomas Tobias Victor Walter Wilhelm"
)
_SHIP_FIRST = words(
    "Amber Autumn Blue Bold Brave Bright Bronze Copper Coral Crimson Distant Eager Early Eastern Evening Fair Faithful "
    "First Fleet Free Gentle Gilded Golden Good Grand Green Grey Happy Hardy High Honest Hopeful Iron Ivory Jade Kind "
    "Last Little Lone Lucky Merry Midnight Morning New Noble Northern Old Patient Pearl Proud Quick Quiet Red Restless "
    "Royal Scarlet Second Silent Silver Southern Steady Summer Swift Tall True Western White Wild Winter Young"
)
_SHIP_SECOND = words(
    "Albatross Anchor Arrow Aurora Badger Beacon Bear Bell Breeze Castle Comet Compass Crane Crown Curlew Dawn Dolphin "
    "Dove Eagle Falcon Fern Finch Flame Fox Garland Gull Harbour Hare Harp Hawk Heart Heron Hope Horizon Journey Kite "
    "Lantern Lark Lily Lion Maiden Marigold Meadow Moon Oak Orchid Otter Petrel Pilgrim Plover Promise Queen Raven "
    "Robin Rose Rover Sparrow Spirit Star Stag Stork Storm Swallow Swan Tern Thistle Tide Traveller Venture Voyage "
    "Wanderer Wave Whale Willow Wren"
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
        while True:
            pair = f"{self._dice.pick(_SHIP_FIRST)} {self._dice.pick(_SHIP_SECOND)}"
            if self._take(pair):
                return pair

    def first_name(self, female: bool) -> str:
        """A common first name."""
        return self._dice.pick(_FEMALE if female else _MALE)

    def _take(self, name: str) -> bool:
        if name in self.coined or realm_of(name) != self.realm:
            return False
        self.coined.add(name)
        return True

    def _spell(self, sort: str) -> str:
        dice = self._dice
        root = dice.pick(_ONSETS) + dice.pick(_VOWELS)
        ending = dice.pick(_ENDINGS[sort])
        if dice.chance(40):
            root += dice.pick(_LINKS) + dice.pick("aeiou")
        middle = dice.pick(_LINKS if ending[0] in "aeiou" else _CODAS)
        return (root + middle + ending).capitalize()
