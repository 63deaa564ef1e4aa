"""Devices and number formats: invalid ones give a one-line error, and a slow one suggests a fast one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from squadron.errors import DeviceError
from squadron.training import precision
from squadron.training.precision import (
    LossScaler,
    cpu_rates,
    matmul_rates,
    precision_name,
    resolve_device,
    resolve_precision,
)

CPU = torch.device("cpu")


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], None]:
    """Return a function that fakes the best times of a matrix product in fp32 and bf16, in milliseconds."""

    def pretend(fp32: float, bf16: float) -> None:
        durations = iter(
            milliseconds / 1000
            for load in (4.0, 1.5, 1.0, 9.0, 1.2)  # the machine is busy most of the time
            for milliseconds in (fp32 * load, bf16 * load)
        )

        def timer(product: Callable[[], object]) -> float:
            product()
            return next(durations)

        rates = matmul_rates([torch.float32, torch.bfloat16], CPU, timer=timer)
        assert rates[torch.float32] == pytest.approx(2 * 512 * 768 * 768 / (fp32 / 1000))
        monkeypatch.setattr(precision, "cpu_rates", lambda: rates)

    return pretend


@pytest.mark.parametrize(
    ("fp32", "bf16", "chosen"),
    [
        (1.9, 3.6, torch.float32),  # AVX512-BF16 without AMX
        (1.9, 0.5, torch.bfloat16),  # AMX
        (1.0, 0.8, torch.float32),  # faster, but not clearly
        (1.0, 0.7, torch.bfloat16),
    ],
)
def test_auto_takes_bf16_only_where_it_is_clearly_faster(
    fp32: float, bf16: float, chosen: torch.dtype, timed: Callable[[float, float], None]
) -> None:
    timed(fp32, bf16)
    assert resolve_precision("auto", CPU) == chosen
    assert resolve_precision("bf16", CPU) == torch.bfloat16
    assert resolve_precision("fp32", CPU) == torch.float32
    with pytest.raises(
        DeviceError,
        match=f"precision='fp16': a CPU emulates it, some 200 times slower; use {precision_name(chosen)}, faster on",
    ):
        resolve_precision("fp16", CPU)


def test_measuring_an_emulated_format_ends_early() -> None:
    measured: list[float] = []

    def timer(product: Callable[[], object]) -> float:  # noqa: ARG001  (the time is made up)
        measured.append(0.5)
        return 0.5

    matmul_rates([torch.float32, torch.bfloat16], CPU, timer=timer)
    assert len(measured) == 2


def test_the_rates_are_measured_once_per_process() -> None:
    assert cpu_rates() is cpu_rates()
    assert min(cpu_rates().values()) > 1e8
    assert resolve_precision("auto", CPU) == resolve_precision("auto", CPU)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpu", "device='gpu': unknown; use auto"),
        ("meta", "runs on cpu and cuda"),
        ("cuda:99", "CUDA devices; use cpu"),
    ],
)
def test_an_invalid_device_is_refused(name: str, words: str) -> None:
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


def test_without_fp16_the_first_overflow_is_final() -> None:
    scaler = LossScaler(1, enabled=False)
    assert scaler.update(0, overflow=False)
    assert not scaler.update(0, overflow=True)
    assert scaler.scales == [1.0]
