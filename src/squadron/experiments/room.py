"""Plan the memory of a run before anything large is read, so that one that cannot fit ends with a line that says so."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from squadron.errors import DeviceError, option
from squadron.experiments.trainables import adapter_spec
from squadron.model.checkpoint import DtypeRule, base_config
from squadron.model.config import SIZES, GPT2Config
from squadron.model.targets import TARGETS
from squadron.options.base import checked
from squadron.options.core import TrainOptions
from squadron.training.memory import StepMemory, free_bytes, padded_parameters, step_memory


def run_memory(options: TrainOptions, config: GPT2Config, dtype: torch.dtype) -> StepMemory:
    """Return what a run needs on a base of this shape; activations are those of one question of the greatest length."""
    spec = adapter_spec(options)
    targets = TARGETS if spec is None else spec.targets
    return step_memory(
        config,
        dtype=dtype,
        parameters=config.parameter_count if spec is None else padded_parameters(config, targets, spec.rank),
        tokens=min(options.max_length, config.n_positions),
        targets=targets,
        checkpoint_activations=True,
    )


def check_room(options: TrainOptions, location: str, *, dtype: DtypeRule, device: torch.device) -> None:
    """Raise :class:`DeviceError` if the base at ``location`` and the run's state are larger than the free memory.

    Activations are not counted, since a step can be divided, so that nothing is refused that might fit. Of the base,
    only its configuration is read, and fetched from the hub.
    """
    free = free_bytes(device)
    config = base_config(location, offline=options.offline)
    needed = run_memory(options, config, dtype(config))
    least = needed.base + needed.state
    if free is None or least <= free:
        return
    what = "all weights with their gradients and moments" if options.method == "full" else "the adapter's state"
    parts = f"{_gigabytes(needed.base)} for the base, {_gigabytes(needed.state)} for {what}"
    raise DeviceError(
        f"{option('base', options.base)}: a run needs {_gigabytes(least)} and its activations ({parts}), {device} has "
        f"{_gigabytes(free)} free; "
        f"{', or '.join(_alternatives(options, config, dtype, free)) or 'free some memory'}"
    )


def _alternatives(options: TrainOptions, config: GPT2Config, dtype: DtypeRule, free: int) -> Iterator[str]:
    """Yield what would fit: an adapter instead of all weights, half the precision, a smaller GPT-2."""

    def least(run: TrainOptions, shape: GPT2Config, precision: torch.dtype) -> int:
        found = run_memory(run, shape, precision)
        return found.base + found.state

    adapter = checked(TrainOptions, {"base": options.base, "data": options.data, "out": options.out})
    if options.method == "full" and least(adapter, config, dtype(config)) <= free:
        yield f"use {option('method', 'lora')}"
    if dtype(config) == torch.float32 and least(options, config, torch.bfloat16) <= free:
        yield f"use {option('precision', 'bf16')}"
    smaller = (
        name
        for name, shape in sorted(SIZES.items(), key=lambda item: -item[1].parameter_count)
        if shape.parameter_count < config.parameter_count and least(options, shape, dtype(shape)) <= free
    )
    if (name := next(smaller, None)) is not None:
        yield f"use a base of the size of {name}"


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
