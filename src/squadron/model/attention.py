"""Attention over context trees that are packed along one axis.

A tree is a context followed by branches. A position attends to the earlier positions of the context and of its own
branch, never to a sibling branch. ``shapes`` describes the trees of a batch: the length of each context and of its
branches. A plain sequence is a context without branches.

On a CPU the trees are processed one by one in the packed memory: without padding, gather or scatter, with a
hand-written backward pass, and in blocks of queries that leave out the keys after them. On an accelerator
:mod:`squadron.model.gpu.attention` processes them all at once.

Dimension letters are those of :mod:`squadron.model.gpt2`; L is the length of one tree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squadron.model.gpu.attention import FusedAttention, GatheredAttention, Way, choose_way, split_qkv
from squadron.model.gpu.layout import attention_tables, padding_tables
from squadron.model.transfer import upload

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


_BLOCK = 128
"""Queries of a block, about: with fewer, products are slower than the keys that they leave out are worth."""
_Attend = Callable[[Tensor, Tensor | None], Tensor]


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
        way: Way | None = None,
    ) -> None:
        """Build what the batch determines in ``dtype`` on ``device``.

        ``rows`` ``[M]`` int64, ascending, on the CPU, are the packed positions that have queries in the last layer;
        None: all. ``way`` is for accelerators, chosen by the device if None.
        """
        device = torch.device(device)
        own = None if rows is None else rows.numpy()
        if device.type == "cpu":
            self._attend: _Attend = _PackedTrees(shapes, n_head, dtype, own)
        else:
            way = way or choose_way(device, dtype)
            tables = upload(attention_arrays(shapes, own, way), device)
            self._attend = _on_accelerator(tables, n_head, way)

    def __call__(self, layer: int, qkv: Tensor, q: Tensor | None) -> Tensor:  # noqa: ARG002
        """Attend within each tree: ``[K, T, 3D]`` to ``[K, T, D]``.

        With ``q`` ``[K, M, D]``, map keys and values ``[K, T, 2D]`` to ``[K, M, D]``, as
        :class:`squadron.model.gpt2.Attend` describes.
        """
        return self._attend(qkv, q)

    @classmethod
    def from_tables(cls, tables: dict[str, Tensor], n_head: int, way: Way) -> TreeAttention:
        """Return attention on an accelerator from the uploaded :func:`attention_arrays` of a batch."""
        made = cls.__new__(cls)
        made._attend = _on_accelerator(tables, n_head, way)
        return made


def attention_arrays(
    shapes: Sequence[TreeShape], rows: npt.NDArray[np.int64] | None, way: Way
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the arrays that attention over a batch needs on an accelerator."""
    return attention_tables(shapes, rows) if way == "fused" else padding_tables(shapes, rows)


def _on_accelerator(tables: dict[str, Tensor], n_head: int, way: Way) -> _Attend:
    return FusedAttention(tables, n_head) if way == "fused" else GatheredAttention(tables, n_head)


class _PackedTrees:
    """The trees of a batch in the packed memory, on a CPU."""

    def __init__(
        self, shapes: Sequence[TreeShape], n_head: int, dtype: torch.dtype, rows: npt.NDArray[np.int64] | None
    ) -> None:
        self.n_head = n_head
        self.trees: list[_Tree] = []
        start = first_row = 0
        for shape in shapes:
            stop = start + shape[0] + sum(shape[1])
            seen = tree_mask(shape)
            precise = torch.promote_types(dtype, torch.float32)
            mask = torch.zeros(seen.shape, dtype=precise).masked_fill_(~seen, -math.inf)
            end_row, row_mask = first_row, mask[:0]
            if rows is not None:
                end_row = int(np.searchsorted(rows, stop))
                row_mask = mask[torch.from_numpy(rows[first_row:end_row] - start)]
            self.trees.append(_Tree(start, stop, first_row, end_row, mask, row_mask))
            start, first_row = stop, end_row

    def __call__(self, qkv: Tensor, q: Tensor | None) -> Tensor:
        return cast(Tensor, _PackedAttention.apply(qkv, q, self))  # type: ignore[no-untyped-call]


