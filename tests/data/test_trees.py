"""Micro-batches that are joined or padded hold the same questions."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import random_examples
from squadron.data.trees import Loss, MicroBatch, build_trees, join_batches, pack_trees, pad_batch

NAMES = ("tokens", "positions", "rows", "labels", "weights")


def batches(loss: Loss = "answer") -> list[MicroBatch]:
    examples = random_examples(211, paragraphs=5, questions=3, seed=5)
    parts = (examples[:4], examples[4:9], examples[9:])
    return [pack_trees(build_trees(part), loss=loss) for part in parts]


@pytest.mark.parametrize("loss", ["answer", "full"])
def test_joined_batches_are_the_batch_of_their_trees(loss: Loss) -> None:
    examples = random_examples(211, paragraphs=5, questions=3, seed=5)
    parts = (examples[:4], examples[4:9], examples[9:])
    trees = [tree for part in parts for tree in build_trees(part)]
    expected, found = pack_trees(trees, loss=loss), join_batches(batches(loss))
    for name in NAMES:
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype
        assert np.array_equal(one, other), name
    assert found.shapes == expected.shapes
    assert (found.questions, found.targets) == (expected.questions, expected.targets)


def test_one_batch_stays_itself() -> None:
    only = batches()[0]
    assert join_batches([only]) is only


@pytest.mark.parametrize("more_rows", [0, 5])
@pytest.mark.parametrize("more_tokens", [0, 9])
def test_padding_is_a_tree_at_the_end_and_rows_without_weight(more_tokens: int, more_rows: int) -> None:
    batch = join_batches(batches())
    count, rows = len(batch.tokens), len(batch.rows)
    found = pad_batch(batch, tokens=count + more_tokens, rows=rows + more_rows)
    assert (len(found.tokens), len(found.rows)) == (count + more_tokens, rows + more_rows)
    assert sum(context + sum(branches) for context, branches in found.shapes) == count + more_tokens
    assert found.shapes[: len(batch.shapes)] == batch.shapes
    for name in NAMES:
        one, other = getattr(found, name), getattr(batch, name)
        assert one.dtype == other.dtype
        assert np.array_equal(one[: len(other)], other), name
    assert (np.diff(found.rows) >= 0).all()
    assert len(found.labels) == len(found.weights) == len(found.rows)
    assert (found.questions, found.targets) == (batch.questions, batch.targets)
    assert not found.positions[count:].any()


def test_padding_goes_to_the_next_multiple() -> None:
    batch = batches()[0]
    found = pad_batch(batch, tokens=64, rows=16)
    assert len(found.tokens) == -(-len(batch.tokens) // 64) * 64
    assert len(found.rows) == -(-len(batch.rows) // 16) * 16
    again = pad_batch(found, tokens=64, rows=16)
    assert again.shapes == found.shapes
