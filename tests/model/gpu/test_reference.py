"""The reference of the operators, against PyTorch's own functions and autograd in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from squadron.model.attention import tree_mask
from squadron.model.gpu import reference
from squadron.model.gpu.layout import attention_tables, pad_blocks

SHAPES = [(70, [9, 0, 13]), (0, [5, 7]), (67, []), (2, [66, 1])]
"""More than a block of 64 in contexts and in a branch, an empty context and branch, a plain sequence."""
TOTAL = sum(context + sum(branches) for context, branches in SHAPES)
ROWS = np.array([0, 69, 75, 91, 92, 96, 103, 172, 174, 237, TOTAL - 1])
"""The plain sequence, from 104 to 170, has none."""
FLEET, HEADS, WIDTH = 2, 3, 5


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch_mask() -> Tensor:
    """Return the mask of the whole batch: that of each tree, made without the tables, on the diagonal."""
    return torch.block_diag(*(tree_mask(shape) for shape in SHAPES)).bool()


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("trimmed", [False, True])
def test_tree_attention_and_its_gradients(trimmed: bool, padded: bool) -> None:
    arrays = attention_tables(SHAPES, ROWS)
    own = {name: torch.from_numpy(array) for name, array in (pad_blocks(arrays, 9) if padded else arrays).items()}
    last, rows = ("last_", own["rows"]) if trimmed else ("", None)
    tables = (own[last + "query_blocks"], own[last + "key_blocks"], rows, own["context_end"], own["branch_start"])
    count = len(ROWS) if trimmed else TOTAL
    q, k, v = (drawn(FLEET, n, HEADS * WIDTH, seed=n + s).requires_grad_() for s, n in enumerate((count, TOTAL, TOTAL)))
    mask = batch_mask()[torch.from_numpy(ROWS)] if trimmed else batch_mask()

    split = [x.unflatten(-1, (HEADS, WIDTH)).transpose(1, 2) for x in (q, k, v)]
    expected = F.scaled_dot_product_attention(*split, attn_mask=mask).transpose(1, 2).flatten(2)
    scores = (split[0] @ split[1].transpose(-1, -2) / math.sqrt(WIDTH)).masked_fill(~mask, -math.inf)
    d_out = drawn(*expected.shape, seed=9)
    gradients = torch.autograd.grad(expected, (q, k, v), d_out)

    with torch.no_grad():
        out, lse = reference.tree_attention(q, k, v, *tables, HEADS)
        found = tuple(torch.full_like(x, math.nan) for x in (q, k, v))
        delta = reference.query_gradient_(d_out, q, k, v, out, lse, tables[0], *tables[2:], HEADS, found[0])
        reference.key_gradient_(d_out, q, k, v, lse, delta, *tables, HEADS, *found[1:])
    torch.testing.assert_close(out, expected.detach())
    torch.testing.assert_close(lse, scores.exp().sum(-1).log2().detach())
    assert all(gradient.abs().max() > 0.1 for gradient in gradients)
    torch.testing.assert_close(found, gradients)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("with_sum", [False, True])
def test_add_layer_norm_and_its_gradient(shared: bool, with_sum: bool) -> None:
    """A residual that all adapters share gets a gradient for each, which the caller sums."""
    residual = drawn(1 if shared else FLEET, 7, 11).expand(FLEET, -1, -1).clone().requires_grad_()
    delta, weight, bias = drawn(FLEET, 7, 11, seed=2).requires_grad_(), drawn(11, seed=3), drawn(11, seed=4)
    expected = residual + delta
    normalized = F.layer_norm(expected, (11,), weight, bias, 1e-5)
    d_total, d_normalized = drawn(FLEET, 7, 11, seed=5), drawn(FLEET, 7, 11, seed=6)
    scalar = (normalized * d_normalized).sum() + ((expected * d_total).sum() if with_sum else 0)
    gradients = torch.autograd.grad(scalar, (residual, delta))
    given = residual.detach()[:1] if shared else residual.detach()
    total, out, mean, scale = reference.add_layer_norm(given, delta.detach(), weight, bias, 1e-5)
    torch.testing.assert_close((total, out), (expected.detach(), normalized.detach()))
    found = reference.add_layer_norm_backward(d_normalized, d_total if with_sum else None, total, weight, mean, scale)
    torch.testing.assert_close(found, gradients)


def test_add_layer_norm_keeps_a_float32_residual_beside_16_bits() -> None:
    residual, delta = drawn(FLEET, 7, 11).float(), drawn(FLEET, 7, 11, seed=2).bfloat16()
    weight, bias = drawn(11, seed=3).bfloat16(), drawn(11, seed=4).bfloat16()
    total, out, mean, scale = reference.add_layer_norm(residual, delta, weight, bias, 1e-5)
    assert torch.equal(total, residual + delta.float())
    precise = F.layer_norm(total, (11,), weight.float(), bias.float(), 1e-5)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), precise, rtol=2**-8, atol=1e-6)
    d_residual, d_delta = reference.add_layer_norm_backward(out, None, total, weight, mean, scale)
    assert (d_residual.dtype, d_delta.dtype) == (torch.float32, torch.bfloat16)
    assert torch.equal(d_residual.bfloat16(), d_delta)


def test_cross_entropy_and_its_gradient() -> None:
    vocabulary, labels, weights = 23, torch.tensor([4, 22, 0]), torch.tensor([1.0, 0.0, 3.0], dtype=torch.float64)
    logits = (4 * drawn(FLEET * 3, vocabulary + 5)).requires_grad_()
    expected = F.cross_entropy(logits[:, :vocabulary], labels.repeat(FLEET), reduction="none")
    (gradient,) = torch.autograd.grad((expected * weights.repeat(FLEET)).sum(), logits)
    given = logits.detach()
    losses, found = reference.cross_entropy(given.clone(), labels, weights, vocabulary, torch.float64)
    torch.testing.assert_close((losses, found), (expected.detach(), gradient))
    assert torch.equal(found[:, vocabulary:], torch.zeros(FLEET * 3, 5, dtype=torch.float64))
    without, empty = reference.cross_entropy(given, labels, weights, vocabulary, None)
    assert torch.equal(without, losses)
    assert empty.numel() == 0


DECAY, RATES, RATIOS, LIMITS = (0.0, 0.1, 0.01), (1e-2, 3e-3, 1e-3), (1.0, 16.0, 4.0), (math.inf, 0.5, 1e3)


def test_adamw_is_pytorchs() -> None:
    """Three steps, with clipping, and with LoRA+ as parameter groups of their own."""
    size, second = 40, torch.arange(40) >= 25
    values = drawn(3, size).float()
    parts = [[part.clone().requires_grad_() for part in (row[~second], row[second])] for row in values]
    optimizers = [
        torch.optim.AdamW(
            [{"params": [first], "lr": rate}, {"params": [other], "lr": rate * ratio}], weight_decay=decay
        )
        for (first, other), rate, ratio, decay in zip(parts, RATES, RATIOS, DECAY, strict=True)
    ]
    mean, square, before = (torch.zeros_like(values) for _ in range(3))
    for step in range(1, 4):
        previous, gradients = values.clone(), drawn(3, size, seed=10 + step).float()
        norms = gradients.norm(dim=1)
        coefficients = [
            (1.0, rate * decay, rate / (1 - 0.9**step), (1 - 0.999**step) ** -0.5, limit, ratio)
            for rate, decay, limit, ratio in zip(RATES, DECAY, LIMITS, RATIOS, strict=True)
        ]
        state = (values, gradients, mean, square, before)
        reference.adamw_(*state, torch.tensor(coefficients), torch.ones(3), norms, second.to(torch.uint8))
        assert torch.equal(before, previous)
        for own, optimizer, row, limit in zip(parts, optimizers, gradients, LIMITS, strict=True):
            own[0].grad, own[1].grad = row[~second].clone(), row[second].clone()
            if limit < math.inf:
                torch.nn.utils.clip_grad_norm_(own, limit)
            optimizer.step()
        expected = torch.stack([torch.cat([part.detach() for part in own]) for own in parts])
        torch.testing.assert_close(values, expected, rtol=1e-6, atol=1e-6)


def test_adamw_leaves_some_adapters_alone() -> None:
    """A stopped one, even with NaN gradients, and one of infinite norm; a NaN loss gives the last values back."""
    values, gradients, mean, square, before = state = tuple(drawn(4, 9, seed=s).float().abs() for s in range(5))
    gradients[:3] = math.nan
    coefficients = torch.tensor([[0.0, 0, 0, 1, 1, 1], *[[1, 1e-3, 1e-2, 1, math.inf, 1]] * 3])
    losses, norms = torch.tensor([math.nan, 1.0, math.nan, 1.0]), torch.tensor([math.nan, math.inf, math.nan, 2.0])
    old = [x.clone() for x in state]
    reference.adamw_(*state, coefficients, losses, norms, torch.zeros(9, dtype=torch.uint8))
    for found, expected in zip((values, mean, square, before), (old[0], *old[2:]), strict=True):
        assert torch.equal(found[:2], expected[:2])
        assert not torch.equal(found[3], expected[3])
    assert torch.equal(values[2], old[4][2])
    assert all(torch.equal(found[2], expected[2]) for found, expected in zip(state[2:], old[2:], strict=True))


SEEDS, PROBABILITIES = torch.tensor([12345, 2**32 - 1, 7]), (0.0, 0.1, 0.5)
THRESHOLDS = torch.tensor([round(p * 2**32) for p in PROBABILITIES])
FACTORS = torch.tensor([1 / (1 - p) for p in PROBABILITIES])


def masks(
    count: int, *, rows: Tensor | None = None, site: int = 3, first_token: int = 0, kept: slice | None = None
) -> Tensor:
    """Return the masks of ``count`` tokens of 64 columns, of the adapters ``kept``."""
    part = kept or slice(None)
    return reference.dropout(
        torch.ones(1, count, 64), SEEDS[part], THRESHOLDS[part], FACTORS[part], rows, site, first_token
    )


def test_dropout_keeps_its_share() -> None:
    """Of all elements, and of each token, column and bit of a column's number, within 5 standard deviations."""
    count = 1000
    found = masks(count)
    for k, p in enumerate(PROBABILITIES):
        assert torch.equal(found[k].unique(), torch.tensor([0.0, 1 / (1 - p)][p == 0 :]))
        kept = (found[k] > 0).double() - (1 - p)
        for shares, size in ((kept.mean(), kept.numel()), (kept.mean(0), count), (kept.mean(1), 64)):
            assert shares.abs().max() <= 5 * math.sqrt(p * (1 - p) / size)
        # Neighbouring elements are independent.
        for one, other in ((kept[1:], kept[:-1]), (kept[:, 1:], kept[:, :-1])):
            assert (one * other).mean().abs() <= 5 * p * (1 - p) / math.sqrt(one.numel())


