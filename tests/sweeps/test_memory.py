"""The size of fleets: the arithmetic on made-up figures, and a real trial on the small base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from squadron.experiments.inputs import Inputs
from squadron.experiments.training_job import make_trainer
from squadron.options.core import TrainOptions
from squadron.sweeps import memory
from squadron.sweeps.memory import Trial, run_trial, training_seconds

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_the_size_fills_a_share_of_the_free_memory() -> None:
    trial = Trial(fixed_bytes=100, bytes_per_run=50, free_bytes=1000, seconds_per_token=1.0)
    assert trial.fleet_size(CPU) == 12  # (70 % of 1,000 - 100) / 50
    assert trial.fleet_bytes(12) == 700
    assert Trial(100, 1, 10_000, 1.0).fleet_size(CPU) == 16
    assert Trial(100, 1, 10_000, 1.0).fleet_size(GPU) == 128
    assert Trial(100, 50, 120, 1.0).fleet_size(CPU) == 1  # one run may still fit, and cannot be split
    assert Trial(None, None, 1000, 1.0).fleet_size(CPU) == 8


def run_options(**own: Any) -> TrainOptions:
    return TrainOptions(**{"base": "b", "data": "d", "out": "o", **own})


def test_time_depends_on_the_trainable_parameters(inputs: Inputs) -> None:
    by_token, by_parameter = Trial(None, None, None, 1.0), Trial(None, None, None, 0.0, 1.0)
    for own in ({"rank": 3}, {"rank": 5, "target_modules": ("all",)}, {"method": "full"}):
        run = run_options(**own)
        trained = make_trainer(inputs, [run]).fleet.trainable_parameters(0)
        tokens = training_seconds(inputs, {"one": run}, by_token)
        assert training_seconds(inputs, {"one": run}, by_parameter) == pytest.approx(trained * tokens), own


def test_time_depends_on_the_number_of_steps(inputs: Inputs) -> None:
    trial = Trial(None, None, None, 1.0)
    whole = training_seconds(inputs, {"whole": run_options(epochs=4)}, trial)  # 4 epochs of 3 steps
    for steps, share in ((3, 1 / 4), (6, 1 / 2), (12, 1), (99, 1)):
        cut = {"cut": run_options(epochs=4, max_steps=steps)}
        assert training_seconds(inputs, cut, trial) == pytest.approx(share * whole), steps


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the memory of a process")
def test_a_trial_measures_the_cost_of_a_run(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    # On a base this small, only a rank that is refused elsewhere costs enough to be measured.
    monkeypatch.setattr("squadron.model.fleet.check_rank", lambda *_: None)
    runs = {f"r{rank}": run_options(target_modules=("all",), rank=rank) for rank in (1, 2048)}
    trial = run_trial(inputs, runs)
    assert trial.bytes_per_run is not None
    numbers = make_trainer(inputs, [runs["r2048"]]).fleet.values.numel()
    # Parameters, gradients, two moments and the parameters before the update: five float32 each.
    assert 15 * numbers < trial.bytes_per_run < 80 * numbers
    again = run_trial(inputs, runs).bytes_per_run  # although the first trial left memory to reuse
    assert again is not None
    assert again == pytest.approx(trial.bytes_per_run, rel=0.3)
    assert trial.free_bytes is not None
    assert trial.free_bytes > 2**20
    seconds = training_seconds(inputs, runs, trial)
    assert seconds > 0
    assert trial.seconds_per_parameter > 0  # a rank of 2,048 costs more than one of 1
    one = {"r1": runs["r1"]}
    assert training_seconds(inputs, one, trial) < seconds / 2
    twice = {name: run.model_copy(update={"epochs": 2 * run.epochs}) for name, run in runs.items()}
    assert training_seconds(inputs, twice, trial) == pytest.approx(2 * seconds)


def test_free_memory_is_bounded_by_the_containers_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_proc_bytes", lambda *_: 1 << 40)
    texts = {"memory.max": "5000\n", "memory.current": "2000\n"}
    real = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *rest: texts.get(self.name) or real(self, *rest))
    assert memory.free_bytes(CPU) == 3000
    texts["memory.max"] = "max\n"
    assert memory.free_bytes(CPU) == 1 << 40
