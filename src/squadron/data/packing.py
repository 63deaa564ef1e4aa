"""Fill the steps of an epoch with whole trees, so that few are cut and their contexts are computed once.

The trees are drawn in a random order. The first that is left, and others among the next :data:`AHEAD`, are taken
together if their questions add up to one step, else to two, and so on; of several choices, the one whose trees were
drawn first. Trees that add up to several steps are laid end to end and cut where a step ends, one at most for each end,
so that fewer are cut than there are steps. If no choice adds up, the first trees fill one step, and what is left of the
last of them is the first of the next. A tree larger than a step is cut into steps before.

The questions beyond the last whole step are drawn first, in the same way, so that they are no remainder of the others;
they are the last step. The other steps are then put in a random order. So a paragraph is as likely in one step as in
another, whatever its size; its size only decides with which others it shares the step.

Last, trees of equal size exchange places, so that those that are cut have the shortest contexts.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from itertools import chain, islice

import numpy as np

AHEAD = 64
"""Trees among which those are found that add up to a step."""
_MOST_STEPS = 8
"""Most steps that trees may add up to together."""

_Question = tuple[int, int]
"""A tree, and the place of the question in it."""
_Part = list[_Question]


def pack_steps(
    trees: Sequence[Sequence[int]], contexts: Sequence[int], capacity: int, generator: np.random.Generator
) -> list[int]:
    """Return all questions in an order in which every ``capacity`` of them are a step, the last one the rest.

    ``trees`` have their questions as indices of examples, ``contexts`` are the tokens of their contexts.
    """
    drawn: list[int] = generator.permutation(len(trees)).tolist()
    waiting: deque[_Part] = deque()
    steps: list[_Part] = []
    for number in drawn:
        tree = [(number, place) for place in range(len(trees[number]))]
        whole = len(tree) // capacity * capacity
        steps += _divide(tree[:whole], capacity)
        if whole < len(tree):
            waiting.append(tree[whole:])
    last: _Part = []
    if rest := sum(map(len, waiting)) % capacity:
        taken = _take(waiting, capacity, first=rest)
        last = taken[:rest]
        steps += _divide(taken[rest:], capacity)
    while waiting:
        steps += _divide(_take(waiting, capacity, first=capacity), capacity)
    steps = [*(steps[number] for number in generator.permutation(len(steps))), last]
    places = _exchange(steps, drawn, trees, contexts)
    return [trees[places[number]][place] for number, place in chain.from_iterable(steps)]


def _divide(questions: _Part, capacity: int) -> list[_Part]:
    return [questions[start : start + capacity] for start in range(0, len(questions), capacity)]


def _take(waiting: deque[_Part], capacity: int, *, first: int) -> _Part:
    """Remove from ``waiting`` and return what fills a step of ``first`` questions, or that and others."""
    seen = list(islice(waiting, AHEAD))
    # For each place, as bits: the sums that trees from there on can have.
    mask = (1 << (first + (_MOST_STEPS - 1) * capacity + 1)) - 1
    sums = [1] * (len(seen) + 1)
    for place in range(len(seen) - 1, -1, -1):
        sums[place] = (sums[place + 1] | sums[place + 1] << len(seen[place])) & mask
    for more in range(_MOST_STEPS):
        left = first + more * capacity - len(seen[0])
        if left >= 0 and sums[1] >> left & 1:
            break
    else:
        return _cut(waiting, first)
    chosen = [0]
    for place in range(1, len(seen)):
        size = len(seen[place])
        if size <= left and sums[place + 1] >> (left - size) & 1:
            chosen.append(place)
            left -= size
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
