"""Paired tests: small cases by hand, SciPy's binomial test, and and the rate of false positives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from squadron.randomness import numpy_generator
from squadron.scoring.intervals import cluster_codes
from squadron.scoring.paired import difference_interval, holm, mcnemar, paired_test


@pytest.mark.parametrize(
    ("first", "second", "clusters", "p_value"),
    [
        ([0, 0, 0], [1, 1, 1], "abc", 2 / 8),  # all signs equal, in either direction
        ([0, 0, 0], [1, 1, 1], "aab", 2 / 4),  # two clusters: +-2 +-1 reaches 3 twice
        ([0, 0, 0, 1], [1, 1, 1, 1], "abcd", 2 / 8),  # a cluster without a difference does not count
        ([1, 0], [0, 1], "ab", 1.0),
        ([1, 0], [0, 1], "aa", 1.0),  # one cluster whose sum is 0
        ([0, 0, 0.2], [0.6, 0.2, 0.0], "abc", 6 / 8),  # +-.6 +-.2 +-.2 reaches the observed .6 six times, ties included
        ([0.5], [0.75], "a", 1.0),
    ],
)
def test_sign_patterns_by_hand(first: list[float], second: list[float], clusters: str, p_value: float) -> None:
    test = paired_test(first, second, cluster_codes(clusters, len(clusters)))
    assert (test.p_value, test.exact) == (p_value, True)
    assert test.difference == pytest.approx(sum(second) / len(second) - sum(first) / len(first))
    assert (test.questions, test.clusters) == (len(first), len(set(clusters)))
    back = paired_test(second, first, cluster_codes(clusters, len(clusters)))
    assert (back.p_value, back.difference) == (p_value, -test.difference)


def test_equal_runs_show_no_difference() -> None:
    values = np.random.default_rng(2).random(83)
    test = paired_test(values, values, cluster_codes(None, 83))
    assert (test.difference, test.p_value, test.exact) == (0.0, 1.0, True)
    # Equality on 83 questions leaves an interval: with none of 83 gained or lost, up to 1 - 0.0125^(1/83) on each side.
    reach = 1 - 0.0125 ** (1 / 83)
    assert (test.interval.low, test.interval.high) == pytest.approx((-reach, reach))
    assert mcnemar(values > 0.5, values > 0.5).p_value == 1.0


def test_sampled_patterns_approximate_all_patterns() -> None:
    generator = np.random.default_rng(3)
    first, second = generator.random(16), np.clip(generator.random(16) + 0.2, 0, 1)
    differences = second - first
    observed = abs(differences.sum()) - 1e-12
    every = [abs(np.dot(signs, differences)) >= observed for signs in itertools.product((1, -1), repeat=16)]
    assert len(every) == 2**16
    exact = sum(every) / len(every)
    assert 0.01 < exact < 0.5
    test = paired_test(first, second, cluster_codes(None, 16), permutations=20_000)
    assert not test.exact
    # Four standard errors of 20,000 samples.
    assert test.p_value == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 20_000) ** 0.5)


def test_sampled_p_values_are_never_zero_and_repeat() -> None:
    first, second, codes = np.zeros(200), np.ones(200), cluster_codes(None, 200)
    assert paired_test(first, second, codes, permutations=99).p_value == 1 / 100
    noisy = np.random.default_rng(4).random(200)
    tests = [paired_test(noisy, noisy[::-1].copy() ** 1.1, codes, seed=seed) for seed in (1, 1, 2)]
    assert tests[0] == tests[1] != tests[2]


def test_equal_runs_in_clusters_are_rarely_significant() -> None:
    generator = numpy_generator(5, "equals")
    codes = np.repeat(np.arange(40), 5)
    rejected = covered = 0
    trials = 200
    for seed in range(trials):
        # Each paragraph as a whole favours one of the runs.
        lean = np.repeat(generator.uniform(-0.4, 0.4, size=40), 5)
        first, second = (generator.random(200) < 0.5 + sign * lean for sign in (1, -1))
        test = paired_test(first, second, codes, permutations=300, resamples=300, seed=seed)
        rejected += test.p_value < 0.05
        covered += test.interval.low <= 0.0 <= test.interval.high
    # 5 % and 95 %, three standard errors of 200 trials away at most.
    assert rejected / trials < 0.097
    assert covered / trials > 0.903


def test_intervals_of_few_differences_are_conservative() -> None:
    codes = cluster_codes(None, 5)
    interval = difference_interval([1, 1, 1, 0, 0], codes)
    # Gains 3 of 5, losses 0 of 5, each at 97.5 %.
    gains = binomtest(3, 5).proportion_ci(0.975)
    losses = binomtest(0, 5).proportion_ci(0.975)
    assert interval.low == pytest.approx(gains.low - losses.high)
    assert interval.high == 1.0
    assert interval.method == "binomial gains and losses (5 clusters)"
    many = difference_interval(np.tile([1.0, 0.0, 0.0, -1.0, 1.0], 40), cluster_codes(None, 200))
    assert many.method == "bootstrap over 200 clusters"
    margin = 1.96 * (0.56 / 200) ** 0.5  # mean 1/5, mean square 3/5
    assert (many.low, many.high) == pytest.approx((0.2 - margin, 0.2 + margin), abs=0.015)


def test_mcnemar_matches_the_binomial_test_of_discordant_pairs() -> None:
    for only_first, only_second in [(0, 0), (1, 0), (0, 6), (3, 9), (5, 5), (40, 71), (900, 1100)]:
        first = [1] * only_first + [0] * only_second + [1, 1, 0]
        second = [0] * only_first + [1] * only_second + [1, 1, 0]
        test = mcnemar(first, second)
        assert (test.only_first, test.only_second) == (only_first, only_second)
        discordant = only_first + only_second
        expected = binomtest(only_first, discordant).pvalue if discordant else 1.0
        assert test.p_value == pytest.approx(expected, rel=1e-9)
    assert mcnemar([0] * 6, [1] * 6).p_value == pytest.approx(2 / 2**6)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9, 0.001]) == pytest.approx([1.0, 1.0, 0.003])
    assert holm([]) == []


@pytest.mark.parametrize("clusters", [8, 40])
def test_differences_of_probabilities_are_not_few_because_they_are_small(clusters: int) -> None:
    """Of 80 questions each gains about a tenth: the sum is under 10, and yet every one of them tells."""
    codes = cluster_codes([place % clusters for place in range(80)], 80)
    missed = wide = 0
    for number in range(100):
        values = np.random.default_rng(number).normal(0.1, 0.1, 80)
        interval = difference_interval(values, codes, resamples=400)
        missed += not interval.low <= 0.1 <= interval.high
        wide += interval.low < 0.0 or interval.high > 0.25
    assert wide == 0  # from gains and losses it was -0.1 to 0.3
    assert missed <= 12


def test_few_right_and_wrong_answers_are_few() -> None:
    values = np.zeros(200)
    values[:6] = 1.0
    assert difference_interval(values, cluster_codes(None, 200)).method.startswith("binomial gains and losses")
