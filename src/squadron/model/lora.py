"""LoRA at one linear layer: the configuration and weights of an adapter, and the layer with the adapters of a fleet.

An adapter adds ``scale * B A`` to a linear layer, with A ``[rank, in]`` and B ``[out, rank]`` (Hu et al., 2021).

Dimension letters are those of :mod:`squadron.model.gpt2`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from squadron.errors import ConfigError, option
from squadron.model.kernels import input_gradient, linear, precise_bmm
from squadron.model.targets import STABILIZED, Scaling, resolve_targets
from squadron.randomness import derive_seed


@dataclass(frozen=True, slots=True)
class LoraSpec:
    """The configuration of one adapter: targets, rank, scale, dropout and the seed of its initialization.

    ``targets`` are names or presets of :mod:`squadron.model.targets`. ``lora_plus_ratio`` is the learning rate of B as
    a multiple of A's (LoRA+; Hayou et al., 2024). Raises :class:`ConfigError` if a value is invalid.
    """

    rank: int = 4
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("attention",)
    scaling: Scaling = "alpha/r"
    seed: int = 0
    lora_plus_ratio: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.rank, int) or self.rank < 1:
            raise ConfigError(f"{option('rank', self.rank)}: an integer of 1 or more is expected")
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise ConfigError(f"{option('alpha', self.alpha)}: a number above 0 is expected")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"{option('dropout', self.dropout)}: a probability from 0 to below 1 is expected")
        if self.scaling not in ("alpha/r", STABILIZED, "rslora"):
            raise ConfigError(
                f"{option('scaling', self.scaling)}: alpha/r or alpha/sqrt(r) (or rslora, the same) is expected"
            )
        if not (math.isfinite(self.lora_plus_ratio) and self.lora_plus_ratio > 0):
            raise ConfigError(f"{option('lora_plus_ratio', self.lora_plus_ratio)}: a number above 0 is expected")
        object.__setattr__(self, "targets", resolve_targets(self.targets))

    @property
    def scale(self) -> float:
        """The factor of the product B A."""
        return self.alpha / (math.sqrt(self.rank) if self.is_stabilized else self.rank)

    @property
    def is_stabilized(self) -> bool:
        """True for rsLoRA, which divides alpha by the square root of the rank."""
        return self.scaling != "alpha/r"


@dataclass(frozen=True, slots=True)
class AdapterWeights:
    """The weights of one adapter: A ``[r, in]`` and B ``[out, r]``, float32, by the full name of each linear layer.

    If ``is_stabilized``, files express ``scale`` as alpha over the square root of the rank (rsLoRA), not over the rank.
    """

    layers: Mapping[str, tuple[Tensor, Tensor]]
    scale: float
    is_stabilized: bool = False


@dataclass(slots=True)
class Site:
    """The adapters of a fleet at one linear layer.

    ``a`` ``[K, R, in]`` and ``b`` ``[K, R, out]`` are float32 views of the fleet's parameters; ``a_grad`` and
    ``b_grad`` are the same views of its gradients, to which every backward pass adds. ``scale`` is ``[K, 1, 1]``.
    ``number`` tells the sites of a model apart.

    On an accelerator, ``scaled`` are A and B times the root of ``scale``, in the dtype of the base: their product has
    the whole scale, and that of the gradients with the root is the gradient of A and B.
    """

    name: str
    number: int
    a: Tensor
    b: Tensor
    a_grad: Tensor
    b_grad: Tensor
    scale: Tensor
    dropout: DropoutState | DeviceDropout | None = None
    scaled: tuple[Tensor, Tensor] | None = None


@dataclass(slots=True)
class DropoutState:
    """The dropout probability of each adapter and its generator seed for the current pass, on a CPU."""

    probabilities: tuple[float, ...]
    seeds: tuple[int, ...]

    def masks(self, site: str, shape: torch.Size, like: Tensor) -> Tensor:
        """Draw masks ``[K, T, in]`` of 0 or 1/(1-p) in the dtype of ``like``, each adapter's from its own seed.

        ``shape`` is that of the input, ``[1 or K, T, in]``.
        """
        drawn = torch.ones((len(self.seeds), *shape[1:]), dtype=like.dtype, device=like.device)
        for k, (probability, seed) in enumerate(zip(self.probabilities, self.seeds, strict=True)):
            if probability > 0:
                generator = torch.Generator().manual_seed(derive_seed(seed, site))
                keep = torch.rand(shape[1:], generator=generator) >= probability
                drawn[k] = keep.to(like.device, like.dtype) / (1 - probability)
        return drawn


@dataclass(frozen=True, slots=True)
class DeviceDropout:
    """Dropout on an accelerator: masks are a function of seed, site, token and column, made again in the backward pass.

    ``seeds`` and ``thresholds`` int64 and ``factors`` float32, ``[K]`` each, are those of
    :func:`squadron.model.gpu.reference.dropout`; ``first_token`` is the place of the pass's first token in its step.
    So the masks differ from a CPU's, but not with the fleet's size or the passes that a step is split into.
    """

    seeds: Tensor
    thresholds: Tensor
    factors: Tensor
    first_token: int = 0

    def apply(self, x: Tensor, rows: Tensor | None, site: int) -> Tensor:
        """Return ``x`` ``[1 or K, n, in]`` times the masks: ``[K, n, in]``."""
        out: Tensor = torch.ops.squadron.dropout(
            x, self.seeds, self.thresholds, self.factors, rows, site, self.first_token
        )
        return out

    def add(self, total: Tensor, x: Tensor, rows: Tensor | None, site: int) -> None:
        """Add ``x`` ``[K, n, in]`` times the masks to ``total``."""
        torch.ops.squadron.dropout_add_(
            total, x, self.seeds, self.thresholds, self.factors, rows, site, self.first_token
        )


def lora_linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    site: Site,
    columns: slice,
    rows: Tensor | None = None,
    tokens: Tensor | None = None,
) -> Tensor:
    """Return ``x @ weight.T + bias + scale * (dropout(x) @ A.T) @ B`` for every adapter of a fleet.

    ``x`` is ``[K, T, in]``, or ``[1, T, in]`` if it is the same for all adapters. ``weight`` ``[out, in]`` and
    ``bias`` ``[out]`` are frozen, and belong to the outputs ``columns`` of the site. ``rows`` ``[M]`` int64 are the
    tokens to map; None: all. If ``x`` holds some tokens alone, ``tokens`` are these: on an accelerator a token's mask
    depends on its place in the step. Returns ``[K, T or M, out]`` in the dtype of ``x``.
    """
    if x.device.type != "cpu":
        chosen, tokens = (x, tokens) if rows is None else (x[:, rows], rows)
        return cast(Tensor, _AcceleratedLora.apply(chosen, weight, bias, site.a, site, columns, tokens))  # type: ignore[no-untyped-call]
    assert not isinstance(site.dropout, DeviceDropout), site.name
    mask = site.dropout.masks(site.name, x.shape, x) if site.dropout else None
    if rows is not None:
        x, mask = x[:, rows], None if mask is None else mask[:, rows]
    out = _LoraLinear.apply(x, weight, bias, site.a, site, columns, mask)  # type: ignore[no-untyped-call]
    return cast(Tensor, out)


class _AcceleratedLora(torch.autograd.Function):
    """The layer on an accelerator: few operations, gradients of adapters summed in float32, masks never stored."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, a: Tensor, site: Site, columns: slice, rows: Tensor | None
    ) -> Tensor:
        assert site.scaled is not None, f"{site.name}: Fleet.prepare was not called"
        a, b = site.scaled[0], site.scaled[1][..., columns]
        fleet = a.shape[0]
        y = torch.nn.functional.linear(x, weight, bias)
        if y.shape[0] != fleet:
            y = y.repeat(fleet, 1, 1)
        inputs = _dropped(x, fleet, site, rows)
        h = torch.bmm(inputs, a.transpose(1, 2))  # [K, T, R]
        y.baddbmm_(h, b)
        ctx.save_for_backward(x, weight, h, rows)
        ctx.site, ctx.columns = site, columns
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (dy,) = gradients
        x, weight, h, rows = ctx.saved_tensors
        site: Site = ctx.site
        assert site.scaled is not None, site.name
        a, b = site.scaled[0], site.scaled[1][..., ctx.columns]
        fleet = a.shape[0]
        inputs = _dropped(x, fleet, site, rows)
        dh = torch.bmm(dy, b.transpose(1, 2))  # [K, T, R]
        _accumulate(site.a_grad, dh.transpose(1, 2), inputs)
        _accumulate(site.b_grad[..., ctx.columns], h.transpose(1, 2), dy)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = torch.matmul(dy, weight)  # [K, T, in]
            if site.dropout is None:
                dx.baddbmm_(dh, a)
            else:
                assert isinstance(site.dropout, DeviceDropout), site.name
                site.dropout.add(dx, torch.bmm(dh, a), rows, site.number)
            if x.shape[0] != fleet:
                dx = dx.sum(0, keepdim=True)
        return dx, None, None, None, None, None, None


