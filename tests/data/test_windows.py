"""Windows of contexts that are too long: every answer whole, few windows, room on both sides of the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squadron.data.windows import Asked, Span, own_windows, shared_windows

LENGTH, PREFIX = 60, 3


@st.composite
def drawn(draw: st.DrawFn, *, rooms: st.SearchStrategy[int], most: int = 6) -> list[Asked]:
    count = draw(st.integers(1, most))
    starts = draw(st.lists(st.integers(PREFIX, LENGTH - 1), min_size=count, max_size=count))
    golds = [(start, draw(st.integers(start + 1, min(LENGTH, start + 12)))) for start in starts]
    return [Asked(draw(rooms), gold if draw(st.integers(0, 9)) else None) for gold in golds]


def partitions(members: Sequence[Asked]) -> Iterator[list[list[Asked]]]:
    if not members:
        yield []
        return
    first, rest = members[0], members[1:]
    for parts in partitions(rest):
        yield [[first], *parts]
        for k in range(len(parts)):
            yield [*parts[:k], [first, *parts[k]], *parts[k + 1 :]]


def share(group: Sequence[Asked], room: int) -> bool:
    """Return True if one window of ``room`` tokens has the answers of a group."""
    golds = [one.gold for one in group if one.gold is not None]
    needed = max(last for _, last in golds) - min(first for first, _ in golds) if golds else 0
    return room >= min(needed, LENGTH - PREFIX)


def fewest(members: Sequence[Asked], room: int | None = None) -> int:
    """Return the fewest windows by brute force, each of ``room`` tokens or of its members' smallest room."""
    return min(
        len(parts)
        for parts in partitions(members)
        if all(share(group, room or min(one.room for one in group)) for group in parts)
    )


def windows(members: Sequence[Asked]) -> list[Span]:
    return shared_windows(members, prefix=PREFIX, length=LENGTH)


def check(members: Sequence[Asked], found: Sequence[Span]) -> None:
    for one, (start, stop) in zip(members, found, strict=True):
        assert PREFIX <= start <= stop <= LENGTH
        assert stop - start <= one.room
        if one.gold is not None and one.fits:
            assert start <= one.gold[0] <= one.gold[1] <= stop
        elif one.gold is not None:
            assert start == min(max(PREFIX, one.gold[0]), LENGTH - one.room)


@settings(deadline=None, max_examples=300)
@given(drawn(rooms=st.integers(1, 70)))
def test_every_answer_is_whole_in_a_window_within_its_questions_room(members: list[Asked]) -> None:
    check(members, windows(members))
    check(members, own_windows(members, prefix=PREFIX, length=LENGTH))


@settings(deadline=None, max_examples=300)
@given(st.integers(12, 60).flatmap(lambda room: drawn(rooms=st.just(room))))
def test_questions_of_one_length_have_the_fewest_windows(members: list[Asked]) -> None:
    found = windows(members)
    assert len(set(found)) == fewest(members)
    # None of them is smaller than it has to be.
    assert {stop - start for start, stop in found} == {min(members[0].room, LENGTH - PREFIX)}


@settings(deadline=None, max_examples=300)
@given(drawn(rooms=st.integers(12, 60)))
def test_a_long_question_takes_no_more_windows_than_if_all_were_as_long(members: list[Asked]) -> None:
    assert fewest(members) <= len(set(windows(members))) <= fewest(members, min(one.room for one in members))


def test_a_window_has_equal_room_on_both_sides_of_its_answers() -> None:
    asked = [Asked(20, (30, 32)), Asked(22, (36, 40))]
    assert windows(asked) == [(25, 45), (25, 45)]
    assert own_windows(asked, prefix=PREFIX, length=LENGTH) == [(21, 41), (27, 49)]


def test_the_tightest_window_has_as_much_room_as_can_be() -> None:
    # From the left, the first window would take the answer at 19, too, and have no room around any.
    asked = [Asked(20, (first, first + 1)) for first in (5, 10, 24, 40)]
    assert windows(asked) == [(3, 23), (3, 23), (22, 42), (22, 42)]


def test_the_whole_context_is_kept_if_it_fits_for_all() -> None:
    asked = [Asked(57, (3, 5)), Asked(60, (58, 60)), Asked(59, None)]
    assert windows(asked) == [(PREFIX, LENGTH)] * 3
    # One question more that is too long for it: all share a window while their answers fit into one.
    assert windows([*asked[1:], Asked(50, (30, 31))]) == [(10, 60)] * 3
    assert windows([*asked, Asked(50, (30, 31))]) == [(3, 53), (3, 60), (3, 53), (3, 53)]


def test_without_an_answer_a_question_goes_with_the_first_group() -> None:
    asked = [Asked(20, (50, 52)), Asked(20, None), Asked(20, (20, 22))]
    assert windows(asked) == [(40, 60), (11, 31), (11, 31)]
    assert windows([Asked(20, None)]) == [(PREFIX, PREFIX + 20)]


def test_an_answer_longer_than_its_room_has_a_window_of_its_own() -> None:
    asked = [Asked(10, (20, 22)), Asked(10, (21, 40)), Asked(10, (24, 26))]
    assert windows(asked) == [(18, 28), (21, 31), (18, 28)]


@pytest.mark.parametrize("share", [own_windows, shared_windows])
def test_no_questions_need_no_window(share: object) -> None:
    assert callable(share)
    assert share([], prefix=PREFIX, length=LENGTH) == []
