"""Differences over questions and over runs: by hand, against SciPy, and the rate of false positives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from squadron.reporting.analysis.contrasts import (
    PERMUTATIONS,
    clustered_error,
    combined_error,
    combined_interval,
    mean_difference,
    with_difference,
    with_verdicts,
)
from squadron.reporting.analysis.findings import Contrast
from squadron.scoring.intervals import Codes, Floats, cluster_codes
from squadron.scoring.paired import paired_test

UNTESTED = Contrast("f1", "a", "b", 0.0, None, None, None, "untested", 0, None, 0, False, None)


def test_squared_distances_to_the_mean_add() -> None:
    low, high = combined_interval(0.1, [(-0.2, 0.4), (-0.3, 0.5)])
    assert (low, high) == pytest.approx((0.1 - 0.5, 0.1 + 0.5))
    assert combined_interval(0.9, [(0.3, 1.0), (0.1, 1.7)]) == pytest.approx((-0.1, 1.0))
    assert combined_interval(0.2, [(0.1, 0.4)]) == pytest.approx((0.1, 0.4))


def test_the_clustered_error_by_hand() -> None:
    # Two clusters of two: their residuals sum to +1 and -1; 2/1 * (1 + 1) = 4; its root divided by 4 questions is 1/2.
    assert clustered_error(np.array([1.0, 1.0, 0.0, 0.0]), cluster_codes("aabb", 4)) == pytest.approx(0.5)
    assert clustered_error(np.array([1.0, 0.0, 1.0, 0.0]), cluster_codes("aabb", 4)) == 0.0
    values = np.random.default_rng(1).random(53)
    assert clustered_error(values, cluster_codes(None, 53)) == pytest.approx(stats.sem(values))
    assert clustered_error(values, cluster_codes([0] * 53, 53)) == 0.0


def test_degrees_of_freedom_are_satterthwaites() -> None:
    assert combined_error([(0.3, 7), (0.3, 7)]) == pytest.approx((0.3 * math.sqrt(2), 14))
    assert combined_error([(0.3, 7), (0.0, 2)]) == pytest.approx((0.3, 7))
    assert combined_error([(0.0, 7), (0.0, 2)]) == (0.0, 2.0)
    # Welch's test is the special case of two means.
    a, b = np.random.default_rng(2).normal(0, 1, 9), np.random.default_rng(3).normal(0, 4, 23)
    welch = stats.ttest_ind(a, b, equal_var=False)
    error, degrees = combined_error([(stats.sem(a), 8), (stats.sem(b), 22)])
    assert degrees == pytest.approx(welch.df)
    assert (a.mean() - b.mean()) / error == pytest.approx(welch.statistic)


def test_few_paragraphs_fall_back_on_the_exact_sign_test() -> None:
    found = mean_difference(np.array([[0.5, 0.6, 0.4]]), cluster_codes("abc", 3))
    assert (found.mean, found.p_value, found.pairs) == (pytest.approx(0.5), 2 / 8, 1)
    assert found.low <= 0.0 < found.high  # three questions are too few


def test_if_questions_agree_the_test_is_students_over_pairs() -> None:
    pairs = np.array([0.04, 0.01, 0.05, -0.01, 0.03, 0.02])
    found = mean_difference(np.repeat(pairs[:, None], 60, axis=1), cluster_codes(None, 60))
    students = stats.ttest_1samp(pairs, 0.0)
    assert found.p_value == pytest.approx(students.pvalue)
    low, high = students.confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))


def old_p_value(values: Floats, codes: Codes) -> float:
    """Return, for one pair of runs, the larger p-value of t-test and sign test, without regard to the interval."""
    student = 2 * stats.t.sf(abs(values.mean()) / clustered_error(values, codes), codes.max())
    return float(max(student, paired_test(np.zeros(len(values)), values, codes, permutations=PERMUTATIONS).p_value))


def test_a_difference_of_few_paragraphs_has_a_larger_p_value_and_interval() -> None:
    # Six of 200 questions are gained: a sign test gives 2 / 2^6, but the widened interval includes 0.
    gained, codes = np.repeat([1.0, 0.0], [6, 194]), cluster_codes(None, 200)
    assert old_p_value(gained, codes) < 0.05
    found = mean_difference(gained[None], codes)
    assert found.low < 0.0 < found.mean
    error = (found.mean - found.low) / stats.t.ppf(0.975, 199)  # implied by the interval's distance towards 0
    assert found.p_value == pytest.approx(2 * stats.t.sf(found.mean / error, 199))
    assert mean_difference(-gained[None], codes).p_value == pytest.approx(found.p_value)


def test_an_interval_of_few_paragraphs_includes_0_unless_the_test_rejects_it() -> None:
    # With five paragraphs p is at least 2 / 2^5, however many questions they have.
    values, codes = np.full((1, 100), 0.9), cluster_codes([place // 20 for place in range(100)], 100)
    assert paired_test(np.zeros(100), values[0], codes).interval.low > 0.0
    found = mean_difference(values, codes)
    assert found.p_value == 2 / 32
    assert found.low == 0.0
    assert mean_difference(-values, codes).high == 0.0


@pytest.mark.parametrize("pairs", [1, 3])
def test_p_value_and_interval_agree_for_few_paragraphs(pairs: int) -> None:
    seen = set()
    for seed in range(60):
        draw = np.random.default_rng(seed)
        clusters = int(draw.integers(6, 29))
        codes = cluster_codes([place // 4 for place in range(4 * clusters)], 4 * clusters)
        means = draw.uniform(0, 0.3) + np.repeat(draw.normal(0, 0.15, clusters), 4)
        found = mean_difference(draw.normal(means, 0.3, (pairs, 4 * clusters)).clip(-1, 1), codes, seed=seed)
        rejected = found.p_value < 0.05
        assert rejected == (not found.low <= 0.0 <= found.high), (seed, found)
        seen.add(rejected)
    assert seen == {True, False}


def test_many_paragraphs_keep_the_p_value_of_the_tests() -> None:
    codes = cluster_codes([place // 4 for place in range(200)], 200)
    for seed in range(20):
        values = np.random.default_rng(seed).normal(0.04, 0.3, 200).clip(-1, 1)
        assert mean_difference(values[None], codes).p_value == pytest.approx(old_p_value(values, codes))


def test_one_pair_is_tested_over_questions_alone() -> None:
    draw = np.random.default_rng(4)
    values = draw.normal(0.1, 0.3, 200).clip(-1, 1)
    codes = cluster_codes([place // 4 for place in range(200)], 200)
    found, plain = mean_difference(values[None], codes), paired_test(np.zeros(200), values, codes)
    assert (found.low, found.high) == pytest.approx((plain.interval.low, plain.interval.high))
    student = 2 * stats.t.sf(abs(values.mean()) / clustered_error(values, codes), 49)
    assert found.p_value == pytest.approx(max(student, found.p_value))
    contrast = with_difference(found, UNTESTED)
    assert not contrast.covers_training
    assert contrast.difference == pytest.approx(100 * values.mean())


def test_equal_scores_show_no_difference() -> None:
    found = mean_difference(np.zeros((5, 90)), cluster_codes(None, 90))
    assert (found.mean, found.p_value) == (0.0, 1.0)
    assert found.low <= 0.0 <= found.high
    assert found.detectable > 0.0


def test_a_trend_may_exceed_one() -> None:
    values = np.full((1, 40), 1.2)
    found = mean_difference(values, cluster_codes(None, 40))
    assert found.mean == pytest.approx(1.2)
    assert found.low <= 1.2 <= found.high <= 1.2 + 1e-9


def test_equal_runs_are_rarely_significant_and_intervals_cover_the_truth() -> None:
    """Runs differ only by training noise, which a test over questions alone would report as a difference."""
    codes = cluster_codes([place // 5 for place in range(200)], 200)
    sims, truth = 150, 0.03
    rejected = naive = covered = 0
    for seed in range(sims):
        draw = np.random.default_rng(seed)
        training = draw.normal(0, 0.05, 5)[:, None]
        paragraphs = np.repeat(draw.normal(0, 0.08, 40), 5)[None]
        noise = training + paragraphs + draw.normal(0, 0.2, (5, 200))
        found = mean_difference(noise, codes, seed=seed)
        rejected += found.p_value < 0.05
        naive += paired_test(np.zeros(200), noise.mean(axis=0), codes, permutations=500, resamples=10).p_value < 0.05
        moved = mean_difference(noise + truth, codes, seed=seed)
        covered += moved.low <= truth <= moved.high
    assert naive > 0.15 * sims
    assert rejected <= 0.07 * sims
    assert covered >= 0.93 * sims


def test_a_detectable_difference_is_found_in_eight_of_ten() -> None:
    codes = cluster_codes([place // 5 for place in range(200)], 200)
    draws = [np.random.default_rng(seed).normal(0, 0.3, (6, 200)) for seed in range(120)]
    planned = float(np.median([mean_difference(values, codes).detectable for values in draws]))
    shown = sum(mean_difference(values + planned, codes).p_value < 0.05 for values in draws)
    assert 0.7 * len(draws) <= shown <= 0.95 * len(draws)


def test_verdicts_keep_the_level_over_the_family() -> None:
    def tested(p_value: float, interval: tuple[float, float]) -> Contrast:
        return Contrast("f1", "a", "b", 1.0, interval, p_value, None, "untested", 9, 9, 2, True, 1.0)

    family = [tested(0.01, (0.5, 2.0)), tested(0.03, (0.1, 2.0)), tested(0.6, (-1.0, 1.0)), UNTESTED]
    found = with_verdicts(family)
    assert [one.adjusted for one in found] == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.6), None]
    assert [one.verdict for one in found] == ["higher", "no_difference", "no_difference", "untested"]
    assert with_verdicts([tested(0.01, (-2.0, -0.5))])[0].verdict == "lower"
    assert with_verdicts([tested(0.01, (-0.1, 2.0))])[0].verdict == "no_difference"  # the interval includes 0
