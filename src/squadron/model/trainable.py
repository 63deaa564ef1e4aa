"""The interface of trainable parameters: adapters on a frozen base, or all weights of a base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from squadron.model.lora import LoraSpec, Site

ParameterGroups = list[tuple[slice, float]]
"""Disjoint columns that together cover a row of ``values``, each with a multiple of the learning rate."""


class Trainable(Protocol):
    """K sets of parameters that are trained together on one base, each a row of ``values`` ``[K, P]`` float32.

    Backward passes add to ``gradients`` ``[K, P]`` float32. ``specs`` describe the adapters, if there are any.
    """

    values: Tensor
    gradients: Tensor
    device: torch.device
    specs: tuple[LoraSpec, ...]

    @property
    def size(self) -> int:
        """The number of sets, K."""

    def site(self, layer: int, module: str) -> Site | None:
        """Return the adapters at a linear layer; None if there are none."""

    def trainable_parameters(self, k: int) -> int:
        """Count the parameters of set ``k``."""

    def parameter_groups(self, k: int) -> ParameterGroups:
        """Return the columns of row ``k``, each group with its multiple of the learning rate."""

    def decayed_parameters(self, k: int) -> list[tuple[Tensor, float]]:
        """Return views of the parameters of set ``k`` that decay, each with its multiple of the learning rate."""

    def start_pass(self, step_seeds: Sequence[int] | None) -> None:
        """Prepare the next pass; ``step_seeds`` has a dropout seed for each adapter in training, None in evaluation."""

    def prepare(self, dtype: torch.dtype) -> None:
        """Make what a pass in ``dtype`` needs of the parameters."""

    def stored(self, matrix: Tensor) -> Tensor:
        """Return a ``[K, P]`` matrix, such as ``values``, in the layout of files."""

    def restore(self, matrix: Tensor, stored: Tensor) -> None:
        """Copy ``stored``, a matrix in the layout of files, to a ``[K, P]`` matrix."""

    def finish_gradients(self) -> None:
        """Complete the gradients after the last backward pass of a step."""

    def gradient_norms(self) -> Tensor:
        """Return the L2 norm of each set's gradient, ``[K]``."""

    def refresh(self) -> None:
        """Update the model after a change of ``values``."""
