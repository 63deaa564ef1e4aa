"""Cross-entropy of the next token at the rows that have a target, without ever holding all their logits.

Dimension letters are those of :mod:`squadron.model.gpt2`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

_LOGITS_AT_ONCE = 1 << 24
"""Numbers: 64 MiB in float32, some 330 rows of GPT-2's vocabulary."""


def token_losses(hidden: Tensor, wte: Tensor, labels: Tensor) -> Tensor:
    """The negative log-probability (nats) of each target: ``[K, M]``, float32 (float64 where ``hidden`` is).

    ``hidden`` is ``[K, M, D]`` and ``wte`` ``[V, D]``, frozen; ``labels`` ``[M]`` int64 are the same for all
    adapters. The gradient for ``hidden`` is made in the forward pass, chunk by chunk, while the logits are at hand.
    """
    return cast(Tensor, _TokenLosses.apply(hidden, wte, labels))  # type: ignore[no-untyped-call]


class _TokenLosses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, wte: Tensor, labels: Tensor) -> Tensor:
        precise = torch.promote_types(hidden.dtype, torch.float32)
        losses = torch.empty(hidden.shape[:2], dtype=precise, device=hidden.device)
        slopes = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        step = max(1, _LOGITS_AT_ONCE // wte.shape[0])
        # Adapter by adapter, so that one's numbers do not depend on how many others there are.
        for k in range(hidden.shape[0]):
            for start in range(0, hidden.shape[1], step):
                rows = slice(start, start + step)
                target = labels[rows, None]
                logits = torch.nn.functional.linear(hidden[k, rows], wte).to(precise)  # [rows, V]
                total = torch.logsumexp(logits, -1, keepdim=True)
                losses[k, rows] = (total - logits.gather(1, target))[:, 0]
                if slopes is not None:
                    probabilities = logits.sub_(total).exp_()
                    probabilities.scatter_add_(1, target, torch.full_like(target, -1, dtype=precise))
                    slopes[k, rows] = probabilities.to(wte.dtype) @ wte
        ctx.save_for_backward(slopes)
        return losses

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return gradients[0][..., None].to(slopes.dtype) * slopes, None, None
