"""Where and in which number format the base runs. Adapters and optimizer are float32 always."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence

import torch

from squadron.errors import DeviceError, option
from squadron.model.config import Precision

_DTYPES: Mapping[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_SHAPE = (512, 768, 768)
"""Rows, inputs and outputs of the product that is timed: GPT-2's attention output on two of the study's sequences."""
_ROUNDS = 5
_ENOUGH_SECONDS = 0.2
_CLEARLY = 1.3
"""bf16 rounds: it has to be this much faster than fp32 to be worth it."""
Timer = Callable[[Callable[[], object]], float]


def resolve_device(name: str = "auto") -> torch.device:
    """The device called ``name``: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises :class:`DeviceError` for a name that is none, and a GPU that is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"{option('device', name)}: unknown; use auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(f"{option('device', name)}: Squadron runs on cpu and cuda")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"{option('device', name)}: this machine has {torch.cuda.device_count()} CUDA devices; use cpu"
        )
    return device


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """The number format of the base's weights and activations.

    ``auto`` is, on a CPU, the format in which this machine multiplies matrices faster, measured once a process; on a
    GPU, bf16 where it computes in it, else fp16. Raises :class:`DeviceError` for fp16 on a CPU, which is emulated
    there, some 200 times slower.
    """
    if precision == "fp16" and device.type == "cpu":
        best = precision_name(_best_on_cpu())
        raise DeviceError(
            f"{option('precision', 'fp16')}: a CPU emulates it, some 200 times slower; use {best}, faster on this one"
        )
    if precision != "auto":
        return _DTYPES[precision]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    return _best_on_cpu()


def precision_name(dtype: torch.dtype) -> Precision:
    """``fp32``, ``bf16`` or ``fp16``."""
    return next(name for name, known in _DTYPES.items() if known == dtype)


def product_rates(
    dtypes: Sequence[torch.dtype], device: torch.device, *, timer: Timer | None = None
) -> dict[torch.dtype, float]:
    """How fast ``device`` multiplies matrices in each format: floating-point operations a second.

    The formats take turns, so that whatever else the machine does hits all alike, and the best of a few counts: the
    rate is the machine's, not the moment's. Some 20 ms; a CPU that emulates a format is let off early. ``timer`` calls
    what it is given and returns the seconds that took.
    """
    rows, n_in, n_out = _SHAPE
    timer = timer or functools.partial(_timed, device=device)
    products = {}
    for dtype in dtypes:
        x, weight = (torch.ones(n, n_in, device=device).to(dtype) for n in (rows, n_out))
        products[dtype] = functools.partial(torch.nn.functional.linear, x, weight)
        products[dtype]()  # the first time, kernels are chosen
    best = dict.fromkeys(dtypes, math.inf)
    spent = 0.0
    for _ in range(_ROUNDS):
        for dtype, product in products.items():
            seconds = timer(product)
            best[dtype], spent = min(best[dtype], seconds), spent + seconds
        if spent > _ENOUGH_SECONDS:
            break
    return {dtype: 2 * rows * n_in * n_out / seconds for dtype, seconds in best.items()}


def _timed(product: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    product()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


@functools.lru_cache(maxsize=1)
def cpu_rates() -> dict[torch.dtype, float]:
    """:func:`product_rates` of this CPU in fp32 and bf16, measured once a process."""
    return product_rates([torch.float32, torch.bfloat16], torch.device("cpu"))


def _best_on_cpu() -> torch.dtype:
    # What a CPU says it can do does not tell: one with AVX512-BF16 and no AMX multiplies bf16 at half fp32's rate.
    rates = cpu_rates()
    return torch.bfloat16 if rates[torch.bfloat16] > _CLEARLY * rates[torch.float32] else torch.float32


class LossScaler:
    """Scales of fp16 losses, one an adapter, so that small gradients do not round to zero (Micikevicius et al., 2018).

    An overflow halves the adapter's scale and skips its step; 2,000 good steps in a row double it. Without ``enabled``
    every scale is 1 and stays so.
    """

    _GROWTH_STEPS = 2000
    _LOWEST = 1.0

    def __init__(self, size: int, *, enabled: bool) -> None:
        self.enabled = enabled
        self.scales = [65536.0 if enabled else 1.0] * size
        self.good_steps = [0] * size

    def update(self, k: int, *, overflow: bool) -> bool:
        """Take note of one step of adapter ``k``; False where its scale can go no lower and the overflow is real."""
        if not self.enabled:
            return not overflow
        if overflow:
            self.good_steps[k] = 0
            self.scales[k] /= 2
            return self.scales[k] >= self._LOWEST
        self.good_steps[k] += 1
        if self.good_steps[k] == self._GROWTH_STEPS:
            self.good_steps[k] = 0
            self.scales[k] *= 2
        return True
