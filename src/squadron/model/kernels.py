"""Kernels that PyTorch has but does not choose by itself, and others called so that they stay in the cache."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

_FUSED = hasattr(torch.ops.mkldnn, "_linear_pointwise")
_CACHED = 1 << 18
"""Numbers whose temporaries stay in a CPU core's cache: 1 MiB in float32."""
_PIECE = 1 << 16
"""Numbers a core works on at a time where several temporaries of that size are under way."""
_BETA, _KAPPA = math.sqrt(2 / math.pi), 0.044715
"""GPT-2's GELU is ``x / 2 * (1 + tanh(beta * (x + kappa * x ** 3)))`` (Hendrycks and Gimpel, 2016)."""


def linear_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``gelu(x @ weight.T + bias)`` with GPT-2's tanh approximation: ``[..., in]`` to ``[..., out]``.

    In bf16 on a CPU, where no gradient is wanted, GELU is applied while the product is still in the cache, which takes
    a third off this half of the MLP; everywhere else it is the plain two steps, in place where no gradient is wanted.
    """
    if _FUSED and x.device.type == "cpu" and x.dtype == torch.bfloat16 and not torch.is_grad_enabled():
        fused: Tensor = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, "gelu", [], "tanh")
        return fused
    return gelu(F.linear(x, weight, bias))


def gelu(product: Tensor) -> Tensor:
    """GPT-2's GELU of a matrix ``product`` ``[..., out]``, whose memory it takes: nobody may look at it again.

    On a CPU in float32 and float64 it is made of PyTorch's single operations, piece by piece in the cache, because its
    ``tanh`` alone takes a sixth of the time of the one within its GELU; the slope is made on the way, so that the
    backward pass is one multiplication. Elsewhere it is PyTorch's own.
    """
    if product.device.type == "cpu" and product.dtype in (torch.float32, torch.float64):
        if torch.is_grad_enabled() and product.requires_grad:
            return cast(Tensor, _Gelu.apply(product))  # type: ignore[no-untyped-call]
        _gelu_(product, product, slope=False)
        return product
    if torch.is_grad_enabled():
        return F.gelu(product, approximate="tanh")
    result: Tensor = torch.ops.aten.gelu_(product, approximate="tanh")
    return result


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, product: Tensor) -> Tensor:
        out, slope = torch.empty_like(product), product.detach()
        _gelu_(slope, out, slope=True)
        ctx.save_for_backward(slope)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        result: Tensor = gradients[0] * slope
        return result


def _gelu_(x: Tensor, out: Tensor, *, slope: bool) -> None:
    """GELU of ``x`` into ``out``, which may be ``x`` itself, or else, with ``slope``, has x hold the derivative."""
    beta = torch.tensor(_BETA, dtype=x.dtype)
    size = _PIECE * torch.get_num_threads()
    room = x.new_empty(2, min(size, x.numel()))
    for part, result in zip(x.view(-1).split(size), out.view(-1).split(size), strict=True):
        square, t = room[0, : len(part)], room[1, : len(part)]
        torch.mul(part, part, out=square)
        torch.add(beta, square, alpha=_BETA * _KAPPA, out=t).mul_(part).tanh_()
        part.mul_(0.5)
        torch.addcmul(part, part, t, out=result)
        if slope:  # (1 + t) / 2 + x / 2 * (1 - t ** 2) * beta * (1 + 3 * kappa * x ** 2)
            inner = torch.add(beta, square, alpha=3 * _BETA * _KAPPA, out=square).mul_(part)
            torch.mul(t, t, out=part)
            torch.addcmul(inner, inner, part, value=-1, out=part)
            part.add_(t, alpha=0.5).add_(0.5)


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
