from __future__ import annotations

import math

import pytest
import torch

from squadron.model.lora import AdapterWeights
from squadron.model.updates import SPECTRUM, measure_update


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_norms_and_spectra_are_those_of_the_product() -> None:
    layers = {"h.0.attn.c_attn": (drawn(5, 7), drawn(11, 5, seed=1)), "h.1.mlp.c_fc": (drawn(3, 13), drawn(17, 3))}
    found = measure_update(AdapterWeights(layers, 2.5))
    assert found is not None
    squares, ranks = 0.0, []
    for name, (a, b) in layers.items():
        product = 2.5 * (b.double() @ a.double())
        values = torch.linalg.svdvals(product)
        shares = values[values > 1e-9] / values.sum()
        assert found.layers[name].norm == pytest.approx(float(product.norm()), rel=1e-12)
        rank = math.exp(-float((shares * shares.log()).sum()))
        assert found.layers[name].effective_rank == pytest.approx(rank, rel=1e-9)
        squares, ranks = squares + float(product.square().sum()), [*ranks, rank]
    assert found.norm == pytest.approx(math.sqrt(squares), rel=1e-12)
    assert found.effective_rank == pytest.approx(sum(ranks) / 2, rel=1e-9)
    assert len(found.spectrum) == 5
    assert sum(found.spectrum) == pytest.approx(1.0)
    assert list(found.spectrum) == sorted(found.spectrum, reverse=True)


def test_the_effective_rank_counts_equal_directions() -> None:
    one = torch.zeros(4, 9)
    one[0, 0] = 3.0
    equal = torch.eye(4, 9)
    for a, rank in ((one, 1.0), (equal, 4.0)):
        found = measure_update(AdapterWeights({"h.0.attn.c_attn": (a, torch.eye(6, 4))}, 1.0))
        assert found is not None
        assert found.effective_rank == pytest.approx(rank, rel=1e-9)


def test_an_untrained_adapter_has_no_size_and_a_broken_one_no_update() -> None:
    a, zero = drawn(4, 9), torch.zeros(6, 4)
    found = measure_update(AdapterWeights({"h.0.attn.c_attn": (a, zero)}, 8.0))
    assert found is not None
    assert (found.norm, found.effective_rank) == (0.0, 0.0)
    zero[0, 0] = math.nan
    assert measure_update(AdapterWeights({"h.0.attn.c_attn": (a, zero)}, 8.0)) is None
    assert measure_update(AdapterWeights({}, 8.0)) is None
    wide = measure_update(AdapterWeights({"h.0.attn.c_attn": (drawn(99, 101), drawn(103, 99))}, 1.0))
    assert wide is not None
    assert len(wide.spectrum) == SPECTRUM
