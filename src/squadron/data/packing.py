"""Fill the steps of an epoch with whole trees, so that few are cut and their contexts are computed once.

An epoch has as many steps as it has by question, and as many questions in each on average. A step may have up to
:func:`leeway` more or fewer, since sizes of trees rarely add up to one number, and no step is left with a remainder.

The trees are drawn in a random order. Of the next :data:`AHEAD` that are left, those are taken that bring the number of
questions so far nearest to the average of so many steps; of several choices, the one whose trees were drawn first. If
none comes near enough, the first trees fill the step, and what is left of the last of them is the first of the next. A
tree larger than any step is cut into steps before. The steps are then put in a random order, so a paragraph is as
likely in one step as in another, whatever its size.

Last, trees of equal size exchange places, so that those that are cut have the shortest contexts.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from itertools import chain, islice

import numpy as np

AHEAD = 64
"""Trees among which those are found that fill a step."""

_Question = tuple[int, int]
"""A tree, and the place of the question in it."""
_Part = list[_Question]


def leeway(capacity: int) -> int:
    """Return how many questions more or fewer than ``capacity`` a step may have: an eighth, rounded."""
    return (capacity + 4) // 8


def pack_steps(
    trees: Sequence[Sequence[int]], contexts: Sequence[int], capacity: int, generator: np.random.Generator
) -> list[list[int]]:
    """Return the questions of each step of an epoch, about ``capacity`` of them.

    ``trees`` have their questions as indices of examples, ``contexts`` are the tokens of their contexts.
    """
    drawn: list[int] = generator.permutation(len(trees)).tolist()
    waiting: deque[_Part] = deque()
    steps: list[_Part] = []
    for number in drawn:
        tree = [(number, place) for place in range(len(trees[number]))]
        whole = len(tree) // capacity * capacity if len(tree) > capacity + leeway(capacity) else 0
        steps += [tree[start : start + capacity] for start in range(0, whole, capacity)]
        if whole < len(tree):
            waiting.append(tree[whole:])
    steps += _fill(waiting, capacity)
    steps = [steps[number] for number in generator.permutation(len(steps))]
    places = _exchange(steps, drawn, trees, contexts)
    return [[trees[places[number]][place] for number, place in step] for step in steps]


def _fill(waiting: deque[_Part], capacity: int) -> list[_Part]:
    """Return all that waits as steps, as few as ``capacity`` questions each would be."""
    total = sum(map(len, waiting))
    count = -(-total // capacity)
    steps: list[_Part] = []
    taken = 0
    mean = total / max(count, 1)
    least, most = math.floor(mean) - leeway(capacity), math.ceil(mean) + leeway(capacity)
    for number in range(1, count + 1):
        wanted = mean * number - taken
        sizes = [size for size in range(least, most + 1) if abs(size - wanted) < leeway(capacity) + 1]
        sizes.sort(key=lambda size: abs(size - wanted))
        steps.append(_take(waiting, sizes) if number < count else list(chain.from_iterable(waiting)))
        taken += len(steps[-1])
    return steps


def _take(waiting: deque[_Part], sizes: Sequence[int]) -> _Part:
    """Remove trees from ``waiting`` that add up to one of ``sizes``, and return them.

    They are those drawn first of all that do, and their sum the first of ``sizes`` that it can be. If there are none,
    the first trees are taken, and one is cut.
    """
    seen = list(islice(waiting, AHEAD))
    # For each place, as bits: the sums that trees from there on can have.
    mask = (1 << (max(sizes) + 1)) - 1
    sums = [1] * (len(seen) + 1)
    for place in range(len(seen) - 1, -1, -1):
        sums[place] = (sums[place + 1] | sums[place + 1] << len(seen[place])) & mask
    left = 0
    chosen: list[int] = []
    for place, tree in enumerate(seen):
        if not chosen:
            rests = [size - len(tree) for size in sizes if size >= len(tree)]
            left = next((rest for rest in rests if sums[place + 1] >> rest & 1), -1)
            if left >= 0:
                chosen.append(place)
        elif len(tree) <= left and sums[place + 1] >> (left - len(tree)) & 1:
            chosen.append(place)
            left -= len(tree)
    if not chosen:
        return _cut(waiting, sizes[0])
    for place in reversed(chosen):
        del waiting[place]
    return list(chain.from_iterable(seen[place] for place in chosen))


def _cut(waiting: deque[_Part], count: int) -> _Part:
    """Remove the first ``count`` questions from ``waiting`` and return them; what is left of a cut tree stays first."""
    taken: _Part = []
    while len(taken) < count:
        tree = waiting.popleft()
        left = count - len(taken)
        taken += tree[:left]
        if len(tree) > left:
            waiting.appendleft(tree[left:])
    return taken


def _exchange(
    steps: Sequence[_Part], drawn: Sequence[int], trees: Sequence[Sequence[int]], contexts: Sequence[int]
) -> dict[int, int]:
    """Return for each tree the one of its size that takes its place: the shortest contexts where trees are cut."""
    parts = Counter(number for step in steps for number in {number for number, _ in step})
    sizes: dict[int, list[int]] = {}
    for number in drawn:
        sizes.setdefault(len(trees[number]), []).append(number)
    places: dict[int, int] = {}
    for alike in sizes.values():
        least = min(parts[number] for number in alike)
        cut = sorted((number for number in alike if parts[number] > least), key=lambda number: -parts[number])
        short = sorted(alike, key=lambda number: contexts[number])[: len(cut)]
        places |= dict(zip(cut, short, strict=True))
        kept, others = set(cut), set(short)
        whole = (number for number in alike if number not in kept)
        places |= dict(zip(whole, (number for number in alike if number not in others), strict=True))
    return places
