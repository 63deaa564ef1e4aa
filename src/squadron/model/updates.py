"""The size and the effective rank of what an adapter adds to the weights of its base."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from squadron.model.lora import AdapterWeights

SPECTRUM = 64
"""The most singular values that are kept of a spectrum."""


@dataclass(frozen=True, slots=True)
class LayerUpdate:
    """The update of one linear layer: its Frobenius norm, and its effective rank (0 if the update is zero)."""

    norm: float
    effective_rank: float


@dataclass(frozen=True, slots=True)
class Update:
    """The update ``scale * B A`` of all layers of an adapter.

    ``norm`` is the Frobenius norm over all layers together. ``effective_rank`` is the mean over the layers of the
    exponential of the entropy of the singular values as shares of their sum (Roy and Vetterli, 2007): 1 if one
    direction holds the whole update, and the rank if all directions hold as much. ``spectrum`` has the shares of the
    singular values, the largest first, as means over the layers; at most :data:`SPECTRUM` of them.
    """

    norm: float
    effective_rank: float
    spectrum: tuple[float, ...]
    layers: dict[str, LayerUpdate]

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON."""
        return {
            "norm": self.norm,
            "effective_rank": self.effective_rank,
            "spectrum": list(self.spectrum),
            "layers": {
                name: {"norm": own.norm, "effective_rank": own.effective_rank} for name, own in self.layers.items()
            },
        }


@torch.no_grad()
def measure_update(adapter: AdapterWeights) -> Update | None:
    """Return the update of an adapter, in float64 on the CPU; None if a weight is not finite or there is no layer."""
    layers: dict[str, LayerUpdate] = {}
    spectra: list[Tensor] = []
    for name, (a, b) in adapter.layers.items():
        if not bool(torch.isfinite(a).all() and torch.isfinite(b).all()):
            return None
        values = abs(adapter.scale) * singular_values(a, b)
        total = float(values.sum())
        shares = values / total if total > 0.0 else values
        entropy = float(-torch.special.xlogy(shares, shares).sum())
        layers[name] = LayerUpdate(float(values.square().sum().sqrt()), math.exp(entropy) if total > 0.0 else 0.0)
        spectra.append(shares)
    if not layers:
        return None
    longest = max(len(one) for one in spectra)
    padded = torch.stack([torch.nn.functional.pad(one, (0, longest - len(one))) for one in spectra])
    return Update(
        norm=math.sqrt(math.fsum(own.norm**2 for own in layers.values())),
        effective_rank=math.fsum(own.effective_rank for own in layers.values()) / len(layers),
        spectrum=tuple(padded.mean(dim=0)[:SPECTRUM].tolist()),
        layers=layers,
    )


def singular_values(a: Tensor, b: Tensor) -> Tensor:
    """Return the singular values of ``B A``, largest first, float64 ``[min(rank, in, out)]``, without forming it.

    ``a`` is ``[rank, in]``, ``b`` ``[out, rank]``. With ``B = Q R`` and ``A^T = P S`` they are those of ``R S^T``.
    """
    _, r = torch.linalg.qr(b.double().cpu(), mode="r")
    _, s = torch.linalg.qr(a.double().cpu().T, mode="r")
    values: Tensor = torch.linalg.svdvals(r @ s.T)
    return values
