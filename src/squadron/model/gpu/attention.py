"""Attention over context trees on an accelerator, from tables that are made once a batch; two ways, by capability.

``fused`` runs kernels that read the packed memory as it is. ``gathered`` pads the trees with one gather, whose backward
pass is the inverse gather, for PyTorch's own fused attention: for GPUs on which the kernels do not pay, such as the T4
(compute capability 7.5), whose matrix units Triton does not use.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from squadron.model.gpu.operators import HAS_TRITON

Way = Literal["fused", "gathered"]
_FUSED_CAPABILITY = (8, 0)
"""The least CUDA compute capability for ``fused``."""
_FLOAT32_SHARED_BYTES = 163 * 1024
"""Shared memory that the kernels need for float32; cards for desktops have 99 KiB."""


def choose_way(device: torch.device, dtype: torch.dtype) -> Way:
    """Return how a base in ``dtype`` attends on a device: ``fused`` from Ampere on if Triton is installed.

    In float32 it is ``fused`` only on cards with the shared memory of a data centre's, else ``gathered``. A device that
    is not CUDA gets ``fused``: its operators have a reference for every device.
    """
    if device.type != "cuda":
        return "fused"
    if not HAS_TRITON or torch.cuda.get_device_capability(device) < _FUSED_CAPABILITY:
        return "gathered"
    if dtype in (torch.float16, torch.bfloat16):
        return "fused"
    shared: int = torch.cuda.get_device_properties(device).shared_memory_per_multiprocessor
    return "fused" if dtype == torch.float32 and shared >= _FLOAT32_SHARED_BYTES else "gathered"


class FusedAttention:
    """Attention by the operators ``squadron::tree_attention`` and its two gradients."""

    def __init__(self, tables: dict[str, Tensor], heads: int) -> None:
        """``tables`` are those of :func:`squadron.model.gpu.layout.attention_tables`, on the device."""
        self.tables, self.heads = tables, heads

    def __call__(self, qkv: Tensor, q: Tensor | None) -> Tensor:
        """Attend: ``[K, T, 3D]`` to ``[K, T, D]``, or with ``q`` ``[K, M, D]`` from ``[K, T, 2D]`` to ``[K, M, D]``."""
        return cast(Tensor, _Fused.apply(qkv, q, self))  # type: ignore[no-untyped-call]

    def names(self, trimmed: bool) -> tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor]:
        """Return the tables of all layers but the last, or of a last layer whose queries are ``rows`` alone."""
        own, last = self.tables, "last_" if trimmed else ""
        rows = own["rows"] if trimmed else None
        return (
            own[last + "query_blocks"],
            own[last + "key_blocks"],
            rows,
            own["context_end"],
            own["branch_start"],
        )


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, q: Tensor | None, attend: FusedAttention) -> Tensor:
        queries, keys, values = split_qkv(qkv, q)
        tables = attend.names(q is not None)
        out, lse = torch.ops.squadron.tree_attention(queries, keys, values, *tables, attend.heads)
        ctx.save_for_backward(qkv, q, out, lse)
        ctx.attend = attend
        result: Tensor = out
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        qkv, q, out, lse = ctx.saved_tensors
        attend: FusedAttention = ctx.attend
        query_blocks, key_blocks, *rest = attend.names(q is not None)
        d_qkv = torch.empty_like(qkv)
        d_q = None if q is None else torch.empty_like(q)
        queries, keys, values = split_qkv(qkv, q)
        to_q, to_k, to_v = split_qkv(d_qkv, d_q)
        d_out, heads = gradients[0], attend.heads
        operators = torch.ops.squadron
        delta = operators.query_gradient_(d_out, queries, keys, values, out, lse, query_blocks, *rest, heads, to_q)
        operators.key_gradient_(
            d_out, queries, keys, values, lse, delta, query_blocks, key_blocks, *rest, heads, to_k, to_v
        )
        return d_qkv, d_q, None


class GatheredAttention:
    """Attention over trees that one gather pads to equal length, by PyTorch's fused kernels."""

    def __init__(self, tables: dict[str, Tensor], heads: int) -> None:
        """``tables`` are those of :func:`squadron.model.gpu.layout.padding_tables`, on the device."""
        self.tables, self.heads = tables, heads
        self._masks: dict[tuple[bool, int, torch.dtype], Tensor] = {}

    def __call__(self, qkv: Tensor, q: Tensor | None) -> Tensor:
        """Attend as :class:`FusedAttention` does."""
        own, trimmed, fleet = self.tables, q is not None, qkv.shape[0]
        trees = own["grid"].shape[0]
        grid = _pad(qkv, own["grid"], own["cell"])  # [K, trees, L, 2D or 3D]
        parts = grid.unflatten(-1, (3 - trimmed, self.heads, -1)).flatten(0, 1)  # [K * trees, L, 2 or 3, H, d]
        *queries, keys, values = parts.permute(2, 0, 3, 1, 4).unbind(0)  # [K * trees, H, L, d] each
        if q is not None:
            padded = _pad(q, own["last_grid"], own["last_cell"])
            queries = [padded.unflatten(-1, (self.heads, -1)).flatten(0, 1).transpose(1, 2)]
        mask = self._mask(trimmed, fleet, qkv.dtype)
        mixed = F.scaled_dot_product_attention(queries[0], keys, values, attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(fleet, trees, -1, self.heads * mixed.shape[-1])
        return _unpad(mixed, own["last_cell" if trimmed else "cell"])

    def _mask(self, trimmed: bool, fleet: int, dtype: torch.dtype) -> Tensor:
        """Return the additive mask ``[K * trees, 1, queries, L]``, made once a batch."""
        key = (trimmed, fleet, dtype)
        if key not in self._masks:
            own = self.tables
            position = own["last_position" if trimmed else "grid"]  # [trees, queries]
            end, start = own["context_end"][position], own["branch_start"][position]
            k = own["grid"][:, None]
            seen = (k <= position[..., None]) & ((k < end[..., None]) | (k >= start[..., None]))
            seen &= own["real"][:, None]
            # A padded row repeats its tree's last position, so it attends to something and its softmax is finite.
            mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, float("-inf"))
            self._masks[key] = mask.repeat(fleet, 1, 1)[:, None]
        return self._masks[key]


