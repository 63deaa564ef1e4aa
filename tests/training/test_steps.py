"""Laws 3, 4, 7 and 9 on whole training steps: trees, neighbours, being killed, seeds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers import TINY, liven, random_examples
from squadron.data.batches import BatchSampler, Order
from squadron.data.encoding import Example
from squadron.data.trees import Loss, build_trees, pack_trees
from squadron.errors import RunError
from squadron.model.checkpoint import load_base
from squadron.model.gpt2 import GPT2
from squadron.model.lora import Fleet, LoraSpec
from squadron.training.checkpoint import load_checkpoint, save_checkpoint
from squadron.training.precision import LossScaler
from squadron.training.steps import FleetTrainer, mean_losses, micro_batch_losses

SPECS = (
    LoraSpec(rank=3, targets=("attention",), seed=11),
    LoraSpec(rank=5, alpha=16, targets=("attention+mlp",), scaling="alpha/sqrt(r)", seed=12),
    LoraSpec(rank=2, targets=("query-value+attention",), seed=13),
)
RATES = (3e-3, 1e-2, 5e-3)


@pytest.fixture(scope="module")
def model(tiny_base_dir: Path) -> GPT2:
    return load_base(str(tiny_base_dir), dtype=torch.float64).model


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return random_examples(TINY.vocab_size, paragraphs=7, questions=3, seed=5)


def fleet_of(specs: tuple[LoraSpec, ...], *, precise: bool = True) -> Fleet:
    fleet = Fleet(TINY, specs)
    if precise:  # in float64, sums in another order differ by nothing that matters
        fleet.values, fleet.gradients = fleet.values.detach().double(), fleet.gradients.double()
        for name, site in fleet.sites.items():
            a, b = fleet._views(fleet.values, name)
            site.a, site.b = a.requires_grad_(), b
            site.a_grad, site.b_grad = fleet._views(fleet.gradients, name)
    return fleet


def trainer_of(
    model: GPT2,
    examples: list[Example],
    specs: tuple[LoraSpec, ...] = SPECS,
    rates: tuple[float, ...] = RATES,
    *,
    precise: bool = True,
    order: Order = "question",
    loss: Loss = "answer",
    **options: Any,
) -> FleetTrainer:
    batches = BatchSampler(examples, batch_size=4, accumulation=2, order=order, loss=loss, seed=9)
    fleet = fleet_of(specs, precise=precise)
    return FleetTrainer(model, fleet, batches, learning_rates=rates, total_steps=6, **options)


@pytest.mark.parametrize("loss", ["answer", "full"])
def test_a_tree_has_the_loss_and_gradients_of_its_questions_apart(
    model: GPT2, examples: list[Example], loss: Loss
) -> None:
    """Law 3."""
    shared = pack_trees(build_trees(examples), loss=loss)
    apart = pack_trees([tree for example in examples for tree in build_trees([example])], loss=loss)
    assert len(shared.tokens) < 0.7 * len(apart.tokens)
    assert shared.targets == apart.targets
    found = []
    for one in (shared, apart):
        fleet = liven(fleet_of(SPECS), seed=3)
        losses = micro_batch_losses(model, fleet, one)
        losses.sum().backward()
        fleet.finish_gradients()
        found.append((losses.detach(), fleet.gradients.clone()))
    assert found[0][1].abs().max() > 1e-3
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("loss", ["answer", "full"])
@pytest.mark.parametrize("order", ["question", "paragraph"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_an_adapter_in_a_fleet_equals_the_same_adapter_alone(
    model: GPT2, examples: list[Example], order: Order, loss: Loss, dropout: float
) -> None:
    """Law 4."""
    specs = tuple(
        LoraSpec(s.rank, s.alpha, dropout * (i != 1), s.targets, s.scaling, s.seed) for i, s in enumerate(SPECS)
    )
    together = trainer_of(model, examples, specs, order=order, loss=loss, gradient_clipping=[0.1, None, 0.3])
    for _ in range(4):
        together.step()
    for k, spec in enumerate(specs):
        alone = trainer_of(
            model, examples, (spec,), (RATES[k],), order=order, loss=loss, gradient_clipping=[[0.1, None, 0.3][k]]
        )
        start = alone.fleet.weights(0)
        for _ in range(4):
            alone.step()
        ours, single = together.fleet.weights(k), alone.fleet.weights(0)
        moved = 0.0
        for name, (a, b) in single.layers.items():
            torch.testing.assert_close(ours.layers[name][0], a, rtol=1e-8, atol=1e-9)
            torch.testing.assert_close(ours.layers[name][1], b, rtol=1e-8, atol=1e-9)
            moved = max(moved, float((b - start.layers[name][1]).abs().max()))
        assert moved > 1e-3


@pytest.mark.parametrize(
    ("order", "loss", "dropout"), [("question", "answer", 0.0), ("question", "full", 0.2), ("paragraph", "full", 0.2)]
)
def test_one_adapter_that_blows_up_leaves_its_neighbours_as_they_are_to_the_bit(
    tiny_base_dir: Path, examples: list[Example], order: Order, loss: Loss, dropout: float
) -> None:
    model = load_base(str(tiny_base_dir)).model
    specs = tuple(LoraSpec(s.rank, s.alpha, dropout, s.targets, s.scaling, s.seed) for s in SPECS)
    rates = (3e-3, 1e30, 5e-3)
    wild, tame = (trainer_of(model, examples, specs, r, precise=False, order=order, loss=loss) for r in (rates, RATES))
    results = [wild.step() for _ in range(4)]
    for _ in range(4):
        tame.step()
    assert list(wild.stopped) == [1]
    assert "at step" in wild.stopped[1]
    assert any(not math.isfinite(result.losses[1]) for result in results)
    assert torch.isfinite(wild.fleet.values[1]).all()
    for k in (0, 2):
        assert torch.equal(wild.fleet.values[k], tame.fleet.values[k])
    # What is kept is from before the update that did the harm: here, the untrained adapter.
    assert torch.equal(wild.fleet.values[1], fleet_of(SPECS, precise=False).values[1])


@pytest.mark.parametrize("killed_after", [0, 1, 3, 4])
def test_killed_and_resumed_equals_never_killed_to_the_bit(
    tiny_base_dir: Path, examples: list[Example], killed_after: int, tmp_path: Path
) -> None:
    """Law 7, with dropout and warm-up; 21 questions are three steps an epoch, so the second epoch is reached."""
    model = load_base(str(tiny_base_dir)).model
    specs = tuple(LoraSpec(s.rank, s.alpha, 0.1, s.targets, s.scaling, s.seed) for s in SPECS)

    def new() -> FleetTrainer:
        return trainer_of(
            model, examples, specs, precise=False, rate_schedules=["linear", "cosine", "constant"], warmup_steps=2
        )

    whole = new()
    expected = [whole.step() for _ in range(6)]
    first = new()
    for _ in range(killed_after):
        first.step()
    save_checkpoint(tmp_path / "c.safetensors", first.tensors(), first.state())
    first.step()  # what was not saved is lost, and must not matter
    second = new()
    second.restore(*load_checkpoint(tmp_path / "c.safetensors"))
    assert [second.step() for _ in range(killed_after, 6)] == expected[killed_after:]
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, second.tensors()[name]), name


def test_same_seed_same_result_and_each_source_of_chance_has_its_own(
    tiny_base_dir: Path, examples: list[Example]
) -> None:
    """Law 9."""
    model = load_base(str(tiny_base_dir)).model

    def values(spec: LoraSpec) -> torch.Tensor:
        trainer = trainer_of(model, examples, (spec,), (3e-3,), precise=False)
        for _ in range(3):
            trainer.step()
        return trainer.fleet.values.detach()

    plain = values(LoraSpec(rank=3, seed=1))
    state = torch.get_rng_state()
    torch.rand(17)
    assert torch.equal(plain, values(LoraSpec(rank=3, seed=1)))
    assert not torch.equal(plain, values(LoraSpec(rank=3, seed=2)))
    assert not torch.equal(plain, values(LoraSpec(rank=3, seed=1, dropout=0.1)))
    assert not torch.equal(state, torch.get_rng_state())  # the global generator moved, and nothing heard of it
    # Dropout draws nothing from the generator of the initial numbers.
    assert torch.equal(
        Fleet(TINY, [LoraSpec(rank=3, seed=1)]).values, Fleet(TINY, [LoraSpec(rank=3, seed=1, dropout=0.1)]).values
    )


def test_accumulation_does_not_change_the_step(model: GPT2, examples: list[Example]) -> None:
    found = []
    for batch_size, accumulation in ((8, 1), (4, 2), (3, 3)):
        batches = BatchSampler(examples[:8], batch_size=batch_size, accumulation=accumulation, seed=9)
        trainer = FleetTrainer(model, fleet_of(SPECS), batches, learning_rates=RATES, total_steps=1)
        assert batches.steps_per_epoch == 1
        result = trainer.step()
        found.append((torch.tensor(result.losses), trainer.fleet.values.detach().clone()))
    for other in found[1:]:
        torch.testing.assert_close(found[0], other, rtol=1e-7, atol=1e-8)


def test_mean_losses_do_without_dropout(model: GPT2, examples: list[Example]) -> None:
    specs = (LoraSpec(rank=3, dropout=0.5, seed=1), LoraSpec(rank=3, seed=1))
    fleet = fleet_of(specs)
    fleet.values[1] = fleet.values[0] = fleet.values[0] + 0.05
    micro_batches = [pack_trees(build_trees(examples[:5])), pack_trees(build_trees(examples[5:]))]
    first, second = mean_losses(model, fleet, micro_batches)
    assert first == pytest.approx(second, rel=1e-12)
    (base,) = mean_losses(model, None, micro_batches)
    assert base != pytest.approx(first, rel=1e-3)


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(
        RunError, match=r"checkpoint\.safetensors: damaged, or not a checkpoint .*; remove it to start again"
    ):
        load_checkpoint(path)
    save_checkpoint(path, {"x": torch.zeros(2)}, {"step": 1})
    assert load_checkpoint(path)[1] == {"step": 1}


def test_scaled_losses_give_the_same_steps(model: GPT2, examples: list[Example]) -> None:
    """fp16's loss scaling, in float64: powers of two change nothing, and an overflow skips one adapter's step alone."""
    plain, scaled = trainer_of(model, examples), trainer_of(model, examples)
    scaled.scaler = LossScaler(3, enabled=True)
    for _ in range(3):
        assert plain.step().losses == scaled.step().losses
    assert torch.equal(plain.fleet.values, scaled.fleet.values)
    scaled.scaler.scales[1] = float("inf")
    before = scaled.fleet.values.detach().clone()
    scaled.step()
    assert torch.equal(scaled.fleet.values[1], before[1])
    assert not torch.equal(scaled.fleet.values[0], before[0])
    assert scaled.stopped == {}
