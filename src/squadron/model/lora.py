"""The LoRA fleet: many adapters on one frozen base, in one forward and backward pass.

An adapter adds ``scale * B A`` to a linear layer, with A ``[rank, in]`` and B ``[out, rank]`` (Hu et al., 2021). A
fleet stacks the A and B of its adapters, padded with zero rows to the largest rank: a zero row of A meets a zero row of
B, so neither gets a gradient and both stay zero. All numbers of all adapters lie in one matrix ``[K, P]``, a row an
adapter, so that the optimizer, clipping and checkpoints each handle a fleet as one tensor.

Dimension letters are those of :mod:`squadron.model.gpt2`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from squadron.errors import ConfigError
from squadron.model.config import GPT2Config
from squadron.model.targets import (
    STABILIZED,
    Scaling,
    Target,
    check_rank,
    describe_targets,
    resolve_targets,
    trainable_parameters,
)
from squadron.model.trainable import Rates
from squadron.randomness import derive_seed


@dataclass(frozen=True, slots=True)
class LoraSpec:
    """What one adapter is: where it sits, how large it is, how it starts.

    ``targets`` are names or presets of :mod:`squadron.model.targets`. ``lora_plus_ratio`` is the learning rate of B as
    a multiple of A's (LoRA+; Hayou et al., 2024). Raises :class:`ConfigError` on values that cannot be.
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
            raise ConfigError(f"--rank {self.rank}: an integer of 1 or more is expected")
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise ConfigError(f"--alpha {self.alpha}: a number above 0 is expected")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"--dropout {self.dropout}: a probability from 0 to below 1 is expected")
        if self.scaling not in ("alpha/r", STABILIZED, "rslora"):
            raise ConfigError(f"--scaling {self.scaling}: alpha/r or alpha/sqrt(r) (or rslora, the same) is expected")
        if not (math.isfinite(self.lora_plus_ratio) and self.lora_plus_ratio > 0):
            raise ConfigError(f"--lora-plus-ratio {self.lora_plus_ratio}: a number above 0 is expected")
        object.__setattr__(self, "targets", resolve_targets(self.targets))

    @property
    def scale(self) -> float:
        """What the product B A is multiplied by."""
        return self.alpha / (math.sqrt(self.rank) if self.is_stabilized else self.rank)

    @property
    def is_stabilized(self) -> bool:
        """True for rsLoRA, whose alpha is divided by the root of the rank."""
        return self.scaling != "alpha/r"


@dataclass(frozen=True, slots=True)
class AdapterWeights:
    """One adapter as plain numbers: for each linear layer, by full name, ``A [r, in]``, ``B [out, r]``, float32.

    ``is_stabilized``: files write ``scale`` as alpha over the root of the rank (rsLoRA), not over the rank.
    """

    layers: Mapping[str, tuple[Tensor, Tensor]]
    scale: float
    is_stabilized: bool = False


@dataclass(slots=True)
class Site:
    """The adapters of a fleet at one linear layer.

    ``a`` ``[K, R, in]`` and ``b`` ``[K, R, out]`` are float32 views of the fleet's matrix, ``a_grad`` and ``b_grad``
    the same views of its gradients, to which every backward pass adds; ``scale`` ``[K, 1, 1]``.
    """

    name: str
    a: Tensor
    b: Tensor
    a_grad: Tensor
    b_grad: Tensor
    scale: Tensor
    dropout: DropoutState | None = None


@dataclass(slots=True)
class DropoutState:
    """The probability of each adapter and the generator seed of the pass under way."""

    probabilities: tuple[float, ...]
    seeds: tuple[int, ...]

    def masks(self, site: str, shape: torch.Size, like: Tensor) -> Tensor:
        """Multipliers ``[K, T, in]``, 0 or 1/(1-p): each adapter's from its own seed, whoever its neighbours are."""
        drawn = torch.ones((len(self.seeds), *shape[1:]), dtype=like.dtype, device=like.device)
        for k, (probability, seed) in enumerate(zip(self.probabilities, self.seeds, strict=True)):
            if probability > 0:
                generator = torch.Generator().manual_seed(derive_seed(seed, site))
                keep = torch.rand(shape[1:], generator=generator) >= probability
                drawn[k] = keep.to(like.device, like.dtype) / (1 - probability)
        return drawn


