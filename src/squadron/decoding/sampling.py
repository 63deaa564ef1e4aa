"""From logits to tokens: the filters of the stochastic strategies, and draws that depend on nothing but their seed.

V is the vocabulary, n the rows at hand.
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
"""From scores ``[n, V]`` and a parameter's value to scores with -inf for the tokens that cannot be drawn."""


def filter_logits(logits: Tensor, strategy: Strategy) -> Tensor:
    """``logits`` ``[n, V]`` float32 with temperature applied and -inf for the tokens that cannot be drawn.

    The support and the probabilities are those of ``transformers``' logits processors, which tell how ties go: top-k
    keeps all that tie with the last one; of those that tie where p is crossed, top-p drops the lowest ids first.
    """
    values = strategy.values()
    for name, apply in FILTERS.items():
        if name in values:
            logits = apply(logits, values[name])
    return logits


def _divide(scores: Tensor, temperature: float) -> Tensor:
    return scores / temperature


def _keep_likeliest(scores: Tensor, top_k: int) -> Tensor:
    """Keep the k likeliest tokens and ties with the last of them."""
    if top_k >= scores.shape[-1]:
        return scores
    least = scores.topk(top_k).values[:, -1:]
    return scores.masked_fill(scores < least, -math.inf)


def _keep_nucleus(scores: Tensor, top_p: float) -> Tensor:
    """Drop the unlikeliest tokens whose probabilities add up to 1 - p at most; one token always stays."""
    if top_p == 1:
        return scores
    ordered = _ascending(scores)  # [n, V]
    dropped = (ordered.softmax(-1).cumsum(-1) <= 1 - top_p).sum(-1, keepdim=True)  # [n, 1]
    dropped = dropped.clamp(max=scores.shape[-1] - 1)
    least = ordered.gather(-1, dropped)  # [n, 1], the lowest score that stays
    lower = scores < least
    tied = dropped - lower.sum(-1, keepdim=True)  # how many of those that equal it go all the same
    if bool((tied > 0).any()):
        equal = scores == least
        lower = lower | (equal & (equal.cumsum(-1) <= tied))
    return scores.masked_fill(lower, -math.inf)


def _ascending(scores: Tensor) -> Tensor:
    """The rows of ``scores`` ``[n, V]`` sorted; on a CPU by NumPy, whose sort of bare values is vectorized."""
    if scores.device.type == "cpu":
        return torch.from_numpy(np.sort(scores.numpy(), axis=-1))
    return scores.sort(-1).values


def _keep_likely(scores: Tensor, min_p: float) -> Tensor:
    """Drop the tokens that are less than ``min_p`` times as likely as the likeliest, which always stays."""
    probabilities = scores.softmax(-1)  # [n, V]
    return scores.masked_fill(probabilities < min_p * probabilities.amax(-1, keepdim=True), -math.inf)


_BY_PARAMETER: Mapping[str, Filter] = {
    "temperature": _divide,
    "top_k": _keep_likeliest,
    "top_p": _keep_nucleus,
    "min_p": _keep_likely,
}
FILTERS: Mapping[str, Filter] = {name: _BY_PARAMETER[name] for name, own in PARAMETERS.items() if own.filters}
"""The filter of every parameter that has one, in the order in which they apply."""


def draw(scores: Tensor, uniforms: Tensor) -> Tensor:
    """One token a row: ``scores`` ``[n, V]`` unnormalized ln p, ``uniforms`` ``[n]`` float64 in [0, 1); ``[n]`` int64.

    The distribution function over token ids is inverted, so that a row's token is a function of its own logits and
    its own number; what else is in the batch plays no part.
    """
    weights = (scores - scores.amax(-1, keepdim=True)).exp_()
    cumulative = weights.cumsum(-1, dtype=torch.float64)  # [n, V]
    # A float64 below 1 times the total rounds to less than the total, so that a token that may come is found.
    tokens = torch.searchsorted(cumulative, uniforms[:, None] * cumulative[:, -1:], right=True)[:, 0]
    return tokens.clamp(max=scores.shape[-1] - 1)  # where logits are NaN, any token will do


def row_uniforms(seed: int, strategy: str, question: str, sample: int, count: int) -> npt.NDArray[np.float64]:
    """The ``count`` numbers in [0, 1) that one sample of one question draws with, one a step."""
    return numpy_generator(seed, "decode", strategy, question, sample).random(count)
