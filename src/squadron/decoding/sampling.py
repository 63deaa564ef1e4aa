"""Sampling from logits: the filters of the stochastic strategies, and draws that depend on their seed alone.

V is the size of the vocabulary, n the number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squadron.decoding.strategies import PARAMETERS, Strategy
from squadron.randomness import numpy_generator

Filter = Callable[[Tensor, Any], Tensor]
"""Maps scores ``[n, V]`` and a parameter's value to scores with -inf for the tokens that cannot be drawn."""


def filter_logits(logits: Tensor, strategy: Strategy) -> Tensor:
    """Return ``logits`` ``[n, V]`` float32 with temperature applied and -inf for the tokens that cannot be drawn.

    Support and probabilities are those of ``transformers``' logits processors, also for ties: top-k keeps all tokens
    that tie with the last one; of the tokens that tie at the one that crosses p, top-p drops the lowest ids first.
    """
    values = strategy.values()
    for name, apply in FILTERS.items():
        if name in values:
            logits = apply(logits, values[name])
    return logits


def _apply_temperature(scores: Tensor, temperature: float) -> Tensor:
    return scores / temperature


def _apply_top_k(scores: Tensor, top_k: int) -> Tensor:
    """Keep the ``top_k`` likeliest tokens and those that tie with the last of them."""
    if top_k >= scores.shape[-1]:
        return scores
    least = scores.topk(top_k).values[:, -1:]
    return scores.masked_fill(scores < least, -math.inf)


def _apply_top_p(scores: Tensor, top_p: float) -> Tensor:
    """Drop the least likely tokens whose probabilities sum to at most 1 - p; one token always stays."""
    if top_p == 1:
        return scores
    ordered = _sort_ascending(scores)  # [n, V]
    dropped = (ordered.softmax(-1).cumsum(-1) <= 1 - top_p).sum(-1, keepdim=True)  # [n, 1]
    dropped = dropped.clamp(max=scores.shape[-1] - 1)
    least = ordered.gather(-1, dropped)  # [n, 1], the lowest score that stays
    lower = scores < least
    tied = dropped - lower.sum(-1, keepdim=True)  # how many of the tokens with this score are dropped too
    # Ties are rare; but to ask an accelerator for them would be to wait for it.
    if scores.device.type != "cpu" or bool((tied > 0).any()):
        equal = scores == least
        lower = lower | (equal & (equal.cumsum(-1, dtype=torch.int32) <= tied))
    return scores.masked_fill(lower, -math.inf)


def _sort_ascending(scores: Tensor) -> Tensor:
    """Sort each row of ``scores`` ``[n, V]``; on a CPU with NumPy, whose sort without indices is vectorized."""
    if scores.device.type == "cpu":
        return torch.from_numpy(np.sort(scores.numpy(), axis=-1))
    return scores.sort(-1).values


def _apply_min_p(scores: Tensor, min_p: float) -> Tensor:
    """Drop the tokens that are less than ``min_p`` times as likely as the likeliest one, which always stays."""
    probabilities = scores.softmax(-1)  # [n, V]
    return scores.masked_fill(probabilities < min_p * probabilities.amax(-1, keepdim=True), -math.inf)


_BY_PARAMETER: Mapping[str, Filter] = {
    "temperature": _apply_temperature,
    "top_k": _apply_top_k,
    "top_p": _apply_top_p,
    "min_p": _apply_min_p,
}
FILTERS: Mapping[str, Filter] = {name: _BY_PARAMETER[name] for name, own in PARAMETERS.items() if own.filters}
"""The filters by parameter, in the order in which they apply."""


def draw(scores: Tensor, uniforms: Tensor) -> Tensor:
    """Draw one token per row, ``[n]`` int64, from ``scores`` ``[n, V]``, the unnormalized ln p.

    ``uniforms`` ``[n]`` float64 in [0, 1) are mapped through the inverse of the distribution function over token ids.
    So a row's token depends on its own logits and its own random number, not on the rest of the batch.
    """
    weights = (scores - scores.amax(-1, keepdim=True)).exp_()
    cumulative = weights.cumsum(-1, dtype=torch.float64)  # [n, V]
    # A float64 below 1 times the total rounds to less than the total, so a token of nonzero probability is found.
    tokens = torch.searchsorted(cumulative, uniforms[:, None] * cumulative[:, -1:], right=True)[:, 0]
    return tokens.clamp(max=scores.shape[-1] - 1)  # if logits are NaN, any valid id will do: the row ends


def row_uniforms(seed: int, strategy: str, question: str, sample: int, count: int) -> npt.NDArray[np.float64]:
    """Return ``count`` random numbers in [0, 1), float64, one for each step of one sample of one question."""
    return numpy_generator(seed, "decode", strategy, question, sample).random(count)
