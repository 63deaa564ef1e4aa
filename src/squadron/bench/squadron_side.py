"""Squadron's side of the training benchmark, and the time of its matrix products alone."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from squadron.bench.plan import LEARNING_RATE, TrainPlan
from squadron.data.batches import SequentialSampler
from squadron.model.adapters import CONFIG, load_adapter
from squadron.model.checkpoint import load_base
from squadron.model.config import GPT2Config
from squadron.model.fleet import Fleet
from squadron.model.kernels import input_gradient, linear
from squadron.model.lora import LoraSpec
from squadron.training.precision import dtype_rule, resolve_device
from squadron.training.steps import FleetTrainer


def train_squadron(plan: TrainPlan, *, fleet_size: int = 1) -> dict[str, Any]:
    """Train on the plan's batches. Return the seconds, loss and processed tokens of every step."""
    device = resolve_device(plan.device)
    base = load_base(plan.base, dtype=dtype_rule(plan.precision, device), device=device)
    start = load_adapter(Path(plan.adapter), base.model.config)
    fleet = fleet_like(base.model.config, Path(plan.adapter), fleet_size, device)
    for k in range(fleet_size):
        for name, (a, b) in start.layers.items():
            fleet.sites[name].a.data[k, : a.shape[0]] = a
            fleet.sites[name].b.data[k, : a.shape[0]] = b.T
    batches = SequentialSampler(plan.examples, sizes=plan.batch_sizes)
    steps = batches.steps_per_epoch
    trainer = FleetTrainer(base.model, fleet, batches, learning_rates=[LEARNING_RATE] * fleet_size, total_steps=steps)
    seconds, losses, tokens, targets = [], [], [], []
    for step in range(steps):
        began = time.perf_counter()
        result = trainer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - began)
        losses.append(result.losses[0])
        tokens.append(result.tokens)
        targets.append(sum(len(batch.rows) for batch in batches.step(step)))
    rows, logits = round(statistics.fmean(tokens)), round(statistics.fmean(targets))
    ideal = matrix_product_seconds(base.model.config, fleet_size * rows, fleet_size * logits, base.model.dtype, device)
    return {"seconds": seconds, "losses": losses, "tokens": tokens, "matrix_product_seconds": ideal}


def fleet_like(config: GPT2Config, adapter: Path, size: int, device: torch.device) -> Fleet:
    """Return a fleet of ``size`` adapters with the shape of a saved one."""
    settings = json.loads((adapter / CONFIG).read_text())
    spec = LoraSpec(rank=settings["r"], alpha=settings["lora_alpha"], targets=tuple(settings["target_modules"]))
    return Fleet(config, [spec] * size, device=device)


def matrix_product_seconds(
    config: GPT2Config, tokens: int, rows: int, dtype: torch.dtype, device: torch.device
) -> float:
    """Measure the seconds that the base's matrix products of one step take, forward and backward to the inputs.

    ``tokens`` pass through every block; the last block's query, output and MLP, and the logits, are computed for
    ``rows`` tokens only. Each product's time is the median of five. LoRA, attention and element-wise work are left out.
    """
    width, inner = config.n_embd, config.n_inner
    full = [(3 * width, width), (width, width), (inner, width), (width, inner)]
    total = 0.0
    for n_out, n_in in full:
        total += (config.n_layer - 1) * _pair_seconds(tokens, n_in, n_out, dtype, device)
    total += _pair_seconds(tokens, width, 2 * width, dtype, device)
    for n_out, n_in in [(width, width), (width, width), (inner, width), (width, inner), (config.vocab_size, width)]:
        total += _pair_seconds(rows, n_in, n_out, dtype, device)
    return total


def _pair_seconds(rows: int, n_in: int, n_out: int, dtype: torch.dtype, device: torch.device) -> float:
    """Measure the seconds of ``x @ W.T`` and ``dy @ W``."""
    x = torch.randn(rows, n_in, device=device).to(dtype)
    weight = torch.randn(n_out, n_in, device=device).to(dtype)
    dy = torch.randn(rows, n_out, device=device).to(dtype)

    def once() -> float:
        began = time.perf_counter()
        linear(x, weight)
        input_gradient(dy, weight)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    once()
    return statistics.median(once() for _ in range(5))
