"""Where and in which number format the base runs. Adapters and optimizer are float32 always."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from squadron.errors import DeviceError
from squadron.model.config import Precision

_DTYPES: Mapping[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_device(name: str = "auto") -> torch.device:
    """The device called ``name``: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises :class:`DeviceError` for a name that is none, and a GPU that is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"--device {name}: unknown; use auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(f"--device {name}: Squadron runs on cpu and cuda")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"--device {name}: this machine has {torch.cuda.device_count()} CUDA devices; use cpu")
    return device


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """The number format of the base's weights and activations.

    ``auto`` is bf16 where the device computes in it, else fp16 on a GPU and fp32 on a CPU. Raises :class:`DeviceError`
    for fp16 on a CPU, which is emulated there, some 200 times slower.
    """
    if precision == "fp16" and device.type == "cpu":
        best = "bf16" if _cpu_has_bf16() else "bf16 (or fp32, faster on this CPU)"
        raise DeviceError(f"--precision fp16: a CPU emulates it, some 200 times slower; use {best}")
    if precision != "auto":
        return _DTYPES[precision]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    return torch.bfloat16 if _cpu_has_bf16() else torch.float32


def precision_name(dtype: torch.dtype) -> Precision:
    """``fp32``, ``bf16`` or ``fp16``."""
    return next(name for name, known in _DTYPES.items() if known == dtype)


def _cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 matrices itself, rather than by way of float32."""
    # The function is newer than the oldest torch that runs.
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


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
