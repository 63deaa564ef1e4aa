"""Choose which part of a context that is too long its questions keep.

A window is a range of the context's tokens that follows the prompt's prefix. A question needs one that is no longer
than its room, what its own tokens leave of the maximum length, and that has its gold answer whole.

By question, each has a window of its own, centred on its answer. Shared, the questions of a paragraph are put in the
order of their answers, and that row is divided into as few groups as possible: a group's room is that of its longest
question, and it keeps the whole context if that fits, else a window from its first answer to its last, widened equally
on both sides to the room. Among divisions into as few groups, the one is taken whose tightest window leaves most room
around its answers. For questions of one length no fewer windows have all answers; where one question is long, there are
no more than the usual greedy cover has with that question's room for all.

Without a gold answer a question goes with the first group, and keeps the beginning of the context if it is alone. An
answer that is longer than its question's room has a window of its own, from where it starts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[int, int]
"""A range ``first:last`` of a context's tokens."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a context: the most tokens of context that it has room for, without the prefix, and the tokens of
    its gold answer (None: it has none in the context)."""

    room: int
    gold: Span | None

    @property
    def fits(self) -> bool:
        """True if a window can have the gold answer whole."""
        return self.gold is None or self.gold[1] - self.gold[0] <= self.room


def own_windows(asked: Sequence[Asked], *, prefix: int, length: int) -> list[Span]:
    """Return a window for each question by itself, in a context of ``length`` tokens with the prompt's ``prefix``."""
    return [_window(one.room, one.gold, prefix, length) for one in asked]


def shared_windows(asked: Sequence[Asked], *, prefix: int, length: int) -> list[Span]:
    """Return a window for each question of a paragraph; those that share one have the same range."""
    windows = own_windows(asked, prefix=prefix, length=length)
    if all(one.room >= length - prefix for one in asked):
        return windows
    ordered = sorted((k for k, one in enumerate(asked) if one.fits), key=lambda k: asked[k].gold or (0, 0))
    for part in _divide([asked[k] for k in ordered], length - prefix):
        common = _EMPTY
        for k in ordered[part]:
            common = _joined(common, asked[k])
        for k in ordered[part]:
            windows[k] = _window(common.room, common.gold, prefix, length)
    return windows


_EMPTY = Asked(sys.maxsize, None)
"""A group without questions, which every room allows."""


def _joined(group: Asked, one: Asked) -> Asked:
    """Return a group with one question more: the smaller room, and the range that has all answers."""
    golds = [gold for gold in (group.gold, one.gold) if gold is not None]
    both = (min(first for first, _ in golds), max(last for _, last in golds)) if golds else None
    return Asked(min(group.room, one.room), both)


def _divide(ordered: Sequence[Asked], whole: int) -> list[slice]:
    """Divide questions, in the order of their answers, into the groups that share a window.

    ``whole`` is the number of tokens of context without the prefix.
    """
    # For the first n questions: the number of groups, the largest lack of room in one, the start of the last one.
    best: list[tuple[int, int, int]] = [(0, -whole, 0)]
    for end in range(1, len(ordered) + 1):
        found: list[tuple[int, int, int]] = []
        group = _EMPTY
        for start in range(end - 1, -1, -1):
            group = _joined(group, ordered[start])
            is_whole = group.room >= whole
            if not (is_whole or group.fits):
                break  # with more questions the room does not grow, nor does the range of the answers shrink
            lack = -whole if is_whole or group.gold is None else group.gold[1] - group.gold[0] - group.room
            groups, worst, _ = best[start]
            found.append((groups + 1, max(worst, lack), start))
        best.append(min(found))
    parts: list[slice] = []
    end = len(ordered)
    while end:
        start = best[end][2]
        parts.append(slice(start, end))
        end = start
    return parts


def _window(room: int, gold: Span | None, prefix: int, length: int) -> Span:
    """Return ``room`` tokens of context, centred on ``gold`` where possible; from its start if it is longer."""
    if room >= length - prefix:
        return prefix, length
    first, last = gold or (0, 0)
    middle = first if last - first > room else (first + last - room) // 2
    start = max(prefix, min(middle, length - room))
    return start, start + room
