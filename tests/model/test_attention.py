"""Attention over trees: all implementations agree, forward and backward, and the mask equals one made by hand."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import Tensor

from squadron.model import attention
from squadron.model.attention import TreeAttention, _blocks, attention_arrays, tree_mask
from squadron.model.gpu.attention import Way
from squadron.model.transfer import upload

SHAPES = [(5, [2, 3]), (7, []), (1, [1])]
H, D = 3, 33


def test_the_mask_of_a_small_tree_by_hand() -> None:
    expected = ["1....", "11...", "111..", "1111.", "11..1"]
    assert tree_mask((2, [2, 1])).tolist() == [[cell == "1" for cell in row] for row in expected]


def _inputs(trimmed: bool) -> tuple[Tensor, Tensor | None, Tensor | None]:
    generator = torch.Generator().manual_seed(1)
    total = sum(context + sum(branches) for context, branches in SHAPES)
    qkv = torch.randn(2, total, (2 if trimmed else 3) * D, generator=generator, dtype=torch.float64)
    rows = torch.tensor([4, 6, 9, 18]) if trimmed else None
    q = torch.randn(2, 4, D, generator=generator, dtype=torch.float64) if trimmed else None
    return qkv, q, rows


@pytest.mark.parametrize("block", [128, 2, 1])
@pytest.mark.parametrize("trimmed", [False, True])
@pytest.mark.parametrize("way", ["fused", "gathered"])
def test_the_implementations_for_accelerators_agree_in_values_and_gradients(
    trimmed: bool, way: Way, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU also in blocks of queries, which end within contexts and branches."""
    monkeypatch.setattr(attention, "_BLOCK", block)
    qkv, q, rows = _inputs(trimmed)
    layout = TreeAttention(SHAPES, H, dtype=torch.float64, device="cpu", rows=rows)
    arrays = attention_arrays(SHAPES, None if rows is None else rows.numpy(), way)
    other = TreeAttention.from_tables(upload(arrays, torch.device("cpu")), H, way)
    results = []
    for attend in (layout, other):
        leaves = [x.clone().requires_grad_() for x in (qkv, q) if x is not None]
        out = attend(0, leaves[0], leaves[1] if trimmed else None)
        weight = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).view_as(out)
        results.append((out, *torch.autograd.grad((out * weight).sum(), leaves)))
    assert results[0][0].shape == (2, 4 if trimmed else 19, D)
    for ours, theirs in zip(*results, strict=True):
        assert ours.abs().max() > 0.1
        torch.testing.assert_close(ours, theirs)


def test_the_backward_pass_is_the_derivative() -> None:
    qkv, q, rows = _inputs(trimmed=True)
    layout = TreeAttention(SHAPES, H, dtype=torch.float64, device="cpu", rows=rows)
    assert q is not None
    torch.autograd.gradcheck(lambda a, b: layout(0, a, b), (qkv.requires_grad_(), q.requires_grad_()), fast_mode=True)


def test_blocks_of_queries_leave_out_the_keys_after_them() -> None:
    mask = torch.zeros(290, 290)
    assert _blocks(mask, False) == [(slice(145, 290), slice(290)), (slice(0, 145), slice(145))]
    assert _blocks(mask[:7], True) == [(slice(7), slice(290))]
    assert len(_blocks(mask[:3, :3], False)) == 1


def test_attention_weights_are_kept_only_for_a_backward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    qkv, _, _ = _inputs(trimmed=False)
    layout = TreeAttention(SHAPES, H, dtype=torch.float64, device="cpu")
    made: list[weakref.ref[Tensor]] = []
    alive: list[int] = []
    softmax = torch.softmax

    def watched(scores: Tensor, dim: int) -> Tensor:
        alive.append(sum(one() is not None for one in made))
        weights = softmax(scores, dim)
        made.append(weakref.ref(weights))
        return weights

    monkeypatch.setattr(torch, "softmax", watched)
    trained = layout(0, qkv.clone().requires_grad_(), None)
    assert alive == [0, 1, 2, 3, 4, 5]  # two adapters, three trees
    del trained
    alive.clear()
    made.clear()
    layout(0, qkv, None)
    assert max(alive) == 1  # the one before
