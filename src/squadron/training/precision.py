"""The device and number format of the base, and loss scaling. Adapters and optimizer state are always float32."""

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
"""Rows, inputs and outputs of the timed matrix product: GPT-2's attention output on two of the study's sequences."""
_ROUNDS = 5
_MAX_SECONDS = 0.2
_MIN_SPEEDUP = 1.3
"""The speedup over fp32 at which bf16 is worth its rounding."""
Timer = Callable[[Callable[[], object]], float]


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device called ``name``: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises :class:`DeviceError` if the name is unknown or the GPU does not exist.
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
    """Return the dtype of the base's weights and activations.

    On a CPU, ``auto`` is bf16 if this machine multiplies matrices clearly faster in it, else fp32, measured once per
    process; on a GPU it is bf16 if supported natively, else fp16. Raises :class:`DeviceError` for fp16 on a CPU, which
    emulates it some 200 times slower.
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
    """Return ``fp32``, ``bf16`` or ``fp16``."""
    return next(name for name, known in _DTYPES.items() if known == dtype)


def matmul_rates(
    dtypes: Sequence[torch.dtype], device: torch.device, *, timer: Timer | None = None
) -> dict[torch.dtype, float]:
    """Measure how fast ``device`` multiplies matrices in each format, in floating-point operations per second.

    The formats take turns, so that other load on the machine affects all alike, and the best of a few rounds counts. It
    takes some 20 ms; measuring ends early on a CPU that emulates a format. ``timer`` calls its argument and returns the
    seconds that it took.
    """
    rows, n_in, n_out = _SHAPE
    timer = timer or functools.partial(_timed, device=device)
    products = {}
    for dtype in dtypes:
        x, weight = (torch.ones(n, n_in, device=device).to(dtype) for n in (rows, n_out))
        products[dtype] = functools.partial(torch.nn.functional.linear, x, weight)
        products[dtype]()  # warm up: the first call selects kernels
    best = dict.fromkeys(dtypes, math.inf)
    spent = 0.0
    for _ in range(_ROUNDS):
        for dtype, product in products.items():
            seconds = timer(product)
            best[dtype], spent = min(best[dtype], seconds), spent + seconds
        if spent > _MAX_SECONDS:
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
    """Return the :func:`matmul_rates` of this CPU in fp32 and bf16, measured once per process."""
    return matmul_rates([torch.float32, torch.bfloat16], torch.device("cpu"))


def _best_on_cpu() -> torch.dtype:
    # CPU flags do not decide it: with AVX512-BF16 but without AMX, bf16 runs at half of fp32's rate.
    rates = cpu_rates()
    return torch.bfloat16 if rates[torch.bfloat16] > _MIN_SPEEDUP * rates[torch.float32] else torch.float32


class LossScaler:
    """Scales of fp16 losses, one per adapter, so that small gradients do not round to zero (Micikevicius et al., 2018).

    An overflow halves the adapter's scale and skips its step; 2,000 good steps in a row double it. Unless ``enabled``,
    all scales are 1 and stay so.
    """

    _GROWTH_STEPS = 2000
    _MIN_SCALE = 1.0

    def __init__(self, size: int, *, enabled: bool) -> None:
        self.enabled = enabled
        self.scales = [65536.0 if enabled else 1.0] * size
        self.good_steps = [0] * size

    def update(self, k: int, *, overflow: bool) -> bool:
        """Update the scale of adapter ``k`` after a step. Return False on an overflow that no lower scale can avoid."""
        if not self.enabled:
            return not overflow
        if overflow:
            self.good_steps[k] = 0
            self.scales[k] /= 2
            return self.scales[k] >= self._MIN_SCALE
        self.good_steps[k] += 1
        if self.good_steps[k] == self._GROWTH_STEPS:
            self.good_steps[k] = 0
            self.scales[k] *= 2
        return True
