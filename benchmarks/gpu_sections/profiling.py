"""Section ``profile``: the operators that take the time of a step, and a trace of the largest fleet's step."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from gpu_sections.laws_decoding import random_adapters
from gpu_sections.setting import Cases, Figures, Setting, make_trainer, same_specs
from gpu_sections.texts import contexts
from squadron.decoding.generate import generate
from squadron.decoding.strategies import resolve_strategies
from squadron.model.fleet import Fleet
from squadron.training.precision import precision_name

TRACE = "trace.json.gz"
_MOST_BYTES = 12 << 20
_ROWS = 25


def cases(setting: Setting) -> Cases:
    """Yield a training step of the largest and of the smallest fleet, and decoding with the middle one."""
    fleets = sorted(setting.sizes.fleets, reverse=True)
    yield f"step of {fleets[0]}", functools.partial(profile_step, setting, fleets[0], keep=True)
    yield f"step of {fleets[-1]}", functools.partial(profile_step, setting, fleets[-1], keep=False)
    if setting.is_cuda:
        middle = fleets[len(fleets) // 2]
        yield (
            f"step of {middle}, fp16",
            functools.partial(profile_step, setting, middle, keep=False, dtype=torch.float16),
        )
    yield f"decoding of {fleets[len(fleets) // 2]}", lambda: profile_decoding(setting, fleets[len(fleets) // 2])


def profile_step(setting: Setting, size: int, *, keep: bool, dtype: torch.dtype | None = None) -> Figures:
    """Profile one training step by question."""
    setting.model(dtype)
    trainer = make_trainer(setting, same_specs(size), dtype=dtype)
    for _ in range(min(setting.sizes.warmup, 10)):
        trainer.step()
    return _profile(
        setting,
        trainer.step,
        f"training step, {size} adapters, {precision_name(trainer.model.dtype)}",
        TRACE if keep else None,
    )


def profile_decoding(setting: Setting, size: int) -> Figures:
    """Profile four tokens of greedy decoding, with the prefill of their questions."""
    sizes = setting.sizes
    model = setting.model()
    fleet = Fleet.from_weights(sizes.base, random_adapters(sizes.base, size), device=setting.device)
    longest = min(900, sizes.base.n_positions - sizes.new_tokens - 50)
    asked = contexts(sizes.base.vocab_size, 4, sizes.questions, longest=longest, scale=sizes.scale)
    call = functools.partial(
        generate,
        model,
        asked,
        strategies=resolve_strategies(["greedy"]),
        max_new_tokens=min(4, sizes.new_tokens),
        eos_id=sizes.base.vocab_size - 1,
        fleet=fleet,
    )
    call()
    return _profile(setting, call, f"greedy decoding, {size} adapters", None)


def _profile(setting: Setting, call: Callable[[], object], title: str, trace: str | None) -> Figures:
    """Profile ``call``. Return how long the device worked, how many kernels ran, and the operators that took most."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if setting.is_cuda else [])]
    setting.synchronize()
    with profile(activities=activities) as found:
        call()
        setting.synchronize()
    key = "self_device_time_total" if setting.is_cuda else "self_cpu_time_total"
    averages = found.key_averages()
    table = averages.table(sort_by=key, row_limit=_ROWS, max_name_column_width=70)
    setting.log(f"Profile: {title}\n{table}")
    if setting.write is not None:
        name = "profile-" + "-".join(title.replace(",", "").split()) + ".txt"
        setting.write(name, f"{title}\n{table}".encode())
        if trace is not None:
            exported = _exported(found, trace)
            if len(exported) <= _MOST_BYTES:
                setting.write(trace, exported)
            else:
                setting.log(f"The trace has {len(exported):,} bytes and is left out")
    ordered = sorted(averages, key=lambda event: getattr(event, key), reverse=True)
    kernels = [event for event in found.events() if setting.is_cuda and event.device_type.name == "CUDA"]
    return {
        "device_ms": sum(event.time_range.elapsed_us() for event in kernels) / 1e3 if setting.is_cuda else None,
        "kernels": len(kernels) if setting.is_cuda else None,
        "top": [
            {"name": event.key[:120], "calls": event.count, "ms": getattr(event, key) / 1e3}
            for event in ordered[:_ROWS]
        ],
    }


def _exported(found: Any, name: str) -> bytes:
    """Return the bytes of the trace, compressed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        found.export_chrome_trace(str(path))
        return path.read_bytes()
