"""The no-answer threshold by hand; test_evaluation.py compares it with the official definition."""

from __future__ import annotations

import numpy as np

from squadron.scoring.thresholds import apply_threshold, best_threshold

SCORES = np.array([1.0, 0.5, 0.0, 0.0])
HAS_ANSWER = np.array([True, True, False, False])
NOTHING_SAID = np.zeros(4, dtype=bool)


def test_doubt_above_the_threshold_gives_no_answer() -> None:
    doubts = np.array([0.1, 0.5, 0.5, 0.9])
    assert apply_threshold(SCORES, doubts, HAS_ANSWER, 0.5).tolist() == [1.0, 0.5, 0.0, 1.0]
    assert apply_threshold(SCORES, doubts, HAS_ANSWER, 0.4).tolist() == [1.0, 0.0, 1.0, 1.0]


def test_the_best_threshold_maximizes_the_score() -> None:
    # From 2 points for giving no answer: +1 (3), +0.5 (3.5), -1 (2.5), -1 (1.5).
    assert best_threshold(SCORES, np.array([0.1, 0.2, 0.3, 0.4]), HAS_ANSWER, NOTHING_SAID) == (87.5, 0.2)
    # Unanswerable questions come first: 1, 0, 1, 1.5 never exceed 2.
    assert best_threshold(SCORES, np.array([0.8, 0.9, 0.3, 0.4]), HAS_ANSWER, NOTHING_SAID) == (50.0, 0.0)
    # An empty prediction costs nothing at any position.
    assert best_threshold(SCORES, np.array([0.8, 0.9, 0.3, 0.4]), HAS_ANSWER, ~NOTHING_SAID) == (87.5, 0.9)


def test_equal_doubts_are_answered_in_the_order_given() -> None:
    doubts = np.full(4, 0.5)
    assert best_threshold(SCORES, doubts, HAS_ANSWER, NOTHING_SAID) == (87.5, 0.5)
    assert best_threshold(SCORES[::-1], doubts, HAS_ANSWER[::-1], NOTHING_SAID) == (50.0, 0.0)
