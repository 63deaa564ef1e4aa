"""Small seeded models, trees and examples that many tests use."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from squadron.data.encoding import Branch, Example
from squadron.model.attention import TreeAttention
from squadron.model.config import GPT2Config
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2

ROOT = Path(__file__).resolve().parents[1]
Shapes = Sequence[tuple[int, Sequence[int]]]

TINY = GPT2Config(vocab_size=211, n_positions=79, n_embd=33, n_layer=3, n_head=3, n_inner=47)
"""Distinct sizes, so that mixed-up axes are noticed."""


def load_script(path: str) -> ModuleType:
    """Load a script, such as ``benchmarks/performance.py``, as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their types
    folder = str((ROOT / path).parent)
    if folder not in sys.path:  # as Python does for a script, which may import its neighbours
        sys.path.append(folder)
    spec.loader.exec_module(module)
    return module


def shake(model: GPT2, *, seed: int, size: float) -> GPT2:
    """Add noise to every parameter, biases and LayerNorms too: their initial zeros and ones would hide bugs."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(torch.randn(value.shape, generator=generator) * size)
    return model


def pack(shapes: Shapes, vocabulary: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return random tokens ``[T]`` of trees of these shapes, and their positions ``[T]``."""
    generator = torch.Generator().manual_seed(seed)
    positions: list[int] = []
    for context, branches in shapes:
        positions += range(context)
        for branch in branches:
            positions += range(context, context + branch)
    return torch.randint(vocabulary, (len(positions),), generator=generator), torch.tensor(positions)


def paths(shapes: Shapes) -> list[list[int]]:
    """Return the separate sequences of the trees, as packed indices; a tree without branches is one sequence."""
    found, start = [], 0
    for context, branches in shapes:
        trunk = list(range(start, start + context))
        start += context
        for branch in branches:
            found.append(trunk + list(range(start, start + branch)))
            start += branch
        if not branches:
            found.append(trunk)
    return found


def logits(
    model: GPT2,
    tokens: Tensor,
    positions: Tensor,
    shapes: Shapes,
    fleet: Fleet | None = None,
    rows: Tensor | None = None,
) -> Tensor:
    """Return the logits of packed trees, ``[K, T or M, V]``."""
    attend = TreeAttention(shapes, model.config.n_head, dtype=model.dtype, device="cpu", rows=rows)
    return model.logits(model(tokens, positions, attend, fleet=fleet, rows=rows))


def liven(fleet: Fleet, seed: int) -> Fleet:
    """Add noise to every adapter's parameters: fresh adapters do not change the base, so they would prove nothing."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        fleet.values.add_(torch.randn(fleet.values.shape, generator=generator) * 0.05 * fleet.owned)
    return fleet


def reference_model(folder: Path) -> Any:
    """Load ``transformers``' GPT-2 from a checkpoint folder, in evaluation mode."""
    from transformers import GPT2LMHeadModel

    return GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()


def random_examples(vocabulary: int, *, paragraphs: int, questions: int, seed: int, longest: int = 24) -> list[Example]:
    """Return examples of random tokens, with contexts and answers of various lengths."""
    draw = np.random.default_rng(seed)

    def ids(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(token) for token in draw.integers(1, vocabulary, draw.integers(low, high)))

    found = []
    for p in range(paragraphs):
        context = ids(longest // 2, longest)
        found += [Example(p, context, Branch(f"{p}.{q}", (0, *ids(2, 7)), ids(1, 6))) for q in range(questions)]
    return found
