"""The kernels are the plain arithmetic, and are left alone where they must be."""

from __future__ import annotations

import math

import pytest
import torch

from squadron.model.kernels import _CACHED, linear_gelu, log_totals


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
    if dtype != torch.bfloat16:  # in place or not, the same to the bit
        assert torch.equal(found, linear_gelu(x, weight, bias))
    x.requires_grad_()
    linear_gelu(x, weight, bias).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", [(11, 70_001), (3, 5, 70_001), (2, 7)])
def test_totals_by_parts_are_those_of_the_whole_to_the_bit(shape: tuple[int, ...]) -> None:
    logits = torch.randn(*shape, generator=torch.Generator().manual_seed(4)) * 9
    if len(shape) == 2:
        logits[0, 5], logits[1] = math.nan, -math.inf
    assert (logits.numel() > 2 * _CACHED) == (shape[-1] > 7)
    totals = log_totals(logits)
    assert totals.shape == shape[:-1]
    assert int((~totals.isfinite()).sum()) == (2 if len(shape) == 2 else 0)
    assert torch.equal(totals.view(torch.int32), logits.logsumexp(-1).view(torch.int32))
