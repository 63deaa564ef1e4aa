"""Cross-entropy of the next token at the rows that have a target, without holding the logits of all rows at once.

Dimension letters are those of :mod:`squadron.model.gpt2`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from squadron.model.kernels import input_gradient, linear, logsumexp, precise_linear

_CHUNK_LOGITS = 1 << 24
"""Logits per chunk: 64 MiB in float32, some 330 rows of GPT-2's vocabulary."""
FLEET_LOGITS = 1 << 26
"""Logits per chunk on an accelerator: 256 MiB in float32, and half of it for their gradients in 16 bits."""


def summed_losses(
    hidden: Tensor, wte: Tensor, labels: Tensor, weights: Tensor, *, vocabulary: int | None = None
) -> Tensor:
    """Return each adapter's weighted sum of the targets' negative log-probabilities (nats): ``[K]``, float32.

    It is float64 if ``hidden`` is. ``hidden`` is ``[K, M, D]`` and ``wte`` ``[V, D]``; ``labels`` ``[M]`` int64 and
    ``weights`` ``[M]`` float32 are the same for all adapters. On an accelerator, ``wte`` may have rows of padding from
    ``vocabulary`` on. The forward pass computes the gradients of ``hidden``,
    and of ``wte`` if it is trained, chunk by chunk while the logits are in memory. So the backward pass only
    multiplies them by one factor per adapter, the gradient of its loss.
    """
    if not torch.is_grad_enabled():  # within an autograd.Function gradients are always disabled
        hidden, wte = hidden.detach(), wte.detach()
    if hidden.device.type != "cpu" and not wte.requires_grad:
        return cast(Tensor, _FleetLosses.apply(hidden, wte, labels, weights, vocabulary or len(wte)))  # type: ignore[no-untyped-call]
    return cast(Tensor, _SummedLosses.apply(hidden, wte, labels, weights))  # type: ignore[no-untyped-call]


class _SummedLosses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, wte: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        precise = torch.promote_types(hidden.dtype, torch.float32)
        losses = torch.empty(hidden.shape[:2], dtype=precise, device=hidden.device)
        hidden_needs_grad, wte_needs_grad = ctx.needs_input_grad[:2]
        d_hidden = torch.empty_like(hidden) if hidden_needs_grad else None
        # One factor cannot scale a sum over several adapters; full fine-tuning trains one set of weights.
        assert not wte_needs_grad or len(hidden) == 1, hidden.shape
        d_wte = torch.zeros(wte.shape, dtype=precise, device=wte.device) if wte_needs_grad else None  # [V, D]
        weights = weights.to(precise)
        step = max(1, _CHUNK_LOGITS // wte.shape[0])
        # One adapter at a time, so that its results do not depend on the size of the fleet.
        for k in range(hidden.shape[0]):
            for start in range(0, hidden.shape[1], step):
                rows = slice(start, start + step)
                target = labels[rows, None]
                logits = linear(hidden[k, rows], wte).to(precise)  # [rows, V]
                normalizer = logsumexp(logits)[:, None]
                losses[k, rows] = (normalizer - logits.gather(1, target))[:, 0]
                if d_hidden is not None or d_wte is not None:
                    probabilities = logits.sub_(normalizer).exp_()
                    probabilities.scatter_add_(1, target, torch.full_like(target, -1, dtype=precise))
                    d_logits = probabilities.mul_(weights[rows, None]).to(wte.dtype)
                    if d_hidden is not None:
                        d_hidden[k, rows] = input_gradient(d_logits, wte)
                    if d_wte is not None:
                        d_wte += d_logits.T @ hidden[k, rows]
        ctx.save_for_backward(d_hidden, d_wte)
        ctx.dtype = hidden.dtype
        return (losses * weights).sum(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (factors,) = gradients  # [K]
        d_hidden, d_wte = ctx.saved_tensors
        d_hidden = None if d_hidden is None else factors.to(ctx.dtype)[:, None, None] * d_hidden
        d_wte = None if d_wte is None else (factors[0] * d_wte).to(ctx.dtype)
        return d_hidden, d_wte, None, None


class _FleetLosses(torch.autograd.Function):
    """The same for all adapters at once, on an accelerator: from frozen ``wte``, with float32 logits."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, wte: Tensor, labels: Tensor, weights: Tensor, vocabulary: int) -> Tensor:
        fleet, count, width = hidden.shape
        dtype = hidden.dtype if ctx.needs_input_grad[0] else None
        # Whole adapters per chunk; if one has too many rows, one adapter's rows in parts.
        adapters = max(1, FLEET_LOGITS // (count * wte.shape[0]))
        rows = min(count, max(1, FLEET_LOGITS // wte.shape[0])) if adapters == 1 else count
        d_hidden = None if dtype is None else torch.empty_like(hidden, memory_format=torch.contiguous_format)
        weighted = []
        for k in range(0, fleet, adapters):
            parts = []
            for first in range(0, count, rows):
                states = hidden[k : k + adapters, first : first + rows].reshape(-1, width)
                own = slice(first, first + rows)
                losses, d_logits = torch.ops.squadron.cross_entropy(
                    precise_linear(states, wte), labels[own], weights[own], vocabulary, dtype
                )
                parts.append((losses.view(-1, len(labels[own])) * weights[own]).sum(1))
                if d_hidden is not None:
                    d_hidden[k : k + adapters, own] = (d_logits @ wte).view(-1, len(labels[own]), width)
            weighted.append(torch.stack(parts).sum(0) if len(parts) > 1 else parts[0])
        ctx.save_for_backward(d_hidden)
        return torch.cat(weighted) if len(weighted) > 1 else weighted[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (d_hidden,) = ctx.saved_tensors
        return gradients[0].to(d_hidden.dtype)[:, None, None] * d_hidden, None, None, None, None
