"""Test whether one level is better than another, with runs and questions both taken as samples.

The difference between two levels of an axis is a mean over pairs of runs (which differ in that axis only) and over
questions (grouped in paragraphs). Other questions would change it, and so would training again or other values of the
other axes. Both errors count: the interval combines the interval over paragraphs with the one over pairs
(:func:`combined_interval`), and the test adds their variances. Variance that the two share is counted twice, which errs
towards finding no difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr, stdtrit

from squadron.reporting.analysis.findings import Contrast, Verdict
from squadron.scoring.intervals import FEWEST_CLUSTERS, FEWEST_OUTCOMES, Codes, Floats, cluster_bootstrap
from squadron.scoring.paired import holm, paired_test

PERMUTATIONS = 4000
SIGNIFICANCE = 0.05
_POWER = 0.8


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference with its 95 % interval, p-value and standard error, in the unit of the values."""

    mean: float
    low: float
    high: float
    p_value: float
    detectable: float
    pairs: int


def mean_difference(values: Floats, codes: Codes, *, seed: int = 0) -> Difference:
    """Estimate and test the mean of ``values`` [pairs, n], differences of question scores.

    ``codes`` [n] number the paragraphs. The p-value is the larger of two: that of a t-test with the variances of
    paragraphs and of pairs added, with Satterthwaite's degrees of freedom; and that of the exact or sampled sign test
    over paragraphs, which is valid for few of them.

    If the difference rests on few paragraphs (:func:`_rests_on_few`), the interval over questions is the paired test's,
    which is widened, and p-value and interval are made to agree: p is below 0.05 if and only if the interval excludes
    0. The t-test's standard error is then at least the one implied by the interval's distance towards 0 (Altman and
    Bland, 2011). And if p is not below 0.05 (because of the sign test, for example), the interval is extended to
    include 0. Neither is done if the difference rests on many paragraphs.
    """
    assert values.ndim == 2, values.shape
    # The weights of a trend can give a question a value above 1, but intervals of shares end at 1.
    scale = max(1.0, float(np.abs(values).max(initial=0.0)))
    questions = values.mean(axis=0) / scale
    over_questions = paired_test(np.zeros_like(questions), questions, codes, permutations=PERMUTATIONS, seed=seed)
    mean = over_questions.difference
    few = _rests_on_few(questions, codes, pairs=len(values))
    if few or len(values) == 1:
        ends = [(over_questions.interval.low, over_questions.interval.high)]
    else:
        means = cluster_bootstrap(questions, codes, seed=seed)
        ends = [(float(np.quantile(means, SIGNIFICANCE / 2)), float(np.quantile(means, 1 - SIGNIFICANCE / 2)))]
    errors = [(clustered_error(questions, codes), int(codes.max()))]
    if len(values) > 1:
        pairs = values.mean(axis=1) / scale
        error, degrees = float(pairs.std(ddof=1)) / math.sqrt(len(pairs)), len(pairs) - 1
        reach = error * float(stdtrit(degrees, 1 - SIGNIFICANCE / 2))
        ends.append((mean - reach, mean + reach))
        errors.append((error, degrees))
    low, high = combined_interval(mean, ends)
    error, degrees_joined = combined_error(errors)
    p_value = over_questions.p_value
    detectable = scale
    if degrees_joined > 0.0:
        quantile = float(stdtrit(degrees_joined, 1 - SIGNIFICANCE / 2))
        if few:
            error = max(error, (mean - low if mean > 0.0 else high - mean) / quantile)
        if error > 0.0:
            p_value = max(p_value, 2.0 * float(stdtr(degrees_joined, -abs(mean) / error)))
        # With two or three pairs of runs the interval is wider than their combined error implies.
        detectable = max((quantile + float(stdtrit(degrees_joined, _POWER))) * error, (high - low) / 2)
    if few and p_value >= SIGNIFICANCE:
        low, high = min(low, 0.0), max(high, 0.0)
    return Difference(scale * mean, scale * low, scale * high, p_value, scale * min(1.0, detectable), len(values))


def _rests_on_few(values: Floats, codes: Codes, *, pairs: int) -> bool:
    """Return True if the mean of ``values`` [n] rests on too few paragraphs for a bootstrap to estimate its error.

    For one pair of runs the criterion is a small sum: few questions differ. Over many pairs, values may be small
    without being rare, so the effective number of clusters that contribute to the difference counts.
    """
    sums = np.bincount(codes, weights=values)
    contribution = float(np.abs(values).sum())
    if pairs > 1:
        spread = float(np.sum(sums**2))
        contribution = float(np.sum(np.abs(sums))) ** 2 / spread if spread > 0.0 else 0.0
    return len(sums) < FEWEST_CLUSTERS or contribution < FEWEST_OUTCOMES


def clustered_error(values: Floats, codes: Codes) -> float:
    """Return the cluster-robust standard error of the mean of ``values`` [n]; 0 if there is only one cluster."""
    clusters = int(codes.max()) + 1
    if clusters < 2:
        return 0.0
    residuals = np.bincount(codes, weights=values - values.mean())
    return math.sqrt(clusters / (clusters - 1) * float(np.sum(residuals**2))) / len(values)


def combined_interval(mean: float, intervals: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Combine the intervals of a mean's sources of error into one interval.

    The squared distances to the mean add, separately for low and high ends (MOVER; Zou and Donner, 2008).
    """
    low = mean - math.sqrt(sum((mean - own) ** 2 for own, _ in intervals))
    high = mean + math.sqrt(sum((own - mean) ** 2 for _, own in intervals))
    return max(-1.0, low), min(1.0, high)


def combined_error(errors: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Return the standard error and Satterthwaite's degrees of freedom of a sum of independent errors.

    Each error comes with its degrees of freedom. If all errors are 0, return the fewest of these.
    """
    variance = sum(error**2 for error, _ in errors)
    if variance == 0.0:
        return 0.0, float(min(degrees for _, degrees in errors))
    weights = sum(error**4 / degrees for error, degrees in errors if error > 0.0)
    return math.sqrt(variance), variance**2 / weights


def with_difference(difference: Difference, contrast: Contrast) -> Contrast:
    """Return ``contrast`` with a difference filled in, in points, but without a verdict."""
    return replace(
        contrast,
        difference=100.0 * difference.mean,
        interval=(100.0 * difference.low, 100.0 * difference.high),
        p_value=difference.p_value,
        pairs=difference.pairs,
        covers_training=difference.pairs > 1,
        detectable=100.0 * difference.detectable,
    )


def with_verdicts(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Return contrasts with verdicts; all tested ones are one family, adjusted by Holm's correction.

    A verdict other than ``no_difference`` also requires an interval that excludes 0.
    """
    tested = [index for index, contrast in enumerate(contrasts) if contrast.p_value is not None]
    adjusted = dict(zip(tested, holm([contrasts[index].p_value or 0.0 for index in tested]), strict=True))
    return [
        replace(contrast, adjusted=adjusted[index], verdict=_verdict(contrast, adjusted[index]))
        if index in adjusted
        else contrast
        for index, contrast in enumerate(contrasts)
    ]


def _verdict(contrast: Contrast, adjusted: float) -> Verdict:
    assert contrast.interval is not None, contrast
    low, high = contrast.interval
    if adjusted >= SIGNIFICANCE or low <= 0.0 <= high:
        return "no_difference"
    return "higher" if low > 0.0 else "lower"
