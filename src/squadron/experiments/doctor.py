"""What this machine can do, measured."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from importlib import metadata
from typing import Any

import torch

from squadron.experiments.environment import describe_environment
from squadron.experiments.options import Options
from squadron.training.precision import precision_name, resolve_device, resolve_precision

_SHAPE = (1024, 768, 3072)
"""Rows, inputs and outputs: GPT-2's first MLP matrix on a batch of 1,024 tokens."""

EXTRAS = {
    "web": ("gradio",),
    "search": ("optuna",),
    "ray": ("ray",),
    "trackers": ("tensorboard", "mlflow-skinny", "wandb"),
    "bench": ("transformers", "peft", "trl"),
}
"""What each extra of the package brings that a verb asks for by name."""


def examine(options: Options) -> dict[str, Any]:
    """Device, memory, the precision that ``--precision`` gives, and matrix-product rates (floating-point operations
    a second, median of 5) on GPT-2's shapes; versions of what the extras bring, and where Chromium is (None where a
    thing is missing)."""
    device = resolve_device(options.device)
    formats = [torch.float32, torch.bfloat16] + ([torch.float16] if device.type == "cuda" else [])
    return {
        "environment": describe_environment(device),
        "memory_bytes": _memory(device),
        "precision": precision_name(resolve_precision(options.precision, device)),
        "matrix_products_per_second": {precision_name(dtype): _rate(device, dtype) for dtype in formats},
        "extras": {extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()},
        "chromium": shutil.which("chromium"),
    }


def _version(distribution: str) -> str | None:
    """The version of what is installed, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0


def _rate(device: torch.device, dtype: torch.dtype) -> float:
    rows, n_in, n_out = _SHAPE
    x = torch.randn(rows, n_in, device=device).to(dtype)
    weight = torch.randn(n_out, n_in, device=device).to(dtype)

    def once() -> float:
        began = time.perf_counter()
        torch.nn.functional.linear(x, weight)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    once()
    return 2 * rows * n_in * n_out / statistics.median(once() for _ in range(5))
