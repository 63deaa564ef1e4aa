"""Differences over questions and over runs that rest on few paragraphs: by hand, and the rate of false positives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from squadron.reporting.analysis.contrasts import combined_interval, contrast_evidence, make_levels, pair_evidence
from squadron.reporting.analysis.verdicts import Evidence, detectable_difference
from squadron.scoring.intervals import Codes, Floats, cluster_codes
from squadron.scoring.paired import paired_test


def on_new_questions(values: Floats, codes: Codes, *, margin: float = 1.0) -> Evidence:
    """Return the test of the mean of differences [pairs, n] on new questions."""
    levels = make_levels(np.stack([np.zeros_like(values), values]), codes)
    return contrast_evidence(levels, (-1.0, 1.0), margin=margin)[0]


def test_squared_distances_to_the_mean_add() -> None:
    low, high = combined_interval(0.1, [(-0.2, 0.4), (-0.3, 0.5)])
    assert (low, high) == pytest.approx((0.1 - 0.5, 0.1 + 0.5))
    assert combined_interval(0.9, [(0.3, 1.0), (0.1, 1.7)]) == pytest.approx((-0.1, 1.0))
    assert combined_interval(0.2, [(0.1, 0.4)]) == pytest.approx((0.1, 0.4))


def test_few_paragraphs_fall_back_on_the_exact_sign_test() -> None:
    found = on_new_questions(np.array([[0.5, 0.6, 0.4]]), cluster_codes("abc", 3))
    assert found.p_value == 2 / 8
    assert found.interval[0] <= 0.0 < found.interval[1]  # three questions are too few


def test_one_paragraph_is_no_evidence() -> None:
    found = on_new_questions(np.array([[0.5, 0.6, 0.4]]), cluster_codes("aaa", 3))
    assert (found.p_value, found.degrees, found.equivalence) == (1.0, 0.0, 1.0)
    assert detectable_difference(found) == 100.0


def test_a_difference_of_few_paragraphs_has_a_larger_p_value_and_interval() -> None:
    # Six of 200 questions are gained: a sign test gives 2 / 2^6, but the widened interval includes 0.
    gained, codes = np.repeat([1.0, 0.0], [6, 194]), cluster_codes(None, 200)
    assert paired_test(np.zeros(200), gained, codes).p_value < 0.05
    found = on_new_questions(gained[None], codes)
    assert found.p_value > 0.05
    assert found.interval[0] <= 0.0


@pytest.mark.parametrize("pairs", [1, 3])
def test_p_value_and_interval_agree(pairs: int) -> None:
    seen = set()
    for seed in range(60):
        draw = np.random.default_rng(seed)
        clusters = int(draw.integers(6, 60))
        codes = cluster_codes([place // 4 for place in range(4 * clusters)], 4 * clusters)
        means = draw.uniform(0, 0.3) + np.repeat(draw.normal(0, 0.15, clusters), 4)
        found = on_new_questions(draw.normal(means, 0.3, (pairs, 4 * clusters)).clip(-1, 1), codes)
        rejected = found.p_value < 0.05
        assert rejected == (not found.interval[0] <= 0.0 <= found.interval[1]), (seed, found)
        seen.add(rejected)
    assert seen == {True, False}


def test_one_pair_is_tested_over_questions_alone() -> None:
    draw = np.random.default_rng(4)
    first, second = draw.normal(0.4, 0.3, 200).clip(0, 1), draw.normal(0.5, 0.3, 200).clip(0, 1)
    (found,) = pair_evidence(first, second, cluster_codes(None, 200), margin=1.0)
    wanted = stats.ttest_1samp(second - first, 0.0)
    assert (found.scope, found.degrees) == ("new", 199)
    assert found.p_value == pytest.approx(wanted.pvalue)
    low, high = wanted.confidence_interval()
    assert found.interval == pytest.approx((100 * low, 100 * high))


def test_equal_scores_show_no_difference() -> None:
    found = on_new_questions(np.zeros((5, 90)), cluster_codes(None, 90))
    assert found.p_value == 1.0
    assert found.interval[0] <= 0.0 <= found.interval[1]
    assert detectable_difference(found) > 0.0


def test_a_trend_may_exceed_one() -> None:
    levels = make_levels(
        np.stack([np.zeros((1, 40)), np.full((1, 40), 0.5), np.ones((1, 40))]), cluster_codes(None, 40)
    )
    found = contrast_evidence(levels, (-1.2, 0.0, 1.2), margin=1.0)[0]
    assert found.interval[0] <= 120.0 <= found.interval[1] <= 120.0 + 1e-9


def test_equal_runs_are_rarely_significant_and_intervals_cover_the_truth() -> None:
    """Runs differ only by training noise, which a test over questions alone would report as a difference."""
    codes = cluster_codes([place // 5 for place in range(200)], 200)
    sims, truth = 200, 3.0
    rejected = naive = covered = 0
    for seed in range(sims):
        draw = np.random.default_rng(seed)
        training = draw.normal(0, 0.05, 5)[:, None]
        paragraphs = np.repeat(draw.normal(0, 0.08, 40), 5)[None]
        noise = training + paragraphs + draw.normal(0, 0.2, (5, 200))
        found = on_new_questions(noise, codes)
        rejected += found.p_value < 0.05
        naive += paired_test(np.zeros(200), noise.mean(axis=0), codes, permutations=500, resamples=10).p_value < 0.05
        low, high = on_new_questions(noise + truth / 100, codes).interval
        covered += low <= truth <= high
    assert naive > 0.15 * sims
    assert 0.02 * sims <= rejected <= 0.08 * sims  # neither too often nor too seldom
    assert covered >= 0.92 * sims


def test_a_detectable_difference_is_found_in_eight_of_ten() -> None:
    codes = cluster_codes([place // 5 for place in range(200)], 200)
    draws = [np.random.default_rng(seed).normal(0, 0.3, (6, 200)) for seed in range(120)]
    planned = float(np.median([detectable_difference(on_new_questions(values, codes)) for values in draws])) / 100
    shown = sum(on_new_questions(values + planned, codes).p_value < 0.05 for values in draws)
    assert 0.7 * len(draws) <= shown <= 0.95 * len(draws)
