"""``squadron bench scale``: time and memory of a training step by fleet size, rank, length, base and method, varied one
at a time.

Weights and tokens are random: the costs do not depend on their values, so no checkpoint or data is needed. A step is
one context tree, as in training by paragraph. Every point runs in its own process, so that its memory can be measured.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from squadron.bench.plan import LEARNING_RATE
from squadron.bench.processes import run_worker
from squadron.data.batches import SequentialSampler
from squadron.data.encoding import Branch, Example
from squadron.errors import ConfigError, SquadronError, command_line_text, option
from squadron.experiments.doctor import memory_bytes
from squadron.experiments.environment import describe_environment
from squadron.files import write_json
from squadron.model.config import SIZES, GPT2Config, Precision
from squadron.model.fleet import Fleet
from squadron.model.full import FullWeights
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec
from squadron.model.trainable import Trainable
from squadron.options.bench import BenchScaleOptions
from squadron.options.core import Method
from squadron.randomness import numpy_generator
from squadron.tracking.progress import Reporter
from squadron.training.precision import precision_name, resolve_device, resolve_precision
from squadron.training.steps import FleetTrainer

QUESTION, ANSWER = 11, 5
"""Tokens of a branch: about SQuAD's means, including the prompt's words and EOS."""
BRANCH = QUESTION + ANSWER - 1
"""Tokens of a branch that are computed: all but EOS."""
_ROOM = 0.85
"""The share of this machine's memory that a point may use."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the benchmark: everything that the cost of a training step depends on."""

    fleet_size: int
    rank: int
    length: int
    size: str
    method: Method
    questions: int
    steps: int
    precision: Precision
    device: str
    seed: int

    def measure(self, config: GPT2Config | None = None) -> dict[str, Any]:
        """Train, and return the median seconds of a step after the first. ``config`` overrides ``size``."""
        config = config or SIZES[self.size]
        device = resolve_device(self.device)
        dtype = resolve_precision(self.precision, device, width=config.n_embd)
        examples = self._examples(config)
        batches = SequentialSampler(examples, sizes=[self.questions] * (len(examples) // self.questions))
        model = _model(config, torch.float32 if self.method == "full" else dtype, device)
        if self.method == "full":
            fleet: Trainable = FullWeights(model, dtype)
        else:
            specs = [LoraSpec(rank=self.rank, seed=self.seed + k) for k in range(self.fleet_size)]
            fleet = Fleet(config, specs, device=device)
        trainer = FleetTrainer(
            model, fleet, batches, learning_rates=[LEARNING_RATE] * fleet.size, total_steps=self.steps
        )
        seconds = []
        for _ in range(self.steps):
            began = time.perf_counter()
            result = trainer.step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds.append(time.perf_counter() - began)
            assert result.tokens == self.length, (result.tokens, self.length)
        return {"seconds": statistics.median(seconds[1:])}

    def _examples(self, config: GPT2Config) -> list[Example]:
        """Return a paragraph of exactly ``length`` tokens for every step."""
        draw = numpy_generator(self.seed, "bench", "scale")

        def ids(count: int) -> tuple[int, ...]:
            return tuple(draw.integers(1, config.vocab_size, count).tolist())

        found = []
        for step in range(self.steps):
            context = ids(self.length - self.questions * BRANCH)
            for number in range(self.questions):
                question = (number, *ids(QUESTION - 1))  # no two begin alike, so that none share a token
                branch = Branch(f"{step}.{number}", question, ids(ANSWER))
                found.append(Example(step, context, branch))
        return found


def bench_scaling(options: BenchScaleOptions, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Measure every point once. A point that would not fit in memory, or fails, has a ``reason`` instead of figures.

    Raises :class:`ConfigError` for an unknown size, an impossible length or a fleet with full fine-tuning.
    """
    reporter = reporter or Reporter()
    device = resolve_device(options.device)
    _check(options)
    width = min(SIZES[size].n_embd for size in options.sizes)  # one format for all points: only one thing varies
    precision = precision_name(resolve_precision(options.precision, device, width=width))
    axes: dict[str, Sequence[Any]] = {
        "fleet_size": sorted(options.fleet_sizes),
        "rank": sorted(options.ranks),
        "length": sorted(options.lengths),
        "size": options.sizes,
        "method": options.methods,
    }
    held: dict[str, Any] = {
        "fleet_size": options.fleet_sizes[0],
        "rank": options.ranks[0],
        "length": options.lengths[0],
        "size": options.sizes[0],
        "method": options.methods[0],
    }
    common = Point(
        **held,
        questions=options.questions,
        steps=options.steps,
        precision=precision,
        device=str(device),
        seed=options.seed,
    )
    points = {(axis, value): replace(common, **{axis: value}) for axis, values in axes.items() for value in values}
    found: dict[Point, dict[str, Any]] = {}
    reporter.start("benchmark", len(set(points.values())), "point")
    try:
        for (axis, value), point in points.items():
            if point not in found:
                found[point] = _measure(point, found, device)
                reporter.reach(len(found))
                reporter.note(f"{axis} {value}: {_summary(found[point])}")
    finally:
        reporter.finish()
    return {
        "options": options.model_dump(mode="json", exclude={"offline"}),
        "precision": precision,
        "environment": describe_environment(device),
        "held": held,
        "axes": {
            axis: [{"value": value, **found[points[axis, value]]} for value in values] for axis, values in axes.items()
        },
    }


def _check(options: BenchScaleOptions) -> None:
    for size in options.sizes:
        if size not in SIZES:
            raise ConfigError(f"{option('sizes', size)}: unknown; sizes are {', '.join(SIZES)}")
    least, most = options.questions * BRANCH + 1, SIZES["gpt2"].n_positions
    for length in options.lengths:
        if not least <= length <= most:
            raise ConfigError(
                f"{option('lengths', length)}: from {least} ({options.questions} questions) to {most} are possible"
            )
    if options.methods[0] == "full" and max(options.fleet_sizes) > 1:
        raise ConfigError(
            f"{option('methods', 'full')}: comes first and trains one base; "
            f"put lora first, or {option('fleet_sizes', 1)}"
        )
    if options.fleet_sizes[0] > 1 and "full" in options.methods:
        raise ConfigError(
            f"{option('fleet_sizes', options.fleet_sizes[0])}: comes first, and full trains one base; put 1 first"
        )


def _measure(point: Point, found: dict[Point, dict[str, Any]], device: torch.device) -> dict[str, Any]:
    """Measure one point in its own process. Return its figures, or the reason why there are none."""
    available, expected = memory_bytes(device), _expected_bytes(point, found)
    if available and expected > _ROOM * available:
        return {
            "reason": f"it would need about {expected / 2**30:.0f} GiB; this machine has {available / 2**30:.0f} GiB"
        }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        write_json(path, asdict(point))
        try:
            record = run_worker("scale", "squadron", path)
        except SquadronError as problem:
            return {"reason": command_line_text(problem)}
    rate = point.fleet_size / record["seconds"]
    return {
        "seconds": record["seconds"],
        "examples_per_second": rate * point.questions,
        "tokens_per_second": rate * point.length,
        "peak_memory_bytes": record["peak_memory_bytes"],
    }


def _expected_bytes(point: Point, found: dict[Point, dict[str, Any]]) -> float:
    """Extrapolate the memory of a larger fleet linearly from the two largest measured ones; 0 if there are fewer."""
    known = sorted(
        (other.fleet_size, figures["peak_memory_bytes"])
        for other, figures in found.items()
        if replace(other, fleet_size=point.fleet_size) == point and "reason" not in figures
    )
    if len(known) < 2:
        return 0.0
    (first, low), (second, high) = known[-2:]
    return float(high + (high - low) / (second - first) * (point.fleet_size - second))


def _summary(figures: dict[str, Any]) -> str:
    if "reason" in figures:
        return str(figures["reason"])
    return f"{figures['seconds']:.2f} s per step, {figures['peak_memory_bytes'] / 2**20:,.0f} MiB"


@torch.no_grad()
def _model(config: GPT2Config, dtype: torch.dtype, device: torch.device) -> GPT2:
    """Make a frozen random model directly in ``dtype``, so that building it does not set the peak of memory."""
    with torch.device("meta"):
        model = GPT2(config)
    model = model.cast(dtype, device).allocate(device).requires_grad_(False)
    for parameter in model.parameters():
        parameter.normal_(0, 0.02)
    return model