def test_a_dropout_mask_depends_on_seed_site_token_and_column_alone() -> None:
    whole = masks(100)
    assert torch.equal(masks(60, first_token=40), whole[:, 40:]), "the place of the pass"
    rows = torch.tensor([3, 50, 99])
    assert torch.equal(masks(3, rows=rows), whole[:, rows]), "the tokens that are mapped"
    assert torch.equal(masks(2, rows=rows[:2] - 2, first_token=2), whole[:, rows[:2]]), "both"
    for k in range(3):
        assert torch.equal(masks(100, kept=slice(k, k + 1))[0], whole[k]), "the size of the fleet"
    p = PROBABILITIES[2]
    other_site, other_seed = (
        masks(100, site=4)[2],
        reference.dropout(torch.ones(1, 100, 64), SEEDS[2:] + 1, THRESHOLDS[2:], FACTORS[2:], None, 3, 0)[0],
    )
    for other in (other_site, other_seed):  # as different as independent masks are
        share = float(((other > 0) != (whole[2] > 0)).double().mean())
        assert abs(share - 2 * p * (1 - p)) <= 5 * 0.5 / math.sqrt(6400)


def test_dropout_add_adds_the_same_masks() -> None:
    x, total = drawn(3, 20, 64).float(), drawn(3, 20, 64, seed=2).float()
    expected = total + x * masks(20)
    reference.dropout_add_(total, x, SEEDS, THRESHOLDS, FACTORS, None, 3, 0)
    torch.testing.assert_close(total, expected)
