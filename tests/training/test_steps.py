"""Laws 3, 4, 7 and 9 on whole training steps: trees, other adapters, resuming, seeds."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers import TINY, liven, random_examples
from squadron.data.batches import BatchSampler, Order
from squadron.data.encoding import Branch, Example
from squadron.data.trees import Loss, build_trees, pack_trees
from squadron.data.windows import Asked, shared_windows
from squadron.errors import RunError
from squadron.model.checkpoint import load_base
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec
from squadron.training import steps
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
    if precise:  # in float64 the order of summation makes no relevant difference
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
def test_a_tree_has_the_loss_and_gradients_of_its_separate_questions(
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


def windowed_examples(paragraphs: int, *, most: int = 40) -> list[Example]:
    """Return questions of at most ``most`` tokens on random paragraphs of 60, which share windows."""
    draw = np.random.default_rng(4)
    found = []
    for number in range(paragraphs):
        context = draw.integers(1, TINY.vocab_size, 60).tolist()
        branches, asked = [], []
        for question in range(1 + int(draw.integers(7))):
            ids = draw.integers(1, TINY.vocab_size, int(draw.integers(5, 9))).tolist()
            first = int(draw.integers(2, 57))
            branches.append(Branch(f"{number}.{question}", (0, *ids[:3]), tuple(ids[3:])))
            asked.append(Asked(most - 2 - 1 - len(ids), (first, first + 2)))
        for branch, (start, stop) in zip(branches, shared_windows(asked, prefix=2, length=60), strict=True):
            found.append(Example(number, (*context[:2], *context[start:stop]), branch))
    return found


@pytest.mark.parametrize("loss", ["answer", "full"])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_step_on_shared_windows_is_one_on_its_questions_apart(model: GPT2, loss: Loss, accumulation: int) -> None:
    """Law 3, on truncated paragraphs in the batches of a run."""
    drawn = windowed_examples(9)
    assert len({(one.paragraph, one.context) for one in drawn}) < len(drawn) - 6
    batches = BatchSampler(
        drawn, batch_size=8 // accumulation, accumulation=accumulation, order="paragraph", loss=loss, seed=2
    )
    steps = batches.epoch_steps(0)
    assert sorted(index for step in steps for index in step) == list(range(len(drawn)))
    saved = 0
    for number in range(batches.steps_per_epoch):
        own = [drawn[index] for index in steps[number]]
        apart = [pack_trees(build_trees([one]), loss=loss) for one in own]
        found = []
        for parts in (batches.step(number), apart):
            fleet = liven(fleet_of(SPECS), seed=3)
            losses = torch.stack([micro_batch_losses(model, fleet, part) for part in parts]).sum(0)
            losses.sum().backward()
            fleet.finish_gradients()
            found.append((losses.detach(), fleet.gradients.clone(), sum(part.targets for part in parts)))
            saved += sum(len(part.tokens) for part in parts) * (1 if parts is apart else -1)
        assert found[0][1].abs().max() > 1e-3
        torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-10)
    assert saved > 100


@pytest.mark.parametrize("loss", ["answer", "full"])
@pytest.mark.parametrize("order", ["question", "paragraph"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_an_adapter_in_a_fleet_equals_the_same_adapter_alone(
    model: GPT2, examples: list[Example], order: Order, loss: Loss, dropout: float
) -> None:
    """Law 4."""
    ratios = (16.0, 1.0, 0.5)
    specs = tuple(replace(spec, dropout=dropout * (i != 1), lora_plus_ratio=ratios[i]) for i, spec in enumerate(SPECS))
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
def test_an_adapter_that_diverges_does_not_change_a_bit_of_the_others(
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
    # It has the parameters from before the update that made it diverge: here, the untrained ones.
    assert torch.equal(wild.fleet.values[1], fleet_of(SPECS, precise=False).values[1])


@pytest.mark.parametrize("order", ["question", "paragraph"])
@pytest.mark.parametrize("killed_after", [0, 1, 3, 4])
def test_a_resumed_run_is_bit_identical_to_one_without_interruption(
    tiny_base_dir: Path, examples: list[Example], killed_after: int, order: Order, tmp_path: Path
) -> None:
    """Law 7, with dropout and warm-up; 21 questions are three steps per epoch, so the second epoch is reached."""
    model = load_base(str(tiny_base_dir)).model
    specs = tuple(LoraSpec(s.rank, s.alpha, 0.1, s.targets, s.scaling, s.seed) for s in SPECS)

    def new() -> FleetTrainer:
        schedules = ["linear", "cosine", "constant"]
        return trainer_of(model, examples, specs, precise=False, order=order, rate_schedules=schedules, warmup_steps=2)

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


def test_the_seed_determines_the_result_whatever_the_global_generator(
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
    assert not torch.equal(state, torch.get_rng_state())  # the global generator advanced, without effect
    # Dropout draws nothing from the generator of the initial parameters.
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


def test_mean_losses_are_without_dropout(model: GPT2, examples: list[Example]) -> None:
    specs = (LoraSpec(rank=3, dropout=0.5, seed=1), LoraSpec(rank=3, seed=1))
    fleet = fleet_of(specs)
    fleet.values[1] = fleet.values[0] = fleet.values[0] + 0.05
    micro_batches = [pack_trees(build_trees(examples[:5])), pack_trees(build_trees(examples[5:]))]
    first, second = mean_losses(model, fleet, micro_batches)
    assert first == pytest.approx(second, rel=1e-12)
    (base,) = mean_losses(model, None, micro_batches)
    assert base != pytest.approx(first, rel=1e-3)


def test_a_file_that_is_not_a_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(
        RunError, match=r"checkpoint\.safetensors: damaged, or not a checkpoint .*; remove it to start again"
    ):
        load_checkpoint(path)
    save_checkpoint(path, {"x": torch.zeros(2)}, {"step": 1})
    assert load_checkpoint(path)[1] == {"step": 1}


def test_scaled_losses_give_the_same_steps(model: GPT2, examples: list[Example]) -> None:
    """fp16's loss scaling, in float64: powers of two change nothing, and an overflow skips only that adapter's step."""
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


def test_dropout_depends_on_step_micro_batch_and_seed(
    model: GPT2, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dropout seed of a pass depends on these three alone, not on other settings of an adapter."""
    seeds_of_passes: list[list[int]] = []
    start_pass = Fleet.start_pass

    def spy(self: Fleet, seeds: Any) -> None:
        seeds_of_passes.append(list(seeds))
        start_pass(self, seeds)

    monkeypatch.setattr(Fleet, "start_pass", spy)
    specs = (
        LoraSpec(rank=3, dropout=0.2, seed=1),
        LoraSpec(rank=2, alpha=8.0, dropout=0.4, targets=("query-value",), seed=1),
        LoraSpec(rank=3, dropout=0.2, seed=2),
    )
    trainer = trainer_of(model, examples, specs)
    for _ in range(4):
        trainer.step()
    # 21 questions, 2 micro-batches of 4 per step: two full steps, one of 4 and 1 questions, and one of the next epoch.
    assert len(seeds_of_passes) == 8
    first, alike, other = zip(*seeds_of_passes, strict=True)
    assert len({*first, *other}) == 16
    assert first == alike
    again = trainer_of(model, examples, specs[:1], (0.5,))
    again.step_number = 2
    seeds_of_passes.clear()
    again.step()
    assert [one for (one,) in seeds_of_passes] == list(first[4:6])


