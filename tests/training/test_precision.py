"""Devices and number formats: invalid ones give a one-line error, and nothing is chosen by a clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from squadron.errors import DeviceError
from squadron.model.config import GPT2Config
from squadron.training import precision
from squadron.training.precision import (
    LossScaler,
    cpu_rates,
    dtype_rule,
    explain_auto,
    has_amx,
    matmul_rates,
    resolve_device,
    resolve_precision,
)

CPU = torch.device("cpu")


@pytest.fixture
def amx(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Return a function that pretends that the CPU has AMX, or has none."""
    return lambda present: monkeypatch.setattr(precision, "has_amx", lambda: present)


@pytest.mark.parametrize(
    ("present", "width", "chosen"),
    [
        (False, 64, torch.float32),
        (False, 256, torch.float32),
        (False, 768, torch.float32),
        (False, 1600, torch.float32),
        (True, 64, torch.float32),
        (True, 256, torch.float32),  # the pocket base
        (True, 511, torch.float32),
        (True, 512, torch.bfloat16),
        (True, 768, torch.bfloat16),  # gpt2
        (True, 1600, torch.bfloat16),
    ],
)
def test_auto_on_a_cpu_depends_on_amx_and_width_alone(
    present: bool, width: int, chosen: torch.dtype, amx: Callable[[bool], None]
) -> None:
    amx(present)
    config = GPT2Config(n_embd=width, n_head=1)
    assert resolve_precision("auto", CPU, width=width) == chosen == dtype_rule("auto", CPU)(config)
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        assert resolve_precision(name, CPU, width=width) == dtype == dtype_rule(name, CPU)(config)


@pytest.mark.parametrize(("native", "chosen"), [(True, torch.bfloat16), (False, torch.float16)])
def test_auto_on_a_gpu_depends_on_the_gpu_alone(
    native: bool, chosen: torch.dtype, amx: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: native)
    for present in (False, True):
        amx(present)
        for width in (256, 768):
            assert resolve_precision("auto", torch.device("cuda"), width=width) == chosen


def switches() -> tuple[bool, bool, bool, str]:
    products = torch.backends.cuda.matmul
    return (
        products.allow_fp16_reduced_precision_reduction,
        products.allow_bf16_reduced_precision_reduction,
        products.allow_tf32,
        torch.get_float32_matmul_precision(),
    )


@pytest.fixture
def loose() -> Iterator[None]:
    """Everything that makes products inexact is on during the test; afterwards it is as before."""
    products, (fp16, bf16, _, mode) = torch.backends.cuda.matmul, switches()
    products.allow_fp16_reduced_precision_reduction = products.allow_bf16_reduced_precision_reduction = True
    torch.set_float32_matmul_precision("high")
    yield
    products.allow_fp16_reduced_precision_reduction, products.allow_bf16_reduced_precision_reduction = fp16, bf16
    torch.set_float32_matmul_precision(mode)


@pytest.mark.usefixtures("loose")
@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:1"])
def test_products_on_a_gpu_are_summed_in_float32(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before = switches()
    assert before == (True, True, True, "high")
    resolve_device("cpu")
    assert switches() == before  # a CPU has none of them
    assert resolve_device(name).type == "cuda"
    assert switches() == (False, False, False, "highest")


@pytest.mark.parametrize("present", [False, True])
def test_fp16_on_a_cpu_is_refused_before_a_base_is_read(present: bool, amx: Callable[[bool], None]) -> None:
    amx(present)
    words = f"precision='fp16': a CPU emulates it.*use fp32, or bf16, .*this one has {'it' if present else 'none'}"
    with pytest.raises(DeviceError, match=words):
        dtype_rule("fp16", CPU)
    assert dtype_rule("fp16", torch.device("cuda"))(GPT2Config()) == torch.float16


def test_a_noisy_clock_changes_no_choice(amx: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch) -> None:
    amx(True)
    clock = itertools.cycle((0.001, 0.004, 0.009, 0.0005))
    monkeypatch.setattr(precision, "_timed", lambda product, device: next(clock))  # noqa: ARG005
    chosen = set()
    for _ in range(20):
        cpu_rates.cache_clear()
        chosen.add((resolve_precision("auto", CPU, width=768), resolve_precision("auto", CPU, width=256)))
    cpu_rates.cache_clear()
    assert chosen == {(torch.bfloat16, torch.float32)}


@pytest.mark.parametrize(
    ("supported", "flags", "found"),
    [
        (True, "fpu avx512_bf16 amx_bf16 amx_tile amx_int8", True),
        (True, "fpu avx512_bf16 amx_tile amx_int8", False),
        (True, "fpu avx512_bf16", False),  # the CPU has it, the virtual machine hides it
        (False, "fpu amx_bf16 amx_tile", False),  # PyTorch does not use it
        (None, "fpu amx_bf16 amx_tile", False),  # a PyTorch that does not say
        (True, None, False),  # /proc cannot be read
    ],
)
def test_amx_needs_pytorch_and_the_kernel(
    supported: bool | None, flags: str | None, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(precision.sys, "platform", "linux")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nvmx flags\t: ept\nflags\t\t: {flags}\nbugs\t\t:\n")
    if supported is None:
        monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    else:
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: supported)
    has_amx.cache_clear()
    assert has_amx() is found
    has_amx.cache_clear()


def test_the_reason_for_the_choice_is_given_in_words(amx: Callable[[bool], None]) -> None:
    amx(True)
    assert "has AMX" in explain_auto(CPU)
    assert "512" in explain_auto(CPU)
    amx(False)
    assert "has no AMX" in explain_auto(CPU)


def test_measuring_an_emulated_format_ends_early() -> None:
    measured: list[float] = []

    def timer(product: Callable[[], object]) -> float:  # noqa: ARG001  (the time is made up)
        measured.append(0.5)
        return 0.5

    matmul_rates([torch.float32, torch.bfloat16], CPU, timer=timer)
    assert len(measured) == 2


def test_the_rates_are_measured_once_per_process() -> None:
    cpu_rates.cache_clear()
    assert cpu_rates() is cpu_rates()
    assert min(cpu_rates().values()) > 1e8


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
