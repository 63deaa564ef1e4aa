"""AdamW for a whole fleet at once: its numbers lie in one matrix ``[K, P]``, a row an adapter.

The arithmetic is that of ``torch.optim.AdamW`` (Loshchilov and Hutter, 2019); every adapter has its own learning rate,
weight decay and step count. What decays, the fleet says: of adapters all, of a whole model not its biases and norms.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from squadron.model.trainable import Trainable

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_AT_ONCE = 1 << 20
"""Numbers of one adapter that are moved together: 4 MiB."""


class FleetAdamW:
    """Moments and steps of all adapters of a fleet. ``mean`` and ``square`` are ``[K, P]`` float32."""

    def __init__(self, fleet: Trainable, *, weight_decay: Sequence[float]) -> None:
        self.fleet = fleet
        self.mean = torch.zeros_like(fleet.values)
        self.square = torch.zeros_like(fleet.values)
        self.steps = [0] * fleet.size
        self.weight_decay = tuple(weight_decay)

    @torch.no_grad()
    def step(self, learning_rates: Sequence[float], active: Sequence[bool]) -> None:
        """Move every active adapter along its gradient; the others keep numbers, moments and steps to the bit."""
        values, gradients = self.fleet.values, self.fleet.gradients
        self.steps = [steps + on for steps, on in zip(self.steps, active, strict=True)]
        # Row by row rather than over [K, P] with masks: a row is long, and one that is set aside may hold anything.
        for k, on in enumerate(active):
            if not on:
                continue
            rate = learning_rates[k]
            correction = (1 - _BETA2 ** self.steps[k]) ** 0.5
            for part, multiple in self.fleet.decayed_parameters(k):
                part.mul_(1 - rate * multiple * self.weight_decay[k])
            rows = (values[k], gradients[k], self.mean[k], self.square[k])
            for columns, multiple in self.fleet.parameter_groups(k):
                move = -rate * multiple / (1 - _BETA1 ** self.steps[k])
                # Piece by piece, which stays in the cache and needs no temporary of a whole model's size.
                pieces = (row[columns].split(_AT_ONCE) for row in rows)
                for value, gradient, mean, square in zip(*pieces, strict=True):
                    mean.lerp_(gradient, 1 - _BETA1)
                    square.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
                    spread = (square.sqrt() / correction).add_(_EPSILON)
                    value.addcdiv_(mean, spread, value=move)


def clip_gradients(fleet: Trainable, norms: Tensor, limits: Sequence[float | None]) -> None:
    """Shorten each adapter's gradient to its limit, where it has one; as ``torch.nn.utils.clip_grad_norm_``."""
    for k, limit in enumerate(limits):
        if limit is not None:
            fleet.gradients[k].mul_((limit / (norms[k] + 1e-6)).clamp(max=1.0))
