"""Steps of whole trees: every question once, few cuts, and no place in the epoch for any size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squadron.data.packing import leeway, pack_steps
from squadron.randomness import numpy_generator


def numbered(sizes: Sequence[int]) -> list[list[int]]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [list(range(start, start + size)) for start, size in zip(ends, sizes, strict=False)]


def lengths(sizes: Sequence[int]) -> list[int]:
    """Return the tokens of each tree's context: drawn, whatever its size."""
    return numpy_generator(7, "contexts").integers(20, 300, len(sizes)).tolist()


def packed(sizes: Sequence[int], capacity: int, seed: int = 0) -> list[list[int]]:
    return pack_steps(numbered(sizes), lengths(sizes), capacity, numpy_generator(seed, "order", 0))


def parts(sizes: Sequence[int], steps: Sequence[Sequence[int]]) -> list[int]:
    """Return the number of steps in which each tree is."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    found = np.zeros(len(sizes), dtype=int)
    for step in steps:
        for tree in {int(owner[index]) for index in step}:
            found[tree] += 1
    return found.tolist()


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=90), st.integers(1, 20), st.integers(0, 5))
def test_every_question_is_in_one_step_and_few_trees_are_cut(sizes: list[int], capacity: int, seed: int) -> None:
    steps = packed(sizes, capacity, seed)
    assert sorted(index for step in steps for index in step) == list(range(sum(sizes)))
    assert len(steps) == -(-sum(sizes) // capacity)  # as by question
    assert all(0 < len(step) <= capacity + leeway(capacity) for step in steps)
    assert steps == packed(sizes, capacity, seed)
    most = capacity + leeway(capacity)
    needed = [1 if size <= most else -(-size // capacity) for size in sizes]
    cuts = sum(found - least for found, least in zip(parts(sizes, steps), needed, strict=True))
    assert 0 <= cuts <= len(steps) - 1  # one at most at the end of each step, and none at that of the last


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(1, 9), min_size=40, max_size=90), st.integers(4, 20))
def test_steps_have_nearly_equal_numbers_of_questions(sizes: list[int], capacity: int) -> None:
    found = [len(step) for step in packed(sizes, capacity)]
    mean = sum(sizes) / len(found)
    assert max(abs(size - mean) for size in found) < leeway(capacity) + 1


def test_a_step_may_have_an_eighth_more_or_fewer() -> None:
    assert [leeway(capacity) for capacity in (1, 3, 4, 8, 11, 12, 32)] == [0, 0, 1, 1, 1, 2, 4]


@pytest.mark.parametrize("sizes", [(5, 3), (4, 4), (6, 1, 1), (7, 1, 8), (2, 3, 3, 5, 3)])
def test_trees_that_add_up_are_not_cut(sizes: tuple[int, ...]) -> None:
    many = sizes * 40
    steps = packed(many, 8)
    assert sum(parts(many, steps)) <= len(many) + 2  # the last ones of the draw may not add up


def test_sizes_that_add_up_only_on_average_are_not_cut() -> None:
    sizes = [9, 7] * 40
    steps = packed(sizes, 8)
    assert sum(parts(sizes, steps)) == 80
    assert {len(step) for step in steps} == {7, 9}


def test_the_trees_that_are_cut_have_the_shortest_contexts() -> None:
    sizes = [5] * 80 + [4] * 7
    found = parts(sizes, packed(sizes, 8))
    for alike in (range(80), range(80, 87)):
        cut = [lengths(sizes)[tree] for tree in alike if found[tree] > 1]
        whole = [lengths(sizes)[tree] for tree in alike if found[tree] == 1]
        assert max(cut, default=0) <= min(whole, default=300)
    assert 20 < sum(found) - 87 <= 40


def test_no_step_has_a_remainder() -> None:
    assert sorted(len(step) for step in packed([1] * 26, 8)) == [6, 6, 7, 7]  # by question, 8, 8, 8 and 2
    assert [len(step) for step in packed([2, 1], 8)] == [3]


def test_a_tree_larger_than_a_step_is_cut_into_steps() -> None:
    sizes = [21, 3, 5, 3]
    assert parts(sizes, packed(sizes, 8))[0] == 3


def test_a_place_in_the_epoch_is_as_likely_for_trees_of_any_size() -> None:
    sizes = [1, 2, 3, 4, 5, 5, 5, 5, 6, 7, 8, 11] * 10
    owner = np.repeat(np.arange(len(sizes)), sizes)
    places: dict[int, list[float]] = {}
    for seed in range(60):
        steps = packed(sizes, 8, seed)
        for number, step in enumerate(steps):
            for tree in {int(owner[index]) for index in step}:
                places.setdefault(sizes[tree], []).append(number / (len(steps) - 1))
    for size, found in places.items():
        # Places are even over 0 to 1, with standard deviation 0.29.
        assert abs(np.mean(found) - 0.5) < 4 * 0.29 / len(found) ** 0.5 + 0.01, size


def test_another_seed_draws_others_together() -> None:
    sizes = [3, 4, 5, 1, 2, 6] * 9
    first, second = ({frozenset(step) for step in packed(sizes, 8, seed)} for seed in (0, 1))
    assert len(first & second) < len(first) / 4
