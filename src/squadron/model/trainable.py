"""What can be trained, evaluated and decoded with: adapters on a frozen base, or all of a base's weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from squadron.model.lora import LoraSpec, Site

Rates = list[tuple[slice, float]]
"""Columns of a row of ``values``, which together are all of them, each with a multiple of the learning rate."""


class Trainable(Protocol):
    """K sets of parameters that are trained together on one base, each a row of ``values`` ``[K, P]``, float32.

    ``gradients`` ``[K, P]`` are what backward passes add to; ``specs`` describe the adapters, if there are any.
    """

    values: Tensor
    gradients: Tensor
    device: torch.device
    specs: tuple[LoraSpec, ...]

    @property
    def size(self) -> int:
        """K."""

    def site(self, layer: int, module: str) -> Site | None:
        """Return the adapters at a linear layer; None if there are none."""

    def trainable_parameters(self, k: int) -> int:
        """Count the parameters of set ``k``."""

    def rates(self, k: int) -> Rates:
        """Return the columns of row ``k`` by the multiple of the learning rate that they are trained with."""

    def decayed(self, k: int) -> list[tuple[Tensor, float]]:
        """Return views of what weight decay shrinks of set ``k``, each with its multiple of the learning rate."""

    def start_pass(self, step_seeds: Sequence[int] | None) -> None:
        """Prepare the next pass: a seed for each adapter's dropout in training, None in evaluation."""

    def finish_gradients(self) -> None:
        """Complete the gradients after the last backward pass of a step."""

    def gradient_norms(self) -> Tensor:
        """Return the L2 norm of each set's gradient, ``[K]``."""

    def refresh(self) -> None:
        """Bring the model to where ``values`` are."""
