"""Paired tests of two runs on the same questions, which have far more power than comparing two intervals.

The permutation test assumes that, if the runs are equally good, each paragraph's difference is as likely to have the
other sign; it keeps a paragraph's questions together. McNemar's test counts the questions that exactly one run got
right. It is exact but treats questions as independent: if the two tests disagree, trust the permutation test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, stdtrit

from squadron.randomness import numpy_generator
from squadron.scoring.intervals import (
    FEWEST_CLUSTERS,
    FEWEST_OUTCOMES,
    Codes,
    Floats,
    Interval,
    clopper_pearson,
    cluster_bootstrap,
    effective_size,
)

_MOST_ENUMERATED = 14
"""With at most this many clusters that differ, all (at most 2^14) sign patterns are tried and the test is exact."""
_SIGNS_AT_ONCE = 1 << 20
_FEWEST_FRACTIONAL = 5
"""With fewer clusters that contribute, Student's interval is not to be relied on."""


@dataclass(frozen=True, slots=True)
class PairedTest:
    """The mean difference (second minus first), its 95% interval and p-value; ``exact`` if all patterns were tried."""

    difference: float
    interval: Interval
    p_value: float
    exact: bool
    questions: int
    clusters: int


@dataclass(frozen=True, slots=True)
class McNemar:
    """Numbers of questions that only the first or only the second run got right, and the exact two-sided p-value."""

    only_first: int
    only_second: int
    p_value: float


def paired_test(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    codes: Codes,
    *,
    permutations: int = 10_000,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> PairedTest:
    """Compare two runs' scores [n], each between 0 and 1, question by question.

    ``codes`` [n] are :func:`squadron.scoring.intervals.cluster_codes`. If permutations are sampled, the observed
    pattern counts as one of them, so the p-value is at least 1 / (permutations + 1).
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    assert a.shape == b.shape == codes.shape, (a.shape, b.shape, codes.shape)
    assert len(a) > 0, a.shape
    differences = b - a
    sums = np.asarray(np.bincount(codes, weights=differences), dtype=np.float64)
    p_value, exact = _sign_flip(sums[np.abs(sums) > 1e-12], permutations, seed)
    interval = difference_interval(differences, codes, confidence=confidence, resamples=resamples, seed=seed)
    return PairedTest(float(differences.mean()), interval, p_value, exact, len(a), len(sums))


def difference_interval(
    differences: npt.ArrayLike, codes: Codes, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Return the interval of the mean of paired differences [n], each between -1 and 1, by resampling clusters.

    With few clusters, or few differences (two runs with nearly the same answers), it is widened to include the interval
    from gains and losses: each is between 0 and 1 and has a binomial interval at its effective size, at a confidence
    (Bonferroni) that gives their difference at least ``confidence``. Probabilities are not few because they are small:
    the number of clusters that contribute to the sum counts, and with few clusters Student's interval is included.
    """
    values: Floats = np.asarray(differences, dtype=np.float64)
    means = cluster_bootstrap(values, codes, resamples=resamples, seed=seed)
    low, high = (float(end) for end in np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2]))
    clusters = int(codes.max()) + 1
    sums = np.asarray(np.bincount(codes, weights=values), dtype=np.float64)
    if clusters >= FEWEST_CLUSTERS and contributing(values, sums) >= FEWEST_OUTCOMES:
        return Interval(low, high, f"bootstrap over {clusters:,} clusters")
    if _fractional(values) and effective_count(sums) >= _FEWEST_FRACTIONAL:
        mean = float(values.mean())
        residual = sums - mean * np.bincount(codes)
        error = math.sqrt(clusters / (clusters - 1) * float(residual @ residual)) / len(values)
        reach = error * float(stdtrit(effective_count(sums) - 1.0, (1 + confidence) / 2))
        ends = max(-1.0, min(low, mean - reach)), min(1.0, max(high, mean + reach))
        return Interval(*ends, f"Student's over {clusters:,} clusters")
    stricter = (1 + confidence) / 2
    (gain_low, gain_high), (loss_low, loss_high) = (
        _binomial_ends(np.maximum(sign * values, 0.0), codes, stricter) for sign in (1, -1)
    )
    return Interval(
        max(-1.0, min(low, gain_low - loss_high)),
        min(1.0, max(high, gain_high - loss_low)),
        f"binomial gains and losses ({clusters:,} {'cluster' if clusters == 1 else 'clusters'})",
    )


def contributing(values: Floats, sums: Floats) -> float:
    """Return how many differences a mean rests on: the sum of their sizes, or the effective number of clusters.

    ``values`` [n] are differences, ``sums`` their sums by cluster.
    """
    return max(float(np.abs(values).sum()), effective_count(sums))


def effective_count(sums: Floats) -> float:
    """Return the effective number of clusters that contribute to a sum: all, if their parts are equal in size."""
    squares = float(np.sum(sums**2))
    return float(np.sum(np.abs(sums))) ** 2 / squares if squares > 0.0 else 0.0


def _fractional(values: Floats) -> bool:
    """Return True if most differences are between 0 and 1, as of probabilities, and not of right and wrong answers."""
    sizes = np.abs(values)
    return 2 * int(np.sum((sizes > 0.0) & (sizes < 1.0))) > len(values)


def mcnemar(first: npt.ArrayLike, second: npt.ArrayLike) -> McNemar:
    """Run the exact two-sided McNemar test on two runs' right (1) and wrong (0) answers [n] to the same questions."""
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    assert a.shape == b.shape, (a.shape, b.shape)
    only_first, only_second = int(np.sum(a & ~b)), int(np.sum(b & ~a))
    discordant, fewer = only_first + only_second, min(only_first, only_second)
    # If the runs are equal, the smaller count follows Binomial(discordant, 1/2); bdtr is P(X <= fewer).
    p_value = min(1.0, 2.0 * float(bdtr(fewer, discordant, 0.5)))
    return McNemar(only_first, only_second, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for multiple tests (Holm, 1979), in the order given.

    Rejecting adjusted p-values below 5% keeps the family-wise error rate at 5%, whatever the tests' dependence.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _sign_flip(sums: Floats, permutations: int, seed: int) -> tuple[float, bool]:
    """Return the share of sign patterns whose sum is at least as far from 0 as observed, and True if all were tried."""
    count = len(sums)
    # Patterns that tie with the observed one must count despite rounding.
    observed = abs(float(sums.sum())) - 1e-9 * max(1.0, float(np.abs(sums).sum()))
    if count <= _MOST_ENUMERATED:
        patterns = np.arange(1 << count)[:, None] >> np.arange(count) & 1  # [2^count, count]
        totals = (1 - 2 * patterns) @ sums
        return float(np.mean(np.abs(totals) >= observed)), True
    generator = numpy_generator(seed, "sign-flip")
    step = max(1, _SIGNS_AT_ONCE // count)
    extreme = 0
    for start in range(0, permutations, step):
        rows = min(step, permutations - start)
        bits = np.unpackbits(np.frombuffer(generator.bytes(math.ceil(rows * count / 8)), dtype=np.uint8))
        flips = bits[: rows * count].reshape(rows, count).astype(np.float64)  # 1 where the sign flips
        extreme += int(np.sum(np.abs(sums.sum() - 2.0 * (flips @ sums)) >= observed))
    return (extreme + 1) / (permutations + 1), False


def _binomial_ends(values: Floats, codes: Codes, confidence: float) -> tuple[float, float]:
    size = effective_size(values, codes, confidence=confidence)
    return clopper_pearson(float(values.mean()) * size, size, confidence=confidence)
