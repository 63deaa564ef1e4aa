"""Measure, in a short trial, how many runs can train together and how long they take."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from squadron.data.batches import BatchSampler
from squadron.data.prepared import Split
from squadron.experiments.evaluate import evaluate_fleet
from squadron.experiments.inputs import Inputs
from squadron.experiments.scores import Subject
from squadron.experiments.trainables import run_parameters
from squadron.experiments.training_job import last_step, make_batches, make_trainer
from squadron.options.core import EvaluateOptions, TrainOptions

_MARGIN = 0.7
"""Share of the free memory that fleets may use; the rest is for other processes and fragmentation."""
_MOST = {"cpu": 16, "cuda": 128}
"""Most runs in a fleet. On a CPU more gain little: its matrix products are large with a few runs already, and a smaller
fleet loses less when it is stopped. A GPU needs many runs to be busy unless they are large."""
_DEFAULT_SIZE = 8
"""Runs in a fleet if the system does not report free or used memory."""
_TRIAL_SIZES = (1, 3)
"""Runs in the two trials, whose difference gives the cost of one more run."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The results of a trial.

    A fleet needs ``fixed_bytes`` and ``bytes_per_run`` more for each run, on the longest batch; they and ``free_bytes``
    are None if the system does not report them. Training takes each run ``seconds_per_token``, and for each trainable
    parameter ``seconds_per_parameter`` more per token.
    """

    fixed_bytes: int | None
    bytes_per_run: int | None
    free_bytes: int | None
    seconds_per_token: float
    seconds_per_parameter: float = 0.0

    def fleet_size(self, device: torch.device) -> int:
        """Return the largest number of runs in a fleet."""
        most = _MOST[device.type]
        if self.fixed_bytes is None or self.bytes_per_run is None or self.free_bytes is None:
            return min(most, _DEFAULT_SIZE)
        room = int(self.free_bytes * _MARGIN) - self.fixed_bytes
        return max(1, min(most, room // max(1, self.bytes_per_run)))

    def fleet_bytes(self, size: int) -> int | None:
        """Return the bytes that a fleet of ``size`` needs in addition to the base; None if unknown."""
        if self.fixed_bytes is None or self.bytes_per_run is None:
            return None
        return self.fixed_bytes + size * self.bytes_per_run


def run_trial(inputs: Inputs, runs: Mapping[str, TrainOptions]) -> Trial:
    """Train the largest run, alone and three times in one fleet, and the smallest, on the longest questions.

    A run that trains all weights runs alone, and is measured only if all runs do.
    """
    model = inputs.base.model
    adapters = [run for run in runs.values() if run.method == "lora"]
    if not adapters:
        longest = max(runs.values(), key=lambda run: run.batch_size * run.max_length)
        free = free_bytes(inputs.device)
        alone = _measure(inputs, longest, 1)
        return Trial(0, alone.bytes, free, alone.seconds_per_token)
    # Length first: it determines the memory of a batch.
    ordered = sorted(adapters, key=lambda run: (run.batch_size * run.max_length, run_parameters(run, model)))
    lightest, heaviest = min(adapters, key=lambda run: run_parameters(run, model)), ordered[-1]
    free = free_bytes(inputs.device)
    one, three, light = (
        _measure(inputs, run, size)
        for run, size in ((heaviest, _TRIAL_SIZES[0]), (heaviest, _TRIAL_SIZES[1]), (lightest, _TRIAL_SIZES[1]))
    )
    more = run_parameters(heaviest, model) - run_parameters(lightest, model)
    per_parameter = max(0.0, (three.seconds_per_token - light.seconds_per_token) / more) if more > 0 else 0.0
    seconds = max(0.0, three.seconds_per_token - per_parameter * run_parameters(heaviest, model))
    if one.bytes is None or three.bytes is None:
        return Trial(None, None, free, seconds, per_parameter)
    per_run = max(1, (three.bytes - one.bytes) // (_TRIAL_SIZES[1] - _TRIAL_SIZES[0]))
    return Trial(max(0, one.bytes - _TRIAL_SIZES[0] * per_run), per_run, free, seconds, per_parameter)


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


def _measure(inputs: Inputs, run: TrainOptions, size: int) -> _Measured:
    """Train two steps of a fleet of ``size`` copies of a run on the longest questions.

    The first step gives the memory, since it allocates everything, the second the time.
    """
    examples = sorted(inputs.examples(run.max_length)[0], key=lambda example: -example.length)
    with _peak(inputs.device) as peak:
        trainer = make_trainer(inputs, [run] * size, examples[: run.batch_size])
        trainer.step()
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


def free_bytes(device: torch.device) -> int | None:
    """Return the bytes of free memory; None if the system does not report them."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = _proc_bytes(Path("/proc/meminfo"), "MemAvailable")
    # In a container, its own limit counts.
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())  # without a limit it is "max", a ValueError
        left = limit - int((group / "memory.current").read_text())
        found = left if found is None else min(found, left)
    return found


class _Peak:
    """``bytes`` is the peak memory in addition to what was in use before; None if the system does not report it."""

    bytes: int | None = None


@contextlib.contextmanager
def _peak(device: torch.device) -> Iterator[_Peak]:
    found = _Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        allocated = torch.cuda.memory_allocated(device)
        yield found
        found.bytes = int(torch.cuda.max_memory_allocated(device)) - allocated
        return
    # Return freed memory to the system first: memory that is reused would not be measured.
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status")
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: reset the peak
    before = _proc_bytes(status, "VmRSS")
    yield found
    after = _proc_bytes(status, "VmHWM")
    found.bytes = None if before is None or after is None else max(0, after - before)


def _proc_bytes(path: Path, key: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    return None


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
