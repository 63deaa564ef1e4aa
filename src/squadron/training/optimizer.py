"""AdamW for a whole fleet, whose parameters are one matrix ``[K, P]``, a row per adapter.

The arithmetic is that of ``torch.optim.AdamW`` (Loshchilov and Hutter, 2019). Every adapter has its own learning rate,
weight decay and step count. The fleet decides which parameters decay: all of an adapter's, but not the biases and
LayerNorms of a fully fine-tuned model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squadron.model.gpu.reference import BETA1, BETA2, EPSILON
from squadron.model.trainable import Trainable

_CHUNK_PARAMETERS = 1 << 20
"""Parameters of one adapter that are updated together: 4 MiB."""


class FleetAdamW:
    """AdamW with the optimizer state of all adapters of a fleet.

    ``mean`` and ``square``, the two moments, are ``[K, P]`` float32; ``steps`` counts the steps of each adapter.
    """

    def __init__(self, fleet: Trainable, *, weight_decay: Sequence[float]) -> None:
        self.fleet = fleet
        self.mean = torch.zeros_like(fleet.values)
        self.square = torch.zeros_like(fleet.values)
        self.steps = [0] * fleet.size
        self.weight_decay = tuple(weight_decay)

    @torch.no_grad()
    def step(self, learning_rates: Sequence[float], active: Sequence[bool]) -> None:
        """Update every active adapter; parameters and optimizer state of the others stay bit-identical."""
        values, gradients = self.fleet.values, self.fleet.gradients
        self.count(active)
        # Row by row rather than masked over [K, P]: rows are long, and that of a stopped adapter can hold NaN.
        for k, is_active in enumerate(active):
            if not is_active:
                continue
            rate = learning_rates[k]
            correction = (1 - BETA2 ** self.steps[k]) ** 0.5
            for part, multiple in self.fleet.decayed_parameters(k):
                part.mul_(1 - rate * multiple * self.weight_decay[k])
            rows = (values[k], gradients[k], self.mean[k], self.square[k])
            for columns, multiple in self.fleet.parameter_groups(k):
                step_size = -rate * multiple / (1 - BETA1 ** self.steps[k])
                # In chunks, which fit the cache and need no temporary of a whole model's size.
                chunks = (row[columns].split(_CHUNK_PARAMETERS) for row in rows)
                for value, gradient, mean, square in zip(*chunks, strict=True):
                    mean.lerp_(gradient, 1 - BETA1)
                    square.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
                    denominator = (square.sqrt() / correction).add_(EPSILON)
                    value.addcdiv_(mean, denominator, value=step_size)

    def count(self, active: Sequence[bool]) -> None:
        """Count a step of every active adapter."""
        self.steps = [steps + is_active for steps, is_active in zip(self.steps, active, strict=True)]

    def coefficients(
        self, learning_rates: Sequence[float], limits: Sequence[float | None], active: Sequence[bool]
    ) -> npt.NDArray[np.float32]:
        """Return what the operator ``squadron::adamw_`` needs to take the next step: ``[K, 6]`` float32.

        ``limits`` are those of the gradients' norms. An adapter that is not active stays as it is.
        """
        ratios = [spec.lora_plus_ratio for spec in self.fleet.specs]
        rows = []
        for k, rate in enumerate(learning_rates):
            steps, limit = self.steps[k] + 1, limits[k]
            rows.append(
                (
                    float(active[k]),
                    rate * self.weight_decay[k],
                    rate / (1 - BETA1**steps),
                    (1 - BETA2**steps) ** -0.5,
                    math.inf if limit is None else limit,
                    ratios[k],
                )
            )
        return np.array(rows, dtype=np.float32)


def clip_gradients(fleet: Trainable, norms: Tensor, limits: Sequence[float | None]) -> None:
    """Scale each adapter's gradient in-place to a norm within its limit, if any, as ``torch.nn.utils.clip_grad_norm_``.

    ``norms`` is ``[K]`` float32, the L2 norms of the gradients; ``limits`` has one entry per adapter.
    """
    for k, limit in enumerate(limits):
        if limit is not None:
            fleet.gradients[k].mul_((limit / (norms[k] + 1e-6)).clamp(max=1.0))
