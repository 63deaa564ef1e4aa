"""What an accelerator's step does to its batches, computed on a CPU: passes of joined and padded micro-batches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers import TINY, random_examples, shake
from squadron.data.trees import Loss, MicroBatch, build_trees, join_batches, pack_trees, pad_batch
from squadron.model.checkpoint import random_model
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.gpu.attention import Way
from squadron.model.gpu.layout import pad_blocks
from squadron.model.lora import LoraSpec
from squadron.model.transfer import Arrays, pack
from squadron.training.accelerated import batch_arrays, pass_losses
from squadron.training.steps import micro_batch_losses

CPU = torch.device("cpu")
SPECS = (LoraSpec(rank=2, targets=("all",), seed=1), LoraSpec(rank=3, seed=2))


@pytest.fixture(scope="module")
def model() -> GPT2:
    return shake(random_model(TINY, seed=0), seed=1, size=0.1).requires_grad_(False)


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(TINY, SPECS)
    noise = torch.randn(fleet.values.shape, generator=torch.Generator().manual_seed(3)) * 0.05
    with torch.no_grad():
        fleet.values.add_(noise * fleet.owned)  # B is zero at first, and with it A's gradient
    return fleet


def micro_batches(loss: Loss) -> list[MicroBatch]:
    examples = random_examples(TINY.vocab_size, paragraphs=5, questions=3, seed=5)
    return [pack_trees(build_trees(part), loss=loss) for part in (examples[:4], examples[4:9], examples[9:])]


def run(model: GPT2, fleet: Fleet, arrays: Arrays, way: Way) -> tuple[Tensor, Tensor]:
    """Return the losses and gradients of a pass over arrays that went through one buffer."""
    fleet.gradients.zero_()
    fleet.start_pass(None)
    losses = pass_losses(model, fleet, pack(arrays, CPU).upload(CPU), way)
    losses.sum().backward()
    return losses.detach(), fleet.gradients.clone()


@pytest.mark.parametrize("loss", ["answer", "full"])
@pytest.mark.parametrize("way", ["fused", "gathered"])
def test_a_joined_or_padded_pass_has_the_sum_of_losses_and_gradients(
    model: GPT2, fleet: Fleet, way: Way, loss: Loss
) -> None:
    batches = micro_batches(loss)
    fleet.gradients.zero_()
    fleet.start_pass(None)
    expected = torch.zeros(2)
    for batch in batches:
        losses = micro_batch_losses(model, fleet, batch)
        losses.sum().backward()
        expected += losses.detach()
    gradients = fleet.gradients.clone()
    size = gradients.norm(dim=1)
    assert (size > 1).all()
    joined = join_batches(batches)
    padded = pad_batch(joined, tokens=64, rows=64)
    assert len(padded.tokens) > len(joined.tokens)
    assert len(padded.rows) > len(joined.rows)
    passes = [batch_arrays(joined, way), batch_arrays(padded, way)]
    if way == "fused":
        passes.append(pad_blocks(passes[1], 16))
    for arrays in passes:
        found, own = run(model, fleet, arrays, way)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
        assert ((own - gradients).norm(dim=1) <= 1e-5 * size).all()
