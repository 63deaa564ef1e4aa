"""Measure, in a short trial, how many runs can train together and how long they take."""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from squadron.data.batches import BatchSampler
from squadron.data.prepared import Split
from squadron.errors import DeviceError, is_out_of_memory, option
from squadron.experiments.evaluate import evaluate_fleet
from squadron.experiments.inputs import Inputs
from squadron.experiments.scores import Subject
from squadron.experiments.trainables import adapter_spec, run_parameters
from squadron.experiments.training_job import last_step, make_batches, make_trainer
from squadron.model.targets import TARGETS
from squadron.options.core import EvaluateOptions, TrainOptions
from squadron.training.fleet_size import MOST_ON_CPU, MOST_ON_DEVICE, explain_size, fastest_size
from squadron.training.memory import (
    free_bytes,
    most_tokens,
    padded_parameters,
    proc_bytes,
    release_memory,
    step_memory,
)

_MARGIN = 0.7
"""Share of the free memory that fleets may use; the rest is for other processes and fragmentation."""
_WORKSPACE_BYTES = 1 << 25
"""Bytes that the libraries of a CPU allocate once, and what their heap loses between blocks: 20 MB were measured."""
_ESTIMATE_FACTOR = 2
"""What a step is taken to need on a CPU, as a multiple of an accelerator's: measured were 1.4 times."""
_BATCHES = ("max_length", "batch_size", "order")
"""The options that tell kinds of batches apart."""
_PLANNED_STEPS = 16
"""The first steps, whose batches tell the tokens of a usual one."""
_DEFAULT_SIZE = 8
"""Runs in a fleet if the system does not report free or used memory."""
_TRIAL_SIZES = (3, 2)
"""Runs in the trial beside that of one run: the difference gives the cost of one more. Two, if three do not fit."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The results of a trial.

    A fleet needs ``fixed_bytes`` and ``bytes_per_run`` more for each run, on the longest batch; they and ``free_bytes``
    are None if the system does not report them. Training takes each run ``seconds_per_token``, and for each trainable
    parameter ``seconds_per_parameter`` more per token. ``most`` is the largest number of runs that fit in the trial, if
    a larger one did not; ``unfit`` are the runs that did not fit even alone.
    """

    fixed_bytes: int | None
    bytes_per_run: int | None
    free_bytes: int | None
    seconds_per_token: float
    seconds_per_parameter: float = 0.0
    most: int | None = None
    unfit: tuple[str, ...] = ()

    def fleet_size(self, device: torch.device) -> int:
        """Return the largest number of runs in a fleet."""
        if self.most is not None:
            return self.most
        most = MOST_ON_CPU if device.type == "cpu" else MOST_ON_DEVICE
        if self.fixed_bytes is None or self.bytes_per_run is None or self.free_bytes is None:
            return min(most, _DEFAULT_SIZE)
        room = int(self.free_bytes * _MARGIN) - self.fixed_bytes
        return max(1, min(most, room // max(1, self.bytes_per_run)))

    def fleet_bytes(self, size: int) -> int | None:
        """Return the bytes that a fleet of ``size`` needs in addition to the base; None if unknown."""
        if self.fixed_bytes is None or self.bytes_per_run is None:
            return None
        return self.fixed_bytes + size * self.bytes_per_run


@dataclass(frozen=True, slots=True)
class FleetSize:
    """The most ``runs`` in a fleet, and the ``reason`` for people: equal for equal commands unless memory is short."""

    runs: int
    reason: str


def choose_fleet_size(
    inputs: Inputs, runs: Mapping[str, TrainOptions], trial: Trial | None = None, *, asked: int | None = None
) -> FleetSize:
    """Return the size of fleets for ``runs``: the one that was ``asked`` for, else the fastest one that fits in memory.

    On a CPU there is a trial only if an estimate does not show that it fits, so that equal commands give equal fleets.
    ``trial`` is that of these runs, if there was one. Raises as :func:`run_trial`.
    """
    if asked is not None:
        return FleetSize(asked, "as asked for")
    device, fastest, why = inputs.device, MOST_ON_DEVICE, explain_size(inputs.device)
    adapters = [run for run in runs.values() if run.method == "lora"]
    if device.type == "cpu" and adapters:
        width = inputs.base.model.config.n_embd
        fastest = fastest_size(width, max(_usual_tokens(inputs, run) for run in _distinct(adapters, *_BATCHES)), device)
        free = free_bytes(device)
        different = _distinct(adapters, *_BATCHES, "rank", "target_modules")
        if free is not None and max(_estimate(inputs, run, fastest) for run in different) <= _MARGIN * free:
            return FleetSize(fastest, why)
    fitting = (trial or run_trial(inputs, runs, timed=False)).fleet_size(device)
    return FleetSize(min(fastest, fitting), why if fastest <= fitting else f"{fitting} fit in memory, as measured")


def _distinct(runs: Sequence[TrainOptions], *options: str) -> list[TrainOptions]:
    """Return one of the runs for each combination of values of these options."""
    return list({tuple(getattr(run, name) for name in options): run for run in reversed(runs)}.values())


def _usual_tokens(inputs: Inputs, run: TrainOptions) -> int:
    """Return the mean number of tokens of a run's first micro-batches."""
    batches = make_batches(inputs, run)
    steps = range(min(_PLANNED_STEPS, batches.steps_per_epoch))
    tokens = [len(batch.tokens) for step in steps for batch in batches.step(step)]
    return round(sum(tokens) / len(tokens))


def _estimate(inputs: Inputs, run: TrainOptions, size: int) -> int:
    """Return the bytes that a fleet of ``size`` such runs needs on a CPU in addition to the base, rather too many."""
    model, spec = inputs.base.model, adapter_spec(run)
    assert spec is not None, run
    config = model.config
    examples = inputs.examples(run.max_length, run.order)[0]
    tokens = most_tokens(examples, run.batch_size)
    needed = step_memory(
        config,
        dtype=model.dtype,
        parameters=padded_parameters(config, spec.targets, spec.rank),
        tokens=tokens,
        adapters=size,
        targets=spec.targets,
    )
    # Unlike an accelerator, a CPU keeps the weights of attention.
    attention = config.n_layer * config.n_head * size * tokens * run.max_length * model.dtype.itemsize
    return _ESTIMATE_FACTOR * needed.beyond_base + attention + _WORKSPACE_BYTES


def run_trial(inputs: Inputs, runs: Mapping[str, TrainOptions], *, timed: bool = True) -> Trial:
    """Train the largest run, alone and three times in one fleet, and the smallest, on the longest questions.

    If not ``timed``, only memory is measured, in fewer steps, and times are 0. A run that trains all weights runs
    alone, and is measured only if all runs do. What does not fit in memory does not end the trial: the next smaller
    fleet, or run, is tried. Raises :class:`DeviceError` if no run fits.
    """
    model = inputs.base.model
    own = {name: run for name, run in runs.items() if run.method == "lora"} or runs
    lightest = min(own.values(), key=lambda run: run_parameters(run, model))
    if inputs.device.type != "cpu":
        # The first step on a GPU also allocates what all later ones share: contexts, workspaces, kernels.
        _try(inputs, lightest, 1, timed=timed)
        release_memory(inputs.device)
    free = free_bytes(inputs.device)
    heaviest, one, unfit = _largest(inputs, own, timed=timed)
    if heaviest.method == "full":
        return Trial(0, one.bytes, free, one.seconds_per_token, unfit=unfit)
    tried = ((size, _try(inputs, heaviest, size, timed=timed)) for size in _TRIAL_SIZES)
    size, several = next(((size, measured) for size, measured in tried if measured is not None), (1, one))
    light = (_try(inputs, lightest, size, timed=True) if timed else None) or several
    more = run_parameters(heaviest, model) - run_parameters(lightest, model)
    per_parameter = max(0.0, (several.seconds_per_token - light.seconds_per_token) / more) if more > 0 else 0.0
    seconds = max(0.0, several.seconds_per_token - per_parameter * run_parameters(heaviest, model))
    most = None if size == _TRIAL_SIZES[0] else size
    if one.bytes is None or several.bytes is None:
        return Trial(None, None, free, seconds, per_parameter, most, unfit)
    per_run = max(1, (several.bytes - one.bytes) // (size - 1) if size > 1 else one.bytes)
    return Trial(max(0, one.bytes - per_run), per_run, free, seconds, per_parameter, most, unfit)


def _largest(
    inputs: Inputs, runs: Mapping[str, TrainOptions], *, timed: bool
) -> tuple[TrainOptions, _Measured, tuple[str, ...]]:
    """Return the largest run that fits alone, what was measured of it, and the names of those that do not fit."""
    by_cost: dict[tuple[int, int], list[str]] = {}
    for name, run in runs.items():
        # Length first: it determines the memory of a batch.
        cost = (run.batch_size * run.max_length, run_parameters(run, inputs.base.model))
        by_cost.setdefault(cost, []).append(name)
    unfit: list[str] = []
    for cost in sorted(by_cost, reverse=True):
        run = runs[by_cost[cost][-1]]
        measured = _try(inputs, run, 1, timed=timed)
        if measured is not None:
            return run, measured, tuple(unfit)
        unfit += by_cost[cost]
    raise DeviceError(f"{unfit[-1]}: {shortage(inputs, runs[unfit[-1]])}")


def shortage(inputs: Inputs, run: TrainOptions) -> str:
    """Return what a run that does not fit in memory alone needs by estimate, what is free, and the options to lower."""
    config, spec = inputs.base.model.config, adapter_spec(run)
    needed = step_memory(
        config,
        dtype=inputs.base.model.dtype,
        parameters=config.parameter_count if spec is None else padded_parameters(config, spec.targets, spec.rank),
        tokens=most_tokens(inputs.examples(run.max_length, run.order)[0], run.batch_size),
        targets=TARGETS if spec is None else spec.targets,
        checkpoint_activations=inputs.device.type != "cpu",  # that was tried too
    )
    release_memory(inputs.device)
    free = free_bytes(inputs.device)
    left = "" if free is None else f", {_gigabytes(free)} are free"
    if spec is not None and needed.state > needed.activations:
        lower = f"{option('rank', run.rank)}"
    else:
        lower = f"{option('batch_size', run.batch_size)} or {option('max_length', run.max_length)}"
    return (
        f"out of memory even alone: beside the base, a step needs about {_gigabytes(needed.beyond_base)} "
        f"({_gigabytes(needed.activations)} for activations){left}; lower {lower}"
    )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def training_seconds(inputs: Inputs, runs: Mapping[str, TrainOptions], trial: Trial) -> float:
    """Return the estimated seconds to train all runs, from the time per token."""
    known: dict[tuple[object, ...], tuple[BatchSampler, int]] = {}
    total = 0.0
    for run in runs.values():
        key = (run.max_length, run.batch_size, run.gradient_accumulation, run.order, run.seed)
        if key not in known:
            batches = make_batches(inputs, run)
            micro_batches = (batch for step in range(batches.steps_per_epoch) for batch in batches.step(step))
            known[key] = batches, sum(len(batch.tokens) for batch in micro_batches)
        batches, tokens = known[key]
        parameters = run_parameters(run, inputs.base.model)
        epochs = last_step(run, batches) / batches.steps_per_epoch
        total += epochs * tokens * (trial.seconds_per_token + trial.seconds_per_parameter * parameters)
    return total


@dataclass(frozen=True, slots=True)
class _Measured:
    """Peak bytes (None if the system does not report them), and seconds per token and run."""

    bytes: int | None
    seconds_per_token: float


def _try(inputs: Inputs, run: TrainOptions, size: int, *, timed: bool) -> _Measured | None:
    """Return what :func:`_measure` does; None if so many do not fit in memory."""
    try:
        return _measure(inputs, run, size, timed=timed)
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
    # Outside the handler: the error's frames would keep the fleet's tensors alive.
    release_memory(inputs.device)
    return None


def _measure(inputs: Inputs, run: TrainOptions, size: int, *, timed: bool) -> _Measured:
    """Train a few steps of a fleet of ``size`` copies of a run on the longest questions, none of which share a context.

    The first step gives the memory, since it allocates everything, the last the time.
    """
    longest = sorted(inputs.examples(run.max_length, run.order)[0], key=lambda example: -example.length)
    apart = [replace(example, paragraph=number) for number, example in enumerate(longest[: run.batch_size])]
    with _peak(inputs.device) as peak:
        trainer = make_trainer(inputs, [run] * size, apart)
        trainer.step()
    if not timed:
        return _Measured(peak.bytes, 0.0)
    if inputs.device.type != "cpu":
        trainer.step()  # a GPU records short steps the first time that it repeats one
    _synchronize(inputs.device)
    began = time.perf_counter()
    result = trainer.step()
    _synchronize(inputs.device)
    return _Measured(peak.bytes, (time.perf_counter() - began) / (size * result.tokens))


def answering_seconds(inputs: Inputs, split: Split, options: EvaluateOptions, max_length: int) -> float:
    """Return the estimated seconds of one run to answer a split, from the base's time for the first few questions."""
    few = min(8, len(split.dataset))
    trial = options.model_copy(update={"limit": few})
    subject = Subject(inputs.name, inputs.base.sha256, None, split, few)
    began = time.perf_counter()
    evaluate_fleet(inputs.base, inputs.tokenizer, None, [subject], [None], trial, max_length=max_length)
    questions = len(split.dataset) if options.limit is None else min(options.limit, len(split.dataset))
    return (time.perf_counter() - began) * questions / few


class _Peak:
    """``bytes`` is the peak memory in addition to what was in use before; None if the system does not report it."""

    bytes: int | None = None


@contextlib.contextmanager
def _peak(device: torch.device) -> Iterator[_Peak]:
    found = _Peak()
    release_memory(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        allocated = torch.cuda.memory_allocated(device)
        yield found
        found.bytes = int(torch.cuda.max_memory_allocated(device)) - allocated
        return
    # Return freed memory to the system first: memory that is reused would not be measured.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status")
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: reset the peak
    before = proc_bytes(status, "VmRSS")
    yield found
    after = proc_bytes(status, "VmHWM")
    found.bytes = None if before is None or after is None else max(0, after - before)


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
