"""Measure what this machine can do: its device, the precisions that suit it, and its speed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import torch

from squadron.experiments.environment import describe_environment
from squadron.experiments.hub_status import hub_status
from squadron.model.config import SIZES, Precision
from squadron.options.base import Options
from squadron.pocket.base import NAME, Recipe
from squadron.training.fleet_size import explain_size, fastest_size
from squadron.training.memory import fits, free_bytes, padded_parameters, step_memory
from squadron.training.precision import (
    cpu_rates,
    explain_auto,
    has_amx,
    matmul_rates,
    precision_name,
    resolve_device,
    resolve_precision,
)

_STUDY = {"questions": 2000, "epochs": 5, "batch_size": 4, "max_length": 256, "tokens": 180}
"""The size of a run of the study; ``tokens`` are a SQuAD question's with its context, on average."""
EXTRAS = {
    "web": ("gradio",),
    "search": ("optuna",),
    "ray": ("ray",),
    "trackers": ("tensorboard", "mlflow-skinny", "wandb"),
    "bench": ("transformers", "peft", "trl"),
}
"""The distributions that each extra of the package installs and that a verb needs."""


def examine(options: Options) -> dict[str, Any]:
    """Return what this machine has and what it can do.

    ``precision`` is what ``--precision`` gives for GPT-2. ``auto`` has what ``auto`` gives for GPT-2 and for the pocket
    base, and ``reason``, why; ``has_amx`` is about the CPU. ``fleets`` has, in the same way, the most runs of the study
    by question that a sweep trains together, if memory allows. ``matrix_products_per_second`` are measured
    floating-point operations per second by number format, for people to compare: no choice depends on them. ``extras``
    has versions of what the extras bring, and ``chromium`` its path (None if something is missing). ``hub`` is
    :func:`squadron.experiments.hub_status.hub_status`'s. ``study`` has, for each size of GPT-2, what one run of the
    study takes here by arithmetic: ``bytes``, ``fits`` (None if the free memory is unknown), and ``seconds_at_best``,
    its training at the speed of the products alone.
    """
    device = resolve_device(options.device)
    if device.type == "cuda":
        rates = matmul_rates([torch.float32, torch.bfloat16, torch.float16], device)
    else:
        rates = cpu_rates()
    bases = (("gpt2", SIZES["gpt2"].n_embd), (NAME, Recipe().n_embd))
    return {
        "environment": describe_environment(device),
        "memory_bytes": memory_bytes(device),
        "precision": _precision(options.precision, device, SIZES["gpt2"].n_embd),
        "has_amx": has_amx(),
        "auto": {
            "gpt2": _precision("auto", device, SIZES["gpt2"].n_embd),
            NAME: _precision("auto", device, Recipe().n_embd),
            "reason": explain_auto(device),
        },
        "fleets": {
            **{name: fastest_size(width, _STUDY["batch_size"] * _STUDY["tokens"], device) for name, width in bases},
            "reason": explain_size(device),
        },
        "matrix_products_per_second": {precision_name(dtype): rate for dtype, rate in rates.items()},
        "extras": {extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()},
        "chromium": shutil.which("chromium"),
        "hub": hub_status(offline=options.offline),
        "study": {
            name: _study_run(
                name, options.precision, device, {precision_name(one): rate for one, rate in rates.items()}
            )
            for name in SIZES
        },
    }


def _study_run(name: str, asked: Precision, device: torch.device, rates: Mapping[str, float]) -> dict[str, Any]:
    """Return the memory and the least time of one run of the study, rank 4 on attention, on a base of this size."""
    config, targets = SIZES[name], ("attention",)
    dtype = resolve_precision(asked, device, width=config.n_embd)
    needed = step_memory(
        config,
        dtype=dtype,
        parameters=padded_parameters(config, targets, 4),
        tokens=_STUDY["batch_size"] * _STUDY["max_length"],
        targets=targets,
    )
    free = free_bytes(device)
    # Twice the parameters forward, and as much for the gradient of what flows through a frozen base.
    operations = 4 * config.parameter_count * _STUDY["questions"] * _STUDY["epochs"] * _STUDY["tokens"]
    rate = rates.get(precision_name(dtype))
    return {
        "precision": precision_name(dtype),
        "bytes": needed.total,
        "fits": None if free is None else fits(needed, free, with_base=True),
        "seconds_at_best": operations / rate if rate else None,
    }


def _precision(asked: Precision, device: torch.device, width: int) -> Precision:
    """Return the precision that ``--precision`` gives for a base of this width."""
    return precision_name(resolve_precision(asked, device, width=width))


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
