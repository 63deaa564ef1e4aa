"""Run the Triton kernels, interpreted on the CPU, and print how far they are from their reference, as JSON.

Triton reads ``TRITON_INTERPRET`` when it is imported, so this is a program of its own: ``test_kernels.py`` runs it.
Each entry is the largest difference of one result, relative to its largest value, under ``operator/case/result/dtype``;
it is infinite if shapes, dtypes, or the places of what is not finite differ.
"""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"

import numpy as np
import torch
from torch import Tensor

from squadron.model.gpu import launch, reference
from squadron.model.gpu.layout import attention_tables, pad_blocks

FLEET, HEADS = 2, 2
SHAPES: tuple[tuple[int, tuple[int, ...]], ...] = ((70, (9, 0, 13)), (0, (5, 7)), (67, ()), (9, (70, 3)), (3, (1,)))
"""A context longer than a block, an empty context and branch, a plain sequence, a branch longer than a block."""
TOTAL = sum(context + sum(branches) for context, branches in SHAPES)
ROWS = np.array([0, 69, 75, 78, 79, 91, *range(104, 170), 180, 181, 249, 252, TOTAL - 1])
"""Positions with queries in the last layer: none in one tree, more than a block in another."""
GENERATOR = torch.Generator().manual_seed(1)
differences: dict[str, float] = {}


def compare(case: str, names: str, found: Any, expected: Any) -> None:
    """Record the differences of the results of a kernel and of its reference."""
    together = zip(names.split(), found, expected, strict=True)
    for name, one, other in together:
        key = f"{case}/{name}/{str(other.dtype).removeprefix('torch.')}"
        assert key not in differences, key
        differences[key] = difference(one, other)


def difference(found: Tensor, expected: Tensor) -> float:
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        return math.inf
    found, expected = found.double(), expected.double()
    finite = expected.isfinite()
    if not torch.equal(found[~finite].nan_to_num(nan=1e9), expected[~finite].nan_to_num(nan=1e9)):
        return math.inf
    if not finite.any():
        return 0.0
    worst = (found[finite] - expected[finite]).abs().max() / (expected[finite].abs().max() + 1e-30)
    return float(worst.nan_to_num(nan=math.inf))


def drawn(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR).to(dtype)


def both(run: Callable[[Any], Any]) -> tuple[Any, Any]:
    return run(launch), run(reference)


def attention(width: int, dtype: torch.dtype, trimmed: bool, padded: bool) -> None:
    """Compare the forward pass, then both gradients from the reference's forward results."""
    arrays = attention_tables(SHAPES, ROWS)
    own = {name: torch.from_numpy(array) for name, array in (pad_blocks(arrays, 8) if padded else arrays).items()}
    last = "last_" if trimmed else ""
    rows = own["rows"] if trimmed else None
    tables = (own[last + "query_blocks"], own[last + "key_blocks"], rows, own["context_end"], own["branch_start"])
    if trimmed:
        q, kv = drawn(FLEET, len(ROWS), HEADS * width, dtype=dtype), drawn(FLEET, TOTAL, 2 * HEADS * width, dtype=dtype)
        k, v = kv.chunk(2, -1)
    else:
        q, k, v = drawn(FLEET, TOTAL, 3 * HEADS * width, dtype=dtype).chunk(3, -1)
    case = f"{dtype} {width} wide, {'rows' if trimmed else 'all'}{', padded' if padded else ''}"
    forward = both(lambda module: module.tree_attention(q, k, v, *tables, HEADS))
    compare(f"tree_attention/{case}", "out lse", *forward)
    out, lse = forward[1]
    d_out = drawn(*q.shape, dtype=dtype)

    def query_gradient(module: Any) -> tuple[Tensor, Tensor]:
        d_q = torch.full_like(q, math.nan)
        delta = module.query_gradient_(d_out, q, k, v, out, lse, tables[0], *tables[2:], HEADS, d_q)
        return d_q, delta

    queries = both(query_gradient)
    compare(f"query_gradient_/{case}", "d_q delta", *queries)

    def key_gradient(module: Any) -> list[Tensor]:
        parts = list(torch.full((FLEET, TOTAL, 2 * HEADS * width), math.nan, dtype=dtype).chunk(2, -1))
        module.key_gradient_(d_out, q, k, v, lse, queries[1][1], *tables, HEADS, *parts)
        return parts

    compare(f"key_gradient_/{case}", "d_k d_v", *both(key_gradient))


def add_layer_norm(shared: bool, residual_dtype: torch.dtype, dtype: torch.dtype, with_sum: bool) -> None:
    rows, width = 37, 60
    residual = drawn(1 if shared else FLEET, rows, width, dtype=residual_dtype)
    delta, weight, bias = (drawn(*shape, dtype=dtype) for shape in ((FLEET, rows, width), (width,), (width,)))
    case = f"{'shared' if shared else 'own'} {residual_dtype} beside {dtype}{', sum' if with_sum else ''}"
    found, expected = both(lambda module: module.add_layer_norm(residual, delta, weight, bias, 1e-5))
    compare(f"add_layer_norm/{case}", "total normalized mean scale", found, expected)
    d_normalized = drawn(*delta.shape, dtype=dtype)
    d_total = drawn(*delta.shape, dtype=residual_dtype) if with_sum else None
    total, _, mean, scale = expected
    gradients = both(lambda module: module.add_layer_norm_backward(d_normalized, d_total, total, weight, mean, scale))
    compare(f"add_layer_norm_backward/{case}", "d_residual d_delta", *gradients)


