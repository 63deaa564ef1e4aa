"""Triton kernels of attention over context trees in the packed memory: flash attention without padding or gathers.

The tables are those of :mod:`squadron.model.gpu.layout`. Scores live in registers alone: the forward pass keeps one
number a query (``lse``, the log2 of the sum of its exponentials), from which the backward pass makes them again (Dao,
2023). One program handles one block of one head of one adapter. Float32 factors are multiplied as three TF32 products,
which are as exact as float32 and, unlike it, run on matrix units.
"""

from __future__ import annotations

import triton
import triton.language as tl

_LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def _seen(key, position, context_end, branch_start, stop):
    """Return the mask [queries, keys]: which keys below ``stop`` each query attends to."""
    k, p = key[None, :], position[:, None]
    return (k <= p) & ((k < context_end[:, None]) | (k >= branch_start[:, None])) & (k < stop)


@triton.jit
def _load(pointer, row, row_stride, valid, d, WIDTH: tl.constexpr):
    """Return the tile [rows, BLOCK_D] of one head, zero where a row is not valid or a column past the head."""
    return tl.load(
        pointer + row[:, None] * row_stride + d[None, :], mask=valid[:, None] & (d < WIDTH)[None, :], other=0
    )


@triton.jit
def _store(pointer, row, row_stride, valid, d, tile, WIDTH: tl.constexpr):
    where = valid[:, None] & (d < WIDTH)[None, :]
    tl.store(pointer + row[:, None] * row_stride + d[None, :], tile.to(pointer.dtype.element_ty), mask=where)


@triton.jit
def _query_rows(rows_ptr, context_end_ptr, branch_start_ptr, row, valid, HAS_ROWS: tl.constexpr):
    """Return the packed position of each row, and where its context ends and its branch starts."""
    if HAS_ROWS:
        position = tl.load(rows_ptr + row, mask=valid, other=0)
    else:
        position = row
    context_end = tl.load(context_end_ptr + position, mask=valid, other=0)
    branch_start = tl.load(branch_start_ptr + position, mask=valid, other=0)
    return position, context_end, branch_start


