"""Learning-rate schedules: constant as in the study, linear or cosine, all with warm-up."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "linear", "cosine"]


def learning_rate_factor(schedule: Schedule, step: int, *, total: int, warmup: int = 0) -> float:
    """Return the factor of the learning rate at ``step`` (from 0) of ``total``, with ``warmup`` steps of warm-up.

    ``linear`` and ``cosine`` fall to 0 at ``total``. The schedules are those of ``transformers``.
    """
    if step < warmup:
        return step / warmup
    if schedule == "constant":
        return 1.0
    progress = (step - warmup) / max(1, total - warmup)
    if schedule == "linear":
        return max(0.0, 1.0 - progress)
    return max(0.0, 0.5 * (1.0 + math.cos(math.pi * progress)))
