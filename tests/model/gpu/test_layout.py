"""The tables of a batch: every query and key is in one block, and padding adds empty blocks alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from squadron.model.attention import tree_mask
from squadron.model.gpu.layout import BLOCK, attention_tables, pad_blocks

SHAPES = [(70, [9, 0, 13]), (0, [5, 7]), (130, []), (2, [66, 1]), (64, [64])]
TOTAL = sum(context + sum(branches) for context, branches in SHAPES)
ROWS = np.array([0, 69, 75, 91, 92, 96, 103, 234, 236, 299, TOTAL - 2, TOTAL - 1, TOTAL - 1])
"""Some, and the last one twice, as padding repeats it; the plain sequence has none."""


@pytest.mark.parametrize("trimmed", [False, True])
def test_blocks_hold_all_that_is_seen(trimmed: bool) -> None:
    tables = attention_tables(SHAPES, ROWS)
    rows = ROWS if trimmed else np.arange(TOTAL)
    seen = torch.block_diag(*(tree_mask(shape) for shape in SHAPES)).bool().numpy()[rows]
    last = "last_" if trimmed else ""
    queries = np.zeros(len(rows), dtype=int)
    for first, end, *ranges in tables[last + "query_blocks"].tolist():
        assert 0 < end - first <= BLOCK
        queries[first:end] += 1
        held = np.zeros(TOTAL, dtype=int)
        for start, stop in (ranges[:2], ranges[2:]):
            held[start:stop] += 1
        assert held.max() == 1, "no key twice"
        assert held[seen[first:end].any(0)].all()
    assert (queries == 1).all()
    keys = np.zeros(TOTAL, dtype=int)
    for first, end, first_row, end_row in tables[last + "key_blocks"].tolist():
        assert 0 < end - first <= BLOCK
        keys[first:end] += 1
        seeing = np.flatnonzero(seen[:, first:end].any(1))
        assert len(seeing) == 0 or (first_row <= seeing[0] and seeing[-1] < end_row)
    assert (keys == 1).all()


def test_padding_adds_empty_blocks() -> None:
    tables = attention_tables(SHAPES, ROWS)
    padded = pad_blocks(tables, 8)
    assert padded.keys() == tables.keys()
    for name, table in tables.items():
        assert padded[name].dtype == table.dtype
        assert np.array_equal(padded[name][: len(table)], table)
        assert not padded[name][len(table) :].any()
        if not name.endswith("_blocks"):
            assert len(padded[name]) == len(table)


def test_padded_tables_have_one_size_for_batches_of_as_many_tokens_and_rows() -> None:
    """However the tokens are split into up to that many trees."""
    generator = np.random.default_rng(1)
    sizes = set()
    for trees in [1, 2, 5, 16] * 5:
        cuts = np.sort(generator.choice(np.arange(1, 640), trees - 1, replace=False))
        lengths = np.diff([0, *cuts.tolist(), 640]).tolist()
        shapes = [(length // 2, [length - length // 2]) for length in lengths]
        rows = np.sort(generator.choice(640, 192, replace=False))
        padded = pad_blocks(attention_tables(shapes, rows), 16)
        sizes.add(tuple((name, table.shape) for name, table in sorted(padded.items())))
    assert len(sizes) == 1
    worst = [(65, [])] * 9 + [(55, [])]  # each tree's second block has one row
    pad_blocks(attention_tables(worst, np.arange(640)), 10)
    with pytest.raises(AssertionError, match="_blocks"):
        pad_blocks(attention_tables([(1, [])] * 640, np.arange(640)), 10)
