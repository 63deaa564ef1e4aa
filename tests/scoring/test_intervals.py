"""Intervals against published tables, by hand, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, t

from squadron.randomness import numpy_generator
from squadron.scoring.intervals import (
    Codes,
    Floats,
    Interval,
    binomial_interval,
    binomial_margin,
    clopper_pearson,
    cluster_bootstrap,
    cluster_codes,
    design_effect,
    effective_size,
    mean_interval,
    mean_intervals,
    minimum_detectable_difference,
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # The 95 % limits as the tables print them (Clopper and Pearson, 1934; to four places).
    [
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (0, 20, 0.0, 0.1684),
        (20, 100, 0.1267, 0.2918),
        (1, 5, 0.0051, 0.7164),
    ],
)
def test_clopper_pearson_matches_the_table(successes: int, trials: int, low: float, high: float) -> None:
    assert clopper_pearson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_clopper_pearson_matches_scipy_at_every_confidence() -> None:
    for successes in range(8):
        for confidence in (0.5, 0.9, 0.99):
            theirs = binomtest(successes, 7).proportion_ci(confidence)
            assert clopper_pearson(successes, 7, confidence=confidence) == pytest.approx((theirs.low, theirs.high))


def test_margins_of_the_study_sizes() -> None:
    assert [round(binomial_margin(questions), 1) for questions in (5, 200, 10_570)] == [41.8, 6.6, 0.9]


def test_detectable_difference_by_hand() -> None:
    # (1.95996 + 0.84162) * 50 / sqrt(100), and twice that if four questions count as one.
    assert minimum_detectable_difference(100, deviation=50) == pytest.approx(14.0079, abs=1e-4)
    assert minimum_detectable_difference(100, deviation=50, effect=4) == pytest.approx(28.0158, abs=1e-4)


def test_codes_number_the_clusters_in_order_of_appearance() -> None:
    assert cluster_codes(["p2", "p1", "p2", ("p", 3)], 4).tolist() == [0, 1, 0, 2]
    assert cluster_codes(None, 3).tolist() == [0, 1, 2]


def test_design_effect_and_effective_size_by_hand() -> None:
    values, codes = [1, 1, 0, 0], cluster_codes("aabb", 4)
    # Cluster sums of residuals are 1 and -1: variance 2/1 * 2/16 = 1/4, against (1/3)/4 = 1/12 of four questions alone.
    assert design_effect(values, codes) == pytest.approx(3.0)
    # 4/3 less the loss by estimating from two clusters is far below 2, the number of clusters, which is the least.
    assert effective_size(values, codes) == 2.0
    assert effective_size(values, cluster_codes("aaaa", 4)) == 1.0
    assert effective_size(values, cluster_codes(None, 4)) == pytest.approx(4.0)
    assert design_effect([1, 1, 1], cluster_codes(None, 3)) == 1.0


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_five_questions_give_a_wide_interval() -> None:
    codes = cluster_codes(None, 5)
    for right in range(6):
        interval = mean_interval([1] * right + [0] * (5 - right), codes)
        assert interval.low <= right / 5 <= interval.high
        assert width(interval) > 0.5
        assert interval.method == "binomial at effective size 5.0 (5 clusters)"
    # All right: 0.025^(1/5) at the least.
    assert mean_interval([1] * 5, codes).low == pytest.approx(0.025 ** (1 / 5))


def test_one_paragraph_counts_as_one_question() -> None:
    interval = mean_interval([1, 1, 1, 0, 1, 1, 0], cluster_codes("a" * 7, 7))
    assert width(interval) > 0.9
    assert interval.method.endswith("(1 cluster)")


def test_all_wrong_answers_have_an_interval() -> None:
    interval = mean_interval(np.zeros(200), cluster_codes(None, 200))
    assert (interval.low, interval.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 200)))


def test_bootstrap_of_many_questions_matches_the_normal_interval() -> None:
    values = (np.arange(900) % 3 == 0).astype(np.float64)
    interval = mean_interval(values, cluster_codes(None, 900))
    margin = 1.95996 * (1 / 3 * 2 / 3 / 900) ** 0.5
    assert (interval.low, interval.high) == pytest.approx((1 / 3 - margin, 1 / 3 + margin), abs=0.003)
    assert interval.method == "bootstrap over 900 clusters"
    assert interval.scaled(100.0) == Interval(100 * interval.low, 100 * interval.high, interval.method)


def test_the_bootstrap_draws_whole_clusters() -> None:
    # Clusters of 1 and 3 questions: a resample's mean is 0 (both draws the first), 1 (both the second) or 3/4.
    means = cluster_bootstrap([0, 1, 1, 1], cluster_codes("abbb", 4), resamples=200)
    assert set(means.tolist()) == {0.0, 0.75, 1.0}


def test_columns_share_the_resamples_of_a_seed() -> None:
    generator = np.random.default_rng(11)
    values, codes = generator.random((53, 2)), cluster_codes((np.arange(53) // 3).tolist(), 53)
    both = cluster_bootstrap(values, codes, resamples=37, seed=5)
    assert both.shape == (37, 2)
    assert np.array_equal(both, cluster_bootstrap(values, codes, resamples=37, seed=5))
    assert np.array_equal(both[:, 1], cluster_bootstrap(values[:, 1], codes, resamples=37, seed=5))
    assert not np.array_equal(both, cluster_bootstrap(values, codes, resamples=37, seed=6))
    first, second = mean_intervals(values, codes, resamples=37, seed=5)
    assert (first, second) == tuple(mean_interval(column, codes, resamples=37, seed=5) for column in values.T)


def paragraphs(generator: np.random.Generator, count: int, size: int) -> tuple[Floats, Codes]:
    """Return answers of true mean 0.6; each paragraph has its own chance of right answers, Beta(1.2, 0.8)."""
    chances = np.repeat(generator.beta(1.2, 0.8, size=count), size)
    return (generator.random(count * size) < chances).astype(np.float64), np.repeat(np.arange(count), size)


def covers(interval: Interval) -> bool:
    return interval.low <= 0.6 <= interval.high


def test_the_interval_has_its_nominal_coverage() -> None:
    generator = numpy_generator(7, "coverage")
    trials, clustered, alone = 400, 0, 0
    for seed in range(trials):
        values, codes = paragraphs(generator, 60, 5)
        clustered += covers(mean_interval(values, codes, resamples=400, seed=seed))
        alone += covers(mean_interval(values, cluster_codes(None, 300), resamples=400, seed=seed))
    # 95 % +- 3 standard errors of 400 trials; taking the questions as independent covers far less.
    assert 0.917 <= clustered / trials <= 0.983
    assert alone / trials < 0.87


@pytest.mark.parametrize(("count", "size"), [(5, 1), (4, 5), (12, 3)])
def test_intervals_of_few_paragraphs_have_coverage(count: int, size: int) -> None:
    generator = numpy_generator(8, "coverage", count)
    trials = 300
    held = sum(covers(mean_interval(*paragraphs(generator, count, size), resamples=200)) for _ in range(trials))
    assert held / trials >= 0.95


def test_all_right_in_many_clusters_is_not_surely_right() -> None:
    """90 questions in 30 paragraphs: no resample has a wrong answer, so the bootstrap alone would have no width."""
    codes = cluster_codes([place // 3 for place in range(90)], 90)
    # Questions as if independent (there is no spread to tell otherwise), less what 30 paragraphs lose on 90 questions.
    size = 90 * float(t.ppf(0.975, 89) / t.ppf(0.975, 29)) ** 2
    right, wrong = mean_interval(np.ones(90), codes), mean_interval(np.zeros(90), codes)
    assert (right.low, right.high) == (pytest.approx(0.025 ** (1 / size)), 1.0)
    assert (wrong.low, wrong.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / size)))
    assert right.method == wrong.method == f"binomial at effective size {size:.1f} (30 clusters)"


@pytest.mark.parametrize(
    ("right", "clusters", "trusted"),
    [
        (9, 30, False),
        (10, 30, True),
        (80, 30, True),
        (81, 30, False),
        (45, 29, False),
        (45, 30, True),
    ],
)
def test_the_bootstrap_is_trusted_from_ten_right_and_ten_wrong_in_thirty_clusters(
    right: int, clusters: int, trusted: bool
) -> None:
    """Of 90 questions; the interval where it is not trusted holds the other, whose width it may not fall below."""
    order = np.random.default_rng(3).permutation(90)
    values = (order < right).astype(np.float64)
    codes = cluster_codes([place % clusters for place in range(90)], 90)
    found = mean_interval(values, codes)
    drawn = cluster_bootstrap(values, codes)
    low, high = np.quantile(drawn, [0.025, 0.975])
    if trusted:
        assert (found.low, found.high) == (low, high)
        assert found.method == f"bootstrap over {clusters} clusters"
    else:
        cautious = binomial_interval(values, codes)
        assert (found.low, found.high) == (min(low, cautious.low), max(high, cautious.high))
        assert found.method == cautious.method
        assert (found.low, found.high) != (low, high)
