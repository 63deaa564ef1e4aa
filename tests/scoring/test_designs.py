"""Tests of a factor's levels: by hand, against SciPy, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from helpers import load_script
from squadron.scoring.designs import (
    block_of_sums,
    contrast_test,
    equivalence_test,
    level_variances,
    make_block,
    omnibus_test,
    primary_p,
    sphericity,
    spread,
    t_reach,
    trend_weights,
)
from squadron.scoring.intervals import cluster_codes
from squadron.scoring.optimism import selection_optimism


def test_over_runs_alone_two_levels_give_students_paired_test() -> None:
    draw = np.random.default_rng(1)
    values = draw.normal(0.5, 0.2, (2, 7, 30))
    found = spread(make_block(values, cluster_codes(None, 30)))
    test = contrast_test(found, (-1.0, 1.0), "these")
    means = values.mean(axis=2)
    wanted = stats.ttest_rel(means[1], means[0])
    assert test is not None
    assert test.difference == pytest.approx(float(np.mean(means[1] - means[0])))
    assert (test.p_value, test.degrees) == (pytest.approx(wanted.pvalue), pytest.approx(6))
    low, high = wanted.confidence_interval()
    assert t_reach(test.error, test.degrees) == pytest.approx((high - low) / 2)
    assert omnibus_test(found, "these") == pytest.approx(wanted.pvalue)


def test_over_runs_alone_the_omnibus_test_is_that_of_a_block_design() -> None:
    """With equal variances, the F-test of levels against levels by blocks."""
    means = np.random.default_rng(2).normal(0, 1, (3, 40))
    found = spread(make_block(means[:, :, None], cluster_codes(None, 1)))
    levels, blocks = means.mean(axis=1, keepdims=True), means.mean(axis=0, keepdims=True)
    left = means - levels - blocks + means.mean()
    f = 40 * np.sum((levels - means.mean()) ** 2) / 2 / (np.sum(left**2) / (2 * 39))
    assert sphericity(found.runs, 40) > 0.95
    assert omnibus_test(found, "these") == pytest.approx(float(stats.f.sf(f, 2, 78)), rel=0.05)


def test_runs_of_one_seed_are_one_sample() -> None:
    values = np.random.default_rng(3).normal(0.5, 0.1, (2, 6, 20))
    codes = cluster_codes(None, 20)
    assert make_block(values, codes).covers == "settings"
    assert make_block(values, codes, [4] * 6).covers == "settings"
    assert make_block(values[:, :1], codes).covers == "questions"
    block = make_block(values, codes, [0, 1, 2] * 2)
    test = contrast_test(spread(block), (-1.0, 1.0), "these")
    by_seed = values.mean(axis=2).reshape(2, 2, 3).mean(axis=1)
    assert (block.covers, test and test.degrees) == ("training", pytest.approx(2))
    assert test is not None
    assert test.p_value == pytest.approx(stats.ttest_rel(by_seed[1], by_seed[0]).pvalue)


def test_a_shift_that_runs_of_a_seed_share_is_no_evidence() -> None:
    """Eighteen pairs seem many, but all runs of a seed have one shift: seeds are the sample."""
    rejected = naive = 0
    codes = cluster_codes([place // 5 for place in range(200)], 200)
    for number in range(200):
        draw = np.random.default_rng(number)
        shift = np.repeat(draw.normal(0, 0.05, (2, 3)), 6, axis=1)
        values = shift[:, :, None] + draw.normal(0, 0.05, (2, 18, 200))
        seeds = [0] * 6 + [1] * 6 + [2] * 6
        for own, count in ((seeds, 0), (None, 1)):
            test = contrast_test(spread(make_block(values, codes, own)), (-1.0, 1.0), "new")
            assert test is not None
            rejected += count == 0 and test.p_value < 0.05
            naive += count == 1 and test.p_value < 0.05
    assert naive > 80
    assert rejected <= 20


def test_one_level_that_varies_with_the_seed_is_no_effect() -> None:
    """A learning rate at the edge of stability: the other levels, which vary little, lend it no degrees of freedom."""
    found: dict[str, int] = {"trend": 0, "omnibus": 0, "pair": 0}
    for number in range(400):
        draw = np.random.default_rng(number)
        values = draw.normal(0, 0.35, (5, 9))
        values[4] += np.repeat(draw.normal(0, 1.5, 3), 3)
        made = spread(block_of_sums(values[:, :, None], np.ones(1), [0] * 3 + [1] * 3 + [2] * 3))
        tests = {"trend": trend_weights([1, 4, 16, 64, 256]), "pair": (-1.0, 0.0, 0.0, 0.0, 1.0)}
        for name, weights in tests.items():
            test = contrast_test(made, weights, "these")
            assert test is not None
            found[name] += test.p_value < 0.05
        found["omnibus"] += (omnibus_test(made, "these") or 0.0) < 0.05
    assert max(found.values()) <= 36  # 5 % of 400 are 20; it was 14 % of trends and pairs, 10 % of omnibus tests


def test_level_variances_are_those_of_the_single_levels() -> None:
    draw = np.random.default_rng(8)
    values = draw.normal(0, 1, (4, 20_000)) * np.array([0.0, 1.0, 2.0, 3.0])[:, None] + draw.normal(0, 5, 20_000)
    centred = values - values.mean(axis=0)
    assert level_variances(np.cov(centred)) == pytest.approx([0.0, 1.0, 4.0, 9.0], abs=0.15)
    assert level_variances(np.cov(values[:2] - values[:2].mean(axis=0))) == pytest.approx([0.5, 0.5], abs=0.02)


def test_what_runs_and_paragraphs_share_is_not_counted_twice() -> None:
    """Independent noise alone: each way of clustering sees all of it, and so must their sum."""
    ratios = []
    codes = cluster_codes([place // 4 for place in range(160)], 160)
    for number in range(60):
        values = np.random.default_rng(number).normal(0, 1, (2, 12, 160))
        test = contrast_test(spread(make_block(values, codes)), (-1.0, 1.0), "new")
        assert test is not None
        ratios.append(test.error**2 / (2 / (12 * 160)))
    assert 0.9 < float(np.mean(ratios)) < 1.35  # twice as much if both were added
    alone = contrast_test(spread(make_block(values[:, :1], codes)), (-1.0, 1.0), "new")
    assert contrast_test(spread(make_block(values[:, :1], codes)), (-1.0, 1.0), "these") is None
    assert alone is not None
    assert alone.degrees == 39


def test_a_trend_is_the_fitted_lines_rise() -> None:
    assert trend_weights([1e-4, 1e-3, 1e-2]) == pytest.approx([-1.0, 0.0, 1.0])
    means = np.array([51.0, 54.0, 53.0, 59.0])
    for values, places in (([4, 8, 32, 64], np.log([4, 8, 32, 64])), ([0, 1, 5, 6], np.array([0, 1, 5, 6]))):
        slope = stats.linregress(places, means).slope
        assert np.dot(trend_weights(values), means) == pytest.approx(slope * (places[-1] - places[0]))


def test_equivalence_is_two_one_sided_tests() -> None:
    draw = np.random.default_rng(4).normal(0.1, 1.0, 40)
    error = float(stats.sem(draw))
    lower = stats.ttest_1samp(draw, -0.6, alternative="greater").pvalue
    upper = stats.ttest_1samp(draw, 0.6, alternative="less").pvalue
    found = equivalence_test(float(draw.mean()), error, 39, 0.6)
    assert found == pytest.approx(max(lower, upper))
    assert equivalence_test(0.0, 0.0, 5, 1.0) == 0.0
    assert equivalence_test(1.5, 0.0, 5, 1.0) == 1.0


def test_the_primary_p_value_is_twice_the_smaller() -> None:
    assert primary_p(0.01, 0.3) == pytest.approx(0.02)
    assert primary_p(0.9, 0.7) == 1.0
    assert primary_p(None, 0.03) == 0.03
    assert primary_p(None, None) is None


def test_the_optimism_of_choosing_is_found() -> None:
    """Of forty models that are equally good but for a little, the highest is too high by a known amount."""
    codes = cluster_codes([place // 5 for place in range(200)], 200)
    told, true = [], []
    for number in range(60):
        draw = np.random.default_rng(number)
        skill = 0.6 + draw.normal(0, 0.005, 40)
        values = skill + draw.normal(0, 0.15, 200)[:, None] + draw.normal(0, 0.2, (200, 40))
        means = values.mean(axis=0)
        best = int(means.argmax())
        shared = float((values - skill).mean())
        true.append(means[best] - skill[best] - shared)
        found = selection_optimism(values, codes, halves=60)
        assert found is not None
        told.append(found)
    assert float(np.mean(told)) == pytest.approx(float(np.mean(true)), rel=0.2)
    assert selection_optimism(values, cluster_codes([place // 70 for place in range(200)], 200)) is None


@pytest.fixture(scope="module")
def power() -> object:
    return load_script("benchmarks/power.py")


def test_a_study_without_effects_seldom_claims_one(power: object) -> None:
    """The rate is at most 5 %; in 300 studies, no more than 24 false ones unless it is higher (p = 0.01)."""
    cases = {case.name: case for case in power.CASES}  # type: ignore[attr-defined]
    rates = power.simulate(cases["no effect"], 300, seed=7)  # type: ignore[attr-defined]
    assert rates.false["new"] <= 24 / 300
    rates = power.simulate(cases["no effect, questions that suit nobody"], 150, seed=7)  # type: ignore[attr-defined]
    assert rates.false["these"] <= 14 / 150
    assert rates.against <= 0.05


@pytest.mark.parametrize("name", ["lr +2.0, log-linear", "lr +2.0, last value only"])
def test_two_points_of_the_learning_rate_are_found(power: object, name: str) -> None:
    (case,) = [case for case in power.CASES if case.name == name]  # type: ignore[attr-defined]
    rates = power.simulate(case, 80, seed=11)  # type: ignore[attr-defined]
    assert rates.found["new"] >= 0.9
    assert rates.found["these"] >= 0.9
    assert rates.against == 0.0
    assert not math.isnan(rates.equivalent)
