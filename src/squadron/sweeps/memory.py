"""How many runs may train together, and how long they take: measured on a short trial, not guessed."""

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
from squadron.experiments.inputs import Material
from squadron.experiments.scores import Subject
from squadron.experiments.trainables import run_parameters
from squadron.experiments.training_job import last_step, make_batches, make_trainer
from squadron.options.core import EvaluateOptions, TrainOptions

_MARGIN = 0.7
"""How much of the free memory fleets may take; the rest is for what else the machine does, and for fragments."""
_MOST = {"cpu": 16, "cuda": 128}
"""Runs in a fleet at most. A CPU gains little from more: its matrix products are long with a few runs, and a smaller
fleet loses less when it is stopped. A GPU is busy with few runs only where they are large."""
_UNKNOWN = 8
"""Runs in a fleet where the system does not tell how much memory is free or used."""
_TRIAL = (1, 3)
"""Runs in the two trials, whose difference is what one more run takes."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was measured.

    Bytes of any fleet and of each of its runs on the longest batch there can be, None where the system does not tell;
    bytes that are free; and seconds that a token takes a run in training: so many, and more for every parameter.
    """

    fixed_bytes: int | None
    bytes_per_run: int | None
    free_bytes: int | None
    seconds_per_token: float
    seconds_per_parameter: float = 0.0

    def fleet_size(self, device: torch.device) -> int:
        """Most runs of a fleet."""
        most = _MOST[device.type]
        if self.fixed_bytes is None or self.bytes_per_run is None or self.free_bytes is None:
            return min(most, _UNKNOWN)
        room = int(self.free_bytes * _MARGIN) - self.fixed_bytes
        return max(1, min(most, room // max(1, self.bytes_per_run)))

    def fleet_bytes(self, size: int) -> int | None:
        """Bytes that a fleet of ``size`` takes beside the base."""
        if self.fixed_bytes is None or self.bytes_per_run is None:
            return None
        return self.fixed_bytes + size * self.bytes_per_run


def try_out(material: Material, runs: Mapping[str, TrainOptions]) -> Trial:
    """Train the largest run, alone and thrice beside itself, and the smallest, on the longest questions.

    One that trains all of the base's weights flies alone, and is tried only where all runs do.
    """
    model = material.base.model
    adapters = [run for run in runs.values() if run.method == "lora"]
    if not adapters:
        longest = max(runs.values(), key=lambda run: run.batch_size * run.max_length)
        free = free_bytes(material.device)
        alone = _steps(material, longest, 1)
        return Trial(0, alone.bytes, free, alone.seconds_per_token)
    # Length first: it is what the memory of a batch goes by.
    ordered = sorted(adapters, key=lambda run: (run.batch_size * run.max_length, run_parameters(run, model)))
    lightest, heaviest = min(adapters, key=lambda run: run_parameters(run, model)), ordered[-1]
    free = free_bytes(material.device)
    one, three, light = (
        _steps(material, run, size)
        for run, size in ((heaviest, _TRIAL[0]), (heaviest, _TRIAL[1]), (lightest, _TRIAL[1]))
    )
    more = run_parameters(heaviest, model) - run_parameters(lightest, model)
    slope = max(0.0, (three.seconds_per_token - light.seconds_per_token) / more) if more > 0 else 0.0
    seconds = max(0.0, three.seconds_per_token - slope * run_parameters(heaviest, model))
    if one.bytes is None or three.bytes is None:
        return Trial(None, None, free, seconds, slope)
    per_run = max(1, (three.bytes - one.bytes) // (_TRIAL[1] - _TRIAL[0]))
    return Trial(max(0, one.bytes - _TRIAL[0] * per_run), per_run, free, seconds, slope)


def training_seconds(material: Material, runs: Mapping[str, TrainOptions], trial: Trial) -> float:
    """How long training all runs takes, by what a token takes."""
    known: dict[tuple[object, ...], tuple[BatchSampler, int]] = {}
    total = 0.0
    for run in runs.values():
        key = (run.max_length, run.batch_size, run.gradient_accumulation, run.order, run.seed)
        if key not in known:
            batches = make_batches(material, run)
            micro_batches = (batch for step in range(batches.steps_per_epoch) for batch in batches.step(step))
            known[key] = batches, sum(len(batch.tokens) for batch in micro_batches)
        batches, tokens = known[key]
        parameters = run_parameters(run, material.base.model)
        epochs = last_step(run, batches) / batches.steps_per_epoch
        total += epochs * tokens * (trial.seconds_per_token + trial.seconds_per_parameter * parameters)
    return total


@dataclass(frozen=True, slots=True)
class _Steps:
    """Bytes at the most, None where the system does not tell, and seconds that a token takes each run."""

    bytes: int | None
    seconds_per_token: float


def _steps(material: Material, run: TrainOptions, size: int) -> _Steps:
    """Two steps of ``size`` times the same run, on the longest questions: the first for the memory, which it takes
    anew, the second for the time."""
    examples = sorted(material.examples(run.max_length)[0], key=lambda example: -example.length)
    with _peak(material.device) as peak:
        trainer = make_trainer(material, [run] * size, examples[: run.batch_size])
        trainer.step()
    _synchronize(material.device)
    began = time.perf_counter()
    result = trainer.step()
    _synchronize(material.device)
    return _Steps(peak.bytes, (time.perf_counter() - began) / (size * result.tokens))


def answering_seconds(material: Material, split: Split, options: EvaluateOptions, max_length: int) -> float:
    """How long one run takes to answer the questions of a split, by what the base takes for the first few."""
    few = min(8, len(split.dataset))
    trial = options.model_copy(update={"limit": few})
    subject = Subject(material.name, material.base.sha256, None, split, few)
    began = time.perf_counter()
    evaluate_fleet(material.base, material.tokenizer, None, [subject], [None], trial, max_length=max_length)
    questions = len(split.dataset) if options.limit is None else min(options.limit, len(split.dataset))
    return (time.perf_counter() - began) * questions / few


def free_bytes(device: torch.device) -> int | None:
    """How much memory is free for us; None where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = _proc_bytes(Path("/proc/meminfo"), "MemAvailable")
    # In a container, what its own limit leaves.
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())  # "max", no number, where there is none
        left = limit - int((group / "memory.current").read_text())
        found = left if found is None else min(found, left)
    return found


class _Peak:
    """``bytes`` is how much memory was taken at most, None where the system does not tell."""

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
    # What was freed before must go back to the system: memory that is used again would not be seen.
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status")
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts anew from here
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
