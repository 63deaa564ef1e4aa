"""What this machine can do, measured."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from typing import Any

import torch

from squadron.experiments.environment import describe_environment
from squadron.options.base import Options
from squadron.training.precision import cpu_rates, matmul_rates, precision_name, resolve_device, resolve_precision

EXTRAS = {
    "web": ("gradio",),
    "search": ("optuna",),
    "ray": ("ray",),
    "trackers": ("tensorboard", "mlflow-skinny", "wandb"),
    "bench": ("transformers", "peft", "trl"),
}
"""What each extra of the package brings that a verb asks for by name."""


def examine(options: Options) -> dict[str, Any]:
    """Device, memory, the precision that ``--precision`` gives, and the matrix-product rates (floating-point operations
    a second) by which ``auto`` chooses on a CPU; versions of what the extras bring, and where Chromium is (None
    where a thing is missing)."""
    device = resolve_device(options.device)
    if device.type == "cuda":
        rates = matmul_rates([torch.float32, torch.bfloat16, torch.float16], device)
    else:
        rates = cpu_rates()
    return {
        "environment": describe_environment(device),
        "memory_bytes": memory_bytes(device),
        "precision": precision_name(resolve_precision(options.precision, device)),
        "matrix_products_per_second": {precision_name(dtype): rate for dtype, rate in rates.items()},
        "extras": {extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()},
        "chromium": shutil.which("chromium"),
    }


def _version(distribution: str) -> str | None:
    """The version of what is installed, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def memory_bytes(device: torch.device) -> int:
    """How much memory the device has; 0 where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0
