"""The operators' meaning in PyTorch: what runs on a CPU, what the Triton kernels are tested against, and what a GPU
without Triton uses.

Dimension letters are those of :mod:`squadron.model.gpt2`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LOG2_E = math.log2(math.e)
ADAMW_COLUMNS = 6
"""Coefficients of an adapter in :func:`adamw_`."""
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
_WORD = 0xFFFFFFFF


def add_layer_norm(
    residual: Tensor, delta: Tensor, weight: Tensor, bias: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return ``residual + delta`` in the residual's dtype, its normalization in the delta's, and the statistics.

    ``residual`` is ``[1 or K, T, D]``, ``delta`` ``[K, T, D]``; the statistics, mean and inverse deviation of each row,
    are float32 ``[K, T]``.
    """
    precise = torch.promote_types(delta.dtype, torch.float32)
    total = (residual.to(precise) + delta.to(precise)).to(residual.dtype)
    x = total.to(precise)
    mean = x.mean(-1)
    centred = x - mean[..., None]
    scale = (centred.square().mean(-1) + epsilon).rsqrt()
    normalized = centred * scale[..., None] * weight.to(precise) + bias.to(precise)
    return total, normalized.to(delta.dtype), mean, scale


def add_layer_norm_backward(
    d_normalized: Tensor, d_total: Tensor | None, total: Tensor, weight: Tensor, mean: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the residual and of the delta, each in its dtype; both are the same if their dtypes are.

    ``d_total`` is the gradient of the sum from elsewhere; None: zero.
    """
    precise = mean.dtype
    normalized = (total.to(precise) - mean[..., None]) * scale[..., None]
    g = d_normalized.to(precise) * weight.to(precise)
    along = (g * normalized).mean(-1, keepdim=True)
    gradient = scale[..., None] * (g - g.mean(-1, keepdim=True) - normalized * along)
    if d_total is not None:
        gradient = gradient + d_total.to(precise)
    return gradient.to(total.dtype), gradient.to(d_normalized.dtype)


def tree_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    query_blocks: Tensor,
    key_blocks: Tensor,
    rows: Tensor | None,
    context_end: Tensor,
    branch_start: Tensor,
    heads: int,
) -> tuple[Tensor, Tensor]:
    """Attend within the trees of a batch: ``q`` ``[K, M, D]``, ``k`` and ``v`` ``[K, T, D]`` to ``[K, M, D]``.

    Also returns, for each query, the log2 of the sum of its exponentials, ``[K, H, M]`` float32. The tables are those
    of :mod:`squadron.model.gpu.layout`; ``key_blocks`` are for the backward pass. ``rows`` is None if M is T.
    """
    mask = _mask(q.shape[1], k.shape[1], query_blocks, rows, context_end, branch_start)
    scores = _scores(q, k, heads).masked_fill(~mask, -math.inf)
    lse = scores.logsumexp(-1)
    mixed = (scores - lse[..., None]).exp().to(v.dtype) @ _split(v, heads)
    return _join(mixed), (lse * _LOG2_E).contiguous()


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
    """Write the gradient of the queries to ``d_q``; return, for each query, the product of its output and gradient."""
    delta = (_split(out, heads).to(lse.dtype) * _split(d_out, heads).to(lse.dtype)).sum(-1)  # [K, H, M]
    _, d_scores = _gradients(d_out, q, k, v, lse, delta, query_blocks, rows, context_end, branch_start, heads)
    scale = (q.shape[-1] // heads) ** -0.5
    d_q.copy_(_join((d_scores.to(k.dtype) @ _split(k, heads)) * scale))
    return delta


def key_gradient_(
    d_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    lse: Tensor,
    delta: Tensor,
    query_blocks: Tensor,
    key_blocks: Tensor,
    rows: Tensor | None,
    context_end: Tensor,
    branch_start: Tensor,
    heads: int,
    d_k: Tensor,
    d_v: Tensor,
) -> None:
    """Write the gradients of keys and values to ``d_k`` and ``d_v``."""
    p, d_scores = _gradients(d_out, q, k, v, lse, delta, query_blocks, rows, context_end, branch_start, heads)
    scale = (q.shape[-1] // heads) ** -0.5
    d_v.copy_(_join(p.to(v.dtype).transpose(-1, -2) @ _split(d_out, heads)))
    d_k.copy_(_join((d_scores.to(q.dtype).transpose(-1, -2) @ _split(q, heads)) * scale))


def _gradients(
    d_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    lse: Tensor,
    delta: Tensor,
    query_blocks: Tensor,
    rows: Tensor | None,
    context_end: Tensor,
    branch_start: Tensor,
    heads: int,
) -> tuple[Tensor, Tensor]:
    """Return the attention weights and the gradients of the scores, ``[K, H, M, T]`` in the dtype of ``lse``."""
    mask = _mask(q.shape[1], k.shape[1], query_blocks, rows, context_end, branch_start)
    p = (_scores(q, k, heads) - lse[..., None] / _LOG2_E).exp().masked_fill(~mask, 0)
    d_p = _split(d_out, heads).to(lse.dtype) @ _split(v, heads).to(lse.dtype).transpose(-1, -2)
    return p, p * (d_p - delta[..., None])


def _mask(
    queries: int, keys: int, query_blocks: Tensor, rows: Tensor | None, context_end: Tensor, branch_start: Tensor
) -> Tensor:
    """Return the mask ``[M, T]``: which keys each query attends to, from the tables alone."""
    key = torch.arange(keys, device=context_end.device)[None, :]
    row = torch.arange(queries, device=context_end.device)[:, None]
    position = row[:, 0] if rows is None else rows.long()
    end, start = context_end[position][:, None], branch_start[position][:, None]
    in_ranges = torch.zeros(queries, keys, dtype=torch.bool, device=context_end.device)
    for first, after, start1, stop1, start2, stop2 in query_blocks.tolist():
        own = (row >= first) & (row < after)
        in_ranges |= own & (((key >= start1) & (key < stop1)) | ((key >= start2) & (key < stop2)))
    return in_ranges & (key <= position[:, None]) & ((key < end) | (key >= start))


def _split(x: Tensor, heads: int) -> Tensor:
    """Return ``[K, n, D]`` as ``[K, H, n, d]``."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def _join(x: Tensor) -> Tensor:
    """Return ``[K, H, n, d]`` as ``[K, n, D]``."""
    return x.transpose(1, 2).flatten(2)


def _scores(q: Tensor, k: Tensor, heads: int) -> Tensor:
    precise = torch.promote_types(q.dtype, torch.float32)
    scale = (q.shape[-1] // heads) ** -0.5
    scores: Tensor = torch.matmul(_split(q, heads).to(precise), _split(k, heads).to(precise).transpose(-1, -2)) * scale
    return scores


def cross_entropy(
    logits: Tensor, labels: Tensor, weights: Tensor, vocabulary: int, gradient_dtype: torch.dtype | None
) -> tuple[Tensor, Tensor]:
    """Return the losses ``[n]`` of ``logits`` ``[n, V]``, and the gradients of the weighted losses, ``[n, V]``.

    Row i has target ``i % M`` of ``labels`` and ``weights`` ``[M]``. Columns from ``vocabulary`` on are padding, whose
    gradient is zero. Without ``gradient_dtype`` the gradient is empty.
    """
    count = logits.shape[0] // len(labels)
    target = labels.repeat(count)[:, None]
    real = logits[:, :vocabulary]
    normalizer = real.logsumexp(-1, keepdim=True)
    losses = (normalizer - real.gather(1, target))[:, 0]
    if gradient_dtype is None:
        return losses, logits.new_empty(0)
    p = (real - normalizer).exp_()
    p.scatter_add_(1, target, torch.full_like(target, -1, dtype=p.dtype))
    p = p.mul_(weights.to(p.dtype).repeat(count)[:, None]).to(gradient_dtype)
    return losses, torch.nn.functional.pad(p, (0, logits.shape[1] - vocabulary))


def dropout(
    x: Tensor, seeds: Tensor, thresholds: Tensor, factors: Tensor, rows: Tensor | None, site: int, first_token: int
) -> Tensor:
    """Return ``x`` ``[1 or K, n, in]`` times each adapter's mask: ``[K, n, in]``.

    An element is dropped if a mixed 32-bit number, made of the adapter's seed, ``site``, token and column, is below the
    adapter's threshold, ``p * 2 ** 32``; others are multiplied by its factor, ``1 / (1 - p)``. ``seeds`` and
    ``thresholds`` are int64 ``[K]``, ``factors`` float32 ``[K]``. Token i of the step is ``first_token`` + ``rows[i]``.
    """
    kept = _random(x.shape[1:], seeds, rows, site, first_token) >= thresholds[:, None, None]
    precise = torch.promote_types(x.dtype, torch.float32)
    return torch.where(kept, x.to(precise) * factors[:, None, None], 0.0).to(x.dtype)


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
    """Add ``x`` ``[K, n, in]`` times the masks of :func:`dropout` to ``total``."""
    total.add_(dropout(x, seeds, thresholds, factors, rows, site, first_token))


def _random(shape: torch.Size, seeds: Tensor, rows: Tensor | None, site: int, first_token: int) -> Tensor:
    """Return numbers below 2 ** 32, int64 ``[K, n, in]``."""
    count, width = shape
    token = torch.arange(count, device=seeds.device) if rows is None else rows.long()
    counter = (token[:, None] + first_token) * width + torch.arange(width, device=seeds.device)
    key = _mix(seeds ^ _mix(torch.full_like(seeds, site)))
    mixed = _mix((counter + key[:, None, None]) & _WORD)
    return _mix(mixed ^ seeds[:, None, None])


def _mix(x: Tensor) -> Tensor:
    """Return a well mixed function of integers below 2 ** 32 (Wellons' lowbias32)."""
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & _WORD
    x = x ^ (x >> 15)
    x = (x * 0x846CA68B) & _WORD
    return x ^ (x >> 16)


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
    """Take one AdamW step of every adapter that runs; all matrices are ``[K, P]`` float32.

    ``coefficients`` ``[K, 6]`` float32 are: 1 if the adapter runs, else 0; its rate times its weight decay; its rate
    over the first moment's bias correction; one over the root of the second's; the limit of its gradient's norm; and
    the multiple of the rate for parameters whose ``second`` ``[P]`` (uint8) is 1. An adapter whose loss is not finite
    gets its parameters ``before`` the latest update back; one whose norm is not finite stays as it is.
    """
    runs = coefficients[:, 0] > 0
    restored = (runs & ~losses.isfinite())[:, None]
    updated = (runs & losses.isfinite() & norms.isfinite())[:, None]
    _, decay, rate, correction, limit, ratio = (column[:, None] for column in coefficients.unbind(1))
    multiple = torch.where(second[None] > 0, ratio, 1.0)
    gradient = gradients * (limit / (norms[:, None] + 1e-6)).clamp(max=1.0)
    new_mean = mean + (gradient - mean) * (1 - BETA1)
    new_square = square * BETA2 + gradient * gradient * (1 - BETA2)
    new = values * (1 - multiple * decay) - multiple * rate * new_mean / (new_square.sqrt() * correction + EPSILON)
    new = torch.where(updated, new, torch.where(restored, before, values))
    before.copy_(torch.where(updated, values, before))
    values.copy_(new)
    mean.copy_(torch.where(updated, new_mean, mean))
    square.copy_(torch.where(updated, new_square, square))
