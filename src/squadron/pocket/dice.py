"""Random draws for the synthetic world, from the raw bits of a named Philox stream.

NumPy guarantees the bits of a bit generator, but a new release may change how ``Generator.integers`` or ``choice`` use
them. The draws here are the same on every machine and with every release.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from squadron.randomness import numpy_generator

T = TypeVar("T")

_BLOCK = 256
"""Words fetched at once, about as many as one paragraph needs."""


class Dice:
    """Random draws for the use that ``names`` identify."""

    def __init__(self, seed: int, *names: object) -> None:
        self._bits = numpy_generator(seed, *names).bit_generator
        self._words: list[int] = []

    def below(self, n: int) -> int:
        """Draw a whole number from 0 to ``n`` - 1. The bias is at most ``n`` / 2 ** 32, which is negligible."""
        assert n > 0, n
        if not self._words:
            self._words = [int(word) >> 32 for word in self._bits.random_raw(_BLOCK)]
        return self._words.pop() * n >> 32

    def between(self, low: int, high: int) -> int:
        """Draw a whole number from ``low`` to ``high``, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """Return True with a probability of ``percent`` per cent."""
        return self.below(100) < percent

    def pick(self, items: Sequence[T]) -> T:
        """Draw one of ``items``."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return ``items`` in random order."""
        found = list(items)
        for last in range(len(found) - 1, 0, -1):
            other = self.below(last + 1)
            found[last], found[other] = found[other], found[last]
        return found

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """Draw ``count`` of ``items``, in their original order."""
        kept = sorted(self.shuffled(range(len(items)))[:count])
        return [items[index] for index in kept]
