"""Kernels that PyTorch has but does not choose by itself, and others called so that they stay in the cache."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_FUSED = hasattr(torch.ops.mkldnn, "_linear_pointwise")
_CACHED = 1 << 18
"""Numbers whose temporaries stay in a CPU core's cache: 1 MiB in float32."""


def linear_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``gelu(x @ weight.T + bias)`` with GPT-2's tanh approximation: ``[..., in]`` to ``[..., out]``.

    In bf16 on a CPU, where no gradient is wanted, GELU is applied while the product is still in the cache, which takes
    a third off this half of the MLP; everywhere else it is the plain two steps, in place where no gradient is wanted.
    """
    if _FUSED and x.device.type == "cpu" and x.dtype == torch.bfloat16 and not torch.is_grad_enabled():
        fused: Tensor = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, "gelu", [], "tanh")
        return fused
    product = F.linear(x, weight, bias)
    if torch.is_grad_enabled():
        return F.gelu(product, approximate="tanh")
    result: Tensor = torch.ops.aten.gelu_(product, approximate="tanh")
    return result


def log_totals(logits: Tensor) -> Tensor:
    """``logits.logsumexp(-1)``: ``[..., V]`` to ``[...]``, to the bit.

    On a CPU a few rows at a time: PyTorch makes two temporaries of its argument's size, and for all logits at once
    they would travel to memory and back.
    """
    if logits.device.type != "cpu" or logits.numel() <= _CACHED:
        return logits.logsumexp(-1)
    rows = logits.flatten(0, -2)
    parts = [part.logsumexp(-1) for part in rows.split(max(1, _CACHED // rows.shape[-1]))]
    return torch.cat(parts).view(logits.shape[:-1])
