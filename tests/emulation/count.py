"""Count what one training step of GPT-2's real shape does on the emulated device, by source line.

Run it from the project's root::

    .venv/bin/python -m tests.emulation.count K question|paragraph [--dropout P] [--targets NAME ...] [--rank R]
                                              [--micro-batches N] [--lines N]

A step has 8 questions, 186 tokens each on average by question. Numbers of floating point are not computed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from squadron.data.batches import BatchSampler
from squadron.data.encoding import Branch, Example
from squadron.model.config import GPT2Config
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.gpu.attention import Way
from squadron.model.lora import LoraSpec
from squadron.training.steps import FleetTrainer

from .counts import Counts
from .device import DEVICE, emulated_device

Order = Literal["question", "paragraph"]
CONTEXTS = {"question": (120, 135, 150, 160, 172, 180, 195, 216), "paragraph": (150, 190)}
"""The lengths of a step's contexts, in tokens: one question each, or four."""
QUESTION, ANSWER = 15, 5
"""The tokens of each question and answer."""


@dataclass(frozen=True)
class Counted:
    """The counts of one step, and the bytes of the base, and of the fleet with its optimizer."""

    counts: Counts
    tokens: int
    base: int
    fixed: int

    @property
    def peak(self) -> int:
        """The peak bytes of the step over the base."""
        return self.counts.memory.peak - self.base


def study_examples(order: Order) -> list[Example]:
    """Return the 8 questions of a step, of random tokens of GPT-2's vocabulary."""
    generator = np.random.default_rng(0)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(int(token) for token in generator.integers(1, GPT2Config().vocab_size, count))

    lengths = CONTEXTS[order]
    return [
        Example(number, context, Branch(f"{number}.{question}", ids(QUESTION), ids(ANSWER)))
        for number, context in enumerate(ids(length) for length in lengths)
        for question in range(8 // len(lengths))
    ]


def count_step(
    size: int,
    order: Order,
    *,
    dropout: float = 0.0,
    targets: Sequence[str] = ("attention",),
    rank: int = 4,
    micro_batches: int = 1,
    dtype: torch.dtype = torch.bfloat16,
    checkpoint_activations: bool = False,
    way: Way | None = None,
    memory_bytes: int | None = None,
) -> Counted:
    """Count one training step of ``size`` adapters, the second one: what is made once is made before it."""
    config = GPT2Config()
    with emulated_device(shapes_only=True) as counts:
        with torch.device("meta"):
            model = GPT2(config)
        model = model.to(dtype).to_empty(device=DEVICE).requires_grad_(False)
        base = counts.memory.live
        specs = [LoraSpec(rank=rank, seed=k, dropout=dropout, targets=tuple(targets)) for k in range(size)]
        with mock.patch.object(Fleet, "_initialize"):  # shapes have no numbers to start from
            fleet = Fleet(config, specs, device=DEVICE)
        batches = BatchSampler(
            study_examples(order), batch_size=8 // micro_batches, accumulation=micro_batches, order="paragraph"
        )
        trainer = FleetTrainer(
            model,
            fleet,
            batches,
            learning_rates=[1e-3] * size,
            total_steps=9,
            checkpoint_activations=checkpoint_activations,
            way=way,
            memory_bytes=memory_bytes,
        )
        trainer.step()
        counts.reset()
        fixed = counts.memory.live - base
        result = trainer.step()
    return Counted(counts, result.tokens, base, fixed)


def main() -> None:
    """Print the counts of one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapters", type=int)
    parser.add_argument("order", choices=list(CONTEXTS))
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--targets", nargs="+", default=["attention"])
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--micro-batches", type=int, choices=(1, 2, 4, 8), default=1)
    parser.add_argument("--checkpoint-activations", action="store_true")
    parser.add_argument("--way", choices=("fused", "gathered"), default="fused")
    parser.add_argument("--lines", type=int, default=25, help="lines of each table")
    asked = parser.parse_args()
    began = time.process_time()
    torch.set_num_threads(1)
    found = count_step(
        asked.adapters,
        asked.order,
        dropout=asked.dropout,
        targets=asked.targets,
        rank=asked.rank,
        micro_batches=asked.micro_batches,
        checkpoint_activations=asked.checkpoint_activations,
        way=asked.way,
    )
    counts = found.counts
    print(
        f"K={asked.adapters} by {asked.order}, dropout {asked.dropout}: {found.tokens} tokens\n"
        f"  {counts.operations} operations, {counts.moved / 1e9:.2f} GB moved\n"
        f"  {counts.syncs} syncs: {counts.total('read')} reads, {counts.total('upload')} blocking uploads; "
        f"asynchronous: {counts.total('asynchronous upload')} uploads, {counts.total('asynchronous read')} reads\n"
        f"  peak {found.peak / 1e6:.0f} MB over the base, {found.fixed / 1e6:.0f} MB of it the fleet and its optimizer"
    )
    tables = {
        "syncs by line": counts.by("line", "read", "upload"),
        "asynchronous copies by line": counts.by("line", "asynchronous upload", "asynchronous read"),
        "operations by line": counts.by("line", "launch"),
        "operations by name": counts.by("operator", "launch"),
        "MB at the peak by the line that allocated them": [
            (line, size // 10**6) for line, size in counts.memory.at_peak.most_common()
        ],
        "MB moved by line": [(line, size // 10**6) for line, size in counts.by("line", "launch", size=True)],
    }
    for title, rows in tables.items():
        print(f"{title}:")
        for name, count in rows[: asked.lines]:
            print(f"  {count:>7} {name}")
    print(f"({time.process_time() - began:.0f} s)")


if __name__ == "__main__":
    main()
