"""Devices and number formats: what cannot be is said in one line, what is slow names what is fast."""

from __future__ import annotations

import pytest
import torch

from squadron.errors import DeviceError
from squadron.training import precision
from squadron.training.precision import LossScaler, resolve_device, resolve_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bf16_only_where_the_machine_has_it(
    native: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_cpu_has_bf16", lambda: native)
    assert resolve_precision("auto", CPU) == dtype
    assert resolve_precision("bf16", CPU) == torch.bfloat16
    assert resolve_precision("fp32", CPU) == torch.float32
    with pytest.raises(DeviceError, match="--precision fp16: a CPU emulates it, some 200 times slower; use bf16"):
        resolve_precision("fp16", CPU)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpu", "--device gpu: unknown; use auto"),
        ("meta", "runs on cpu and cuda"),
        ("cuda:99", "CUDA devices; use cpu"),
    ],
)
def test_a_device_that_cannot_be(name: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        resolve_device(name)


def test_the_scaler_halves_on_overflow_and_grows_after_good_steps() -> None:
    scaler = LossScaler(2, enabled=True)
    assert scaler.update(0, overflow=True)
    assert scaler.scales == [32768.0, 65536.0]
    for _ in range(2000):
        assert scaler.update(0, overflow=False)
    assert scaler.scales == [65536.0, 65536.0]
    assert [scaler.update(1, overflow=True) for _ in range(17)] == [True] * 16 + [False]


def test_without_fp16_an_overflow_is_real_at_once() -> None:
    scaler = LossScaler(1, enabled=False)
    assert scaler.update(0, overflow=False)
    assert not scaler.update(0, overflow=True)
    assert scaler.scales == [1.0]