def _pad(packed: Tensor, grid: Tensor, cell: Tensor) -> Tensor:
    """Return the rows ``grid`` ``[trees, L]`` of ``packed`` ``[K, T, n]``: ``[K, trees, L, n]``."""
    padded = _Gather.apply(packed, grid.flatten(), cell)  # type: ignore[no-untyped-call]
    return cast(Tensor, padded).view(len(packed), *grid.shape, -1)


def _unpad(padded: Tensor, cell: Tensor) -> Tensor:
    """Return ``[K, trees, L, n]`` as ``[K, T, n]``: the inverse of :func:`_pad`."""
    return cast(Tensor, _Ungather.apply(padded.flatten(1, 2), cell))  # type: ignore[no-untyped-call]


class _Gather(torch.autograd.Function):
    """Gather rows, some of them more than once; only the cell of a row passes its gradient on."""

    @staticmethod
    def forward(ctx: Any, packed: Tensor, grid: Tensor, cell: Tensor) -> Tensor:
        ctx.cell = cell
        return packed.index_select(1, grid)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return gradients[0].index_select(1, ctx.cell), None, None


class _Ungather(torch.autograd.Function):
    """Gather each row from its cell. What padded cells hold is dropped, so their gradient is zero."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, cell: Tensor) -> Tensor:
        ctx.cell, ctx.shape = cell, padded.shape
        return padded.index_select(1, cell)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        d_padded = gradients[0].new_zeros(ctx.shape)
        d_padded.index_copy_(1, ctx.cell, gradients[0])
        return d_padded, None


def split_qkv(qkv: Tensor, q: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values as views."""
    if q is not None:
        keys, values = qkv.chunk(2, -1)
        return q, keys, values
    first, second, third = qkv.chunk(3, -1)
    return first, second, third