def cross_entropy(vocabulary: int, padding: int, dtype: torch.dtype | None, broken: bool) -> None:
    targets = 3
    logits = 5 * drawn(FLEET * targets, vocabulary + padding)
    logits[:, vocabulary:] = 100.0  # padding that took part would be noticed
    if broken:
        logits[2, 7] = math.nan
    labels, weights = torch.tensor([4, vocabulary - 1, 17]), torch.tensor([1.0, 0.0, 2.0])
    case = f"{vocabulary} + {padding}, {dtype}{', NaN' if broken else ''}"
    found, expected = both(lambda module: module.cross_entropy(logits, labels, weights, vocabulary, dtype))
    if broken and dtype:  # the kernel's padding is NaN in a row of NaN, the reference's is zero: neither is used
        for _, gradients in (found, expected):
            gradients[2, vocabulary:] = 0.0
    if dtype is None:
        assert found[1].numel() == expected[1].numel() == 0
        found, expected = found[:1], expected[:1]
    compare(f"cross_entropy/{case}", "losses d_logits" if dtype else "losses", found, expected)


def dropout(dtype: torch.dtype, with_rows: bool, first_token: int, shared: bool) -> None:
    count, width = 41, 60  # more than one program an adapter
    seeds = torch.tensor([123456789, 2**32 - 1, 2**31])
    thresholds, factors = torch.tensor([0, round(0.3 * 2**32), 2**31]), torch.tensor([1.0, 1 / 0.7, 2.0])
    mask = (seeds, thresholds, factors, torch.arange(count) * 3 if with_rows else None, 7, first_token)
    x = drawn(1 if shared else len(seeds), count, width, dtype=dtype)
    case = f"{dtype}, {'rows' if with_rows else 'all'} from {first_token}{', shared' if shared else ''}"
    found, expected = both(lambda module: module.dropout(x, *mask))
    compare(f"dropout/{case}", "out", [found], [expected])
    assert 0.2 < float((expected[1] == 0).double().mean()) < 0.4
    kept = [(y == 0).to(torch.uint8) for y in (found, expected)]
    compare(f"mask/{case}", "kept", kept[:1], kept[1:])
    if shared:
        return
    before = drawn(*x.shape, dtype=dtype)

    def add(module: Any) -> list[Tensor]:
        total = before.clone()
        module.dropout_add_(total, x, *mask)
        return [total]

    compare(f"dropout_add_/{case}", "total", *both(add))


def adamw() -> None:
    """Take a step of adapters that are: plain, clipped with LoRA+, stopped, at a NaN loss, at an infinite norm."""
    names, size = "values gradients mean square before", 1500
    state = [drawn(5, size) for _ in names.split()]
    state[3].abs_()
    coefficients = torch.tensor(
        [
            [1, 1e-4, 1e-1, 3.3, math.inf, 1],
            [1, 1e-3, 1e-2, 3.3, 0.5, 16],
            [0, 1e-4, 1e-1, 1, 1, 1],
            [1, 1e-4, 1e-3, 1, 1, 1],
            [1, 1e-4, 1e-3, 1, 1, 1],
        ]
    )
    losses, norms = torch.tensor([1, 2, math.nan, math.nan, 1.0]), torch.tensor([3, 4, 5, math.inf, math.inf])
    second = (torch.arange(size) % 3 == 0).to(torch.uint8)

    def step(module: Any) -> list[Tensor]:
        own = [tensor.clone() for tensor in state]
        module.adamw_(*own, coefficients, losses, norms, second)
        return own

    found, expected = both(step)
    for k, case in enumerate(("plain", "clipped, LoRA+", "stopped", "NaN loss", "infinite norm")):
        compare(f"adamw_/{case}", names, [x[k] for x in found], [x[k] for x in expected])


def main() -> None:
    """Print the differences of all cases."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)  # of NaN, which some cases are about
    single, half = torch.float32, torch.float16
    for width, dtype, trimmed in (
        (16, single, False),
        (16, half, True),
        (20, single, True),
        (20, half, False),
        (64, single, True),
        (64, half, False),
    ):
        attention(width, dtype, trimmed, padded=width == 20)
    for shared, (residual_dtype, dtype), with_sum in product(
        (False, True), ((single, single), (half, half), (single, half)), (False, True)
    ):
        add_layer_norm(shared, residual_dtype, dtype, with_sum)
    for (vocabulary, padding), dtype, broken in product(((5003, 53), (31, 1)), (None, single, half), (False, True)):
        cross_entropy(vocabulary, padding, dtype, broken)
    for dtype, with_rows, first_token in product((single, half), (False, True), (0, 100_000)):
        for shared in (False, True):
            dropout(dtype, with_rows, first_token, shared)
    adamw()
    json.dump(differences, sys.stdout)


if __name__ == "__main__":
    main()