def _dropped(x: Tensor, fleet: int, site: Site, rows: Tensor | None) -> Tensor:
    """Return the inputs of the adapters, ``[K, T, in]``, with dropout if the pass has it."""
    if site.dropout is None:
        return x.expand(fleet, -1, -1)
    assert isinstance(site.dropout, DeviceDropout), site.name
    return site.dropout.apply(x, rows, site.number)


def _accumulate(total: Tensor, x: Tensor, y: Tensor) -> None:
    """Add ``x @ y`` to ``total`` ``[K, n, p]`` float32; the product is not rounded to 16 bits."""
    if x.dtype == total.dtype:
        total.baddbmm_(x, y)
    else:
        total.add_(precise_bmm(x, y))


class _LoraLinear(torch.autograd.Function):
    """A hand-written forward and backward pass: no temporary of the output's size, no gradient of the base."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        a: Tensor,
        site: Site,
        columns: slice,
        mask: Tensor | None,
    ) -> Tensor:
        scale = site.scale
        a, b = a.to(x.dtype), site.b[..., columns].to(x.dtype)
        fleet = a.shape[0]
        y = linear(x, weight, bias)
        if y.shape[0] != fleet:
            y = y.repeat(fleet, 1, 1)
        inputs = x.expand(fleet, -1, -1) if mask is None else x * mask
        h = torch.bmm(inputs, a.transpose(1, 2)).mul_(scale.to(x.dtype))  # [K, T, R]
        y.baddbmm_(h, b)
        ctx.save_for_backward(x, weight, a, b, mask, h)
        ctx.site, ctx.columns = site, columns
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (dy,) = gradients
        x, weight, a, b, mask, h = ctx.saved_tensors
        site: Site = ctx.site
        fleet = a.shape[0]
        inputs = x.expand(fleet, -1, -1) if mask is None else x * mask
        dh = torch.bmm(dy, b.transpose(1, 2)).mul_(site.scale.to(dy.dtype))  # [K, T, R]
        site.a_grad.add_(torch.bmm(dh.transpose(1, 2), inputs))
        site.b_grad[..., ctx.columns].add_(torch.bmm(h.transpose(1, 2), dy))
        dx = None
        if ctx.needs_input_grad[0]:
            dx = input_gradient(dy, weight)  # [K, T, in]
            if mask is None:
                dx.baddbmm_(dh, a)
            else:
                dx.addcmul_(torch.bmm(dh, a), mask)
            if x.shape[0] != fleet:
                dx = dx.sum(0, keepdim=True)
        return dx, None, None, None, None, None, None
