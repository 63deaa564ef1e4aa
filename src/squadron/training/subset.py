"""Some adapters of a fleet in training, as a smaller fleet that goes on where the larger one was."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from squadron.model.fleet import Fleet
from squadron.training.steps import FleetTrainer


@torch.no_grad()
def subset(trainer: FleetTrainer, keep: Sequence[int]) -> FleetTrainer:
    """A trainer of the adapters ``keep``, in that order: same numbers, moments, steps and loss scales.

    A fleet of smaller ranks has less padding, so rows differ in length; the numbers that an adapter owns come in the
    same order in both.
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
    )
    numbers = trainer.tensors()
    for name, own in smaller.tensors().items():
        for place, k in enumerate(keep):
            own[place][fleet.owned[place]] = numbers[name][k][before.owned[k]]
    smaller.step_number = trainer.step_number
    smaller.optimizer.steps = [trainer.optimizer.steps[k] for k in keep]
    smaller.stopped = {place: trainer.stopped[k] for place, k in enumerate(keep) if k in trainer.stopped}
    smaller.scaler.scales = [trainer.scaler.scales[k] for k in keep]
    smaller.scaler.good_steps = [trainer.scaler.good_steps[k] for k in keep]
    return smaller
