"""The chunked loss and its gradient equal PyTorch's cross-entropy."""

from __future__ import annotations

import pytest
import torch

from squadron.training import loss as module
from squadron.training.loss import token_losses


@pytest.mark.parametrize("at_once", [1 << 24, 23 * 4])
def test_losses_and_gradients_are_those_of_cross_entropy(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOGITS_AT_ONCE", at_once)
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(3, 11, 7, generator=generator, dtype=torch.float64).requires_grad_()
    wte = torch.randn(23, 7, generator=generator, dtype=torch.float64)
    labels = torch.randint(23, (11,), generator=generator)
    upstream = torch.randn(3, 11, generator=generator, dtype=torch.float64)

    losses = token_losses(hidden, wte, labels)
    (found,) = torch.autograd.grad((losses * upstream).sum(), hidden)
    logits = hidden @ wte.T
    expected = torch.nn.functional.cross_entropy(logits.reshape(33, 23), labels.repeat(3), reduction="none").view(3, 11)
    (reference,) = torch.autograd.grad((expected * upstream).sum(), hidden)

    torch.testing.assert_close(losses, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found, reference, rtol=1e-12, atol=1e-12)


def test_losses_are_float32_whatever_the_base_is() -> None:
    hidden = torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(2)).bfloat16()
    losses = token_losses(hidden, torch.eye(9, 8).bfloat16(), torch.arange(5))
    assert losses.dtype == torch.float32
