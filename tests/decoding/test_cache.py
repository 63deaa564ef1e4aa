"""Rows attend over the keys that they share, at any place in the batch."""

from __future__ import annotations

import pytest
import torch

from squadron.decoding.cache import Reader, SharedKeyValues

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
    reader = Reader(shared, torch.tensor(group))
    assert reader.aligned == aligned
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
