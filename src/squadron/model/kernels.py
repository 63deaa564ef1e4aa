"""Fused kernels that PyTorch does not choose on its own, and operations in chunks that fit the CPU's cache."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from squadron.model.gpu import operators as operators  # registers torch.ops.squadron
from squadron.threads import GRAIN, processor_facts

_FUSED = hasattr(torch.ops.mkldnn, "_linear_pointwise")
_CACHE_ELEMENTS = 1 << 18
"""Elements per chunk whose temporaries fit a CPU core's cache: 1 MiB in float32."""
_LEAST_ELEMENTS = 1 << 19
"""Elements of the smallest weight with which a product may be oneDNN's; GPT-2's smallest has 768 x 768."""
_CHUNK_ELEMENTS = 1 << 17
"""Elements per chunk and core for operations with several temporaries of that size."""
_BETA, _KAPPA = math.sqrt(2 / math.pi), 0.044715
"""GPT-2's GELU is ``x / 2 * (1 + tanh(beta * (x + kappa * x ** 3)))`` (Hendrycks and Gimpel, 2016)."""


def residual_dtype(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """Return the dtype of the residual stream of a base of ``dtype``: on a CPU float32 if the base has 16 bits.

    24 sums in 16 bits would round off more than all products do, and most where a few features are a hundred times as
    large as the others. On an accelerator it is ``dtype`` itself (docs/decisions.md says why).
    """
    return torch.promote_types(dtype, torch.float32) if device.type == "cpu" else dtype


def add_layer_norm(x: Tensor, delta: Tensor | None, norm: nn.LayerNorm, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return ``x + delta`` and its normalization: ``[1 or K, T, D]`` and ``[K, T, D]`` to twice ``[K, T, D]``.

    None for ``delta`` is zero. ``x`` and the sum have :func:`residual_dtype`, ``delta`` and the normalization have
    ``dtype``, that of the base. On an accelerator, with frozen weights, both are one operator, and so is their
    gradient.
    """
    weight, bias = norm.weight, norm.bias
    if x.device.type != "cpu" and delta is not None and not weight.requires_grad:
        total, normalized = _AddLayerNorm.apply(x, delta, weight, bias, norm.eps)  # type: ignore[no-untyped-call]
        return total, normalized
    x = x if delta is None else x + delta
    normalized = F.layer_norm(x, norm.normalized_shape, weight.to(x.dtype), bias.to(x.dtype), norm.eps)
    return x, normalized.to(dtype)


class _AddLayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, delta: Tensor, weight: Tensor, bias: Tensor, epsilon: float
    ) -> tuple[Tensor, Tensor]:
        total, normalized, mean, scale = torch.ops.squadron.add_layer_norm(x, delta, weight, bias, epsilon)
        ctx.save_for_backward(total, weight, mean, scale)
        ctx.set_materialize_grads(False)
        return total, normalized

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        d_total, d_normalized = gradients
        total, weight, mean, scale = ctx.saved_tensors
        assert d_normalized is not None, "a normalized state is always used"
        d_x, d_delta = torch.ops.squadron.add_layer_norm_backward(d_normalized, d_total, total, weight, mean, scale)
        return d_x if ctx.needs_input_grad[0] else None, d_delta, None, None, None


@functools.lru_cache(maxsize=1)
def mkl_is_slow(path: Path = Path("/proc/cpuinfo")) -> bool:
    """Return True if PyTorch's float32 products are MKL's and the CPU is not one of Intel's.

    On an AMD CPU with AVX-512, oneDNN's products of GPT-2's shapes have 1.1 to 1.5 times the rate of MKL's.
    """
    if not (_FUSED and torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return False
    return processor_facts(path).get("vendor_id", "GenuineIntel") != "GenuineIntel"


def _is_onednns(x: Tensor, weight: Tensor) -> bool:
    """Return True if products of ``x`` and ``weight`` are oneDNN's: a question of machine, dtype and weight alone.

    So forward, backward and recomputed passes of a training step all use one library, and their bits agree. For every
    new number of rows oneDNN prepares a product for about a millisecond, too long for a small weight.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32 or weight.numel() < _LEAST_ELEMENTS or not mkl_is_slow():
        return False
    return torch.is_inference_mode_enabled() or not weight.requires_grad


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, "none", [], "")
    return product


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias``: ``[..., in]`` to ``[..., out]``; oneDNN's product where that is faster."""
    if not _is_onednns(x, weight):
        return F.linear(x, weight, bias)
    if x.requires_grad and torch.is_grad_enabled():
        return cast(Tensor, _FrozenLinear.apply(x, weight, bias))  # type: ignore[no-untyped-call]
    return _onednn(x, weight, bias)


def input_gradient(dy: Tensor, weight: Tensor) -> Tensor:
    """Return ``dy @ weight``, the gradient of :func:`linear`'s input: ``[..., out]`` to ``[..., in]``."""
    return _onednn(dy, weight.T, None) if _is_onednns(dy, weight) else torch.matmul(dy, weight)


class _FrozenLinear(torch.autograd.Function):
    """oneDNN's product, of a weight that needs no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return _onednn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        return input_gradient(gradients[0], weight), None, None


def precise_linear(x: Tensor, weight: Tensor) -> Tensor:
    """Return ``x @ weight.T`` in float32 (float64 for float64): ``[..., in]`` to ``[..., out]``.

    On an accelerator a product of 16-bit numbers is not rounded to 16 bits first: at 64 and above, bf16 has steps of
    0.5, in which unlike logits would be equal. A CPU has no such product, and it has no gradient.
    """
    precise = torch.promote_types(x.dtype, torch.float32)
    if x.device.type == "cpu" or x.dtype == precise or torch.is_grad_enabled():
        return linear(x, weight).to(precise)
    product: Tensor = torch.mm(x.flatten(0, -2), weight.T, out_dtype=precise)
    return product.view(*x.shape[:-1], len(weight))


def precise_bmm(x: Tensor, y: Tensor) -> Tensor:
    """Return ``x @ y`` in float32 (float64 for float64): ``[K, n, m]`` and ``[K, m, p]`` to ``[K, n, p]``."""
    precise = torch.promote_types(x.dtype, torch.float32)
    if x.device.type == "cpu" or x.dtype == precise:
        return torch.bmm(x, y)
    product: Tensor = torch.bmm(x, y, out_dtype=precise)
    return product


def linear_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return ``gelu(x @ weight.T + bias)`` with GPT-2's tanh approximation: ``[..., in]`` to ``[..., out]``.

    In bf16 on a CPU without gradients, a fused kernel applies GELU while the product is still in the cache, which saves
    a third of the time of this half of the MLP. Otherwise these are two steps, GELU in-place if no gradient is needed.
    """
    if _FUSED and x.device.type == "cpu" and x.dtype == torch.bfloat16 and not torch.is_grad_enabled():
        fused: Tensor = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, "gelu", [], "tanh")
        return fused
    return gelu(linear(x, weight, bias))