def scaled_trainer(model: GPT2, examples: list[Example]) -> FleetTrainer:
    """Return a trainer whose adapters made 3, 2 and 3 good steps: the second one's first gradient overflowed."""
    trainer = trainer_of(model, examples)
    trainer.scaler = LossScaler(3, enabled=True)
    trainer.scaler.scales[1] = math.inf
    trainer.step()
    trainer.scaler.scales[1] = 1024.0
    for _ in range(2):
        trainer.step()
    return trainer


def test_a_checkpoint_holds_the_whole_state(model: GPT2, examples: list[Example], tmp_path: Path) -> None:
    first = scaled_trainer(model, examples)
    first.stopped[2] = "loss nan at step 2; lower the learning rate"
    save_checkpoint(tmp_path / "c.safetensors", first.tensors(), first.state())
    second = trainer_of(model, examples)
    second.scaler = LossScaler(3, enabled=True)
    second.restore(*load_checkpoint(tmp_path / "c.safetensors"))
    assert (second.step_number, second.optimizer.steps) == (3, [3, 2, 3])
    assert (second.scaler.good_steps, second.scaler.scales) == ([3, 2, 3], [65536.0, 1024.0, 65536.0])
    assert second.stopped == {2: "loss nan at step 2; lower the learning rate"}
    pairs = [
        (first.fleet.values, second.fleet.values),
        (first.optimizer.mean, second.optimizer.mean),
        (first.optimizer.square, second.optimizer.square),
        (first._before_update, second._before_update),
    ]
    for one, other in pairs:
        assert torch.equal(one, other)
        assert one.abs().sum() > 0
    assert not torch.equal(second._before_update, second.fleet.values)


def test_a_run_that_diverges_right_after_resuming_keeps_its_last_good_parameters(
    model: GPT2, examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trainer_of(model, examples)
    for _ in range(2):
        first.step()
    good = first.fleet.values.detach().clone()
    first.step()  # the harmful update, which only the next loss shows
    save_checkpoint(tmp_path / "c.safetensors", first.tensors(), first.state())
    second = trainer_of(model, examples)
    second.restore(*load_checkpoint(tmp_path / "c.safetensors"))
    losses = steps.micro_batch_losses

    def broken(*arguments: Any, **options: Any) -> torch.Tensor:
        return losses(*arguments, **options) * torch.tensor([1.0, math.nan, 1.0])

    monkeypatch.setattr(steps, "micro_batch_losses", broken)
    second.step()
    assert second.stopped == {1: "loss nan at step 3; lower the learning rate"}
    assert torch.equal(second.fleet.values[1], good[1])
    assert not torch.equal(second.fleet.values[0], good[0])


def test_non_finite_parameters_are_detected_though_the_loss_is_finite(
    model: GPT2, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(model, examples)
    trainer.verify()  # does nothing before the first step
    for _ in range(2):
        trainer.step()
    good = trainer._before_update.clone()
    monkeypatch.setattr(steps, "mean_losses", lambda *_: [1.5, 1.25, 1.75])
    trainer.verify()
    assert trainer.stopped == {}
    with torch.no_grad():
        trainer.fleet.values[1, 4] = math.inf
    trainer.verify()
    assert trainer.stopped == {1: "loss 1.25 after step 2; lower the learning rate"}
    assert torch.equal(trainer.fleet.values[1], good[1])
    assert not torch.equal(trainer.fleet.values[0], good[0])


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_checkpointed_activations_change_no_bit(model: GPT2, examples: list[Example], dropout: float) -> None:
    """In float32, where the order of a sum would show."""
    plain = copy.deepcopy(model).float()
    specs = tuple(replace(spec, dropout=dropout) for spec in SPECS)
    found = []
    for checkpointed in (False, True):
        trainer = trainer_of(plain, examples, specs, precise=False, checkpoint_activations=checkpointed)
        found.append(([trainer.step() for _ in range(3)], trainer.fleet.values.detach()))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])
