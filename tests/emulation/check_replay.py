"""Short steps are recorded once a layout and replayed: the logic, with a stand-in for CUDA's graphs."""

from __future__ import annotations

from typing import Any

import pytest

from emulation.check_training import base, trainer_of, weights
from emulation.device import DEVICE, emulated_device, move
from squadron.model.transfer import Packed
from squadron.training import accelerated
from squadron.training.accelerated import DeviceSteps
from squadron.training.steps import FleetTrainer

STEPS = 6


class Replayed:
    """Runs the step's operations on what it is given, as a graph does."""

    made = 0

    def __init__(self, steps: DeviceSteps, packed: Packed, *_: Any) -> None:
        type(self).made += 1
        self.steps, self.layout = steps, packed.layout

    def replay(self, packed: Packed) -> Any:
        assert packed.layout == self.layout
        return self.steps._run(packed.upload(DEVICE), (0,))


def recording(trainer: FleetTrainer) -> FleetTrainer:
    """Return the trainer after its first step on a device that records."""
    steps = trainer._on_device
    assert steps is not None
    steps._stream = object()  # type: ignore[assignment]
    trainer.step()
    steps._records = True
    return trainer


def test_one_recording_serves_all_steps_of_a_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerated, "_Graph", Replayed)
    monkeypatch.setattr(Replayed, "made", 0)
    expected = trainer_of(base())
    others = [expected.step() for _ in range(STEPS)]
    with emulated_device():
        found = recording(trainer_of(move(base())))
        results = [found.step() for _ in range(STEPS - 1)]
        assert [own.tokens for own in results] == [other.tokens for other in others[1:]]
        lengths = {own.tokens for own in results}
        assert Replayed.made == len({-(-length // 64) for length in lengths}) < len(lengths)  # padded to multiples
        for k in range(3):
            start = weights(trainer_of(base()), k)
            difference = (weights(found, k) - weights(expected, k)).norm() / (weights(expected, k) - start).norm()
            assert difference < 5e-4


def test_a_step_that_cannot_be_recorded_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(accelerated, "_Graph", fail)
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: None)
    expected = trainer_of(base())
    others = [expected.step() for _ in range(STEPS)]
    with emulated_device():
        found = recording(trainer_of(move(base())))
        results = [found.step() for _ in range(STEPS - 1)]
        assert found._on_device is not None
        assert not found._on_device._records
        for own, other in zip(results, others[1:], strict=True):
            assert own.losses == pytest.approx(other.losses, rel=1e-5)
