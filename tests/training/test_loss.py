"""The chunked loss and its gradient equal PyTorch's cross-entropy."""

from __future__ import annotations

import pytest
import torch

from squadron.training import loss as module
from squadron.training.loss import summed_losses


def drawn(fleet: int) -> tuple[torch.Tensor, ...]:
    """Draw states ``[K, 11, 7]``, embeddings ``[23, 7]``, labels, weights and one factor per adapter, in float64."""
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(fleet, 11, 7, generator=generator, dtype=torch.float64)
    wte = torch.randn(23, 7, generator=generator, dtype=torch.float64)
    labels = torch.randint(23, (11,), generator=generator)
    weights = torch.randint(1, 5, (11,), generator=generator).float()
    return hidden, wte, labels, weights, torch.randn(fleet, generator=generator, dtype=torch.float64)


def cross_entropy(hidden: torch.Tensor, wte: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    logits = hidden @ wte.T
    every = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.repeat(len(hidden)), reduction="none")
    return (every.view(len(hidden), -1) * weights).sum(1)


@pytest.mark.parametrize("chunk_logits", [1 << 24, 23 * 4])
@pytest.mark.parametrize(("fleet", "trained"), [(3, ("hidden",)), (1, ("hidden", "wte")), (1, ("wte",))])
def test_losses_and_gradients_are_those_of_cross_entropy(
    fleet: int, trained: tuple[str, ...], chunk_logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one chunk and in chunks of four rows; the gradient of the embeddings is that of the output projection."""
    monkeypatch.setattr(module, "_CHUNK_LOGITS", chunk_logits)
    hidden, wte, labels, weights, factors = drawn(fleet)
    inputs = [{"hidden": hidden, "wte": wte}[name].requires_grad_() for name in trained]
    losses = summed_losses(hidden, wte, labels, weights)
    expected = cross_entropy(hidden, wte, labels, weights)
    torch.testing.assert_close(losses, expected, rtol=1e-12, atol=1e-12)
    found = torch.autograd.grad((losses * factors).sum(), inputs)
    reference = torch.autograd.grad((expected * factors).sum(), inputs)
    assert all(gradient.abs().max() > 0.1 for gradient in reference)
    torch.testing.assert_close(found, reference, rtol=1e-12, atol=1e-12)


def test_losses_are_float32_for_a_bf16_base() -> None:
    hidden = torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(2)).bfloat16()
    losses = summed_losses(hidden, torch.eye(9, 8).bfloat16(), torch.arange(5), torch.ones(5))
    assert losses.dtype == torch.float32


def test_no_gradient_is_computed_in_inference_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise validation in full fine-tuning would compute one for the embeddings, which are trained."""
    hidden, wte, labels, weights, _ = drawn(1)
    made: list[torch.Size] = []
    scatter = torch.Tensor.scatter_add_

    def recorded(self: torch.Tensor, *arguments: object) -> torch.Tensor:
        made.append(self.shape)
        return scatter(self, *arguments)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(torch.Tensor, "scatter_add_", recorded)
    with torch.inference_mode():
        summed_losses(hidden.requires_grad_(), wte.requires_grad_(), labels, weights)
    assert made == []
    summed_losses(hidden, wte, labels, weights)
    assert made == [(11, 23)]
