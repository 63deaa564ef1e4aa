"""Plan the memory of runs before anything large is read, so that one that cannot fit ends with a line that says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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


def check_room(
    base: str,
    location: str,
    runs: Mapping[str, TrainOptions],
    *,
    offline: bool,
    dtype: DtypeRule,
    device: torch.device,
) -> None:
    """Raise :class:`DeviceError` if the base at ``location`` and a run's state are larger than the free memory.

    ``runs`` are those of a sweep by their names, or one alone by an empty name; without any, only the base has to fit.
    Activations are not counted, since a step can be divided, so that nothing is refused that might fit. Of the base,
    only its small files are read, and fetched from the hub: no weights.
    """
    free = free_bytes(device)
    config = base_config(location, offline=offline)
    precision = dtype(config)
    name, run = max(runs.items(), key=lambda item: _least(item[1], config, precision), default=("", None))
    least = _least(run, config, precision)
    if free is None or least <= free:
        return
    if run is None:
        needs = f"its weights need {_gigabytes(least)}"
    else:
        needed = run_memory(run, config, precision)
        what = "all weights with their gradients and moments" if run.method == "full" else "the adapter's state"
        parts = f"{_gigabytes(needed.base)} for the base, {_gigabytes(needed.state)} for {what}"
        needs = f"{f'run {name}' if name else 'a run'} needs {_gigabytes(least)} and its activations ({parts})"
    raise DeviceError(
        f"{option('base', base)}: {needs}, {device} has {_gigabytes(free)} free; "
        f"{', or '.join(_alternatives(name, run, config, dtype, free)) or 'free some memory'}"
    )


def _least(run: TrainOptions | None, config: GPT2Config, precision: torch.dtype) -> int:
    """Return the bytes of a base of this shape and the state of a run, if there is one."""
    if run is None:
        return config.parameter_count * precision.itemsize
    needed = run_memory(run, config, precision)
    return needed.base + needed.state


def _alternatives(
    name: str, run: TrainOptions | None, config: GPT2Config, dtype: DtypeRule, free: int
) -> Iterator[str]:
    """Yield what would fit: an adapter instead of all weights, half the precision, a smaller GPT-2."""
    if run is not None and run.method == "full":
        adapter = checked(TrainOptions, {"base": run.base, "data": run.data, "out": run.out})
        if _least(adapter, config, dtype(config)) <= free:
            # A sweep has the method of each of its runs from its configuration.
            yield "give it method: lora" if name else f"use {option('method', 'lora')}"
    if dtype(config) == torch.float32 and _least(run, config, torch.bfloat16) <= free:
        yield f"use {option('precision', 'bf16')}"
    smaller = (
        size
        for size, shape in sorted(SIZES.items(), key=lambda item: -item[1].parameter_count)
        if shape.parameter_count < config.parameter_count and _least(run, shape, dtype(shape)) <= free
    )
    if (size := next(smaller, None)) is not None:
        yield f"use a base of the size of {size}"


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
