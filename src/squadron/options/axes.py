"""The options in which the runs of a sweep may differ."""

from __future__ import annotations

from collections.abc import Mapping

from squadron.options.core import TrainOptions

NAME_PARTS = {
    "rank": "r",
    "lr": "lr",
    "targets": "",
    "alpha": "a",
    "dropout": "drop",
    "scaling": "",
    "order": "by-",
    "loss": "loss-",
    "method": "",
    "epochs": "e",
    "batch_size": "b",
    "gradient_accumulation": "ga",
    "schedule": "",
    "warmup_steps": "warm",
    "weight_decay": "wd",
    "gradient_clipping": "clip",
    "max_length": "len",
    "seed": "s",
}
"""The prefix of an axis's value in a run's name."""
AXES: Mapping[str, str] = {
    axis: field
    for axis in NAME_PARTS
    if (field := "target_modules" if axis == "targets" else axis) in TrainOptions.model_fields
}
"""Every axis and the option of ``train`` that it sets."""
