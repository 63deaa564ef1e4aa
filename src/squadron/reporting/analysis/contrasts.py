"""Test whether one level is better than another, in points, with runs and questions both taken as samples.

:mod:`squadron.scoring.designs` has the tests for many paragraphs. If a difference rests on few of them
(:func:`rests_on_few`), its test on new questions is the more careful one of :func:`_careful`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from squadron.randomness import numpy_generator
from squadron.reporting.analysis.verdicts import SIGNIFICANCE, Evidence
from squadron.scoring.designs import (
    SCOPES,
    Block,
    Estimate,
    Scope,
    Spread,
    contrast_test,
    equivalence_test,
    make_block,
    omnibus_test,
    spread,
    t_reach,
    t_test,
)
from squadron.scoring.intervals import FEWEST_CLUSTERS, FEWEST_OUTCOMES, Codes, Floats
from squadron.scoring.paired import contributing, effective_count, paired_test

PERMUTATIONS = 4000


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The question scores of a factor's levels: ``questions`` [levels, n] are means over the cells of ``block``."""

    block: Block
    spread: Spread
    questions: Floats
    codes: Codes

    @property
    def pairs(self) -> int:
        """Number of cells: of pairs of runs behind each comparison of two levels."""
        return int(self.block.sums.shape[1])


def make_levels(values: npt.ArrayLike, codes: Codes, seeds: Sequence[int] | None = None) -> Levels:
    """Return question scores [levels, cells, n], 0 to 1, ready for tests; ``seeds`` [cells] are those of the runs."""
    scores = np.asarray(values, dtype=np.float64)
    block = make_block(scores, codes, seeds)
    return Levels(block, spread(block), scores.mean(axis=1), codes)


def contrast_evidence(levels: Levels, weights: npt.ArrayLike, *, margin: float, seed: int = 0) -> tuple[Evidence, ...]:
    """Test a weighted sum of level means in both scopes; a scope without a sample is left out.

    ``margin`` is in points, and so is the evidence.
    """
    own = np.asarray(weights, dtype=np.float64)
    found = []
    for scope in SCOPES:
        estimate = contrast_test(levels.spread, own, scope)
        if scope == "new" and rests_on_few(own @ levels.questions, levels.codes, pairs=levels.pairs):
            found.append(_careful(levels, own, estimate, margin, seed))
        elif estimate is not None:
            reach = t_reach(estimate.error, estimate.degrees)
            ends = (100.0 * (estimate.difference - reach), 100.0 * (estimate.difference + reach))
            found.append(_evidence(scope, estimate, ends, estimate.p_value, margin))
    return tuple(found)


def pair_evidence(first: Floats, second: Floats, codes: Codes, *, margin: float) -> tuple[Evidence, ...]:
    """Test the difference of two single models (second minus first) from their question scores [n]."""
    return contrast_evidence(make_levels(np.stack([first, second])[:, None], codes), (-1.0, 1.0), margin=margin)


def omnibus_evidence(levels: Levels, scope: Scope, *, seed: int = 0) -> float | None:
    """Return the p-value of the hypothesis that all levels are equal; ``None`` if the scope has no sample.

    On new questions, if the differences rest on few paragraphs, it is at least that of a permutation test that flips
    the signs of paragraphs.
    """
    p_value = omnibus_test(levels.spread, scope)
    if scope == "these":
        return p_value
    centred = levels.questions - levels.questions.mean(axis=0)
    if not any(rests_on_few(row, levels.codes, pairs=levels.pairs) for row in centred):
        return p_value
    return max(p_value or 0.0, flipped_signs(centred, levels.codes, seed=seed))


