"""How the learning rate moves over the steps: constant as in the study, linear or cosine with warm-up."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "linear", "cosine"]


def learning_rate_factor(schedule: Schedule, step: int, *, total: int, warmup: int = 0) -> float:
    """What the learning rate is multiplied by at ``step`` (from 0) of ``total``, after ``warmup`` steps of rise.

    ``linear`` and ``cosine`` fall to 0 at ``total``. These are the schedules of ``transformers``.
    """
    if step < warmup:
        return step / warmup
    if schedule == "constant":
        return 1.0
    progress = (step - warmup) / max(1, total - warmup)
    if schedule == "linear":
        return max(0.0, 1.0 - progress)
    return max(0.0, 0.5 * (1.0 + math.cos(math.pi * progress)))
