"""Fused kernels that PyTorch does not choose on its own, and operations in chunks that fit the CPU's cache."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

_FUSED = hasattr(torch.ops.mkldnn, "_linear_pointwise")
_CACHE_ELEMENTS = 1 << 18
"""Elements per chunk whose temporaries fit a CPU core's cache: 1 MiB in float32."""
_CHUNK_ELEMENTS = 1 << 16
"""Elements per chunk and core for operations with several temporaries of that size."""
_BETA, _KAPPA = math.sqrt(2 / math.pi), 0.044715
"""GPT-2's GELU is ``x / 2 * (1 + tanh(beta * (x + kappa * x ** 3)))`` (Hendrycks and Gimpel, 2016)."""


def linear_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return ``gelu(x @ weight.T + bias)`` with GPT-2's tanh approximation: ``[..., in]`` to ``[..., out]``.

    In bf16 on a CPU without gradients, a fused kernel applies GELU while the product is still in the cache, which saves
    a third of the time of this half of the MLP. Otherwise these are two steps, GELU in-place if no gradient is needed.
    """
    if _FUSED and x.device.type == "cpu" and x.dtype == torch.bfloat16 and not torch.is_grad_enabled():
        fused: Tensor = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, "gelu", [], "tanh")
        return fused
    return gelu(F.linear(x, weight, bias))


def gelu(product: Tensor) -> Tensor:
    """Return GPT-2's GELU of ``product`` ``[..., out]``. ``product`` is overwritten; do not use it afterwards.

    On a CPU in float32 and float64, GELU is composed of PyTorch's elementary operations, in chunks that fit the cache:
    ``torch.tanh`` takes a sixth of the time of the tanh within ``F.gelu``. The forward pass also computes the
    derivative, so that the backward pass is one multiplication. Elsewhere it is PyTorch's GELU.
    """
    if product.device.type == "cpu" and product.dtype in (torch.float32, torch.float64):
        if torch.is_grad_enabled() and product.requires_grad:
            return cast(Tensor, _Gelu.apply(product))  # type: ignore[no-untyped-call]
        _gelu_(product, product, derivative=False)
        return product
    if torch.is_grad_enabled():
        return F.gelu(product, approximate="tanh")
    result: Tensor = torch.ops.aten.gelu_(product, approximate="tanh")
    return result


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, product: Tensor) -> Tensor:
        out, derivative = torch.empty_like(product), product.detach()
        _gelu_(derivative, out, derivative=True)
        ctx.save_for_backward(derivative)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (derivative,) = ctx.saved_tensors
        result: Tensor = gradients[0] * derivative
        return result


def _gelu_(x: Tensor, out: Tensor, *, derivative: bool) -> None:
    """Write GELU of ``x`` to ``out``, which may be ``x``. With ``derivative``, ``x`` then holds the derivative."""
    beta = torch.tensor(_BETA, dtype=x.dtype)
    size = _CHUNK_ELEMENTS * torch.get_num_threads()
    buffer = x.new_empty(2, min(size, x.numel()))
    for part, result in zip(x.view(-1).split(size), out.view(-1).split(size), strict=True):
        square, t = buffer[0, : len(part)], buffer[1, : len(part)]
        torch.mul(part, part, out=square)
        torch.add(beta, square, alpha=_BETA * _KAPPA, out=t).mul_(part).tanh_()
        part.mul_(0.5)
        torch.addcmul(part, part, t, out=result)
        if derivative:  # (1 + t) / 2 + x / 2 * (1 - t ** 2) * beta * (1 + 3 * kappa * x ** 2)
            inner = torch.add(beta, square, alpha=3 * _BETA * _KAPPA, out=square).mul_(part)
            torch.mul(t, t, out=part)
            torch.addcmul(inner, inner, part, value=-1, out=part)
            part.add_(t, alpha=0.5).add_(0.5)


def logsumexp(logits: Tensor) -> Tensor:
    """Return ``logits.logsumexp(-1)``, bit for bit: ``[..., V]`` to ``[...]``.

    On a CPU it takes a few rows at a time: PyTorch makes two temporaries of its argument's size, and those of all
    logits would not fit the cache.
    """
    if logits.device.type != "cpu" or logits.numel() <= _CACHE_ELEMENTS:
        return logits.logsumexp(-1)
    rows = logits.flatten(0, -2)
    parts = [part.logsumexp(-1) for part in rows.split(max(1, _CACHE_ELEMENTS // rows.shape[-1]))]
    return torch.cat(parts).view(logits.shape[:-1])
