"""Where answers stand in a context, as pieces that a page can show."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a context. ``marks`` are the numbers of the places that cover it; ``opens`` those that begin here.

    ``seen`` is False where the model's window ended before it.
    """

    text: str
    marks: tuple[int, ...]
    opens: tuple[int, ...]
    seen: bool


def cut_at_marks(context: str, places: Sequence[tuple[int, int] | None], *, seen: int) -> list[Piece]:
    """Cut ``context`` wherever a place (start and stop, in characters; None for none) begins or ends.

    The pieces joined are the context, to the character. ``seen`` is how many characters the models saw.
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