class _PackedAttention(torch.autograd.Function):
    """Softmax attention in the packed memory, one tree and one adapter at a time.

    So an adapter's results come from the same operations on the same shapes whether it runs alone or in a fleet.
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, q: Tensor | None, layout: _PackedTrees) -> Tensor:
        states = split_qkv(qkv, q)
        queries = states[0]
        out = torch.empty_like(queries, memory_format=torch.contiguous_format)
        scale = (queries.shape[-1] // layout.n_head) ** -0.5
        weights = []
        needs_grad = any(ctx.needs_input_grad[:2])  # else the weights of one tree at a time are enough
        for k in range(qkv.shape[0]):
            for tree in layout.trees:
                if q is not None and tree.first_row == tree.end_row:
                    continue
                heads, mask = _heads(*states, tree, k, layout.n_head, q is not None)
                head_q, head_k, head_v = heads
                # In 16 bits, a score of 8 would be off by 0.02, and with it a weight by 2 %.
                head_q, head_k = head_q.to(mask.dtype), head_k.to(mask.dtype)
                part = out[k, _rows(tree, q is not None)]
                head_out = part.view(len(part), layout.n_head, -1).transpose(0, 1)  # [H, rows, d]
                for rows, keys in _blocks(mask, q is not None):
                    seen = head_k[:, keys].transpose(1, 2)
                    scores = torch.baddbmm(mask[rows, keys], head_q[:, rows], seen, alpha=scale)
                    p = torch.softmax(scores, -1).to(qkv.dtype)  # [H, rows, keys]
                    head_out[:, rows].copy_(torch.bmm(p, head_v[:, keys]))
                    if needs_grad:
                        weights.append(p)
        ctx.layout = layout
        ctx.save_for_backward(qkv, q, *weights)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (d_out,) = gradients
        qkv, q, *weights = ctx.saved_tensors
        layout: _PackedTrees = ctx.layout
        states = split_qkv(qkv, q)
        d_qkv = torch.zeros_like(qkv) if q is not None else torch.empty_like(qkv)
        d_q = None if q is None else torch.zeros_like(q)
        scale = (states[0].shape[-1] // layout.n_head) ** -0.5
        grads = split_qkv(d_qkv, d_q)
        saved = iter(weights)
        for k in range(qkv.shape[0]):
            for tree in layout.trees:
                if q is not None and tree.first_row == tree.end_row:
                    continue
                (head_q, head_k, head_v), mask = _heads(*states, tree, k, layout.n_head, q is not None)
                (to_q, to_k, to_v), _ = _heads(*grads, tree, k, layout.n_head, q is not None)
                part = d_out[k, _rows(tree, q is not None)]
                head_do = part.view(len(part), layout.n_head, -1).transpose(0, 1)  # [H, rows, d]
                totals: tuple[Tensor, Tensor] | None = None  # of keys and values, over blocks
                for rows, keys in _blocks(mask, q is not None):
                    p = next(saved)
                    d_rows, d_keys = to_q[:, rows], to_k[:, keys]
                    d_v = torch.bmm(p.transpose(1, 2), head_do[:, rows])
                    dp = torch.bmm(head_do[:, rows], head_v[:, keys].transpose(1, 2))
                    ds = torch._softmax_backward_data(dp, p, -1, p.dtype)
                    # With beta 0 the first argument is ignored; alpha scales without a pass over [H, rows, keys].
                    d_rows.copy_(torch.baddbmm(d_rows, ds, head_k[:, keys], beta=0, alpha=scale))
                    d_k = torch.baddbmm(d_keys, ds.transpose(1, 2), head_q[:, rows], beta=0, alpha=scale)
                    if totals is None:  # the first block sees all keys
                        totals = d_k.to(mask.dtype), d_v.to(mask.dtype)
                    else:
                        totals[0][:, keys].add_(d_k)
                        totals[1][:, keys].add_(d_v)
                assert totals is not None, tree
                to_k.copy_(totals[0])
                to_v.copy_(totals[1])
        return d_qkv, d_q, None


def _blocks(mask: Tensor, trimmed: bool) -> list[tuple[slice, slice]]:
    """Return the blocks of a mask ``[rows, L]``: their rows, and the keys up to the last of them; the last block first.

    Selected rows are few, and one block.
    """
    rows, length = mask.shape
    if trimmed:
        return [(slice(rows), slice(length))]
    count = max(1, round(length / _BLOCK))
    ends = [round(length * number / count) for number in range(count + 1)]
    return [(slice(first, end), slice(end)) for first, end in reversed(list(pairwise(ends)))]


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
