"""Section ``peft``: the same batches with ``transformers`` and ``peft``, one run after another."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import torch

from gpu_sections.ratios import compare
from gpu_sections.reference import peft_model
from gpu_sections.setting import LEARNING_RATE, Cases, Figures, PeakMemory, Setting, time_calls
from gpu_sections.texts import training_examples
from squadron.data.batches import BatchSampler
from squadron.data.trees import MicroBatch
from squadron.model.lora import LoraSpec
from squadron.training.precision import precision_name

SETTINGS = ("weights", "autocast")
"""How the base is in 16 bits: its weights are, or autocast converts them in every pass."""


def cases(setting: Setting) -> Cases:
    """Yield the settings of ``peft`` and the comparison of the faster one with the fleets."""
    name = precision_name(setting.dtype)
    for how in SETTINGS if setting.dtype != torch.float32 else SETTINGS[:1]:
        yield f"{name} {how}, 4 x 2", functools.partial(train, setting, how, batch=4, accumulation=2)
    yield f"{name} weights, 8 x 1", functools.partial(train, setting, "weights", batch=8, accumulation=1)
    yield "ratio", lambda: ratio(setting)


def train(setting: Setting, how: str, *, batch: int, accumulation: int) -> Figures:
    """Measure steps of one run: rank 4 on attention, padded batches, SDPA, fused AdamW, loss on the answer alone."""
    base = setting.model(torch.float32) if how == "autocast" else setting.model()
    model = peft_model(
        base,
        LoraSpec(rank=4),
        dtype=base.dtype,
        device=setting.device,
        attention="sdpa" if setting.is_cuda else "eager",
    )
    memory = PeakMemory(setting)
    trainable = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=LEARNING_RATE, weight_decay=0.01, fused=setting.is_cuda)
    scaler = torch.amp.GradScaler(setting.device.type, enabled=setting.dtype == torch.float16)
    converting: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    if how == "autocast":
        converting = functools.partial(torch.autocast, setting.device.type, dtype=setting.dtype)
    sizes = setting.sizes
    examples = training_examples(sizes.base.vocab_size, 400, longest=sizes.longest, scale=sizes.scale)
    sampler = BatchSampler(examples, batch_size=batch, accumulation=accumulation)
    number = 0

    def step() -> None:
        nonlocal number
        for micro in sampler.step(number):
            inputs = {name: value.to(setting.device, non_blocking=True) for name, value in padded(micro).items()}
            with converting():
                loss = model(**inputs).loss / accumulation
            scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        number += 1

    found = time_calls(setting, step, warmup=sizes.warmup, count=sizes.steps)
    return {**found, "peak_bytes": memory.read(), "trainable": sum(value.numel() for value in trainable)}


def padded(batch: MicroBatch) -> dict[str, torch.Tensor]:
    """Return a micro-batch as rows padded to the longest, with -100 where there is no target."""
    sequences, start = [], 0
    targets = dict(zip(batch.rows.tolist(), batch.labels.tolist(), strict=True))
    for context, branches in batch.shapes:
        trunk = range(start, start + context)
        start += context
        for branch in branches:
            path = [*trunk, *range(start, start + branch)]
            start += branch
            eos = targets[path[-1]]  # a target, but no token of the batch
            labels = [-100, *(targets.get(row, -100) for row in path)]
            sequences.append(([*batch.tokens[path].tolist(), eos], labels))
    longest = max(len(tokens) for tokens, _ in sequences)
    rows: dict[str, list[list[int]]] = {"input_ids": [], "labels": [], "attention_mask": []}
    for tokens, labels in sequences:
        blank = longest - len(tokens)
        rows["input_ids"].append(tokens + [0] * blank)
        rows["labels"].append(labels + [-100] * blank)
        rows["attention_mask"].append([1] * len(tokens) + [0] * blank)
    return {name: torch.tensor(values) for name, values in rows.items()}


def ratio(setting: Setting) -> Figures:
    """Compare runs one after another in ``peft``'s faster setting with the largest fleet and with the study."""
    found = compare(setting.record["sections"])
    if not found:
        raise RuntimeError("no setting of peft was measured")
    return found
