"""Draws for the synthetic world: the raw bits of a named Philox stream, and arithmetic of our own on them.

NumPy fixes the bits of a bit generator for good, but not how ``Generator.integers`` or ``choice`` spend them; a new
release may. What is drawn here is the same on every machine and with every release.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from squadron.randomness import numpy_generator

T = TypeVar("T")

_BLOCK = 256
"""Words fetched at once: about what one paragraph takes."""


class Dice:
    """Draws for one use, which ``names`` tell."""

    def __init__(self, seed: int, *names: object) -> None:
        self._bits = numpy_generator(seed, *names).bit_generator
        self._words: list[int] = []

    def below(self, n: int) -> int:
        """A whole number of 0 to ``n`` - 1. The bias is ``n`` in 2 ** 32: none that a reader could see."""
        assert n > 0, n
        if not self._words:
            self._words = [int(word) >> 32 for word in self._bits.random_raw(_BLOCK)]
        return self._words.pop() * n >> 32

    def between(self, low: int, high: int) -> int:
        """A whole number of ``low`` to ``high``, both of them possible."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True ``percent`` times in a hundred."""
        return self.below(100) < percent

    def pick(self, items: Sequence[T]) -> T:
        """One of ``items``."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """``items`` in another order."""
        found = list(items)
        for last in range(len(found) - 1, 0, -1):
            other = self.below(last + 1)
            found[last], found[other] = found[other], found[last]
        return found

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """``count`` of ``items``, in the order in which they stand."""
        kept = sorted(self.shuffled(range(len(items)))[:count])
        return [items[index] for index in kept]
