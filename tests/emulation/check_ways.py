"""The ways to run one and the same training step: they differ by rounding, or in nothing.

Gathered attention, activations that are computed again, one pass or several, and a run that goes on elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from emulation.check_counts import MOST_OPERATIONS, MOST_SYNCS, counted, described
from emulation.check_training import (
    STEPS,
    assert_same_results,
    base,
    direction,
    distance,
    dropping,
    trainer_of,
    weights,
)
from emulation.device import emulated_device, move
from squadron.data.batches import Order
from squadron.data.trees import Loss
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.gpu.attention import Way
from squadron.model.lora import LoraSpec
from squadron.training.checkpoint import load_checkpoint, save_checkpoint
from squadron.training.steps import FleetTrainer


@pytest.mark.parametrize(("order", "loss"), [("question", "answer"), ("paragraph", "answer"), ("paragraph", "full")])
def test_gathered_attention_trains_as_the_cpu_does(order: Order, loss: Loss) -> None:
    expected = trainer_of(base(), order=order, loss=loss)
    starts = [weights(expected, k) for k in range(3)]
    with emulated_device() as counts:
        found = trainer_of(move(base()), order=order, loss=loss, way="gathered")
        assert_same_results([found.step()], [expected.step()], 1e-6)
        for k in range(3):
            assert distance(direction(found, k), direction(expected, k)) < 1e-5
        own, other = ([trainer.step() for _ in range(STEPS - 1)] for trainer in (found, expected))
        assert_same_results(own, other, 1e-5)
        for k in range(3):
            assert distance(weights(found, k), weights(expected, k), starts[k]) < 5e-4
        names = dict(counts.by("operator", "launch"))
        assert any("attention" in name for name in names)
        assert not any("squadron::tree_attention" in name for name in names)


@pytest.mark.parametrize("way", ["fused", "gathered"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_checkpointed_activations_change_no_bit(way: Way, dropout: float) -> None:
    with emulated_device() as counts:
        model = move(base())
        results, values, launches = [], [], []
        for checkpointed in (False, True):
            counts.reset()
            trainer = trainer_of(model, specs=dropping(dropout), way=way, checkpoint_activations=checkpointed)
            results.append([trainer.step() for _ in range(STEPS)])
            values.append(trainer.fleet.values.detach().cpu())
            launches.append(counts.operations)
        assert results[0] == results[1]
        assert torch.equal(values[0], values[1])
        assert launches[0] < launches[1]


def run_on(trainer: FleetTrainer, path: Path, other: FleetTrainer) -> tuple[FleetTrainer, FleetTrainer]:
    """Take two steps with ``trainer``, and have ``other`` go on from its checkpoint."""
    for _ in range(2):
        trainer.step()
    tensors = {name: tensor.cpu() for name, tensor in trainer.tensors().items()}
    save_checkpoint(path, tensors, trainer.state())
    other.restore(*load_checkpoint(path))
    return trainer, other


@pytest.mark.parametrize("from_cpu", [True, False])
def test_a_checkpoint_goes_on_on_the_other_device(from_cpu: bool, tmp_path: Path) -> None:
    """Ranks of 3 and 5 are padded to 5 on a CPU, and to 8 on the device."""
    specs = (
        LoraSpec(rank=3, seed=1, lora_plus_ratio=4.0),
        LoraSpec(rank=5, seed=2, targets=("query-value", "mlp.c_fc")),
        LoraSpec(rank=3, seed=3, targets=("all",)),
    )
    places: list[Callable[[GPT2], GPT2]] = [lambda model: model, move]
    with emulated_device():
        first, second = (trainer_of(place(base()), specs=specs) for place in (places if from_cpu else places[::-1]))
        assert first.fleet.values.shape != second.fleet.values.shape
        starts = [weights(first, k) for k in range(3)]
        run_on(first, tmp_path / "checkpoint", second)
        assert first.state() == second.state()
        for name, tensor in first.tensors().items():
            assert torch.equal(tensor.cpu(), second.tensors()[name].cpu()), name
            assert tensor.cpu().any(), name
        for k in range(3):
            assert torch.equal(weights(second, k), weights(first, k))
        own, other = ([trainer.step() for _ in range(2)] for trainer in (second, first))
        assert_same_results(own, other, 1e-5)
        assert first.state() == second.state()
        for k in range(3):
            assert distance(weights(second, k), weights(first, k), starts[k]) < 5e-4
        assert isinstance(second.fleet, Fleet)
        padding = ~second.fleet.owned.cpu()
        assert not second.fleet.values.detach().cpu()[padding].any()


@pytest.mark.parametrize("way", ["fused", "gathered"])
def test_dropout_does_not_depend_on_the_passes_of_a_step(way: Way) -> None:
    with emulated_device():
        model = move(base())
        one, several, without = (trainer_of(model, specs=dropping(p), way=way) for p in (0.3, 0.3, 0.0))
        start = weights(one, 0)
        assert several._on_device is not None
        several._on_device.pass_tokens = 1
        passes: list[int] = []
        launch = several._on_device.launch
        several._on_device.launch = lambda prepared, settings: (  # type: ignore[method-assign]
            passes.append(len(prepared.first_tokens)),
            launch(prepared, settings),
        )[1]
        for _ in range(STEPS):
            results = [trainer.step() for trainer in (one, several, without)]
            assert_same_results(results[1:2], results[:1], 1e-5)
        assert passes == [2, 2, 1]  # the epoch ends with one micro-batch
        assert abs(results[0].losses[0] - results[2].losses[0]) > 1e-4, "dropout matters"
        assert distance(weights(several, 0), weights(one, 0), start) < 5e-4


@pytest.mark.parametrize("size", [1, 15, 75])
def test_gathered_attention_waits_and_launches_little(size: int) -> None:
    found = counted(size, "question", way="gathered")
    assert found.counts.syncs <= MOST_SYNCS, described(found)
    assert found.counts.operations <= MOST_OPERATIONS, described(found)


@pytest.mark.parametrize("way", ["fused", "gathered"])
def test_checkpointed_activations_wait_no_more_and_launch_a_forward_pass_more(way: Way) -> None:
    whole = counted(15, "question", way=way)
    found = counted(15, "question", way=way, checkpoint_activations=True)
    assert found.counts.syncs == whole.counts.syncs, described(found)
    assert whole.counts.operations < found.counts.operations < 1.5 * whole.counts.operations, described(found)
    assert found.peak < 0.6 * whole.peak, (found.peak, whole.peak)
