"""The size of fleets: the arithmetic on made-up figures, and a real trial on the small base."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from squadron.errors import DeviceError
from squadron.experiments.inputs import Inputs
from squadron.experiments.training_job import make_batches, make_trainer
from squadron.options.core import TrainOptions
from squadron.sweeps import memory
from squadron.sweeps.memory import FleetSize, Trial, choose_fleet_size, run_trial, shortage, training_seconds
from squadron.training.fleet_size import fastest_size
from squadron.training.steps import FleetTrainer

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_the_fastest_size_depends_on_width_and_tokens_alone() -> None:
    assert [fastest_size(768, tokens, CPU) for tokens in (1, 256, 720, 1024, 4096, 9999)] == [16, 16, 5, 4, 1, 1]
    assert [fastest_size(256, tokens, CPU) for tokens in (720, 1024, 4096)] == [16, 12, 3]
    assert fastest_size(768, 4096, GPU) == 128


def test_equal_runs_get_equal_fleets_without_a_trial_unless_memory_is_short(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {f"r{rank}": run_options(rank=rank) for rank in (1, 4)} | {"full": run_options(method="full")}
    measured: list[Any] = []

    def trial(*given: Any, **how: Any) -> Trial:
        measured.append((*given, how))
        return Trial(100, 50, 600, 0.0)

    monkeypatch.setattr(memory, "run_trial", trial)
    monkeypatch.setattr("squadron.training.fleet_size.CPU_NUMBERS", 10 * 32 * 100)
    monkeypatch.setattr(memory, "_usual_tokens", lambda *_: 100)
    assert choose_fleet_size(inputs, runs).runs == 10
    assert measured == []
    monkeypatch.setattr(memory, "free_bytes", lambda _: 600)
    short = choose_fleet_size(inputs, runs)
    assert short == FleetSize(6, "6 fit in memory, as measured")  # (70 % of 600 - 100) / 50
    assert measured == [(inputs, runs, {"timed": False})]
    assert choose_fleet_size(inputs, runs, Trial(100, 50, 99_000, 1.0)).runs == 10  # it was measured already, and fits
    assert len(measured) == 1


def test_memory_is_estimated_once_for_runs_that_need_the_same(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {f"{rank}-{seed}": run_options(rank=rank, seed=seed) for rank in (1, 4) for seed in range(3)}
    runs["all"] = run_options(target_modules=("all",))
    estimated: list[tuple[int, tuple[str, ...]]] = []

    def estimate(_: Inputs, run: TrainOptions, __: int) -> int:
        estimated.append((run.rank, run.target_modules))
        return 0

    monkeypatch.setattr(memory, "_estimate", estimate)
    choose_fleet_size(inputs, runs)
    usual = runs["1-0"].target_modules
    assert sorted(estimated) == sorted([(1, usual), (4, usual), (4, ("all",))])


def test_usual_tokens_are_those_of_the_first_batches(inputs: Inputs) -> None:
    run = run_options(batch_size=3, order="paragraph")
    batches = make_batches(inputs, run)
    counts = [len(batch.tokens) for step in range(batches.steps_per_epoch) for batch in batches.step(step)]
    assert len(set(counts)) > 1
    assert memory._usual_tokens(inputs, run) == round(sum(counts) / len(counts))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the memory of a process")
def test_a_fleet_takes_less_than_its_estimate(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("squadron.model.fleet.check_rank", lambda *_: None)
    run = run_options(target_modules=("all",), rank=1024)
    trial = run_trial(inputs, {"r1024": run}, timed=False)
    assert trial.seconds_per_token == 0
    needed = trial.fleet_bytes(3)
    assert needed is not None
    assert needed < memory._estimate(inputs, run, 3) < 10 * needed


def test_the_size_fills_a_share_of_the_free_memory() -> None:
    trial = Trial(fixed_bytes=100, bytes_per_run=50, free_bytes=1000, seconds_per_token=1.0)
    assert trial.fleet_size(CPU) == 12  # (70 % of 1,000 - 100) / 50
    assert trial.fleet_bytes(12) == 700
    assert Trial(100, 1, 10_000, 1.0).fleet_size(CPU) == 16
    assert Trial(100, 1, 10_000, 1.0).fleet_size(GPU) == 128
    assert Trial(100, 50, 120, 1.0).fleet_size(CPU) == 1  # one run may still fit, and cannot be split
    assert Trial(None, None, 1000, 1.0).fleet_size(CPU) == 8
    assert Trial(100, 1, 10_000, 1.0).fleet_size(torch.device("meta")) == 128  # as any accelerator
    assert Trial(100, 1, 10_000, 1.0, most=2).fleet_size(GPU) == 2  # three did not fit, whatever was measured
    assert Trial(None, None, None, 1.0, most=1).fleet_size(GPU) == 1


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


FORMS = {
    "allocator": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.30 GiB."),
    "accelerator": getattr(torch, "AcceleratorError", RuntimeError)("CUDA error: out of memory"),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "cudnn": RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "machine": MemoryError(),
}


def no_room(monkeypatch: pytest.MonkeyPatch, form: str, does_not_fit: Any) -> list[tuple[int, int]]:
    """Let steps of trainers for which ``does_not_fit(size, rank)`` run out of memory; return all (size, rank) tried."""
    step, tried = FleetTrainer.step, []

    def small_memory(self: FleetTrainer) -> Any:
        tried.append((self.fleet.size, next((spec.rank for spec in self.fleet.specs), 0)))
        if does_not_fit(*tried[-1]):
            raise FORMS[form]
        return step(self)

    monkeypatch.setattr(FleetTrainer, "step", small_memory)
    return tried


@pytest.mark.parametrize("form", ["accelerator", "cudnn", "machine"])
def test_a_trial_that_does_not_fit_gives_the_fleets_that_do(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    runs = {f"r{rank}": run_options(rank=rank) for rank in (1, 4)}
    for most in (2, 1):
        tried = no_room(monkeypatch, form, lambda size, _, most=most: size > most)
        trial = run_trial(inputs, runs)
        assert trial.fleet_size(CPU) == trial.fleet_size(GPU) == most
        assert training_seconds(inputs, runs, trial) > 0
        assert trial.unfit == ()
        assert {size for size, _ in tried} == {1, 2, 3}
        assert tried[-1] == (most, 1)  # the smallest run, in a fleet that fits
        monkeypatch.undo()


def test_other_errors_end_a_trial(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMS, "other", RuntimeError("CUDA error: an illegal memory access was encountered"))
    no_room(monkeypatch, "other", lambda size, _: size > 1)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        run_trial(inputs, {"r4": run_options()})


def test_runs_that_do_not_fit_alone_do_not_end_a_trial_unless_none_fits(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {f"r{rank}": run_options(rank=rank) for rank in (8, 1, 5, 4)}
    tried = no_room(monkeypatch, "allocator", lambda _, rank: rank > 4)
    trial = run_trial(inputs, runs)
    assert trial.unfit == ("r8", "r5")
    assert tried[:3] == [(1, 8), (1, 5), (1, 4)]
    assert trial.most is None  # three of r4 fit
    monkeypatch.undo()
    no_room(monkeypatch, "cublas", lambda *_: True)
    with pytest.raises(DeviceError, match=r"r1: out of memory even alone.* GB are free; lower batch_size=4 or max_len"):
        run_trial(inputs, runs)
    full = {"full": run_options(method="full", batch_size=2)}
    with pytest.raises(DeviceError, match=r"full: out of memory even alone.*lower batch_size=2"):
        run_trial(inputs, full)


def test_a_run_that_does_not_fit_is_told_what_to_lower(inputs: Inputs) -> None:
    large = shortage(inputs, run_options(rank=2048, target_modules=("all",)))
    assert "--rank 2048" in DeviceError(large).for_command_line()
    needed = 2048 * 20 * (32 + 96 + 32 + 32 + 32 + 48 + 48 + 32) * 2  # the state alone
    assert f"a step needs about {needed / 1e9:.1f} GB" in large
    assert "batch_size" not in large


def test_memory_is_measured_once_a_gpu_is_warm(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step on a GPU allocates workspaces that stay: they are neither a run's nor free."""
    workspace, weights = 64, 500
    state = {"workspace": 0}
    monkeypatch.setattr(Inputs, "device", property(lambda _: GPU))
    fakes = {
        "mem_get_info": lambda _: (10_000 - weights - state["workspace"], 10_000),
        "memory_reserved": lambda _: weights + state["workspace"],
        "memory_allocated": lambda _: weights + state["workspace"],
        "max_memory_allocated": lambda _: weights + state["workspace"] + state["used"],
        "reset_peak_memory_stats": lambda _: None,
        "empty_cache": lambda: None,
        "synchronize": lambda _: None,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)

    def trainer(_: Any, runs: Any, __: Any) -> Any:
        def step() -> Any:
            state.update(workspace=workspace, used=100 + 40 * len(runs))
            return SimpleNamespace(tokens=1)

        return SimpleNamespace(step=step)

    monkeypatch.setattr(memory, "make_trainer", trainer)
    trial = run_trial(inputs, {"r4": run_options()})
    assert (trial.fixed_bytes, trial.bytes_per_run) == (100, 40)
    assert trial.free_bytes == 10_000 - weights - workspace