def gelu(product: Tensor) -> Tensor:
    """Return GPT-2's GELU of ``product`` ``[..., out]``. ``product`` is overwritten; do not use it afterwards.

    On a CPU, GELU is composed of PyTorch's elementary operations, in chunks that fit the cache. The forward pass also
    computes the derivative, so that the backward pass is one multiplication. Elsewhere it is PyTorch's GELU.
    """
    if product.device.type == "cpu":
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
        result: Tensor = derivative.mul_(gradients[0])  # in place: a graph is used once
        return result


def _gelu_(x: Tensor, out: Tensor, *, derivative: bool) -> None:
    """Write GELU of ``x`` to ``out``, which may be ``x``. With ``derivative``, ``x`` then holds the derivative.

    As ``1 + tanh(u) = 2 * sigmoid(2 * u)``, GELU is ``x * s`` with ``s = sigmoid(2 * beta * (x + kappa * x ** 3))``.
    Its slope is ``s + x * s * (1 - s) * 2 * beta * (1 + 3 * kappa * x ** 2)``. In 16 bits, these are float32.
    """
    precise = torch.promote_types(x.dtype, torch.float32)
    beta = torch.tensor(2 * _BETA, dtype=precise)
    size = _CHUNK_ELEMENTS * torch.get_num_threads()
    buffer = torch.empty(2 if x.dtype == precise else 4, _whole_vectors(min(size, x.numel())), dtype=precise)
    for part, result in zip(x.view(-1).split(size), out.view(-1).split(size), strict=True):
        square, s, *copies = buffer[:, : len(part)]
        value, product = (part, result) if x.dtype == precise else (copies[0].copy_(part), copies[1])
        torch.mul(value, value, out=square)
        torch.add(beta, square, alpha=2 * _BETA * _KAPPA, out=s).mul_(value)
        buffer[1, : _whole_vectors(len(part))].sigmoid_()
        torch.mul(value, s, out=product)
        if derivative:
            torch.add(beta, square, alpha=6 * _BETA * _KAPPA, out=square)
            torch.addcmul(product, product, s, value=-1, out=value).mul_(square).add_(s)
        if x.dtype != precise:
            part.copy_(value)
            result.copy_(product)


def _whole_vectors(elements: int) -> int:
    """Return how many elements to give to ``sigmoid`` for ``elements`` that are wanted.

    A thread's last elements, fewer than a vector, would be computed in another way, with other last bits. So each
    thread gets a multiple of 64.
    """
    threads = min(torch.get_num_threads(), max(1, math.ceil(elements / GRAIN)))
    return math.ceil(elements / (64 * threads)) * 64 * threads


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
