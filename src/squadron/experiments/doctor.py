"""What this machine can do, measured."""

from __future__ import annotations

import os
from typing import Any

import torch

from squadron.experiments.environment import describe_environment
from squadron.experiments.options import Options
from squadron.training.precision import cpu_rates, precision_name, product_rates, resolve_device, resolve_precision


def examine(options: Options) -> dict[str, Any]:
    """Device, memory, the precision that ``--precision`` gives, and the matrix-product rates (floating-point operations
    a second) by which ``auto`` chooses on a CPU."""
    device = resolve_device(options.device)
    if device.type == "cuda":
        rates = product_rates([torch.float32, torch.bfloat16, torch.float16], device)
    else:
        rates = cpu_rates()
    return {
        "environment": describe_environment(device),
        "memory_bytes": memory_bytes(device),
        "precision": precision_name(resolve_precision(options.precision, device)),
        "matrix_products_per_second": {precision_name(dtype): rate for dtype, rate in rates.items()},
    }


def memory_bytes(device: torch.device) -> int:
    """How much memory the device has; 0 where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0
