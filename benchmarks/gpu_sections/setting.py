"""What all sections share: device, sizes, models, trainers, and how time and memory are measured."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from gpu_sections.texts import training_examples
from squadron.data.batches import BatchSampler, Order
from squadron.model.checkpoint import random_model
from squadron.model.config import GPT2Config, Precision
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec
from squadron.randomness import derive_seed
from squadron.training.precision import precision_name, resolve_precision
from squadron.training.steps import FleetTrainer

Figures = dict[str, Any]
"""The result of a case, as JSON values."""
Case = tuple[str, Callable[[], Figures]]
Cases = Iterator[Case]
LEARNING_RATE = 2e-4
_FIRST_CALLS = 5


@dataclass(frozen=True)
class Sizes:
    """How large everything is: of a real measurement, or of a check that all code runs."""

    base: GPT2Config
    laws: GPT2Config
    learnable: GPT2Config
    learnable_steps: int
    scale: float
    """Factor of all text lengths."""
    law_scale: float
    longest: int
    study_longest: int
    fleets: tuple[int, ...]
    ranks: tuple[int, ...]
    high_rank: int
    warmup: int
    steps: int
    study_steps: int
    study_questions: int
    study_epochs: int
    paragraphs: int
    questions: int
    new_tokens: int
    law_prompts: int
    matrix: int
    product_rows: int
    copy_bytes: int


FULL = Sizes(
    base=GPT2Config(),
    laws=GPT2Config(n_layer=3),
    learnable=GPT2Config(vocab_size=512, n_positions=128, n_embd=128, n_layer=2, n_head=2, n_inner=512),
    learnable_steps=80,
    scale=1.0,
    law_scale=0.4,
    longest=1024,
    study_longest=256,
    fleets=(1, 15, 75),
    ranks=(4, 8, 16, 32, 64),
    high_rank=64,
    warmup=150,
    steps=20,
    study_steps=250,
    study_questions=2000,
    study_epochs=5,
    paragraphs=200,
    questions=5,
    new_tokens=32,
    law_prompts=24,
    matrix=8192,
    product_rows=111_600,
    copy_bytes=1 << 30,
)
_SMALL = GPT2Config(vocab_size=211, n_positions=160, n_embd=32, n_layer=2, n_head=2, n_inner=48)
TINY = Sizes(
    base=_SMALL,
    laws=_SMALL,
    learnable=GPT2Config(vocab_size=64, n_positions=64, n_embd=64, n_layer=1, n_head=2, n_inner=128),
    learnable_steps=60,
    scale=0.1,
    law_scale=0.1,
    longest=128,
    study_longest=32,
    fleets=(1, 2),
    ranks=(2, 3),
    high_rank=8,
    warmup=1,
    steps=2,
    study_steps=2,
    study_questions=24,
    study_epochs=1,
    paragraphs=3,
    questions=2,
    new_tokens=3,
    law_prompts=2,
    matrix=64,
    product_rows=64,
    copy_bytes=1 << 16,
)


@dataclass
class Setting:
    """The device and sizes of a run, and when it has to end. ``record`` has the figures found so far."""

    device: torch.device
    sizes: Sizes
    precision: Precision = "auto"
    full_study: bool = False
    deadline: float = float("inf")
    record: Figures = field(default_factory=dict)
    log: Callable[[str], None] = print
    write: Callable[[str, bytes], None] | None = None
    """Writes a further file of the results."""
    _base: GPT2 | None = None
    _placed: dict[torch.dtype, GPT2] = field(default_factory=dict)

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the main measurements: bf16 where the card has it, else fp16."""
        return resolve_precision(self.precision, self.device, width=self.sizes.base.n_embd)

    @property
    def is_cuda(self) -> bool:
        """True on a real GPU: there are events, a profiler and a count of memory."""
        return self.device.type == "cuda"

    def seconds_left(self) -> float:
        """Return the seconds until the run has to end."""
        return self.deadline - time.monotonic()

    def model(self, dtype: torch.dtype | None = None) -> GPT2:
        """Return the base of GPT-2's shape with seeded random weights on the device; one format is kept at a time."""
        dtype = dtype or self.dtype
        if dtype not in self._placed:
            self._placed.clear()
            self._base = self._base or random_model(self.sizes.base, seed=0)
            self._placed[dtype] = placed(self._base, self.device, dtype)
        return self._placed[dtype]

    def free(self) -> None:
        """Give memory that nothing holds any more back to the device."""
        if self.is_cuda:
            gc.collect()
            torch.cuda.empty_cache()

    def synchronize(self) -> None:
        """Wait until the device has done all its work."""
        if self.is_cuda:
            torch.cuda.synchronize(self.device)


