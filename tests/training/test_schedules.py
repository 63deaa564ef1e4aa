"""Learning rates are those of ``transformers``' schedules."""

from __future__ import annotations

import pytest
import torch
from transformers import get_scheduler

from squadron.training.schedules import Schedule, learning_rate_factor


@pytest.mark.parametrize("warmup", [0, 5])
@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_factors_equal_those_of_transformers(schedule: Schedule, warmup: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    name = "constant_with_warmup" if schedule == "constant" else schedule
    reference = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=23)
    for step in range(23):
        factor = learning_rate_factor(schedule, step, total=23, warmup=warmup)
        assert factor == pytest.approx(reference.get_last_lr()[0], abs=1e-12), step
        optimizer.step()
        reference.step()
