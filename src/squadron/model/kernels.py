"""Kernels that PyTorch has but does not choose by itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_FUSED = hasattr(torch.ops.mkldnn, "_linear_pointwise")


def linear_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``gelu(x @ weight.T + bias)`` with GPT-2's tanh approximation: ``[..., in]`` to ``[..., out]``.

    In bf16 on a CPU, where no gradient is wanted, GELU is applied while the product is still in the cache, which takes
    a third off this half of the MLP; everywhere else it is the plain two steps.
    """
    if _FUSED and x.device.type == "cpu" and x.dtype == torch.bfloat16 and not torch.is_grad_enabled():
        fused: Tensor = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, "gelu", [], "tanh")
        return fused
    return F.gelu(F.linear(x, weight, bias), approximate="tanh")
