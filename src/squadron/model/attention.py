"""Attention over context trees that are packed along one axis.

A tree is a context followed by branches. A position attends to the earlier positions of the context and of its own
branch, never to a sibling branch. ``shapes`` describes the trees of a batch: the length of each context and of its
branches. A plain sequence is a context without branches.

On a CPU the trees are processed one by one in the packed memory: without padding, gather or scatter, and with a
hand-written backward pass. On other devices the trees are padded to equal length for PyTorch's fused attention.

Dimension letters are those of :mod:`squadron.model.gpt2`; L is the length of one tree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

TreeShape = tuple[int, Sequence[int]]
"""The length of a tree's context and of each branch, in tokens."""


def tree_mask(shape: TreeShape) -> Tensor:
    """Return the mask of one tree: ``[L, L]`` bool, True where the row's position attends to the column's."""
    context, branches = shape
    lengths = torch.tensor([context, *branches])
    segment = torch.repeat_interleave(torch.arange(len(lengths)), lengths)  # [L], 0 is the context
    index = torch.arange(int(lengths.sum()))
    causal = index[:, None] >= index[None, :]
    return causal & ((segment[None, :] == 0) | (segment[None, :] == segment[:, None]))


@dataclass(slots=True)
class _Tree:
    """One tree of a batch: its range on the packed axis, its range among the selected rows, and its masks."""

    start: int
    stop: int
    first_row: int
    end_row: int
    mask: Tensor  # [L, L], 0 or -inf
    row_mask: Tensor  # [rows of this tree, L], 0 or -inf


class TreeAttention:
    """Attention within the trees of one batch; :class:`squadron.model.gpt2.GPT2` calls it once per layer."""

    def __init__(
        self,
        shapes: Sequence[TreeShape],
        n_head: int,
        *,
        dtype: torch.dtype,
        device: torch.device | str,
        rows: Tensor | None = None,
    ) -> None:
        """Build the masks in ``dtype`` on ``device``.

        ``rows`` ``[M]`` int64, ascending, are the packed positions that have queries in the last layer; None: all.
        """
        self.n_head = n_head
        self.trees: list[_Tree] = []
        start = first_row = 0
        for shape in shapes:
            stop = start + shape[0] + sum(shape[1])
            seen = tree_mask(shape)
            mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, -math.inf).to(device)
            end_row, row_mask = first_row, mask[:0]
            if rows is not None:
                end_row = int(torch.searchsorted(rows.cpu(), stop))
                row_mask = mask[rows[first_row:end_row] - start]
            self.trees.append(_Tree(start, stop, first_row, end_row, mask, row_mask))
            start, first_row = stop, end_row

    def __call__(self, layer: int, qkv: Tensor, q: Tensor | None) -> Tensor:  # noqa: ARG002
        """Attend within each tree: ``[K, T, 3D]`` to ``[K, T, D]``.

        With ``q`` ``[K, M, D]``, map keys and values ``[K, T, 2D]`` to ``[K, M, D]``, as
        :class:`squadron.model.gpt2.Attend` describes.
        """
        if qkv.device.type == "cpu":
            return cast(Tensor, _PackedAttention.apply(qkv, q, self))  # type: ignore[no-untyped-call]
        return _padded_attention(qkv, q, self)


