"""Rows attend over the keys that they share, at any place in the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from squadron.decoding.cache import Places, Reader, SharedKeyValues

K, G, H, D = 2, 3, 2, 8
LENGTHS = (5, 2, 4)


def shared_key_values() -> SharedKeyValues:
    """Return three groups of keys and values on one packed axis, in one layer."""
    starts = torch.tensor([0, 5, 7])
    steps = torch.arange(5)
    lengths = torch.tensor(LENGTHS)
    index = starts[:, None] + torch.minimum(steps, lengths[:, None] - 1)
    shared = SharedKeyValues(index, lengths, H, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    keys, values = torch.randn(2, K, sum(LENGTHS), D, generator=generator, dtype=torch.float64)
    shared.store(keys, values)
    return shared


@pytest.mark.parametrize(
    ("group", "aligned"),
    [
        ([0, 1, 2], True),
        ([0, 0, 1, 1, 2, 2], True),
        ([0, 1, 2, 0, 1, 2], False),  # equal sizes, but in another order
        ([0, 0, 1, 2, 2], False),
        ([2, 0], False),
        ([0, 2], False),  # a group that no row reads
    ],
)
def test_every_row_reads_its_own_group(group: list[int], aligned: bool) -> None:
    shared = shared_key_values()
    places = Places.of(np.array(group), len(LENGTHS))
    reader = Reader(shared, places, torch.from_numpy(places.cells))
    assert places.aligned == aligned
    assert_reads_own_groups(shared, reader, group)


@pytest.mark.parametrize(
    ("kept", "groups"),
    [
        ([0, 2, 3, 4], [0, 1, 2]),
        ([0, 1, 4], [0, 1, 2]),  # a group that no row reads, less than half of all
        ([3, 4], [2]),
    ],
)
def test_rows_that_stay_read_their_own_groups(kept: list[int], groups: list[int]) -> None:
    shared = shared_key_values()
    group = np.array([0, 0, 1, 2, 2])
    places = Places.of(group, len(LENGTHS))
    reader = Reader(shared, places, torch.from_numpy(places.cells))
    left, selected = reader.plan(np.array(kept))
    assert selected.tolist() == groups
    narrowed = reader.keep(left, torch.from_numpy(left.cells), torch.from_numpy(selected))
    assert len(narrowed.shared.index) == len(groups)
    assert_reads_own_groups(shared, narrowed, group[kept].tolist())


def assert_reads_own_groups(shared: SharedKeyValues, reader: Reader, group: list[int]) -> None:
    """Compare scores and mixed values of random queries with plain products over the keys of each row's group."""
    generator = torch.Generator().manual_seed(2)
    query = torch.randn(K, len(group), H, D // H, generator=generator, dtype=torch.float64)
    scores = reader.scores(0, query)
    mixed = reader.mix(0, scores.softmax(-1))
    keys, values = shared.layers[0]
    for k in range(K):
        for row, g in enumerate(group):
            for h in range(H):
                length = LENGTHS[g]
                expected = keys[k, g, h, :length] @ query[k, row, h]
                torch.testing.assert_close(scores[k, row, h, :length], expected)
                assert torch.isneginf(scores[k, row, h, length:]).all()
                torch.testing.assert_close(mixed[k, row, h], expected.softmax(-1) @ values[k, g, h, :length])
