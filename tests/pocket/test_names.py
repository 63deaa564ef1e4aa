"""Draws and names: the same everywhere, uniform, and every coined word in one split only."""

from __future__ import annotations

import re
from collections import Counter
from typing import get_args

from squadron.pocket.dice import Dice
from squadron.pocket.names import SHARES, Namer, Realm, realm_of

SORTS = ("surname", "town", "river", "peak")


def coined(realm: Realm, sort: str, count: int) -> set[str]:
    namer = Namer(realm, Dice(3, realm, sort))
    return {namer.word(sort) for _ in range(count)}


def test_draws_are_these_on_every_machine() -> None:
    dice = Dice(0, "golden")
    # Made by this call with NumPy 2. Philox's bits and the arithmetic are fixed, so equality is exact.
    assert [dice.below(1000) for _ in range(6)] == [901, 348, 72, 527, 762, 959]
    assert [Dice(1, "golden").below(1000) for _ in range(6)] != [901, 348, 72, 527, 762, 959]


def test_draws_are_uniform_and_in_bounds() -> None:
    dice = Dice(1, "fair")
    found = Counter(dice.between(3, 7) for _ in range(5000))
    assert sorted(found) == [3, 4, 5, 6, 7]
    assert all(850 < n < 1150 for n in found.values()), found
    assert sorted(dice.shuffled(range(11))) == list(range(11))
    kept = dice.some("abcdefg", 3)
    assert len(kept) == 3
    assert kept == sorted(kept)


def test_splits_share_no_coined_word() -> None:
    for sort in SORTS:
        pools = {realm: coined(realm, sort, 700) for realm in get_args(Realm)}
        assert sum(map(len, pools.values())) == len(set().union(*pools.values())) == 2800
        for realm, words in pools.items():
            assert {realm_of(word) for word in words} == {realm}


def test_every_share_is_used_once() -> None:
    assert sorted(place for share in SHARES.values() for place in share) == list(range(100))


def test_ships_are_pairs_of_one_split() -> None:
    namers = {realm: Namer(realm, Dice(5, realm)) for realm in get_args(Realm)}
    ships = {realm: {namer.ship() for _ in range(200)} for realm, namer in namers.items()}
    assert len(set().union(*ships.values())) == 800
    assert all(realm_of(ship) == realm for realm, found in ships.items() for ship in found)


def test_coined_words_are_readable() -> None:
    for sort in SORTS:
        for word in coined("test", sort, 500):
            assert re.fullmatch(r"[A-Z][a-z]{2,9}", word), word
            assert not re.search(r"[^aeiouy]{4}|([a-z])\1\1", word.lower()), word
