"""Confidence intervals of a mean over questions that are clustered in paragraphs.

The scores of one paragraph's questions are correlated, so :func:`mean_interval` resamples whole paragraphs
(*clusters*). A bootstrap underestimates the width if there is little to resample: five questions, one paragraph, or
answers that are all wrong. If it is not reliable (fewer than :data:`FEWEST_CLUSTERS` clusters, or a sum of right or
wrong answers below :data:`FEWEST_OUTCOMES`), the interval is widened to include the binomial one at the *effective
size* (:func:`binomial_interval`; for exact match that is the interval of Korn and Graubard, 1998, a standard for
proportions in survey statistics). This is conservative for F1, since a score between 0 and 1 varies at most as much as
a 0-or-1 score with the same mean. ``Interval.method`` names the method used.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri, stdtrit

from squadron.randomness import numpy_generator

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

FEWEST_CLUSTERS = 30
FEWEST_OUTCOMES = 10
_DRAWS_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, with ends in the unit of the values, and the method that made it."""

    low: float
    high: float
    method: str

    def scaled(self, factor: float) -> Interval:
        """Return the interval times ``factor``, e.g. 100 for points."""
        return Interval(factor * self.low, factor * self.high, self.method)


def cluster_codes(clusters: Sequence[Hashable] | None, questions: int) -> Codes:
    """Return each question's cluster as a number 0..G-1 [n]; ``None`` makes each question its own cluster."""
    if clusters is None:
        return np.arange(questions, dtype=np.intp)
    assert len(clusters) == questions, (len(clusters), questions)
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.intp)


