"""The kernels equal the plain operations, and do not depend on what else is in the batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from squadron.model import kernels
from squadron.model.kernels import (
    _CACHE_ELEMENTS,
    _CHUNK_ELEMENTS,
    gelu,
    input_gradient,
    linear,
    linear_gelu,
    logsumexp,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_linear_gelu_is_gelu_of_linear(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    x, weight, bias = (torch.randn(*shape, generator=generator) for shape in ((2, 37, 48), (64, 48), (64,)))
    exact = torch.nn.functional.gelu(x.double() @ weight.double().T + bias.double(), approximate="tanh")
    x, weight, bias = x.to(dtype), weight.to(dtype), bias.to(dtype)
    with torch.inference_mode():
        found = linear_gelu(x, weight, bias)
    assert found.dtype == dtype
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-12, torch.bfloat16: 0.15}[dtype]
    torch.testing.assert_close(found.double(), exact, rtol=0.02 if dtype == torch.bfloat16 else 1e-5, atol=tolerance)
    x.requires_grad_()
    out = linear_gelu(x, weight, bias)
    if dtype != torch.bfloat16:
        with torch.no_grad():  # in place, the same to the bit
            assert torch.equal(out, linear_gelu(x, weight, bias))
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_gelu_and_its_derivative(dtype: torch.dtype) -> None:
    """Compare with PyTorch's in higher precision, over several chunks and at extreme values, where terms cancel."""
    ends = torch.tensor([0.0, -0.0, 1e-30, -1e-6, 5.0, -5.0, 12.0, -12.0, 1e4, -1e4])
    drawn = 3 * torch.randn(
        4 * _CHUNK_ELEMENTS * torch.get_num_threads() + 7, generator=torch.Generator().manual_seed(2)
    )
    x = torch.cat([ends, drawn]).to(dtype)
    wide = torch.promote_types(dtype, torch.float64)
    exact = x.to(wide, copy=True).requires_grad_()
    upward = torch.randn(len(x), generator=torch.Generator().manual_seed(3)).to(dtype)
    expected = torch.nn.functional.gelu(exact, approximate="tanh")
    expected.backward(upward.to(wide))
    assert exact.grad is not None
    given = x.clone().requires_grad_()
    found = gelu(given.clone())  # gelu overwrites its argument, which cannot be a leaf
    found.backward(upward)
    assert given.grad is not None
    tolerance = {torch.float32: 2e-6, torch.float64: 2e-14, torch.bfloat16: 0.03}[dtype]
    for mine, theirs in ((found, expected), (given.grad, exact.grad)):
        torch.testing.assert_close(mine.to(wide), theirs, rtol=tolerance, atol=tolerance)
    with torch.inference_mode():
        assert torch.equal(gelu(x.clone()), found)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_gelu_of_an_adapter_does_not_depend_on_the_fleet(dtype: torch.dtype, threads: int) -> None:
    """Values and gradients of an adapter are bit-identical at any place in a fleet, whoever computes them."""
    rows = torch.randn(3, 1001, 131 * threads, generator=torch.Generator().manual_seed(5)).to(dtype)
    alone = rows[1:2].clone().requires_grad_()
    fleet = rows.clone().requires_grad_()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for x in (alone, fleet):
            gelu(x * 1).sum().backward()
        assert alone.grad is not None
        assert fleet.grad is not None
        assert fleet.grad.numel() > 2 * _CHUNK_ELEMENTS * threads
        assert torch.equal(alone.grad[0], fleet.grad[1])
        expected = gelu(rows.clone())
        assert torch.equal(gelu(rows[1].clone()), expected[1])
        for shape in ((5, 3), (1, 1), (threads, 40_000), (2, 60_001)):
            part = rows.view(-1)[3:][: shape[0] * shape[1]].clone()
            assert torch.equal(gelu(part.clone()), expected.view(-1)[3:][: len(part)])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(11, 70_001), (3, 5, 70_001), (2, 7)])
def test_logsumexp_in_chunks_is_bit_identical(shape: tuple[int, ...]) -> None:
    logits = torch.randn(*shape, generator=torch.Generator().manual_seed(4)) * 9
    if len(shape) == 2:
        logits[0, 5], logits[1] = math.nan, -math.inf
    assert (logits.numel() > 2 * _CACHE_ELEMENTS) == (shape[-1] > 7)
    found = logsumexp(logits)
    assert found.shape == shape[:-1]
    assert int((~found.isfinite()).sum()) == (2 if len(shape) == 2 else 0)
    assert torch.equal(found.view(torch.int32), logits.logsumexp(-1).view(torch.int32))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("passes", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_onednns_products_are_exact_to_float32_in_every_pass(
    bias: bool, passes: Callable[[], AbstractContextManager[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "mkl_is_slow", lambda: True)
    calls = _counted_products(monkeypatch)
    generator = torch.Generator().manual_seed(2)
    x, weight = (torch.randn(*shape, generator=generator) for shape in ((2, 37, 768), (784, 768)))
    added = torch.randn(784, generator=generator) if bias else None
    exact = x.double() @ weight.double().T + (0.0 if added is None else added.double())
    x.requires_grad_()
    with passes():
        found = linear(x[:, ::2], weight[16:], None if added is None else added[16:])
        dx = input_gradient(found.detach(), weight[16:])
    torch.testing.assert_close(found.detach().double(), exact[:, ::2, 16:], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(dx.double(), found.detach().double() @ weight[16:].double(), rtol=1e-5, atol=2e-3)
    assert len(calls) == 2
    if passes is torch.enable_grad:
        found.backward(found.detach())
        assert x.grad is not None
        assert torch.equal(x.grad[:, ::2], dx)
        assert not x.grad[:, 1::2].any()
        assert len(calls) == 3
    # All passes have the same bits, as a checkpointed one runs twice, without gradients and with them.
    with torch.no_grad():
        assert torch.equal(linear(x[:, ::2], weight[16:], None if added is None else added[16:]), found)


def test_small_or_trained_weights_keep_pytorchs_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "mkl_is_slow", lambda: True)
    calls = _counted_products(monkeypatch)
    x, small, large = torch.randn(3, 768), torch.randn(256, 768), torch.randn(768, 768).requires_grad_()
    for weight in (small, large):
        assert torch.equal(linear(x, weight), torch.nn.functional.linear(x, weight))
        assert torch.equal(input_gradient(x[:, : len(weight)], weight), x[:, : len(weight)] @ weight)
    assert linear(x, large).requires_grad
    monkeypatch.setattr(kernels, "mkl_is_slow", lambda: False)
    assert torch.equal(linear(x, large.detach()), torch.nn.functional.linear(x, large))
    assert not calls


def _counted_products(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Let every product of oneDNN add an element to the list."""
    calls: list[None] = []
    product = torch.ops.mkldnn._linear_pointwise

    def counted(*given: Any) -> Tensor:
        calls.append(None)
        return cast(Tensor, product(*given))

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", counted)
    return calls


def test_mkl_is_slow_on_cpus_that_are_not_intels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    for vendor, slow in (("AuthenticAMD", True), ("GenuineIntel", False)):
        (tmp_path / vendor).write_text(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t: avx512f\n")
        assert kernels.mkl_is_slow(tmp_path / vendor) is slow
    assert not kernels.mkl_is_slow(tmp_path / "absent")