def placed(model: GPT2, device: torch.device, dtype: torch.dtype) -> GPT2:
    """Return a frozen copy of ``model`` on ``device`` in ``dtype``."""
    with torch.device("meta"):
        own = GPT2(model.config)
    own = own.to(dtype).to_empty(device=device)
    with torch.no_grad():
        for target, value in zip(own.parameters(), model.parameters(), strict=True):
            target.copy_(value)
    return own.requires_grad_(False).eval()


def shaken_model(config: GPT2Config, *, seed: int, size: float) -> GPT2:
    """Return a random base on the CPU whose biases and LayerNorms are random too: zeros and ones hide mistakes."""
    model = random_model(config, seed=seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            generator = torch.Generator().manual_seed(derive_seed(seed, "shake", name))
            value.add_(torch.randn(value.shape, generator=generator) * size)
    return model.requires_grad_(False).eval()


def make_trainer(
    setting: Setting,
    specs: Sequence[LoraSpec],
    *,
    order: Order = "question",
    batch: int = 8,
    accumulation: int = 1,
    dtype: torch.dtype | None = None,
    questions: int | None = None,
    longest: int | None = None,
    count: int = 400,
    rates: Sequence[float] | None = None,
) -> FleetTrainer:
    """Return a trainer of a fresh fleet on the base of GPT-2's shape."""
    sizes, model = setting.sizes, setting.model(dtype)
    examples = training_examples(
        sizes.base.vocab_size, count, questions=questions, longest=longest or sizes.longest, scale=sizes.scale
    )
    batches = BatchSampler(examples, batch_size=batch, accumulation=accumulation, order=order)
    fleet = Fleet(sizes.base, specs, device=setting.device)
    return FleetTrainer(
        model, fleet, batches, learning_rates=rates or [LEARNING_RATE] * len(specs), total_steps=100_000
    )


def same_specs(size: int, *, rank: int = 4, targets: str = "attention", dropout: float = 0.0) -> list[LoraSpec]:
    """Return adapters of one shape, each with its own seed."""
    return [LoraSpec(rank=rank, targets=(targets,), dropout=dropout, seed=k) for k in range(size)]


def time_calls(
    setting: Setting, call: Callable[[], object], *, warmup: int, count: int, seconds: float = 12.0
) -> Figures:
    """Time ``call``: the device is idle before and after each call. Figures are in milliseconds.

    ``ms`` is the median, ``stream_ms`` that of the time between two events of the device around the call (it includes
    the device's waiting for the host). Warming up takes at most half of ``seconds``, but the first calls do not count
    in that: kernels are compiled, and short steps recorded for each length of batch, which a real run does once too.
    After ``seconds``, no more calls are made than the least that give a median.
    """
    began = time.monotonic()
    for number in range(warmup):
        if number >= _FIRST_CALLS and time.monotonic() - began > seconds / 2:
            break
        call()
        if number + 1 == _FIRST_CALLS:
            began = time.monotonic()
    setting.synchronize()
    began, wall, stream = time.monotonic(), [], []
    for number in range(count):
        if number >= 2 and time.monotonic() - began > seconds:
            break
        events = [torch.cuda.Event(enable_timing=True) for _ in range(2)] if setting.is_cuda else []
        start = time.perf_counter()
        if events:
            events[0].record()
        call()
        if events:
            events[1].record()
        setting.synchronize()
        wall.append(1e3 * (time.perf_counter() - start))
        if events:
            stream.append(events[0].elapsed_time(events[1]))
    return {
        "calls": len(wall),
        "ms": statistics.median(wall),
        "mean_ms": statistics.fmean(wall),
        "longest_ms": max(wall),
        "stream_ms": statistics.median(stream) if stream else None,
    }


class PeakMemory:
    """The most memory in use since this was made, over what was in use then, in bytes; None where it is not counted."""

    def __init__(self, setting: Setting) -> None:
        setting.free()
        self._setting = setting
        if setting.is_cuda:
            torch.cuda.reset_peak_memory_stats(setting.device)
            self._before = torch.cuda.memory_allocated(setting.device)

    def read(self) -> int | None:
        """Return the peak so far."""
        if not self._setting.is_cuda:
            return None
        return torch.cuda.max_memory_allocated(self._setting.device) - self._before


def measured_rate(setting: Setting, dtype: torch.dtype) -> float | None:
    """Return the rate of large matrix products that the section ``machine`` measured, FLOP/s; None if it has not."""
    cases = setting.record.get("sections", {}).get("machine", {})
    rate = cases.get(f"products, {precision_name(dtype)}", {}).get("flops_per_second")
    return float(rate) if rate else None