def cluster_bootstrap(
    values: npt.ArrayLike, codes: Codes, *, resamples: int = 2000, seed: int = 0, use: str = "bootstrap"
) -> Floats:
    """Return means of resampled data: clusters are drawn with replacement, each with all its questions.

    ``values`` is [n] or [n, k]; returns [resamples] or [resamples, k]. Columns share their draws. A mean is the sum
    over the drawn questions divided by their number, which varies with the clusters drawn.
    """
    columns = _as_floats(values)
    sums = np.column_stack([_sums(columns, codes), np.bincount(codes)])  # [G, k + 1]
    count = len(sums)
    generator = numpy_generator(seed, use)
    drawn = np.empty((resamples, sums.shape[1]))
    step = max(1, _DRAWS_AT_ONCE // count)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        chosen = generator.integers(0, count, size=(rows, count))
        for column in range(sums.shape[1]):
            drawn[start : start + rows, column] = sums[:, column].take(chosen).sum(axis=1)
    means = drawn[:, :-1] / drawn[:, -1:]
    return means[:, 0] if np.ndim(values) == 1 else means


def mean_interval(
    values: npt.ArrayLike, codes: Codes, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Return the interval of the mean of ``values`` [n], each 0 to 1; ``codes`` [n] are :func:`cluster_codes`."""
    return mean_intervals(_as_floats(values), codes, confidence=confidence, resamples=resamples, seed=seed)[0]


def mean_intervals(
    values: npt.ArrayLike, codes: Codes, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> list[Interval]:
    """Return the :func:`mean_interval` of each column of ``values`` [n, k], from the same resamples."""
    columns = _as_floats(values)
    means = cluster_bootstrap(columns, codes, resamples=resamples, seed=seed)
    ends = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    clusters = int(codes.max()) + 1
    result = []
    for column, (low, high) in zip(columns.T, ends.T, strict=True):
        right = float(column.sum())
        if clusters >= FEWEST_CLUSTERS and FEWEST_OUTCOMES <= right <= len(column) - FEWEST_OUTCOMES:
            result.append(Interval(float(low), float(high), f"bootstrap over {clusters:,} clusters"))
            continue
        cautious = binomial_interval(column, codes, confidence=confidence)
        result.append(Interval(min(float(low), cautious.low), max(float(high), cautious.high), cautious.method))
    return result


def binomial_interval(values: npt.ArrayLike, codes: Codes, *, confidence: float = 0.95) -> Interval:
    """Return the Clopper-Pearson interval of the mean of ``values`` [n] (0 to 1) at their :func:`effective_size`."""
    column = _as_floats(values)[:, 0]
    size = effective_size(column, codes, confidence=confidence)
    low, high = clopper_pearson(float(column.mean()) * size, size, confidence=confidence)
    clusters = int(codes.max()) + 1
    return Interval(low, high, f"binomial at effective size {size:.1f} ({_count(clusters, 'cluster')})")


def clopper_pearson(successes: float, trials: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a proportion, 0 to 1. Trials may be fractional, as effective sizes are."""
    # A mean times a size can exceed the size, or fall below zero, by a rounding error.
    successes = min(max(successes, 0.0), trials)
    tail = (1 - confidence) / 2
    failures = trials - successes
    low = 0.0 if successes < 1e-9 else float(betaincinv(successes, failures + 1, tail))
    high = 1.0 if failures < 1e-9 else float(betaincinv(successes + 1, failures, 1 - tail))
    return low, high


def design_effect(values: npt.ArrayLike, codes: Codes) -> float:
    """Return the variance of the mean relative to that of as many independent questions; 1 if it is not estimable.

    The cluster variance is the linearized variance of a mean over clusters of unequal size.
    """
    column = _as_floats(values)[:, 0]
    questions, clusters = len(column), int(codes.max()) + 1
    spread = float(np.sum((column - column.mean()) ** 2))
    if clusters < 2 or spread == 0.0:
        return 1.0
    residuals = np.bincount(codes, weights=column - column.mean())
    clustered = clusters / (clusters - 1) * float(np.sum(residuals**2)) / questions**2
    return clustered / (spread / (questions - 1) / questions)


def effective_size(values: npt.ArrayLike, codes: Codes, *, confidence: float = 0.95) -> float:
    """Return the number of independent questions with the same information, as Korn and Graubard define it.

    It is the number of questions divided by the design effect, reduced for estimating that from few clusters (by a
    ratio of Student quantiles). It is at most the number of questions, and at least its value if all questions of a
    cluster score alike (the number of clusters, if they are of equal size). With one cluster it is therefore 1.
    """
    column = _as_floats(values)[:, 0]
    sizes = np.bincount(codes)
    questions, clusters = len(column), len(sizes)
    least = questions**2 / float(np.sum(sizes.astype(np.float64) ** 2))
    if clusters == 1:
        return least
    tail = (1 + confidence) / 2
    loss = float(stdtrit(questions - 1, tail) / stdtrit(clusters - 1, tail))
    estimate = questions / max(design_effect(column, codes), 1e-9) * loss**2
    return float(min(max(estimate, least), questions))


def binomial_margin(questions: int, *, share: float = 0.65, confidence: float = 0.95) -> float:
    """Return the half-width, in points, of the normal interval of a share of right answers to independent questions.

    A rule of thumb for planning (the student study's best F1 is near 65): +-42 points for 5 questions, +-6.6 for 200
    and +-0.9 for 10,570.
    """
    return 100.0 * float(ndtri((1 + confidence) / 2)) * math.sqrt(share * (1 - share) / questions)


def minimum_detectable_difference(
    questions: int, *, deviation: float, effect: float = 1.0, power: float = 0.8, significance: float = 0.05
) -> float:
    """Return the smallest true difference between two runs that a two-sided test detects with this power.

    ``deviation`` is the standard deviation over questions of the *difference* between the runs' scores, in the unit of
    the result; for unpaired runs, sqrt(2) times that of one run's scores. ``effect`` is the :func:`design_effect`.
    """
    reach = float(ndtri(1 - significance / 2) + ndtri(power))
    return reach * deviation * math.sqrt(effect / questions)


def _as_floats(values: npt.ArrayLike) -> Floats:
    """Return ``values`` [n] or [n, k] as floats [n, k]; n is at least 1."""
    array: npt.NDArray[Any] = np.asarray(values, dtype=np.float64)
    assert array.ndim in (1, 2), array.shape
    assert len(array) > 0, array.shape
    return array[:, None] if array.ndim == 1 else array


def _sums(columns: Floats, codes: Codes) -> Floats:
    """Return the sums by cluster: [n, k] to [G, k]."""
    return np.column_stack([np.bincount(codes, weights=column) for column in columns.T])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
