"""The LoRA fleet: many adapters on one frozen base, in one forward and backward pass.

A fleet stacks the A and B of its adapters, padded with zero rows to the largest rank. A zero row of A is multiplied by
a zero row of B, so neither gets a gradient and both stay zero. All parameters are one matrix ``[K, P]``, a row per
adapter, so that the optimizer, clipping and checkpoints each handle a fleet as one tensor. On an accelerator ranks are
padded further, to a multiple of 8, without which its matrix units are not used.

Dimension letters are those of :mod:`squadron.model.gpt2`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squadron.model.config import GPT2Config
from squadron.model.lora import AdapterWeights, DeviceDropout, DropoutState, LoraSpec, Site
from squadron.model.targets import Target, check_rank, describe_target, trainable_parameters
from squadron.model.trainable import ParameterGroups
from squadron.model.transfer import upload
from squadron.randomness import derive_seed

RANK_MULTIPLE = 8
"""16 bytes of 16-bit numbers, the alignment that an accelerator's matrix units ask for."""


class Fleet:
    """Adapters that are trained or evaluated together on one frozen base.

    ``values`` and ``gradients`` are ``[K, P]`` float32. ``owned`` ``[K, P]`` bool is True for an adapter's own
    parameters and False for padding. ``sites`` has views of them by the full name of each adapted linear layer.
    """

    def __init__(self, config: GPT2Config, specs: Sequence[LoraSpec], *, device: torch.device | str = "cpu") -> None:
        """Make untrained adapters: A uniform within ``1/sqrt(in)``, as in PEFT, from each one's seed; B zero.

        Raises :class:`ConfigError` if a rank is too large for the base.
        """
        for spec in specs:
            check_rank(config, spec.targets, spec.rank)
        self.config = config
        self.specs = tuple(specs)
        self._allocate([_parts(config, spec) for spec in specs], [spec.scale for spec in specs], device)
        for k, spec in enumerate(self.specs):
            self._initialize(k, spec)
            counted = self.trainable_parameters(k)
            expected = trainable_parameters(config, spec.targets, spec.rank)
            assert counted == expected, (spec, counted, expected)

    @classmethod
    def from_weights(
        cls, config: GPT2Config, adapters: Sequence[AdapterWeights], *, device: torch.device | str = "cpu"
    ) -> Fleet:
        """Make a fleet of existing adapters, such as ones read from files, for evaluation and decoding."""
        fleet = cls.__new__(cls)
        fleet.config, fleet.specs = config, ()
        parts: list[dict[str, list[tuple[Target, int]]]] = []
        for adapter in adapters:
            plan: dict[str, list[tuple[Target, int]]] = {}
            for name, (a, _) in adapter.layers.items():
                target = describe_target(config, name.split(".", 2)[2])
                plan[name] = [(target, a.shape[0])]
            parts.append(plan)
        fleet._allocate(parts, [adapter.scale for adapter in adapters], device)
        for k, adapter in enumerate(adapters):
            for name, (a, b) in adapter.layers.items():
                site, rank = fleet.sites[name], a.shape[0]
                with torch.no_grad():
                    site.a[k, :rank] = a
                    site.b[k, :rank] = b.T
        return fleet

    def _allocate(
        self,
        parts: Sequence[Mapping[str, list[tuple[Target, int]]]],
        scales: Sequence[float],
        device: torch.device | str,
    ) -> None:
        """Allocate one matrix for all sites, and mark the parameters that each adapter has."""
        size = len(parts)
        assert size > 0, "a fleet has at least one adapter"
        multiple = 1 if torch.device(device).type == "cpu" else RANK_MULTIPLE
        layout: list[tuple[int, str, Target, int]] = []
        for number, name in enumerate(_site_names(self.config)):
            owners = [adapter[name] for adapter in parts if name in adapter]
            if owners:
                rank = max(sum(rank for _, rank in owner) for owner in owners)
                layout.append((number, name, owners[0][0][0], math.ceil(rank / multiple) * multiple))
        total = sum(rank * (target.n_in + target.n_out) for _, _, target, rank in layout)
        self.device = torch.device(device)
        self.values = torch.zeros(size, total, device=device)
        self.gradients = torch.zeros(size, total, device=device)
        owned = torch.zeros(size, total, dtype=torch.bool)  # marked on the host, where small writes launch nothing
        self.scales = tuple(scales)
        scale = torch.tensor(scales, device=device).view(size, 1, 1)
        self._parts = parts
        self.sites: dict[str, Site] = {}
        self._regions: dict[str, tuple[int, int, int, int]] = {}  # offset, rank, n_in, n_out
        offset = 0
        for number, name, target, rank in layout:
            self._regions[name] = (offset, rank, target.n_in, target.n_out)
            a, b = self._views(self.values, name)
            # A requires a gradient so that autograd records the pass; gradients are added to the matrix directly.
            self.sites[name] = Site(name, number, a.requires_grad_(), b, *self._views(self.gradients, name), scale)
            offset += rank * (target.n_in + target.n_out)
            own_a, own_b = self._views(owned, name)
            for k, adapter in enumerate(parts):
                row = 0
                for part, part_rank in adapter.get(name, ()):
                    own_a[k, row : row + part_rank] = True
                    own_b[k, row : row + part_rank, part.start : part.stop] = True
                    row += part_rank
        self._is_unpadded: list[bool] = owned.all(1).tolist()
        self.owned = owned.to(device)
        self._stored_columns = self._columns_without_padding() if multiple > 1 else None
        self._root = scale.view(size, 1).sqrt()
        self._scaled: Tensor | None = None
        self._is_stale = True
        # Only a slice target has padding within a row of B; its gradients must be zeroed explicitly.
        self._has_slices = any(
            part.stop - part.start != part.n_out
            for adapter in parts
            for site_parts in adapter.values()
            for part, _ in site_parts
        )

    def _columns_without_padding(self) -> Tensor:
        """Return the columns that a fleet on a CPU has too, whose ranks are not padded to a multiple, int64."""
        columns: list[Tensor] = []
        for name, (offset, rank, n_in, n_out) in self._regions.items():
            least = max(sum(own for _, own in adapter.get(name, ())) for adapter in self._parts)
            middle = offset + rank * n_in
            columns += [torch.arange(offset, offset + least * n_in), torch.arange(middle, middle + least * n_out)]
        return torch.cat(columns).to(self.device)

    def stored(self, matrix: Tensor) -> Tensor:
        """Return a ``[K, P]`` matrix in the layout of files, which is a CPU's; there it is the matrix itself."""
        return matrix if self._stored_columns is None else matrix.index_select(1, self._stored_columns)

    @torch.no_grad()
    def restore(self, matrix: Tensor, stored: Tensor) -> None:
        """Copy ``stored``, a matrix in the layout of files, to a ``[K, P]`` matrix of this fleet."""
        columns = self._stored_columns
        expected = (matrix.shape[0], matrix.shape[1] if columns is None else len(columns))
        assert stored.shape == expected, (stored.shape, expected)
        if columns is None:
            matrix.copy_(stored)
        else:
            matrix.index_copy_(1, columns, stored.to(self.device))

    def second_matrices(self) -> Tensor:
        """Return which columns belong to a B, whose learning rate LoRA+ multiplies: ``[P]`` uint8."""
        found = torch.zeros(self.values.shape[1], dtype=torch.uint8)
        for offset, rank, n_in, n_out in self._regions.values():
            found[offset + rank * n_in : offset + rank * (n_in + n_out)] = 1
        return found.to(self.device)

    def _views(self, matrix: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Return A ``[K, R, in]`` and B ``[K, R, out]`` of a site as detached views of a ``[K, P]`` matrix."""
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
        """The number of adapters, K."""
        return self.values.shape[0]

    def site(self, layer: int, module: str) -> Site | None:
        """Return the adapters at a linear layer, or None if no adapter of the fleet has one there."""
        return self.sites.get(f"h.{layer}.{module}")

    def trainable_parameters(self, k: int) -> int:
        """Count the parameters of adapter ``k``, without padding."""
        return int(self.owned[k].sum())

    def parameter_groups(self, k: int) -> ParameterGroups:
        """Return row ``k`` as one group, or with LoRA+ the A and the B of each site as groups of their own."""
        ratio = self.specs[k].lora_plus_ratio
        if ratio == 1:
            return [(slice(None), 1.0)]
        groups = []
        for offset, rank, n_in, n_out in self._regions.values():
            middle, end = offset + rank * n_in, offset + rank * (n_in + n_out)
            groups += [(slice(offset, middle), 1.0), (slice(middle, end), ratio)]
        return groups

    def decayed_parameters(self, k: int) -> list[tuple[Tensor, float]]:
        """Return views of all parameters of adapter ``k``: A and B are matrices, so weight decay applies to them."""
        return [(self.values[k, columns], multiple) for columns, multiple in self.parameter_groups(k)]

    def start_pass(self, step_seeds: Sequence[int] | None) -> None:
        """Set dropout for the next pass: one seed per adapter in training, None in evaluation."""
        probabilities = tuple(spec.dropout for spec in self.specs)
        active = step_seeds is not None and any(probabilities)
        state: DropoutState | DeviceDropout | None = None
        if active and self.device.type == "cpu":
            state = DropoutState(probabilities, tuple(step_seeds or ()))
        elif active:
            tensors = upload(self.dropout_arrays(tuple(step_seeds or ())), self.device)
            state = DeviceDropout(tensors["seeds"], tensors["thresholds"], tensors["factors"])
        self.set_dropout(state)

    def dropout_arrays(self, step_seeds: Sequence[int]) -> dict[str, npt.NDArray[np.generic]]:
        """Return the arrays of a :class:`DeviceDropout`; an empty dict if no adapter has dropout."""
        probabilities = np.array([spec.dropout for spec in self.specs])
        if not probabilities.any():
            return {}
        return {
            "seeds": np.array([seed & 0xFFFFFFFF for seed in step_seeds], dtype=np.int64),
            "thresholds": np.round(probabilities * 2**32).astype(np.int64),
            "factors": (1 / (1 - probabilities)).astype(np.float32),
        }

    def set_dropout(self, state: DropoutState | DeviceDropout | None) -> None:
        """Set the dropout of the next pass, whose parameters are read anew."""
        self._is_stale = True
        for site in self.sites.values():
            site.dropout = state

    def prepare(self, dtype: torch.dtype) -> None:
        """Make what a pass in ``dtype`` needs of the parameters: on an accelerator, copies of all in one operation."""
        known = self._scaled is not None and self._scaled.dtype == dtype
        if self.device.type == "cpu" or (known and not self._is_stale):
            return
        with torch.inference_mode(False), torch.no_grad():
            if self._scaled is None or not known:
                self._scaled = torch.empty(self.values.shape, dtype=dtype, device=self.device)
                for name, site in self.sites.items():
                    site.scaled = self._views(self._scaled, name)
            torch.mul(self.values, self._root, out=self._scaled)
        self._is_stale = False

    def finish_gradients(self) -> None:
        """Zero the gradients of padding. Call after the last backward pass of a step."""
        if self.device.type != "cpu":
            self.gradients.mul_(self._root)  # see Site: the passes used A and B times this root
        if self._has_slices:
            self.gradients.mul_(self.owned)

    def gradient_norms(self) -> Tensor:
        """Return the L2 norm of each adapter's gradient, ``[K]`` float32, without padding."""
        if self.device.type != "cpu":
            norms: Tensor = torch.linalg.vector_norm(self.gradients, dim=1)  # padding is zero
            return norms
        # Padding depends on the other adapters, and with it the order of summation would depend on them too.
        rows = zip(self.gradients, self.owned, self._is_unpadded, strict=True)
        return torch.stack([(row if unpadded else row[owned]).norm() for row, owned, unpadded in rows])

    def refresh(self) -> None:
        """Have the next pass read ``values`` anew."""
        self._is_stale = True

    def weights(self, k: int) -> AdapterWeights:
        """Return a copy of adapter ``k`` on the CPU. The slices of ``c_attn`` are merged into one ``c_attn``."""
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
    """Return the targets of an adapter with their ranks, by the full name of their site."""
    parts: dict[str, list[tuple[Target, int]]] = {}
    for layer in range(config.n_layer):
        for name in spec.targets:
            target = describe_target(config, name)
            parts.setdefault(f"h.{layer}.{target.site}", []).append((target, spec.rank))
    return parts
