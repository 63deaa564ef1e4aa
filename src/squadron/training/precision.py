"""The device and number format of the base, and loss scaling. Adapters and optimizer state are always float32."""

from __future__ import annotations

import functools
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from squadron.errors import DeviceError, option
from squadron.model.checkpoint import DtypeRule
from squadron.model.config import Precision
from squadron.model.kernels import linear
from squadron.threads import processor_facts

_DTYPES: Mapping[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_SHAPE = (512, 768, 768)
"""Rows, inputs and outputs of the timed matrix product: GPT-2's attention output on two of the study's sequences."""
_ROUNDS = 5
_MAX_SECONDS = 0.2
AMX_WIDTH = 512
"""The least width (``n_embd``) of a base for which ``auto`` is bf16 on a CPU with AMX: measured, 768 gains and 256
loses."""
_AMX_FLAGS = frozenset({"amx_tile", "amx_bf16"})
_CPU_INFO = Path("/proc/cpuinfo")
_GROWING_SEGMENTS = ("PYTORCH_ALLOC_CONF", "expandable_segments:True")
"""How PyTorch takes memory of a GPU, unless the user says otherwise: batches differ in length, and in segments of fixed
sizes, freed memory of one batch would not fit the next one's tensors. Read when the first tensor is made there."""
Timer = Callable[[Callable[[], object]], float]


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device called ``name``: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    For a GPU, it also calls :func:`use_exact_sums` and sets how memory is taken. Raises :class:`DeviceError` if the
    name is unknown or the GPU does not exist.
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
    if device.type == "cuda":
        os.environ.setdefault(*_GROWING_SEGMENTS)
        use_exact_sums()
    return device


def use_exact_sums() -> None:
    """Let CUDA's matrix products add up in float32, and keep float32 factors whole, for this process.

    PyTorch lets cuBLAS add partial sums of 16-bit products in 16 bits, which is hardly faster but can overflow in fp16
    and loses what makes small gradients differ. TF32 rounds float32 factors to 10 bits, so that fp32 would not be fp32:
    it is off by default, and switched off in case another library switched it on.
    """
    products = torch.backends.cuda.matmul
    products.allow_fp16_reduced_precision_reduction = False
    products.allow_bf16_reduced_precision_reduction = False
    torch.set_float32_matmul_precision("highest")


def resolve_precision(precision: Precision, device: torch.device, *, width: int) -> torch.dtype:
    """Return the dtype of the weights and activations of a base of ``width`` (``n_embd``).

    The same arguments give the same dtype on a machine at all times: nothing is measured. On a CPU, ``auto`` is bf16 if
    the CPU has AMX and ``width`` is at least :data:`AMX_WIDTH`, else fp32; on a GPU it is bf16 if supported natively,
    else fp16. Raises :class:`DeviceError` for fp16 on a CPU, which emulates it some 200 times slower.
    """
    if precision == "fp16" and device.type == "cpu":
        raise DeviceError(
            f"{option('precision', 'fp16')}: a CPU emulates it, some 200 times slower; "
            f"use fp32, or bf16, which is fast on a CPU with AMX (this one has {'it' if has_amx() else 'none'})"
        )
    if precision != "auto":
        return _DTYPES[precision]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    return torch.bfloat16 if width >= AMX_WIDTH and has_amx() else torch.float32


def dtype_rule(precision: Precision, device: torch.device) -> DtypeRule:
    """Return :func:`resolve_precision` as a function of a base's config, for bases that are yet to be read.

    Raises :class:`DeviceError` at once for fp16 on a CPU.
    """
    resolve_precision(precision, device, width=AMX_WIDTH)
    return lambda config: resolve_precision(precision, device, width=config.n_embd)


@functools.lru_cache(maxsize=1)
def has_amx() -> bool:
    """Return True if the CPU multiplies bf16 in AMX tiles, and PyTorch uses them.

    PyTorch reads what the CPU has. On Linux, the flags of /proc/cpuinfo say in addition that the kernel, or the virtual
    machine, lets programs use it. AVX512-BF16 without AMX does not count: some CPUs run it at half
    the rate of fp32.
    """
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    if supported is None or not supported() or not torch.backends.mkldnn.is_available():
        return False
    return sys.platform != "linux" or set(processor_facts(_CPU_INFO).get("flags", "").split()) >= _AMX_FLAGS


def explain_auto(device: torch.device) -> str:
    """Return, as one sentence for people, why ``auto`` chooses what it does on ``device``."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return f"the GPU {'supports' if native else 'does not support'} bf16 natively"
    if has_amx():
        return f"the CPU has AMX, which makes bf16 the faster one for bases at least {AMX_WIDTH} wide"
    return "the CPU has no AMX; whether bf16 is faster differs by CPU, so it is used only if asked for"


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
        products[dtype] = functools.partial(linear, x, weight)
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
    """Return the :func:`matmul_rates` of this CPU in fp32 and bf16, measured once per process, for people to read: no
    choice depends on them."""
    return matmul_rates([torch.float32, torch.bfloat16], torch.device("cpu"))


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
