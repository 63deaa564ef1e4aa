"""Full fine-tuning in the same training loop: number formats, the guard against NaN, resuming."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers import TINY, random_examples
from squadron.data.batches import BatchSampler
from squadron.data.encoding import Example
from squadron.model.checkpoint import load_base
from squadron.model.full import FullWeights
from squadron.training.checkpoint import load_checkpoint, save_checkpoint
from squadron.training.precision import LossScaler
from squadron.training.steps import FleetTrainer, mean_losses


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return random_examples(TINY.vocab_size, paragraphs=7, questions=3, seed=5)


def trainer_of(
    folder: Path,
    examples: list[Example],
    *,
    dtype: torch.dtype = torch.float32,
    rate: float = 1e-3,
    **options: Any,
) -> FleetTrainer:
    model = load_base(str(folder)).model
    batches = BatchSampler(examples, batch_size=4, accumulation=2, order="paragraph", seed=9)
    weights = FullWeights(model, dtype)
    return FleetTrainer(model, weights, batches, learning_rates=[rate], total_steps=6, **options)


def test_every_weight_is_trained_and_counts_once(tiny_base_dir: Path, examples: list[Example]) -> None:
    trainer = trainer_of(tiny_base_dir, examples)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    assert trainer.fleet.trainable_parameters(0) == trainer.model.parameter_count == 33_042
    trainer.step()
    after = trainer.model.state_dict()
    assert len(after) == 4 + 12 * TINY.n_layer
    assert [name for name in before if torch.equal(before[name], after[name])] == []
    # In float32 the model's weights are views of the trained parameters.
    assert trainer.model.wte.weight.data_ptr() == trainer.fleet.values.data_ptr()


def test_biases_and_norms_do_not_decay(tiny_base_dir: Path, examples: list[Example]) -> None:
    """Gradients are equal at the first step, so that the runs differ by the weight decay alone."""
    plain, decayed = (trainer_of(tiny_base_dir, examples, weight_decay=[decay]) for decay in (0.0, 0.5))
    start = {name: value.clone() for name, value in plain.model.state_dict().items()}
    plain.step()
    decayed.step()
    after = decayed.model.state_dict()
    for name, value in plain.model.state_dict().items():
        shrunk = 1e-3 * 0.5 * start[name] if value.ndim == 2 else torch.zeros_like(value)
        torch.testing.assert_close(value - after[name], shrunk, rtol=1e-3, atol=1e-7)


def test_bf16_computes_on_copies_and_keeps_small_updates(tiny_base_dir: Path, examples: list[Example]) -> None:
    trainer = trainer_of(tiny_base_dir, examples, dtype=torch.bfloat16, rate=1e-5)
    exact = load_base(str(tiny_base_dir)).model
    weights = trainer.fleet
    assert isinstance(weights, FullWeights)
    assert torch.equal(weights.precise_model().wte.weight, exact.wte.weight)  # not rounded when loaded
    assert (trainer.model.dtype, weights.values.dtype) == (torch.bfloat16, torch.float32)
    for _ in range(6):
        trainer.step()
    moved = (weights.precise_model().wte.weight.detach() - exact.wte.weight).abs()
    assert 2e-5 < float(moved.max()) < 7e-5  # six steps of 1e-5; bf16 would round a weight of 0.1 by 2e-4
    assert torch.equal(trainer.model.wte.weight, weights.precise_model().wte.weight.bfloat16())
    # The losses are those of float32 up to bf16's rounding.
    other = trainer_of(tiny_base_dir, examples, rate=1e-5)
    (low,), (high,) = (mean_losses(one.model, one.fleet, one.batches.step(0)) for one in (trainer, other))
    assert low == pytest.approx(high, rel=0.01)


def test_scaled_losses_give_the_same_steps(tiny_base_dir: Path, examples: list[Example]) -> None:
    """fp16's loss scaling: powers of two change nothing, and an overflow skips the step."""
    plain, scaled = trainer_of(tiny_base_dir, examples), trainer_of(tiny_base_dir, examples)
    scaled.scaler = LossScaler(1, enabled=True)
    for _ in range(3):
        assert plain.step().losses == scaled.step().losses
    assert torch.equal(plain.fleet.values, scaled.fleet.values)
    scaled.scaler.scales[0] = math.inf
    scaled.step()
    assert torch.equal(plain.fleet.values, scaled.fleet.values)
    assert scaled.stopped == {}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_non_finite_loss_leaves_the_last_good_weights(
    tiny_base_dir: Path, examples: list[Example], dtype: torch.dtype
) -> None:
    good, wild = (trainer_of(tiny_base_dir, examples, dtype=dtype) for _ in range(2))
    for _ in range(2):
        good.step()
        wild.step()
    wild.learning_rates = (1e30,)
    wild.step()
    assert not math.isfinite(wild.step().losses[0])
    assert "at step 3; lower the learning rate" in wild.stopped[0]
    assert torch.equal(wild.fleet.values, good.fleet.values)
    pairs = zip(wild.model.parameters(), good.model.parameters(), strict=True)
    assert all(torch.equal(mine, other) for mine, other in pairs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("killed_after", [0, 2, 4])
def test_a_resumed_run_is_bit_identical_to_one_without_interruption(
    tiny_base_dir: Path, examples: list[Example], killed_after: int, dtype: torch.dtype, tmp_path: Path
) -> None:
    """Law 7."""

    def new() -> FleetTrainer:
        return trainer_of(tiny_base_dir, examples, dtype=dtype, rate_schedules=["cosine"], warmup_steps=2)

    whole = new()
    expected = [whole.step() for _ in range(6)]
    first = new()
    for _ in range(killed_after):
        first.step()
    save_checkpoint(tmp_path / "c.safetensors", first.tensors(), first.state())
    first.step()  # a step after the checkpoint is lost, and must not matter
    second = new()
    second.restore(*load_checkpoint(tmp_path / "c.safetensors"))
    assert [second.step() for _ in range(killed_after, 6)] == expected[killed_after:]
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, second.tensors()[name]), name
