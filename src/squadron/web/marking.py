"""Cut a context into pieces at the answers in it, so that a page can mark them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a context. ``marks`` are the indices of the answers that cover it, ``opens`` of those that start here.

    ``seen`` is False if the piece was truncated away, so that the models did not see it.
    """

    text: str
    marks: tuple[int, ...]
    opens: tuple[int, ...]
    seen: bool


def cut_at_marks(context: str, places: Sequence[tuple[int, int] | None], *, seen: int) -> list[Piece]:
    """Cut ``context`` at the start and end of every answer's place (in characters; None if it is not in the context).

    Joined, the pieces are exactly the context. ``seen`` is the number of characters that the models saw.
    """
    known = {number: place for number, place in enumerate(places) if place is not None and place[0] < place[1]}
    for start, stop in known.values():
        assert 0 <= start < stop <= len(context), (start, stop, len(context))
    cuts = {0, len(context), min(seen, len(context)), *(end for place in known.values() for end in place)}
    ends = sorted(cuts)
    return [
        Piece(
            text=context[start:stop],
            marks=tuple(number for number, place in known.items() if place[0] <= start and stop <= place[1]),
            opens=tuple(number for number, place in known.items() if place[0] == start),
            seen=stop <= seen,
        )
        for start, stop in itertools.pairwise(ends)
    ]