class Fleet:
    """Adapters that are trained or evaluated together on one frozen base."""

    def __init__(self, config: GPT2Config, specs: Sequence[LoraSpec], *, device: torch.device | str = "cpu") -> None:
        """Make untrained adapters: A uniform within ``1/sqrt(in)``, as PEFT draws it, from each one's seed; B zero."""
        for spec in specs:
            check_rank(config, spec.targets, spec.rank)
        self.config = config
        self.specs = tuple(specs)
        self._plan([_parts(config, spec) for spec in specs], [spec.scale for spec in specs], device)
        for k, spec in enumerate(self.specs):
            self._initialize(k, spec)
            counted = self.trainable_parameters(k)
            expected = trainable_parameters(config, spec.targets, spec.rank)
            assert counted == expected, (spec, counted, expected)

    @classmethod
    def from_weights(
        cls, config: GPT2Config, adapters: Sequence[AdapterWeights], *, device: torch.device | str = "cpu"
    ) -> Fleet:
        """A fleet of adapters that exist already, such as ones read from files; to use, not to train on."""
        fleet = cls.__new__(cls)
        fleet.config, fleet.specs = config, ()
        parts: list[dict[str, list[tuple[Target, int]]]] = []
        for adapter in adapters:
            plan: dict[str, list[tuple[Target, int]]] = {}
            for name, (a, _) in adapter.layers.items():
                target = describe_targets(config, name.split(".", 2)[2])
                plan[name] = [(target, a.shape[0])]
            parts.append(plan)
        fleet._plan(parts, [adapter.scale for adapter in adapters], device)
        for k, adapter in enumerate(adapters):
            for name, (a, b) in adapter.layers.items():
                site, rank = fleet.sites[name], a.shape[0]
                with torch.no_grad():
                    site.a[k, :rank] = a
                    site.b[k, :rank] = b.T
        return fleet

    def _plan(
        self,
        parts: Sequence[Mapping[str, list[tuple[Target, int]]]],
        scales: Sequence[float],
        device: torch.device | str,
    ) -> None:
        """Lay all sites out in one matrix; remember which columns each adapter really has."""
        size = len(parts)
        assert size > 0, "a fleet has at least one adapter"
        layout: list[tuple[str, Target, int]] = []
        for name in _site_names(self.config):
            owners = [adapter[name] for adapter in parts if name in adapter]
            if owners:
                rank = max(sum(rank for _, rank in owner) for owner in owners)
                layout.append((name, owners[0][0][0], rank))
        total = sum(rank * (target.n_in + target.n_out) for _, target, rank in layout)
        self.device = torch.device(device)
        self.values = torch.zeros(size, total, device=device)
        self.gradients = torch.zeros(size, total, device=device)
        self.owned = torch.zeros(size, total, dtype=torch.bool, device=device)
        self.scales = tuple(scales)
        scale = torch.tensor(scales, device=device).view(size, 1, 1)
        self._parts = parts
        self.sites: dict[str, Site] = {}
        self._regions: dict[str, tuple[int, int, int, int]] = {}
        offset = 0
        for name, target, rank in layout:
            self._regions[name] = (offset, rank, target.n_in, target.n_out)
            a, b = self._views(self.values, name)
            # A is marked as trainable so that a pass is recorded; gradients go straight to the fleet's matrix.
            self.sites[name] = Site(name, a.requires_grad_(), b, *self._views(self.gradients, name), scale)
            offset += rank * (target.n_in + target.n_out)
            own_a, own_b = self._views(self.owned, name)
            for k, adapter in enumerate(parts):
                row = 0
                for part, part_rank in adapter.get(name, ()):
                    own_a[k, row : row + part_rank] = True
                    own_b[k, row : row + part_rank, part.start : part.stop] = True
                    row += part_rank
        self._has_all: list[bool] = self.owned.all(1).tolist()  # adapters without padding
        # Only a slice target leaves holes inside a row of B; there, gradients must be put out by hand.
        self._has_slices = any(
            part.stop - part.start != part.n_out
            for adapter in parts
            for site_parts in adapter.values()
            for part, _ in site_parts
        )

    def _views(self, matrix: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """``A [K, R, in]`` and ``B [K, R, out]`` of a site, as detached views of a ``[K, P]`` matrix."""
        offset, rank, n_in, n_out = self._regions[name]
        middle, end = offset + rank * n_in, offset + rank * (n_in + n_out)
        a = matrix.detach()[:, offset:middle].view(-1, rank, n_in)
        return a, matrix.detach()[:, middle:end].view(-1, rank, n_out)

    def _initialize(self, k: int, spec: LoraSpec) -> None:
        for name, site in self.sites.items():
            row = 0
            for part, rank in self._parts[k].get(name, ()):
                layer = name.removesuffix(part.site)
                generator = torch.Generator().manual_seed(derive_seed(spec.seed, "init", layer + part.name))
                bound = 1 / math.sqrt(part.n_in)
                drawn = (torch.rand(rank, part.n_in, generator=generator) * 2 - 1) * bound
                with torch.no_grad():
                    site.a[k, row : row + rank] = drawn
                row += rank

    @property
    def size(self) -> int:
        """How many adapters fly together."""
        return self.values.shape[0]

    def site(self, layer: int, module: str) -> Site | None:
        """The adapters at a linear layer, or None where no adapter of the fleet has one."""
        return self.sites.get(f"h.{layer}.{module}")

    def trainable_parameters(self, k: int) -> int:
        """How many numbers adapter ``k`` trains, counted from what it really has."""
        return int(self.owned[k].sum())

    def rates(self, k: int) -> Rates:
        """Return all of row ``k`` as one, or with LoRA+ the A and B of each site in turn."""
        ratio = self.specs[k].lora_plus_ratio
        if ratio == 1:
            return [(slice(None), 1.0)]
        found = []
        for offset, rank, n_in, n_out in self._regions.values():
            middle, end = offset + rank * n_in, offset + rank * (n_in + n_out)
            found += [(slice(offset, middle), 1.0), (slice(middle, end), ratio)]
        return found

    def decayed(self, k: int) -> list[tuple[Tensor, float]]:
        """Views of what weight decay shrinks of adapter ``k``: all its numbers, as A and B are matrices."""
        return [(self.values[k, columns], rate) for columns, rate in self.rates(k)]

    def start_pass(self, step_seeds: Sequence[int] | None) -> None:
        """Set dropout for the next pass: a seed an adapter in training, None in evaluation."""
        probabilities = tuple(spec.dropout for spec in self.specs)
        active = step_seeds is not None and any(probabilities)
        state = DropoutState(probabilities, tuple(step_seeds or ())) if active else None
        for site in self.sites.values():
            site.dropout = state

    def finish_gradients(self) -> None:
        """Put out gradients of numbers that no adapter has; call after the last backward pass of a step."""
        if self._has_slices:
            self.gradients.mul_(self.owned)

    def gradient_norms(self) -> Tensor:
        """The length of each adapter's gradient, ``[K]`` float32, from its own numbers alone."""
        # Summed without the fleet's padding, which would change the order of summation with the neighbours.
        rows = zip(self.gradients, self.owned, self._has_all, strict=True)
        return torch.stack([(row if whole else row[owned]).norm() for row, owned, whole in rows])

    def refresh(self) -> None:
        """Called when ``values`` have moved. A pass reads A and B right there, so that nothing is to be done."""

    def weights(self, k: int) -> AdapterWeights:
        """Adapter ``k`` as plain numbers, copied to the CPU. The slices of ``c_attn`` come as one ``c_attn``."""
        layers = {}
        for name, site in self.sites.items():
            rank = sum(rank for _, rank in self._parts[k].get(name, ()))
            if rank:
                a, b = site.a.detach()[k, :rank], site.b.detach()[k, :rank].T
                layers[name] = (a.cpu().clone(), b.cpu().contiguous().clone())
        return AdapterWeights(layers, self.scales[k], bool(self.specs) and self.specs[k].is_stabilized)


def _site_names(config: GPT2Config) -> list[str]:
    modules = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    return [f"h.{layer}.{module}" for layer in range(config.n_layer) for module in modules]


def _parts(config: GPT2Config, spec: LoraSpec) -> dict[str, list[tuple[Target, int]]]:
    """Which targets an adapter has at which site, with their ranks."""
    parts: dict[str, list[tuple[Target, int]]] = {}
    for layer in range(config.n_layer):
        for name in spec.targets:
            target = describe_targets(config, name)
            parts.setdefault(f"h.{layer}.{target.site}", []).append((target, spec.rank))
    return parts


def lora_linear(
    x: Tensor, weight: Tensor, bias: Tensor, site: Site, columns: slice, rows: Tensor | None = None
) -> Tensor:
    """``x @ weight.T + bias + scale * (dropout(x) @ A.T) @ B`` for every adapter of a fleet.

    ``x`` is ``[K, T, in]``, or ``[1, T, in]`` where all adapters still see the same; ``weight`` ``[out, in]`` and
    ``bias`` ``[out]`` are frozen; ``columns`` are the site's output columns that ``weight`` holds; ``rows``
    ``[M]`` are the tokens to map, if not all. Returns ``[K, T or M, out]``.
    """
    mask = site.dropout.masks(site.name, x.shape, x) if site.dropout else None
    if rows is not None:
        x, mask = x[:, rows], None if mask is None else mask[:, rows]
    out = _LoraLinear.apply(x, weight, bias, site.a, site, columns, mask)  # type: ignore[no-untyped-call]
    return cast(Tensor, out)


class _LoraLinear(torch.autograd.Function):
    """The forward and backward pass by hand: no temporary of the output's size, no gradient for the base."""

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
        y = torch.nn.functional.linear(x, weight, bias)
        if y.shape[0] != fleet:
            y = y.repeat(fleet, 1, 1)
        seen = x.expand(fleet, -1, -1) if mask is None else x * mask
        h = torch.bmm(seen, a.transpose(1, 2)).mul_(scale.to(x.dtype))  # [K, T, R]
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
        seen = x.expand(fleet, -1, -1) if mask is None else x * mask
        dh = torch.bmm(dy, b.transpose(1, 2)).mul_(site.scale.to(dy.dtype))  # [K, T, R]
        site.a_grad.add_(torch.bmm(dh.transpose(1, 2), seen))
        site.b_grad[..., ctx.columns].add_(torch.bmm(h.transpose(1, 2), dy))
        dx = None
        if ctx.needs_input_grad[0]:
            dx = torch.matmul(dy, weight)  # [K, T, in]
            if mask is None:
                dx.baddbmm_(dh, a)
            else:
                dx.addcmul_(torch.bmm(dh, a), mask)
            if x.shape[0] != fleet:
                dx = dx.sum(0, keepdim=True)
        return dx, None, None, None, None, None, None
