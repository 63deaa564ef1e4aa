"""Cross-entropy of the next token at the rows that have a target, without ever holding all their logits.

Dimension letters are those of :mod:`squadron.model.gpt2`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from squadron.model.kernels import logsumexp

_LOGITS_AT_ONCE = 1 << 24
"""Numbers: 64 MiB in float32, some 330 rows of GPT-2's vocabulary."""


def summed_losses(hidden: Tensor, wte: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The negative log-probability (nats) of all targets, weighted and summed: ``[K]``, float32 (float64 where
    ``hidden`` is).

    ``hidden`` is ``[K, M, D]`` and ``wte`` ``[V, D]``; ``labels`` ``[M]`` int64 and ``weights`` ``[M]`` float32 are
    the same for all adapters. Gradients for ``hidden``, and for ``wte`` where it is trained, are made in the forward
    pass, chunk by chunk, while the logits are at hand: what comes from above is then one factor an adapter.
    """
    if not torch.is_grad_enabled():  # which the function itself is not told
        hidden, wte = hidden.detach(), wte.detach()
    return cast(Tensor, _SummedLosses.apply(hidden, wte, labels, weights))  # type: ignore[no-untyped-call]


class _SummedLosses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, wte: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        precise = torch.promote_types(hidden.dtype, torch.float32)
        losses = torch.empty(hidden.shape[:2], dtype=precise, device=hidden.device)
        for_hidden, for_wte = ctx.needs_input_grad[:2]
        slopes = torch.empty_like(hidden) if for_hidden else None
        # One factor could not scale the sum over several adapters; who trains the base trains one set of it.
        assert not for_wte or len(hidden) == 1, hidden.shape
        wte_slopes = torch.zeros(wte.shape, dtype=precise, device=wte.device) if for_wte else None  # [V, D]
        weights = weights.to(precise)
        step = max(1, _LOGITS_AT_ONCE // wte.shape[0])
        # Adapter by adapter, so that one's numbers do not depend on how many others there are.
        for k in range(hidden.shape[0]):
            for start in range(0, hidden.shape[1], step):
                rows = slice(start, start + step)
                target = labels[rows, None]
                logits = torch.nn.functional.linear(hidden[k, rows], wte).to(precise)  # [rows, V]
                total = logsumexp(logits)[:, None]
                losses[k, rows] = (total - logits.gather(1, target))[:, 0]
                if slopes is not None or wte_slopes is not None:
                    probabilities = logits.sub_(total).exp_()
                    probabilities.scatter_add_(1, target, torch.full_like(target, -1, dtype=precise))
                    upward = probabilities.mul_(weights[rows, None]).to(wte.dtype)
                    if slopes is not None:
                        slopes[k, rows] = upward @ wte
                    if wte_slopes is not None:
                        wte_slopes += upward.T @ hidden[k, rows]
        ctx.save_for_backward(slopes, wte_slopes)
        ctx.dtype = hidden.dtype
        return (losses * weights).sum(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (factors,) = gradients  # [K]
        slopes, wte_slopes = ctx.saved_tensors
        d_hidden = None if slopes is None else factors.to(ctx.dtype)[:, None, None] * slopes
        d_wte = None if wte_slopes is None else (factors[0] * wte_slopes).to(ctx.dtype)
        return d_hidden, d_wte, None, None
