"""Section ``machine``: the card, the versions, and how fast it multiplies matrices and copies memory."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Callable

import torch

from gpu_sections.setting import Cases, Figures, Setting, time_calls
from squadron.training.precision import precision_name


def cases(setting: Setting) -> Cases:
    """Yield the cases of the section."""
    yield "card", lambda: card(setting)
    yield f"products, {precision_name(setting.dtype)}", lambda: products(setting, setting.dtype)
    yield "copy", lambda: copies(setting)
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        if dtype != setting.dtype and (setting.is_cuda or dtype != torch.float16):
            yield f"products, {precision_name(dtype)}", functools.partial(products, setting, dtype)


def card(setting: Setting) -> Figures:
    """Return the names and versions of hardware and software."""
    versions = {}
    for package in ("torch", "triton", "numpy", "transformers", "peft", "safetensors", "tokenizers"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    found: Figures = {
        "device": setting.device.type,
        "name": platform.machine(),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "versions": versions,
    }
    if setting.is_cuda:
        properties = torch.cuda.get_device_properties(setting.device)
        found |= {
            "name": properties.name,
            "memory_bytes": properties.total_memory,
            "free_bytes": torch.cuda.mem_get_info(setting.device)[0],
            "multiprocessors": properties.multi_processor_count,
            "capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
            "driver": _driver(),
        }
    return found


def _driver() -> str | None:
    """Return what nvidia-smi says about driver, clocks and power limit; None if there is no nvidia-smi."""
    query = "--query-gpu=driver_version,clocks.max.sm,power.limit"
    try:
        told = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip()


def products(setting: Setting, dtype: torch.dtype) -> Figures:
    """Measure the rate of a large square product and of the model's own shapes at 75 adapters, on random numbers."""
    sizes = setting.sizes
    width, inner, rows = sizes.base.n_embd, sizes.base.n_inner, sizes.product_rows
    shapes = [(sizes.matrix, sizes.matrix, sizes.matrix), (rows, width, 3 * width), (rows, width, inner)]
    rates = {}
    for m, k, n in shapes:
        x = torch.randn(m, k, device=setting.device).to(dtype)
        weight = torch.randn(n, k, device=setting.device).to(dtype)
        seconds = _median_seconds(setting, functools.partial(torch.nn.functional.linear, x, weight))
        rates[f"{m} x {k} x {n}"] = 2 * m * k * n / seconds
        del x, weight
    setting.free()
    return {"flops_per_second": next(iter(rates.values())), "by_shape": rates}


def copies(setting: Setting) -> Figures:
    """Measure the rate of a copy within the device's memory, bytes read and bytes written together."""
    count = setting.sizes.copy_bytes // 4
    source = torch.randn(count, device=setting.device)
    target = torch.empty_like(source)
    seconds = _median_seconds(setting, functools.partial(target.copy_, source))
    return {"bytes_per_second": 2 * 4 * count / seconds, "bytes": 4 * count}


def _median_seconds(setting: Setting, call: Callable[[], object]) -> float:
    """Return the median of ten calls, by the device's own events where it has them."""
    found = time_calls(setting, call, warmup=3, count=10)
    return float(found["stream_ms"] or found["ms"]) / 1e3
