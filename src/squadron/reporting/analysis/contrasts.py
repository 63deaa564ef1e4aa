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
    """The mean of ``values`` [pairs, n], differences of question scores; ``codes`` [n] number the paragraphs.

    The p-value is the larger of two: the t-test's with the variances of paragraphs and of pairs added, Satterthwaite's
    degrees of freedom; and that of the exact or sampled sign test over paragraphs, which holds for few of them.

    Where few paragraphs carry the difference (:func:`_rests_on_few`), the interval over questions is the paired test's,
    which is widened, and p-value and interval are made to agree: p is below 0.05 if and only if the interval leaves out
    0. The t-test's error is then no less than what the interval's reach towards 0 implies, as a standard error is read
    off an interval (Altman and Bland, 2011). And where p is not below 0.05, as the sign test alone may say, 0 is not
    rejected, so the interval is drawn out to it. Neither is done where many paragraphs carry the difference.
    """
    assert values.ndim == 2, values.shape
    # A trend's weights can carry a question's value past 1, where intervals of shares end.
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
        # Two or three pairs of runs make the interval wider than their joined error tells.
        detectable = max((quantile + float(stdtrit(degrees_joined, _POWER))) * error, (high - low) / 2)
    if few and p_value >= SIGNIFICANCE:
        low, high = min(low, 0.0), max(high, 0.0)
    return Difference(scale * mean, scale * low, scale * high, p_value, scale * min(1.0, detectable), len(values))


def _rests_on_few(values: Floats, codes: Codes, *, pairs: int) -> bool:
    """Whether the mean of ``values`` [n] rests on so little that resampling paragraphs cannot tell its error.

    For one pair of runs that is a small sum: few questions differ. A mean over many pairs is small without being rare:
    there it counts how many clusters carry the difference.
    """
    sums = np.bincount(codes, weights=values)
    carrying = float(np.abs(values).sum())
    if pairs > 1:
        spread = float(np.sum(sums**2))
        carrying = float(np.sum(np.abs(sums))) ** 2 / spread if spread > 0.0 else 0.0
    return len(sums) < FEWEST_CLUSTERS or carrying < FEWEST_OUTCOMES


def clustered_error(values: Floats, codes: Codes) -> float:
    """The standard error of the mean of ``values`` [n] with whole clusters drawn; 0 with one cluster: it tells none."""
    clusters = int(codes.max()) + 1
    if clusters < 2:
        return 0.0
    residuals = np.bincount(codes, weights=values - values.mean())
    return math.sqrt(clusters / (clusters - 1) * float(np.sum(residuals**2))) / len(values)


def combined_interval(mean: float, intervals: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """One interval for a mean with several sources of error, each with an interval of its own.

    The distances to the mean add as squares, low and high ends apart (Zou and Donner's MOVER, 2008).
    """
    low = mean - math.sqrt(sum((mean - own) ** 2 for own, _ in intervals))
    high = mean + math.sqrt(sum((own - mean) ** 2 for _, own in intervals))
    return max(-1.0, low), min(1.0, high)


def combined_error(errors: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """The standard error of a sum of independent errors, each with its degrees of freedom; Satterthwaite's for both.

    No error at all has the fewest degrees that any source has.
    """
    variance = sum(error**2 for error, _ in errors)
    if variance == 0.0:
        return 0.0, float(min(degrees for _, degrees in errors))
    weights = sum(error**4 / degrees for error, degrees in errors if error > 0.0)
    return math.sqrt(variance), variance**2 / weights


def with_difference(found: Difference, contrast: Contrast) -> Contrast:
    """``contrast`` with the numbers of a difference, in points, and no verdict yet."""
    return replace(
        contrast,
        difference=100.0 * found.mean,
        interval=(100.0 * found.low, 100.0 * found.high),
        p_value=found.p_value,
        pairs=found.pairs,
        covers_training=found.pairs > 1,
        detectable=100.0 * found.detectable,
    )


def with_verdicts(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Contrasts with verdicts: all that were tested are one family, whose p-values Holm's correction adjusts.

    A verdict other than ``no_difference`` also needs an interval that leaves out 0.
    """
    tested = [index for index, one in enumerate(contrasts) if one.p_value is not None]
    adjusted = dict(zip(tested, holm([contrasts[index].p_value or 0.0 for index in tested]), strict=True))
    return [
        replace(one, adjusted=adjusted[index], verdict=_verdict(one, adjusted[index])) if index in adjusted else one
        for index, one in enumerate(contrasts)
    ]


def _verdict(contrast: Contrast, adjusted: float) -> Verdict:
    assert contrast.interval is not None, contrast
    low, high = contrast.interval
    if adjusted >= SIGNIFICANCE or low <= 0.0 <= high:
        return "no_difference"
    return "higher" if low > 0.0 else "lower"
