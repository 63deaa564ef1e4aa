"""Triton kernels that work row by row or element by element: normalization, dropout, cross-entropy and AdamW."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def add_layer_norm(
    residual_ptr, delta_ptr, weight_ptr, bias_ptr, sum_ptr, out_ptr, mean_ptr, scale_ptr,
    rows, residual_rows, epsilon, WIDTH: tl.constexpr, BLOCK_D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    d = tl.arange(0, BLOCK_D)
    column = (d < WIDTH)[None, :]
    where = (row < rows)[:, None] & column
    at = row[:, None] * WIDTH + d[None, :]
    shared = (row % residual_rows)[:, None] * WIDTH + d[None, :]
    residual = tl.load(residual_ptr + shared, mask=where, other=0.0).to(tl.float32)
    delta = tl.load(delta_ptr + at, mask=where, other=0.0).to(tl.float32)
    total = (residual + delta).to(sum_ptr.dtype.element_ty)
    tl.store(sum_ptr + at, total, mask=where)
    x = total.to(tl.float32)
    mean = tl.sum(x, 1) / WIDTH
    centred = tl.where(column, x - mean[:, None], 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(centred * centred, 1) / WIDTH + epsilon)
    weight = tl.load(weight_ptr + d, mask=d < WIDTH, other=0.0).to(tl.float32)
    bias = tl.load(bias_ptr + d, mask=d < WIDTH, other=0.0).to(tl.float32)
    out = centred * scale[:, None] * weight[None, :] + bias[None, :]
    tl.store(out_ptr + at, out.to(out_ptr.dtype.element_ty), mask=where)
    tl.store(mean_ptr + row, mean, mask=row < rows)
    tl.store(scale_ptr + row, scale, mask=row < rows)


@triton.jit
def add_layer_norm_backward(
    d_out_ptr, d_sum_ptr, sum_ptr, weight_ptr, mean_ptr, scale_ptr, d_residual_ptr, d_delta_ptr,
    rows, HAS_D_SUM: tl.constexpr, HAS_D_DELTA: tl.constexpr,
    WIDTH: tl.constexpr, BLOCK_D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    d = tl.arange(0, BLOCK_D)
    where = (row < rows)[:, None] & (d < WIDTH)[None, :]
    at = row[:, None] * WIDTH + d[None, :]
    mean = tl.load(mean_ptr + row, mask=row < rows, other=0.0)
    scale = tl.load(scale_ptr + row, mask=row < rows, other=0.0)
    weight = tl.load(weight_ptr + d, mask=d < WIDTH, other=0.0).to(tl.float32)
    x = tl.load(sum_ptr + at, mask=where, other=0.0).to(tl.float32)
    normalized = tl.where(where, (x - mean[:, None]) * scale[:, None], 0.0)
    g = tl.load(d_out_ptr + at, mask=where, other=0.0).to(tl.float32) * weight[None, :]
    along = tl.sum(g * normalized, 1) / WIDTH
    average = tl.sum(g, 1) / WIDTH
    gradient = scale[:, None] * (g - average[:, None] - normalized * along[:, None])
    if HAS_D_SUM:
        gradient += tl.load(d_sum_ptr + at, mask=where, other=0.0).to(tl.float32)
    tl.store(d_residual_ptr + at, gradient.to(d_residual_ptr.dtype.element_ty), mask=where)
    if HAS_D_DELTA:
        tl.store(d_delta_ptr + at, gradient.to(d_delta_ptr.dtype.element_ty), mask=where)


@triton.jit
def cross_entropy(
    logits_ptr, labels_ptr, weights_ptr, losses_ptr, d_logits_ptr,
    vocabulary, targets, HAS_GRADIENT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write one row's loss, and the weighted gradient of its logits."""
    row = tl.program_id(0).to(tl.int64)
    logits = logits_ptr + row * vocabulary
    label = tl.load(labels_ptr + row % targets)
    most = tl.full([BLOCK], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, vocabulary, BLOCK):
        at = start + tl.arange(0, BLOCK)
        x = tl.load(logits + at, mask=at < vocabulary, other=float("-inf"))
        higher = tl.maximum(most, x)
        # A lane without a finite logit yet would give inf - inf; NaN stays NaN.
        shift = tl.where(higher == float("-inf"), 0.0, higher)
        total = total * tl.exp(most - shift) + tl.exp(x - shift)
        most = higher
    highest = tl.max(most, 0)
    normalizer = highest + tl.log(tl.sum(total * tl.exp(most - highest), 0))
    tl.store(losses_ptr + row, normalizer - tl.load(logits + label))
    if HAS_GRADIENT:
        weight = tl.load(weights_ptr + row % targets)
        for start in range(0, vocabulary, BLOCK):
            at = start + tl.arange(0, BLOCK)
            x = tl.load(logits + at, mask=at < vocabulary, other=float("-inf"))
            gradient = (tl.exp(x - normalizer) - tl.where(at == label, 1.0, 0.0)) * weight
            gradient = gradient.to(d_logits_ptr.dtype.element_ty)
            tl.store(d_logits_ptr + row * vocabulary + at, gradient, mask=at < vocabulary)


