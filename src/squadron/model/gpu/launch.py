"""Launch the Triton kernels; each function has the arguments and results of its namesake in
:mod:`squadron.model.gpu.reference`."""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from squadron.model.gpu import attention_kernels, row_kernels
from squadron.model.gpu.layout import BLOCK
from squadron.model.gpu.reference import ADAMW_COLUMNS, BETA1, BETA2, EPSILON

_ELEMENTS = 1024
"""Elements that one program of an element-wise kernel handles."""


def add_layer_norm(
    residual: Tensor, delta: Tensor, weight: Tensor, bias: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    residual, delta = residual.contiguous(), delta.contiguous()
    rows, width = delta.numel() // delta.shape[-1], delta.shape[-1]
    total = torch.empty(delta.shape, dtype=residual.dtype, device=delta.device)
    normalized = torch.empty_like(delta)
    mean = torch.empty(delta.shape[:-1], dtype=torch.float32, device=delta.device)
    scale = torch.empty_like(mean)
    per_program = _rows_per_program(width)
    row_kernels.add_layer_norm[(triton.cdiv(rows, per_program),)](
        residual, delta, weight, bias, total, normalized, mean, scale,
        rows, residual.numel() // width, epsilon,
        WIDTH=width, BLOCK_D=triton.next_power_of_2(width), ROWS=per_program,
    )  # fmt: skip
    return total, normalized, mean, scale


def add_layer_norm_backward(
    d_normalized: Tensor, d_total: Tensor | None, total: Tensor, weight: Tensor, mean: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    d_normalized = d_normalized.contiguous()
    d_total = None if d_total is None else d_total.contiguous()
    rows, width = total.numel() // total.shape[-1], total.shape[-1]
    d_residual = torch.empty_like(total)
    same = total.dtype == d_normalized.dtype
    d_delta = d_residual if same else torch.empty_like(d_normalized)
    per_program = _rows_per_program(width)
    row_kernels.add_layer_norm_backward[(triton.cdiv(rows, per_program),)](
        d_normalized, d_normalized if d_total is None else d_total, total, weight, mean, scale, d_residual, d_delta,
        rows, HAS_D_SUM=d_total is not None, HAS_D_DELTA=not same,
        WIDTH=width, BLOCK_D=triton.next_power_of_2(width), ROWS=per_program,
    )  # fmt: skip
    return d_residual, d_delta


def _rows_per_program(width: int) -> int:
    rows: int = max(1, 2048 // triton.next_power_of_2(width))
    return rows


def tree_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    query_blocks: Tensor,
    key_blocks: Tensor,  # noqa: ARG001 (for the backward pass)
    rows: Tensor | None,
    context_end: Tensor,
    branch_start: Tensor,
    heads: int,
) -> tuple[Tensor, Tensor]:
    fleet, count, width = q.shape
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    lse = torch.empty(fleet, heads, count, dtype=torch.float32, device=q.device)
    attention_kernels.forward[(len(query_blocks), heads, fleet)](
        q, k, v, out, lse,
        query_blocks, context_end if rows is None else rows, context_end, branch_start,
        *q.stride()[:2], *k.stride()[:2], *out.stride()[:2], count, (width // heads) ** -0.5,
        **_head(rows, width // heads), num_stages=3,
    )  # fmt: skip
    return out, lse


def query_gradient_(
    d_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    query_blocks: Tensor,
    rows: Tensor | None,
    context_end: Tensor,
    branch_start: Tensor,
    heads: int,
    d_q: Tensor,
) -> Tensor:
    fleet, count, width = q.shape
    d_out = d_out.contiguous()
    delta = torch.empty_like(lse)
    attention_kernels.query_gradient[(len(query_blocks), heads, fleet)](
        d_out, q, k, v, out, lse, d_q, delta,
        query_blocks, context_end if rows is None else rows, context_end, branch_start,
        *q.stride()[:2], *k.stride()[:2], *out.stride()[:2], *d_q.stride()[:2], count, (width // heads) ** -0.5,
        **_head(rows, width // heads), num_stages=1,
    )  # fmt: skip
    return delta


def key_gradient_(
    d_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    lse: Tensor,
    delta: Tensor,
    query_blocks: Tensor,  # noqa: ARG001 (for the reference)
    key_blocks: Tensor,
    rows: Tensor | None,
    context_end: Tensor,
    branch_start: Tensor,
    heads: int,
    d_k: Tensor,
    d_v: Tensor,
) -> None:
    fleet, count, width = q.shape
    d_out = d_out.contiguous()
    assert k.stride() == v.stride(), (k.stride(), v.stride())
    assert d_k.stride() == d_v.stride(), (d_k.stride(), d_v.stride())
    attention_kernels.key_gradient[(len(key_blocks), heads, fleet)](
        d_out, q, k, v, lse, delta, d_k, d_v,
        key_blocks, context_end if rows is None else rows, context_end, branch_start,
        *q.stride()[:2], *k.stride()[:2], *d_out.stride()[:2], *d_k.stride()[:2], count, (width // heads) ** -0.5,
        **_head(rows, width // heads), num_stages=1,
    )  # fmt: skip


def _head(rows: Tensor | None, width: int) -> dict[str, int | bool]:
    """Return the kernels' constants for heads of this width."""
    block = max(16, triton.next_power_of_2(width))
    return {
        "HAS_ROWS": rows is not None,
        "WIDTH": width,
        "BLOCK_D": block,
        "BLOCK": BLOCK,
        "num_warps": 4,
    }


def cross_entropy(
    logits: Tensor, labels: Tensor, weights: Tensor, vocabulary: int, gradient_dtype: torch.dtype | None
) -> tuple[Tensor, Tensor]:
    rows, stride = logits.shape
    losses = torch.empty(rows, dtype=torch.float32, device=logits.device)
    size = (0,) if gradient_dtype is None else logits.shape
    d_logits = torch.empty(size, dtype=gradient_dtype or logits.dtype, device=logits.device)
    row_kernels.cross_entropy[(rows,)](
        logits, labels, weights, losses, d_logits, vocabulary, stride, len(labels),
        HAS_GRADIENT=gradient_dtype is not None, BLOCK=4096, num_warps=8,
    )  # fmt: skip
    return losses, d_logits


def dropout(
    x: Tensor, seeds: Tensor, thresholds: Tensor, factors: Tensor, rows: Tensor | None, site: int, first_token: int
) -> Tensor:
    out = torch.empty((len(seeds), *x.shape[1:]), dtype=x.dtype, device=x.device)
    _dropout(x, out, seeds, thresholds, factors, rows, site, first_token, add=False)
    return out


def dropout_add_(
    total: Tensor,
    x: Tensor,
    seeds: Tensor,
    thresholds: Tensor,
    factors: Tensor,
    rows: Tensor | None,
    site: int,
    first_token: int,
) -> None:
    assert total.is_contiguous(), total.stride()
    _dropout(x, total, seeds, thresholds, factors, rows, site, first_token, add=True)


def _dropout(
    x: Tensor,
    out: Tensor,
    seeds: Tensor,
    thresholds: Tensor,
    factors: Tensor,
    rows: Tensor | None,
    site: int,
    first_token: int,
    *,
    add: bool,
) -> None:
    x = x.contiguous()
    count, width = x.shape[1:]
    row_kernels.dropout[(triton.cdiv(count * width, _ELEMENTS), len(seeds))](
        x, out, seeds, thresholds, factors, seeds if rows is None else rows,
        count, width, 0 if x.shape[0] == 1 else x.stride(0), site, first_token,
        HAS_ROWS=rows is not None, ADD=add, BLOCK=_ELEMENTS,
    )  # fmt: skip


def adamw_(
    values: Tensor,
    gradients: Tensor,
    mean: Tensor,
    square: Tensor,
    before: Tensor,
    coefficients: Tensor,
    losses: Tensor,
    norms: Tensor,
    second: Tensor,
) -> None:
    fleet, size = values.shape
    row_kernels.adamw[(triton.cdiv(size, _ELEMENTS), fleet)](
        values, gradients, mean, square, before, coefficients, losses, norms, second, size,
        COLUMNS=ADAMW_COLUMNS, BETA1=BETA1, BETA2=BETA2, EPSILON=EPSILON, BLOCK=_ELEMENTS,
    )  # fmt: skip
