"""``squadron bench train``: Squadron and its peers on the same batches, in turn, each in its own process."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from squadron.bench.plan import plan_training
from squadron.bench.processes import run_worker
from squadron.errors import ConfigError, option
from squadron.experiments.environment import describe_environment
from squadron.experiments.pocket import base_location
from squadron.extras import require_extra
from squadron.model.targets import resolve_targets
from squadron.options.bench import BenchTrainOptions
from squadron.tracking.progress import Reporter
from squadron.training.precision import resolve_device

SIDES = ("squadron", "transformers+peft", "trl")
WARMUP_STEPS = 2
_LIBRARIES = {"transformers+peft": ("transformers", "peft"), "trl": ("trl", "transformers", "peft")}
"""The libraries of each peer."""


def bench_training(options: BenchTrainOptions, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Run all sides in turn and compare them. Rates are medians over rounds; losses are compared step by step."""
    reporter = reporter or Reporter()
    unknown = set(options.sides) - set(SIDES)
    if unknown:
        raise ConfigError(f"{option('sides', sorted(unknown)[0])}: unknown; sides are {', '.join(SIDES)}")
    for side in options.sides:
        require_extra(f"bench train, {side}", "bench", *_LIBRARIES.get(side, ()))
    device = resolve_device(options.device)
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in options.sides}
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_training(
            Path(folder),
            base=base_location(options.base),
            data=options.data,
            order=options.order,
            steps=options.steps,
            batch_size=options.batch_size,
            max_length=options.max_length,
            rank=options.rank,
            targets=resolve_targets(options.target_modules),
            precision=options.precision,
            device=str(device),
            seed=options.seed,
            offline=options.offline,
        )
        path = Path(folder) / "plan.json"
        plan.write(path)
        reporter.start("benchmark", options.rounds * len(options.sides), "run")
        for number in range(options.rounds):
            for side in options.sides:
                found[side].append(run_worker("train", side, path))
                reporter.reach(sum(map(len, found.values())))
                rate = _rate(found[side][-1:], plan.batch_sizes)
                reporter.note(f"round {number + 1}, {side}: {rate:.2f} examples/s")
        reporter.finish()
    sides = {side: _summary(runs, plan.batch_sizes) for side, runs in found.items()}
    record: dict[str, Any] = {
        "options": options.model_dump(mode="json", exclude={"offline"}),
        "precision": plan.precision,
        "environment": describe_environment(device),
        "sides": sides,
    }
    peers = {side: figures for side, figures in sides.items() if side != "squadron"}
    if peers and "squadron" in sides:
        record.update(_comparison(sides["squadron"], peers, {side: runs[0]["losses"] for side, runs in found.items()}))
    return record


def _rate(runs: list[dict[str, Any]], batch_sizes: Sequence[int]) -> float:
    """Return examples per second over all timed steps, the median over rounds."""
    examples = sum(batch_sizes[WARMUP_STEPS:])
    return float(statistics.median(examples / sum(run["seconds"][WARMUP_STEPS:]) for run in runs))


def _summary(runs: list[dict[str, Any]], batch_sizes: Sequence[int]) -> dict[str, Any]:
    rate = _rate(runs, batch_sizes)
    batch_size = statistics.fmean(batch_sizes[WARMUP_STEPS:])
    tokens = statistics.fmean(runs[0]["tokens"][WARMUP_STEPS:])
    record: dict[str, Any] = {
        "examples_per_second": rate,
        "tokens_per_second": rate / batch_size * tokens,
        "peak_memory_bytes": round(statistics.median(run["peak_memory_bytes"] for run in runs)),
        "rounds": [_rate([run], batch_sizes) for run in runs],
    }
    if "matrix_product_seconds" in runs[0]:
        ideal = statistics.median(run["matrix_product_seconds"] for run in runs)
        record["matrix_product_share"] = ideal * rate / batch_size
    return record


def _comparison(
    ours: dict[str, Any], peers: dict[str, dict[str, Any]], losses: dict[str, list[float]]
) -> dict[str, Any]:
    fastest = max(peers, key=lambda side: peers[side]["examples_per_second"])
    mine = losses["squadron"]
    return {
        "fastest_peer": fastest,
        "ratio": ours["examples_per_second"] / peers[fastest]["examples_per_second"],
        "memory_share": ours["peak_memory_bytes"] / peers[fastest]["peak_memory_bytes"],
        "largest_loss_difference": {
            side: max(abs(a - b) for a, b in zip(mine, losses[side], strict=True)) for side in peers
        },
    }