class _PackedAttention(torch.autograd.Function):
    """Softmax attention in the packed memory, one tree and one adapter at a time.

    So an adapter's results come from the same operations on the same shapes whether it runs alone or in a fleet.
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, q: Tensor | None, layout: TreeAttention) -> Tensor:
        queries, keys, values = _split(qkv, q)
        out = torch.empty_like(queries, memory_format=torch.contiguous_format)
        scale = (queries.shape[-1] // layout.n_head) ** -0.5
        weights = []
        needs_grad = any(ctx.needs_input_grad[:2])  # else the weights of one tree at a time are enough
        for k in range(qkv.shape[0]):
            for tree in layout.trees:
                if q is not None and tree.first_row == tree.end_row:
                    continue
                heads, mask = _heads(queries, keys, values, tree, k, layout.n_head, q is not None)
                head_q, head_k, head_v = heads
                scores = torch.baddbmm(mask, head_q, head_k.transpose(1, 2), alpha=scale)
                p = torch.softmax(scores, -1)  # [H, rows, L]
                part = out[k, _rows(tree, q is not None)]
                part.view(len(part), layout.n_head, -1).transpose(0, 1).copy_(torch.bmm(p, head_v))
                if needs_grad:
                    weights.append(p)
        ctx.layout = layout
        ctx.save_for_backward(qkv, q, *weights)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (d_out,) = gradients
        qkv, q, *weights = ctx.saved_tensors
        layout: TreeAttention = ctx.layout
        queries, keys, values = _split(qkv, q)
        d_qkv = torch.zeros_like(qkv) if q is not None else torch.empty_like(qkv)
        d_q = None if q is None else torch.zeros_like(q)
        scale = (queries.shape[-1] // layout.n_head) ** -0.5
        grads = _split(d_qkv, d_q)
        saved = iter(weights)
        for k in range(qkv.shape[0]):
            for tree in layout.trees:
                if q is not None and tree.first_row == tree.end_row:
                    continue
                (head_q, head_k, head_v), _ = _heads(queries, keys, values, tree, k, layout.n_head, q is not None)
                (to_q, to_k, to_v), _ = _heads(*grads, tree, k, layout.n_head, q is not None)
                part = d_out[k, _rows(tree, q is not None)]
                head_do = part.view(len(part), layout.n_head, -1).transpose(0, 1)  # [H, rows, d]
                p = next(saved)
                to_v.copy_(torch.bmm(p.transpose(1, 2), head_do))
                dp = torch.bmm(head_do, head_v.transpose(1, 2))
                ds = torch._softmax_backward_data(dp, p, -1, p.dtype)
                # With beta 0 the first argument is ignored; alpha scales without a pass over [H, rows, L].
                to_q.copy_(torch.baddbmm(to_q, ds, head_k, beta=0, alpha=scale))
                to_k.copy_(torch.baddbmm(to_k, ds.transpose(1, 2), head_q, beta=0, alpha=scale))
        return d_qkv, d_q, None


def _split(qkv: Tensor, q: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values as views."""
    if q is not None:
        keys, values = qkv.chunk(2, -1)
        return q, keys, values
    first, second, third = qkv.chunk(3, -1)
    return first, second, third


def _rows(tree: _Tree, trimmed: bool) -> slice:
    return slice(tree.first_row, tree.end_row) if trimmed else slice(tree.start, tree.stop)


def _heads(
    queries: Tensor, keys: Tensor, values: Tensor, tree: _Tree, k: int, n_head: int, trimmed: bool
) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Return queries, keys and values of one tree and adapter as ``[H, L, d]`` views, and the mask ``[rows, L]``."""

    def view(x: Tensor, span: slice) -> Tensor:
        part = x[k, span]
        return part.view(len(part), n_head, -1).transpose(0, 1)

    span = slice(tree.start, tree.stop)
    mask = tree.row_mask if trimmed else tree.mask
    return (view(queries, _rows(tree, trimmed)), view(keys, span), view(values, span)), mask


def _padded_attention(qkv: Tensor, q: Tensor | None, layout: TreeAttention) -> Tensor:
    """Compute the same with PyTorch's fused attention, for GPUs: each tree is padded to the longest."""
    queries, keys, values = _split(qkv, q)
    trimmed = q is not None
    fleet, trees = qkv.shape[0], layout.trees
    longest = max(tree.stop - tree.start for tree in trees)
    spans = [_rows(tree, trimmed) for tree in trees]
    most = max(span.stop - span.start for span in spans)
    device = qkv.device

    def index(starts: Sequence[int], stops: Sequence[int], width: int) -> Tensor:
        grid = torch.tensor(starts)[:, None] + torch.arange(width)[None]
        return torch.minimum(grid, torch.tensor(stops)[:, None].clamp(min=1) - 1).clamp(min=0).to(device)

    q_index = index([s.start for s in spans], [s.stop for s in spans], most)  # [trees, most]
    k_index = index([t.start for t in trees], [t.stop for t in trees], longest)
    mask = torch.full((len(trees), most, longest), -math.inf, dtype=qkv.dtype, device=device)
    mask[:, :, 0] = 0  # a padded query attends to one key, so that its unused softmax is finite
    for i, tree in enumerate(trees):
        own = tree.row_mask if trimmed else tree.mask
        mask[i, : own.shape[0], : own.shape[1]] = own

    def rows(x: Tensor, at: Tensor) -> Tensor:
        grid = x[:, at]  # [K, trees, L, D]
        return grid.view(*grid.shape[:3], layout.n_head, -1).transpose(2, 3).flatten(0, 1)  # [K*trees, H, L, d]

    mixed = F.scaled_dot_product_attention(
        rows(queries, q_index),
        rows(keys, k_index),
        rows(values, k_index),
        attn_mask=mask.repeat(fleet, 1, 1)[:, None],
    )
    mixed = mixed.transpose(1, 2).reshape(fleet, len(trees), most, -1)  # [K, trees, most, D]
    valid = torch.tensor([s.stop - s.start for s in spans])[:, None] > torch.arange(most)[None]
    return mixed[:, valid.to(device)]
