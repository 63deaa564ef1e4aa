"""AdamW for a whole fleet, whose parameters are one matrix ``[K, P]``, a row per adapter.

The arithmetic is that of ``torch.optim.AdamW`` (Loshchilov and Hutter, 2019). Every adapter has its own learning rate,
weight decay and step count. The fleet decides which parameters decay: all of an adapter's, but not the biases and
LayerNorms of a fully fine-tuned model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from squadron.model.trainable import Trainable

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
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
        self.steps = [steps + is_active for steps, is_active in zip(self.steps, active, strict=True)]
        # Row by row rather than masked over [K, P]: rows are long, and that of a stopped adapter can hold NaN.
        for k, is_active in enumerate(active):
            if not is_active:
                continue
            rate = learning_rates[k]
            correction = (1 - _BETA2 ** self.steps[k]) ** 0.5
            for part, multiple in self.fleet.decayed_parameters(k):
                part.mul_(1 - rate * multiple * self.weight_decay[k])
            rows = (values[k], gradients[k], self.mean[k], self.square[k])
            for columns, multiple in self.fleet.parameter_groups(k):
                step_size = -rate * multiple / (1 - _BETA1 ** self.steps[k])
                # In chunks, which fit the cache and need no temporary of a whole model's size.
                chunks = (row[columns].split(_CHUNK_PARAMETERS) for row in rows)
                for value, gradient, mean, square in zip(*chunks, strict=True):
                    mean.lerp_(gradient, 1 - _BETA1)
                    square.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
                    denominator = (square.sqrt() / correction).add_(_EPSILON)
                    value.addcdiv_(mean, denominator, value=step_size)


def clip_gradients(fleet: Trainable, norms: Tensor, limits: Sequence[float | None]) -> None:
    """Scale each adapter's gradient in-place to a norm within its limit, if any, as ``torch.nn.utils.clip_grad_norm_``.

    ``norms`` is ``[K]`` float32, the L2 norms of the gradients; ``limits`` has one entry per adapter.
    """
    for k, limit in enumerate(limits):
        if limit is not None:
            fleet.gradients[k].mul_((limit / (norms[k] + 1e-6)).clamp(max=1.0))