@triton.jit(do_not_specialize=["rows_count"])
def forward(
    q_ptr, k_ptr, v_ptr, out_ptr, lse_ptr,
    blocks_ptr, rows_ptr, context_end_ptr, branch_start_ptr,
    q_adapter, q_row, kv_adapter, kv_row, out_adapter, out_row, rows_count, scale,
    HAS_ROWS: tl.constexpr, WIDTH: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    head, adapter = tl.program_id(1), tl.program_id(2).to(tl.int64)
    heads = tl.num_programs(1)
    table = blocks_ptr + tl.program_id(0) * 6
    first, end = tl.load(table), tl.load(table + 1)
    if first >= end:
        return
    row = first + tl.arange(0, BLOCK)
    valid = row < end
    position, context_end, branch_start = _query_rows(rows_ptr, context_end_ptr, branch_start_ptr, row, valid, HAS_ROWS)
    d = tl.arange(0, BLOCK_D)
    q = _load(q_ptr + adapter * q_adapter + head * WIDTH, row, q_row, valid, d, WIDTH)
    k_head = k_ptr + adapter * kv_adapter + head * WIDTH
    v_head = v_ptr + adapter * kv_adapter + head * WIDTH
    most = tl.full([BLOCK], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    mixed = tl.zeros([BLOCK, BLOCK_D], tl.float32)
    factor = scale * _LOG2_E
    for part in tl.static_range(2):
        start, stop = tl.load(table + 2 + 2 * part), tl.load(table + 3 + 2 * part)
        for key_start in range(start, stop, BLOCK):
            key = key_start + tl.arange(0, BLOCK)
            k = _load(k_head, key, kv_row, key < stop, d, WIDTH)
            v = _load(v_head, key, kv_row, key < stop, d, WIDTH)
            scores = tl.dot(q, tl.trans(k), input_precision="tf32x3") * factor
            scores = tl.where(_seen(key, position, context_end, branch_start, stop), scores, float("-inf"))
            higher = tl.maximum(most, tl.max(scores, 1))
            # A row that has not seen a key yet would give inf - inf.
            shift = tl.where(higher == float("-inf"), 0.0, higher)
            p = tl.exp2(scores - shift[:, None])
            decay = tl.exp2(most - shift)
            total = total * decay + tl.sum(p, 1)
            mixed = mixed * decay[:, None] + tl.dot(p.to(v.dtype), v, input_precision="tf32x3")
            most = higher
    total = tl.where(valid, total, 1.0)
    _store(out_ptr + adapter * out_adapter + head * WIDTH, row, out_row, valid, d, mixed / total[:, None], WIDTH)
    tl.store(lse_ptr + (adapter * heads + head) * rows_count + row, most + tl.log2(total), mask=valid)


@triton.jit(do_not_specialize=["rows_count"])
def query_gradient(
    d_out_ptr, q_ptr, k_ptr, v_ptr, out_ptr, lse_ptr, d_q_ptr, delta_ptr,
    blocks_ptr, rows_ptr, context_end_ptr, branch_start_ptr,
    q_adapter, q_row, kv_adapter, kv_row, out_adapter, out_row, d_q_adapter, d_q_row, rows_count, scale,
    HAS_ROWS: tl.constexpr, WIDTH: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write the gradient of the queries, and ``delta``: for each query the product of its output and its gradient."""
    head, adapter = tl.program_id(1), tl.program_id(2).to(tl.int64)
    heads = tl.num_programs(1)
    table = blocks_ptr + tl.program_id(0) * 6
    first, end = tl.load(table), tl.load(table + 1)
    if first >= end:
        return
    row = first + tl.arange(0, BLOCK)
    valid = row < end
    position, context_end, branch_start = _query_rows(rows_ptr, context_end_ptr, branch_start_ptr, row, valid, HAS_ROWS)
    d = tl.arange(0, BLOCK_D)
    q = _load(q_ptr + adapter * q_adapter + head * WIDTH, row, q_row, valid, d, WIDTH)
    out = _load(out_ptr + adapter * out_adapter + head * WIDTH, row, out_row, valid, d, WIDTH)
    d_out = _load(d_out_ptr + adapter * out_adapter + head * WIDTH, row, out_row, valid, d, WIDTH)
    delta = tl.sum(out.to(tl.float32) * d_out.to(tl.float32), 1)
    numbers = (adapter * heads + head) * rows_count + row
    tl.store(delta_ptr + numbers, delta, mask=valid)
    lse = tl.load(lse_ptr + numbers, mask=valid, other=0.0)
    k_head = k_ptr + adapter * kv_adapter + head * WIDTH
    v_head = v_ptr + adapter * kv_adapter + head * WIDTH
    d_q = tl.zeros([BLOCK, BLOCK_D], tl.float32)
    factor = scale * _LOG2_E
    for part in tl.static_range(2):
        start, stop = tl.load(table + 2 + 2 * part), tl.load(table + 3 + 2 * part)
        for key_start in range(start, stop, BLOCK):
            key = key_start + tl.arange(0, BLOCK)
            k = _load(k_head, key, kv_row, key < stop, d, WIDTH)
            v = _load(v_head, key, kv_row, key < stop, d, WIDTH)
            scores = tl.dot(q, tl.trans(k), input_precision="tf32x3") * factor
            seen = _seen(key, position, context_end, branch_start, stop) & valid[:, None]
            p = tl.where(seen, tl.exp2(scores - lse[:, None]), 0.0)
            d_p = tl.dot(d_out, tl.trans(v), input_precision="tf32x3")
            d_scores = p * (d_p - delta[:, None])
            d_q += tl.dot(d_scores.to(k.dtype), k, input_precision="tf32x3")
    _store(d_q_ptr + adapter * d_q_adapter + head * WIDTH, row, d_q_row, valid, d, d_q * scale, WIDTH)


@triton.jit(do_not_specialize=["rows_count"])
def key_gradient(
    d_out_ptr, q_ptr, k_ptr, v_ptr, lse_ptr, delta_ptr, d_k_ptr, d_v_ptr,
    blocks_ptr, rows_ptr, context_end_ptr, branch_start_ptr,
    q_adapter, q_row, kv_adapter, kv_row, out_adapter, out_row, d_kv_adapter, d_kv_row, rows_count, scale,
    HAS_ROWS: tl.constexpr, WIDTH: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write the gradients of keys and values."""
    head, adapter = tl.program_id(1), tl.program_id(2).to(tl.int64)
    heads = tl.num_programs(1)
    table = blocks_ptr + tl.program_id(0) * 4
    first, end = tl.load(table), tl.load(table + 1)
    if first >= end:
        return
    first_row, end_row = tl.load(table + 2), tl.load(table + 3)
    key = first + tl.arange(0, BLOCK)
    d = tl.arange(0, BLOCK_D)
    k = _load(k_ptr + adapter * kv_adapter + head * WIDTH, key, kv_row, key < end, d, WIDTH)
    v = _load(v_ptr + adapter * kv_adapter + head * WIDTH, key, kv_row, key < end, d, WIDTH)
    q_head = q_ptr + adapter * q_adapter + head * WIDTH
    d_out_head = d_out_ptr + adapter * out_adapter + head * WIDTH
    numbers = (adapter * heads + head) * rows_count
    d_k = tl.zeros([BLOCK, BLOCK_D], tl.float32)
    d_v = tl.zeros([BLOCK, BLOCK_D], tl.float32)
    factor = scale * _LOG2_E
    for row_start in range(first_row, end_row, BLOCK):
        row = row_start + tl.arange(0, BLOCK)
        valid = row < end_row
        position, context_end, branch_start = _query_rows(
            rows_ptr, context_end_ptr, branch_start_ptr, row, valid, HAS_ROWS
        )
        q = _load(q_head, row, q_row, valid, d, WIDTH)
        d_out = _load(d_out_head, row, out_row, valid, d, WIDTH)
        lse = tl.load(lse_ptr + numbers + row, mask=valid, other=0.0)
        delta = tl.load(delta_ptr + numbers + row, mask=valid, other=0.0)
        scores = tl.dot(q, tl.trans(k), input_precision="tf32x3") * factor
        seen = _seen(key, position, context_end, branch_start, end) & valid[:, None]
        p = tl.where(seen, tl.exp2(scores - lse[:, None]), 0.0)
        d_v += tl.dot(tl.trans(p.to(d_out.dtype)), d_out, input_precision="tf32x3")
        d_p = tl.dot(d_out, tl.trans(v), input_precision="tf32x3")
        d_scores = p * (d_p - delta[:, None])
        d_k += tl.dot(tl.trans(d_scores.to(q.dtype)), q, input_precision="tf32x3")
    _store(d_k_ptr + adapter * d_kv_adapter + head * WIDTH, key, d_kv_row, key < end, d, d_k * scale, WIDTH)
    _store(d_v_ptr + adapter * d_kv_adapter + head * WIDTH, key, d_kv_row, key < end, d, d_v, WIDTH)