def flipped_signs(
    rows: Floats, codes: Codes, *, permutations: int = PERMUTATIONS, seed: int = 0, use: str = "omnibus"
) -> float:
    """Return the p-value of the sum of squared means of ``rows`` [k, n] under random sign flips of paragraphs."""
    sums = np.stack([np.bincount(codes, weights=row) for row in rows], axis=1)  # [clusters, k]
    observed = float(np.sum(sums.sum(axis=0) ** 2)) * (1 - 1e-9)
    generator = numpy_generator(seed, use)
    signs = 1.0 - 2.0 * generator.integers(0, 2, size=(permutations, len(sums)))
    extreme = int(np.sum(np.sum((signs @ sums) ** 2, axis=1) >= observed))
    return (extreme + 1) / (permutations + 1)


def _evidence(scope: Scope, estimate: Estimate, ends: tuple[float, float], p_value: float, margin: float) -> Evidence:
    own, difference = 100.0 * estimate.error, 100.0 * estimate.difference
    return Evidence(
        scope=scope,
        interval=ends,
        error=own,
        degrees=estimate.degrees,
        p_value=p_value,
        equivalence=equivalence_test(difference, own, estimate.degrees, margin) if estimate.degrees > 0.0 else 1.0,
    )


def _careful(levels: Levels, weights: Floats, estimate: Estimate | None, margin: float, seed: int) -> Evidence:
    """Test a difference that rests on few paragraphs, on new questions.

    The interval over questions is the paired test's, which is widened; with the one over runs it is combined by squared
    distances (:func:`combined_interval`). The p-value is at least that of the sign test over paragraphs. Interval and
    p-value agree: the t-test's standard error is at least the one implied by the interval's distance towards 0 (Altman
    and Bland, 2011), and if p is not below 0.05, the interval is extended to include 0.
    """
    # The weights of a trend can give a question a value above 1, but intervals of shares end at 1.
    values = weights @ levels.questions
    scale = max(1.0, float(np.abs(values).max(initial=0.0)))
    questions = values / scale
    paired = paired_test(np.zeros_like(questions), questions, levels.codes, permutations=PERMUTATIONS, seed=seed)
    mean, ends = paired.difference, [(paired.interval.low, paired.interval.high)]
    runs = contrast_test(levels.spread, weights, "these")
    if runs is not None:
        reach = t_reach(runs.error, runs.degrees) / scale
        ends.append((mean - reach, mean + reach))
    low, high = combined_interval(mean, ends)
    p_value, error, degrees = paired.p_value, 0.0, 0.0
    if estimate is not None:
        degrees = estimate.degrees
        quantile = float(stdtrit(degrees, 1 - SIGNIFICANCE / 2))
        towards = (mean - low if mean > 0.0 else high - mean) / quantile
        error = max(estimate.error / scale, towards)
        p_value = max(p_value, t_test(mean, error, degrees))
        error = max(error, (high - low) / 2 / quantile)
    if p_value >= SIGNIFICANCE:
        low, high = min(low, 0.0), max(high, 0.0)
    whole = Estimate(scale * mean, scale * error, degrees, p_value)
    return _evidence("new", whole, (100.0 * scale * low, 100.0 * scale * high), p_value, margin)


def rests_on_few(values: Floats, codes: Codes, *, pairs: int) -> bool:
    """Return True if the mean of ``values`` [n] rests on too few paragraphs for a bootstrap to estimate its error.

    For one pair of runs the criterion is a small sum: few questions differ. Over many pairs, and of probabilities,
    values may be small without being rare, so the effective number of clusters that contribute counts.
    """
    sums = np.asarray(np.bincount(codes, weights=values), dtype=np.float64)
    contribution = contributing(values, sums) if pairs == 1 else effective_count(sums)
    return len(sums) < FEWEST_CLUSTERS or contribution < FEWEST_OUTCOMES


def combined_interval(mean: float, intervals: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Combine the intervals of a mean's sources of error into one interval.

    The squared distances to the mean add, separately for low and high ends (MOVER; Zou and Donner, 2008).
    """
    low = mean - math.sqrt(sum((mean - own) ** 2 for own, _ in intervals))
    high = mean + math.sqrt(sum((own - mean) ** 2 for _, own in intervals))
    return max(-1.0, low), min(1.0, high)
