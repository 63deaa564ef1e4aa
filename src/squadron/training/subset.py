"""Continue the training of some adapters of a fleet as a smaller fleet."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from squadron.model.fleet import Fleet
from squadron.training.steps import FleetTrainer


@torch.no_grad()
def subset(trainer: FleetTrainer, keep: Sequence[int]) -> FleetTrainer:
    """Return a trainer of the adapters ``keep``, in that order, with their parameters, optimizer state and loss scales.

    A fleet of smaller ranks has less padding, so its rows can be shorter; an adapter's own parameters have the same
    order in both fleets.
    """
    before = trainer.fleet
    assert isinstance(before, Fleet), type(before)
    fleet = Fleet(before.config, [before.specs[k] for k in keep], device=before.device)
    smaller = FleetTrainer(
        trainer.model,
        fleet,
        trainer.batches,
        learning_rates=[trainer.learning_rates[k] for k in keep],
        total_steps=trainer.total_steps,
        weight_decay=[trainer.optimizer.weight_decay[k] for k in keep],
        gradient_clipping=[trainer.clipping[k] for k in keep],
        rate_schedules=[trainer.rate_schedules[k] for k in keep],
        warmup_steps=trainer.warmup_steps,
        checkpoint_activations=trainer.checkpoint_activations,
    )
    source = trainer.matrices()
    for name, tensor in smaller.matrices().items():
        for row, k in enumerate(keep):
            tensor[row][fleet.owned[row]] = source[name][k][before.owned[k]]
    smaller.step_number = trainer.step_number
    smaller.optimizer.steps = [trainer.optimizer.steps[k] for k in keep]
    smaller.stopped = {row: trainer.stopped[k] for row, k in enumerate(keep) if k in trainer.stopped}
    smaller.scaler.scales = [trainer.scaler.scales[k] for k in keep]
    smaller.scaler.good_steps = [trainer.scaler.good_steps[k] for k in keep]
    return smaller
