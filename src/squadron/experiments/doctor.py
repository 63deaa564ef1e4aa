"""Measure what this machine can do."""

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
"""The distributions that each extra of the package installs and that a verb needs."""


def examine(options: Options) -> dict[str, Any]:
    """Return the device, its memory, and the precision that ``--precision`` selects.

    Also returned are the matrix-product rates (floating-point operations per second), by which ``auto`` chooses on a
    CPU, the versions of the extras' packages, and the path of Chromium; a version or path is None if it is missing.
    """
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
    """Return the version of a distribution, or None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def memory_bytes(device: torch.device) -> int:
    """Return the total memory of the device in bytes; 0 if the system does not report it."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0
