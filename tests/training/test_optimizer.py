"""AdamW and clipping of a fleet equal PyTorch's for each adapter."""

from __future__ import annotations

import torch

from helpers import TINY, liven
from squadron.model.fleet import Fleet
from squadron.model.lora import LoraSpec
from squadron.training.optimizer import FleetAdamW, clip_gradients

RATES = (1e-2, 3e-3, 1e-3)
DECAYS = (0.01, 0.1, 0.0)


def fleet() -> Fleet:
    return liven(Fleet(TINY, [LoraSpec(rank=r, seed=r) for r in (2, 3, 5)]), seed=1)


def test_steps_equal_pytorchs_adamw_with_clipping() -> None:
    ours = fleet()
    optimizer = FleetAdamW(ours, weight_decay=DECAYS)
    rows = [torch.nn.Parameter(ours.values[k].detach().clone()) for k in range(3)]
    references = [
        torch.optim.AdamW([row], lr=rate, weight_decay=decay)
        for row, rate, decay in zip(rows, RATES, DECAYS, strict=True)
    ]
    limits = (0.5, None, 1e6)
    generator = torch.Generator().manual_seed(3)
    for _ in range(6):
        gradient = torch.randn(ours.values.shape, generator=generator) * ours.owned
        ours.gradients.copy_(gradient)
        clip_gradients(ours, ours.gradient_norms(), limits)
        assert not torch.equal(ours.gradients[0], gradient[0])
        optimizer.step(RATES, [True] * 3)
        for k, (row, reference) in enumerate(zip(rows, references, strict=True)):
            row.grad = gradient[k].clone()
            if limits[k] is not None:
                torch.nn.utils.clip_grad_norm_(row, limits[k])
            reference.step()
            torch.testing.assert_close(ours.values[k].detach(), row.detach(), rtol=1e-5, atol=1e-7)
    assert (ours.values.detach()[~ours.owned] == 0).all()


def test_a_stopped_adapter_and_the_others_do_not_affect_each_other() -> None:
    whole, parted = fleet(), fleet()
    optimizers = [FleetAdamW(one, weight_decay=DECAYS) for one in (whole, parted)]
    gradient = torch.randn(whole.values.shape, generator=torch.Generator().manual_seed(4)) * whole.owned
    before = parted.values[1].detach().clone()
    whole.gradients.copy_(gradient)
    parted.gradients.copy_(gradient)
    parted.gradients[1] = torch.nan
    optimizers[0].step(RATES, [True, True, True])
    optimizers[1].step(RATES, [True, False, True])
    assert torch.equal(parted.values[1], before)
    assert not torch.equal(whole.values[1], before)
    assert optimizers[1].steps == [1, 0, 1]
    for k in (0, 2):
        assert torch.equal(whole.values[k], parted.values[k])
