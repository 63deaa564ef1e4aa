"""Marks in a context: cut at the right places, without losing text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from squadron.web.marking import Piece, cut_at_marks

CONTEXT = "The bridge was built in 1834 of stone."


def test_overlapping_places() -> None:
    pieces = cut_at_marks(CONTEXT, [(24, 28), None, (21, 37)], seen=len(CONTEXT))
    assert pieces == [
        Piece("The bridge was built ", (), (), True),
        Piece("in ", (2,), (2,), True),
        Piece("1834", (0, 2), (0,), True),
        Piece(" of stone", (2,), (), True),
        Piece(".", (), (), True),
    ]


def test_the_truncated_part_is_a_separate_piece() -> None:
    pieces = cut_at_marks(CONTEXT, [(24, 28)], seen=30)
    assert [(piece.text, piece.seen) for piece in pieces[-2:]] == [(" o", True), ("f stone.", False)]
    assert all(piece.seen for piece in cut_at_marks(CONTEXT, [], seen=10_000))


def test_without_places_a_context_is_one_piece() -> None:
    assert cut_at_marks(CONTEXT, [None, (4, 4)], seen=len(CONTEXT)) == [Piece(CONTEXT, (), (), True)]


@given(data=some.data(), context=some.text(min_size=1, max_size=40))
def test_pieces_join_to_the_context_and_marks_cover_their_places(data: some.DataObject, context: str) -> None:
    ends = some.integers(0, len(context))
    drawn = data.draw(some.lists(some.none() | some.tuples(ends, ends).map(lambda pair: (min(pair), max(pair)))))
    seen = data.draw(ends)
    pieces = cut_at_marks(context, drawn, seen=seen)
    assert "".join(piece.text for piece in pieces) == context
    assert "".join(piece.text for piece in pieces if piece.seen) == context[:seen]
    for number, place in enumerate(drawn):
        covered = "".join(piece.text for piece in pieces if number in piece.marks)
        assert covered == ("" if place is None else context[slice(*place)])
        assert sum(number in piece.opens for piece in pieces) == (1 if covered else 0)
