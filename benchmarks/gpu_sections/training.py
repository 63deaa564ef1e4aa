"""Sections ``train`` and ``study``: the time and memory of training steps, and of the study's 75 runs."""

from __future__ import annotations

import functools
import itertools
import statistics
import time
from collections.abc import Sequence

import torch

from gpu_sections.setting import (
    Cases,
    Figures,
    PeakMemory,
    Setting,
    make_trainer,
    measured_rate,
    same_specs,
    time_calls,
)
from squadron.data.batches import Order
from squadron.data.trees import MicroBatch
from squadron.model.config import GPT2Config
from squadron.model.lora import LoraSpec
from squadron.model.targets import describe_target
from squadron.training.precision import precision_name

STUDY_RATES = (7e-5, 1e-4, 2e-4, 5e-4, 1e-3)
STUDY_TARGETS = ("attention", "attention+mlp", "query-value+attention")
"""The rates and targets of configs/paper.yaml; its ranks are in the sizes."""


def train_cases(setting: Setting) -> Cases:
    """Yield the training steps to measure, the most telling ones first."""
    fleets = sorted(setting.sizes.fleets, reverse=True)
    middle = fleets[len(fleets) // 2]

    def case(size: int, order: Order = "question", **how: object) -> tuple[str, functools.partial[Figures]]:
        notes = [f"{name.replace('_', ' ')} {value}" for name, value in how.items()]
        name = ", ".join([f"{size} by {order}", *notes])
        return name, functools.partial(train, setting, size, order, **how)  # type: ignore[arg-type]

    for order in ("question", "paragraph"):
        yield from (case(size, order) for size in fleets)  # type: ignore[arg-type]
    yield from (case(size, dropout=0.1) for size in fleets)
    yield from (case(size, batches="4 x 2") for size in fleets)
    yield from (case(size, targets="attention+mlp") for size in fleets)
    yield case(middle, rank=setting.sizes.high_rank)
    yield from (case(size, "paragraph", dropout=0.1) for size in fleets)
    formats = ("bf16", "fp16", "fp32") if setting.is_cuda else ("fp32",)
    yield from (case(middle, precision=name) for name in formats if name != precision_name(setting.dtype))


def train(
    setting: Setting,
    size: int,
    order: Order,
    *,
    dropout: float = 0.0,
    batches: str = "8 x 1",
    targets: str = "attention",
    rank: int = 4,
    precision: str | None = None,
) -> Figures:
    """Measure training steps of 8 questions: drawn one by one, or as 2 paragraphs of 4.

    ``flops`` counts the products of the tokens that are really processed; ``share`` is what they alone would take at
    the measured rate, as a share of the step. ``peak_bytes`` is memory over the base.
    """
    dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    dtype = dtypes[precision] if precision else setting.dtype
    setting.model(dtype)
    memory = PeakMemory(setting)
    batch, accumulation = map(int, batches.split(" x "))
    specs = same_specs(size, rank=rank, targets=targets, dropout=dropout)
    trainer = make_trainer(
        setting,
        specs,
        order=order,
        batch=batch,
        accumulation=accumulation,
        dtype=dtype,
        questions=4 if order == "paragraph" else None,
    )
    tokens = []
    found = time_calls(
        setting,
        lambda: tokens.append(trainer.step().tokens),
        warmup=setting.sizes.warmup,
        count=setting.sizes.steps,
        seconds=8.0,
    )
    timed = range(len(tokens) - found["calls"], len(tokens))
    flops = [step_flops(setting.sizes.base, specs, trainer.batches.step(step)) for step in timed]
    rate = measured_rate(setting, dtype)
    return {
        **found,
        "adapters": size,
        "precision": precision_name(dtype),
        "tokens": statistics.fmean(tokens[-found["calls"] :]),
        "flops": statistics.fmean(flops),
        "share": 1e3 * statistics.median(flops) / rate / found["ms"] if rate else None,
        "peak_bytes": memory.read(),
        "stopped": dict(trainer.stopped),
    }


def step_flops(config: GPT2Config, specs: Sequence[LoraSpec], micro_batches: Sequence[MicroBatch]) -> float:
    """Count the floating-point operations of a step's products: base, attention, adapters and logits, forward and back.

    The base is frozen, so its backward pass multiplies once, not twice. All adapters read the same tokens, so the first
    layer's first product is made once. The last layer computes only what rows with a target need. Padded ranks, masks
    and element-wise work are not counted.
    """
    width, inner, layers, size = config.n_embd, config.n_inner, config.n_layer, len(specs)
    rest = width * width + 2 * width * inner  # attention output and MLP
    total = 0.0
    for batch in micro_batches:
        tokens, rows = len(batch.tokens), len(batch.rows)
        whole = (layers - 1) * tokens * (3 * width * width + rest)
        last = tokens * 2 * width * width + rows * (width * width + rest)
        total += 2 * 2 * size * (whole + last)
        total -= 2 * (2 * size - 1) * tokens * 3 * width * width  # of the first layer, only one forward product is made
        pairs = sum(
            context * (context + 1) // 2 + sum(branch * context + branch * (branch + 1) // 2 for branch in branches)
            for context, branches in batch.shapes
        )
        pairs_of_rows = int(batch.positions[batch.rows].sum()) + rows
        total += 3 * 4 * size * width * ((layers - 1) * pairs + pairs_of_rows)
        total += 2 * 2 * size * rows * width * config.vocab_size
        for spec in specs:
            for name in spec.targets:
                target = describe_target(config, name)
                seen = (layers - 1) * tokens + (tokens if target.site == "attn.c_attn" else rows)
                total += 3 * 2 * seen * target.parameters(spec.rank)
    return total


def study_cases(setting: Setting) -> Cases:
    """Yield the fleets of the study, those of the largest ranks first, and their sum."""
    for number, runs in enumerate(study_fleets(setting)):
        yield f"fleet {number + 1}", functools.partial(study_fleet, setting, runs)
    yield "all runs", lambda: study_total(setting)


def study_fleets(setting: Setting) -> list[list[tuple[int, float, str]]]:
    """Return the rank, rate and targets of the study's runs: a fleet for each set of targets, by rank.

    A sweep plans fleets as large as the memory allows, which may be larger.
    """
    grid = itertools.product(STUDY_TARGETS, setting.sizes.ranks, STUDY_RATES)
    size = len(setting.sizes.ranks) * len(STUDY_RATES)
    runs = [(rank, rate, targets) for targets, rank, rate in grid]
    return [runs[start : start + size] for start in range(0, len(runs), size)]


def study_fleet(setting: Setting, runs: Sequence[tuple[int, float, str]]) -> Figures:
    """Train a fleet of the study's runs in batches of 4 x 2, with at most 256 tokens a question.

    Unless the full study is asked for, ``seconds`` is extrapolated from the mean of the first steps, in which kernels
    are compiled and steps recorded.
    """
    sizes = setting.sizes
    specs = [LoraSpec(rank=rank, targets=(targets,), seed=0) for rank, _, targets in runs]
    setting.model()
    memory = PeakMemory(setting)
    trainer = make_trainer(
        setting,
        specs,
        batch=4,
        accumulation=2,
        longest=sizes.study_longest,
        count=sizes.study_questions,
        rates=[rate for _, rate, _ in runs],
    )
    steps = trainer.batches.steps_per_epoch * sizes.study_epochs
    ranks = [rank for rank, _, _ in runs]
    found: Figures = {"runs": len(specs), "ranks": [min(ranks), max(ranks)], "steps": steps}
    found["extrapolated"] = not setting.full_study
    count = steps if setting.full_study else min(steps, sizes.study_steps)
    setting.synchronize()
    began = time.perf_counter()
    losses = [trainer.step().losses for _ in range(count)]
    setting.synchronize()
    mean = (time.perf_counter() - began) / count
    found |= {"calls": count, "mean_ms": 1e3 * mean, "seconds": mean * steps}
    found |= {"first_loss": statistics.fmean(losses[0]), "last_loss": statistics.fmean(losses[-1])}
    return {**found, "peak_bytes": memory.read(), "stopped": dict(trainer.stopped)}


def study_total(setting: Setting) -> Figures:
    """Add up the fleets of the study."""
    done = setting.record["sections"]["study"]
    fleets = [done.get(f"fleet {number + 1}", {}) for number in range(len(study_fleets(setting)))]
    missing = [number + 1 for number, fleet in enumerate(fleets) if "seconds" not in fleet]
    if missing:
        raise RuntimeError(f"the fleets {missing} were not measured")
    return {
        "runs": sum(fleet["runs"] for fleet in fleets),
        "seconds": sum(fleet["seconds"] for fleet in fleets),
        "extrapolated": not setting.full_study,
    }