@triton.jit
def _mix(x):
    """Return a well mixed function of unsigned 32-bit integers (Wellons' lowbias32)."""
    x = x ^ (x >> 16)
    x = x * 0x7FEB352D
    x = x ^ (x >> 15)
    x = x * 0x846CA68B
    return x ^ (x >> 16)


@triton.jit(do_not_specialize=["site", "first_token"])
def dropout(
    x_ptr, out_ptr, seeds_ptr, thresholds_ptr, factors_ptr, rows_ptr,
    count, width, x_adapter, site, first_token,
    HAS_ROWS: tl.constexpr, ADD: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write x times its mask to ``out``, or add it; the mask is a function of seed, site, token and column alone."""
    adapter = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    where = at < count * width
    token = at // width
    if HAS_ROWS:
        token = tl.load(rows_ptr + token, mask=where, other=0).to(tl.int32)
    counter = ((token + first_token) * width + at % width).to(tl.uint32)
    seed = tl.load(seeds_ptr + adapter).to(tl.uint32)
    key = _mix(seed ^ _mix(site.to(tl.uint32)))
    random = _mix(_mix(counter + key) ^ seed)
    kept = random >= tl.load(thresholds_ptr + adapter).to(tl.uint32)
    x = tl.load(x_ptr + adapter * x_adapter + at, mask=where, other=0.0).to(tl.float32)
    out = tl.where(kept, x * tl.load(factors_ptr + adapter), 0.0)
    place = out_ptr + adapter * count * width + at
    if ADD:
        out += tl.load(place, mask=where, other=0.0).to(tl.float32)
    tl.store(place, out.to(out_ptr.dtype.element_ty), mask=where)


@triton.jit
def adamw(
    values_ptr, gradients_ptr, mean_ptr, square_ptr, before_ptr,
    coefficients_ptr, losses_ptr, norms_ptr, second_ptr,
    size, COLUMNS: tl.constexpr, BETA1: tl.constexpr, BETA2: tl.constexpr, EPSILON: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Update one part of one adapter; see :func:`squadron.model.gpu.reference.adamw_` for the coefficients."""
    adapter = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    where = at < size
    own = coefficients_ptr + adapter * COLUMNS
    loss, norm = tl.load(losses_ptr + adapter), tl.load(norms_ptr + adapter)
    if tl.load(own) > 0:
        place = adapter * size + at
        if (loss - loss) != 0.0:  # NaN or infinite
            tl.store(values_ptr + place, tl.load(before_ptr + place, mask=where), mask=where)
        elif (norm - norm) == 0.0:
            multiple = tl.where(tl.load(second_ptr + at, mask=where, other=0) > 0, tl.load(own + 5), 1.0)
            value = tl.load(values_ptr + place, mask=where)
            gradient = tl.load(gradients_ptr + place, mask=where)
            gradient = gradient * tl.minimum(tl.load(own + 4) / (norm + 1e-6), 1.0)
            mean, square = tl.load(mean_ptr + place, mask=where), tl.load(square_ptr + place, mask=where)
            tl.store(before_ptr + place, value, mask=where)
            value = value * (1.0 - multiple * tl.load(own + 1))
            mean = mean + (gradient - mean) * (1 - BETA1)
            square = square * BETA2 + gradient * gradient * (1 - BETA2)
            denominator = tl.sqrt(square) * tl.load(own + 3) + EPSILON
            tl.store(values_ptr + place, value - multiple * tl.load(own + 2) * mean / denominator, mask=where)
            tl.store(mean_ptr + place, mean, mask=where)
            tl.store(square_ptr + place, square, mask=where)
