"""The fused kernel is the plain arithmetic, and is left alone where it must be."""

from __future__ import annotations

import pytest
import torch

from squadron.model.kernels import linear_gelu


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
    linear_gelu(x, weight, bias).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
