"""Totals by hand, v2.0 against the independent evaluation, and invalid input."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import official
from squadron.errors import ConfigError, DataError
from squadron.scoring.evaluation import compare, score

GOLDS = {"q1": ["Paris"], "q2": ["the red cat", "cat"], "q3": ["1066"], "q4": ["Denver Broncos"]}
GIVEN = {"q1": "paris.", "q2": "a dog", "q3": "in 1066"}
"""Scores 1 and 1; 0 and 0; 0 and 2/3 (2 * 1/2 * 1 / (1/2 + 1)); q4 is missing."""

WORDS = ["", "the", "cat", "cat dog", "a cat.", "bird"]


def test_totals_by_hand() -> None:
    scores = score(GIVEN | {"q9": "cat"}, GOLDS)
    assert scores.questions == 4
    assert (scores.exact_match, scores.f1) == (25.0, pytest.approx(100 * (1 + 2 / 3) / 4))
    assert (scores.missing_ids, scores.unknown_ids) == (("q4",), ("q9",))
    assert scores.ids == ("q1", "q2", "q3", "q4")
    assert scores.question_exact_match.tolist() == [1, 0, 0, 0]
    assert scores.question_f1.tolist() == [1, 0, pytest.approx(2 / 3), 0]
    assert (scores.has_answer, scores.no_answer, scores.best) == (None, None, None)
    assert scores.exact_match_interval.low < 25 < scores.exact_match_interval.high
    # Four answers give a wide interval, and only implausible differences are detectable.
    assert scores.exact_match_interval.high - scores.exact_match_interval.low > 70
    assert scores.exact_match_detectable > 90


def test_no_predictions_score_zero_with_an_interval() -> None:
    scores = score({}, {f"q{number}": ["cat"] for number in range(7)})
    assert (scores.exact_match, scores.f1, len(scores.missing_ids)) == (0.0, 0.0, 7)
    assert (scores.exact_match_interval.low, scores.exact_match_interval.high) == (
        0.0,
        pytest.approx(100 * (1 - 0.025 ** (1 / 7))),
    )
    assert scores.f1_detectable > 50


def test_clusters_widen_the_interval() -> None:
    golds = {f"q{number}": ["cat"] for number in range(400)}
    predictions = {f"q{number}": "cat" if number // 10 % 2 else "dog" for number in range(400)}
    alone = score(predictions, golds)
    together = score(predictions, golds, clusters={f"q{number}": number // 10 for number in range(400)})
    assert (alone.exact_match, together.exact_match) == (50.0, 50.0)
    assert alone.to_json()["clusters"] == 400
    assert together.to_json()["clusters"] == 40
    widths = [item.exact_match_interval.high - item.exact_match_interval.low for item in (alone, together)]
    # Ten equal answers count as one: sqrt(10) times as wide.
    assert widths[1] / widths[0] == pytest.approx(10**0.5, rel=0.1)
    # By hand: (1.95996 + 0.84162) * sqrt(2) * 50 points / sqrt(400), with a deviation of 400/399.
    assert alone.exact_match_detectable == pytest.approx(2.80158 * 2**0.5 * 50 / 399**0.5, rel=1e-4)
    assert together.exact_match_detectable == pytest.approx(alone.exact_match_detectable * 10**0.5, rel=0.02)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from(WORDS), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)), min_size=1)
)
def test_v1_totals_match_the_official_evaluation(rows: list[tuple[str, list[str]]]) -> None:
    golds = {f"q{number}": answers for number, (_, answers) in enumerate(rows)}
    predictions = {f"q{number}": text for number, (text, _) in enumerate(rows) if number % 5 != 4}
    scores = score(predictions, golds, resamples=1)
    expected = official.evaluate_v1(predictions, golds)
    assert {"exact_match": scores.exact_match, "f1": scores.f1} == pytest.approx(expected)


V2_ROWS = st.lists(
    st.tuples(
        st.sampled_from(WORDS),
        st.lists(st.sampled_from([word for word in WORDS if word]), max_size=2),
        st.sampled_from([-1.5, 0.0, 0.25, 0.5, 0.75]),  # few values, so that ties are common
    ),
    min_size=1,
    max_size=12,
)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(V2_ROWS, st.sampled_from([-2.0, 0.0, 0.25, 0.6, 1.0]), st.randoms(use_true_random=False))
def test_v2_matches_the_official_evaluation(
    rows: list[tuple[str, list[str], float]], threshold: float, generator: random.Random
) -> None:
    golds = {f"q{number}": answers for number, (_, answers, _) in enumerate(rows)}
    predictions = {f"q{number}": text for number, (text, _, _) in enumerate(rows)}
    listed = list(golds)
    generator.shuffle(listed)
    doubts = {"unknown": -9.0} | {question: rows[int(question[1:])][2] for question in listed}
    scores = score(
        predictions, golds, version="2.0", no_answer_scores=doubts, no_answer_threshold=threshold, resamples=1
    )
    ours: dict[str, Any] = {"exact": scores.exact_match, "f1": scores.f1, "total": scores.questions}
    for prefix, subset in (("HasAns_", scores.has_answer), ("NoAns_", scores.no_answer)):
        if subset is not None:
            ours[prefix + "exact"], ours[prefix + "f1"] = subset.exact_match, subset.f1
            ours[prefix + "total"] = subset.questions
    record = scores.to_json()
    for name in ("best_exact", "best_exact_thresh", "best_f1", "best_f1_thresh"):
        ours[name] = record[name]
    assert ours == pytest.approx(official.evaluate_v2(predictions, golds, doubts, threshold))


def test_v2_by_hand_without_a_threshold() -> None:
    golds: dict[str, list[str]] = {"q1": ["cat"], "q2": [], "q3": [""], "q4": ["red cat"]}
    scores = score({"q1": "cat", "q2": "", "q3": "dog", "q4": "cat"}, golds, version="2.0")
    assert (scores.exact_match, scores.f1) == (50.0, pytest.approx(100 * (1 + 1 + 2 / 3) / 4))
    assert scores.has_answer is not None
    assert scores.no_answer is not None
    assert (scores.has_answer.exact_match, scores.has_answer.f1) == (50.0, pytest.approx(250 / 3))
    assert (scores.no_answer.exact_match, scores.no_answer.questions) == (50.0, 2)
    assert scores.best is None


def test_v2_a_missing_prediction_scores_zero_at_every_threshold() -> None:
    golds: dict[str, list[str]] = {"q1": ["cat"], "q2": [], "q3": []}
    doubts = {"q1": 0.1, "q2": 0.8, "q3": 0.9}
    scores = score({"q1": "cat", "q2": "x"}, golds, version="2.0", no_answer_scores=doubts, no_answer_threshold=0.5)
    assert scores.question_exact_match.tolist() == [1, 1, 0]
    assert scores.best is not None
    assert (scores.best.exact_match, scores.best.exact_match_threshold) == (pytest.approx(200 / 3), 0.1)
    nothing = score({}, golds, version="2.0", no_answer_scores=doubts)
    assert nothing.best is not None
    assert (nothing.f1, nothing.best.f1) == (0.0, 0.0)


def test_same_seed_same_scores_and_plain_json() -> None:
    golds = {f"q{number}": ["red cat"] for number in range(60)}
    predictions = {f"q{number}": "cat" if number % 3 else "red cat" for number in range(60)}
    first, again, other = (score(predictions, golds, seed=seed).to_json() for seed in (3, 3, 4))
    assert json.loads(json.dumps(first, allow_nan=False)) == first == again
    assert first["f1_interval"] != other["f1_interval"]
    narrow = score(predictions, golds, seed=3, confidence=0.5).to_json()["f1_interval"]
    assert first["f1_interval"][0] < narrow[0] < first["f1"] < narrow[1] < first["f1_interval"][1]


def test_compare_by_hand_in_any_order() -> None:
    golds = {f"q{number}": ["cat"] for number in range(6)}
    first = score({"q0": "cat"}, golds)
    backwards = {question: golds[question] for question in reversed(golds)}
    second = score(dict.fromkeys(("q1", "q2", "q3", "q5"), "cat"), backwards)
    comparison = compare(first, second)
    # Five questions differ, sum +3: |sum| >= 3 in (1 + 5) * 2 of 32 sign patterns.
    assert (comparison.exact_match.difference, comparison.exact_match.p_value) == (50.0, 12 / 32)
    assert comparison.f1 == comparison.exact_match
    assert (comparison.mcnemar.only_first, comparison.mcnemar.only_second) == (1, 4)
    assert comparison.exact_match.interval.low < 0 < 50 < comparison.exact_match.interval.high <= 100
    record = comparison.to_json()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["questions"], record["clusters"], record["f1"]["exact"]) == (6, 6, True)


def test_a_run_compared_with_itself_shows_no_difference() -> None:
    scores = score(GIVEN, GOLDS)
    comparison = compare(scores, scores)
    assert (comparison.exact_match.difference, comparison.f1.p_value, comparison.mcnemar.p_value) == (0.0, 1.0, 1.0)


def test_only_runs_on_the_same_questions_are_compared() -> None:
    scores = score(GIVEN, GOLDS)
    with pytest.raises(DataError, match=r"question 'q1': scored in one run only \(1 such questions\); evaluate both"):
        compare(scores, score(GIVEN, {name: GOLDS[name] for name in ("q2", "q3", "q4")}))
    with pytest.raises(DataError, match=r"question 'q4': scored in one run only \(2 such"):
        compare(scores, score(GIVEN, {("q5" if name == "q4" else name): GOLDS[name] for name in GOLDS}))
    with pytest.raises(DataError, match=r"one as v2\.0; score both"):
        compare(scores, score(GIVEN, GOLDS, version="2.0"))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"golds": {}}, DataError, "no questions to score"),
        ({"golds": {"q1": []}}, DataError, r"question 'q1': no gold answers.*version 2\.0"),
        ({"golds": {"q1": "Paris"}}, DataError, "question 'q1': its gold answers are one text"),
        ({"predictions": {"q2": 5}}, DataError, "question 'q2': the prediction is the number 5"),
        ({"clusters": {"q1": 1, "q2": 1}}, DataError, "question 'q3': no cluster"),
        ({"version": "1.2"}, ConfigError, r"version '1\.2': unknown; choose one of 1\.1, 2\.0"),
        ({"no_answer_scores": {}}, ConfigError, r"v1\.1 has an answer to every question"),
        ({"version": "2.0", "no_answer_scores": {"q1": 1.0}}, DataError, "question 'q2': its no-answer score is None"),
        (
            {"version": "2.0", "no_answer_scores": dict.fromkeys(GOLDS, float("inf"))},
            DataError,
            "question 'q1': its no-answer score is inf, not a finite number",
        ),
        ({"version": "2.0", "no_answer_threshold": 0.5}, ConfigError, r"threshold 0\.5: nothing to compare it with"),
        (
            {"version": "2.0", "no_answer_threshold": float("nan"), "no_answer_scores": dict.fromkeys(GOLDS, 0.5)},
            ConfigError,
            "threshold nan: not a number",
        ),
        ({"confidence": 95}, ConfigError, "confidence 95: not between 0 and 1"),
        ({"resamples": 0}, ConfigError, "resamples 0: fewer than 1"),
    ],
)
def test_invalid_input_is_named(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    arguments: dict[str, Any] = {"predictions": GIVEN, "golds": GOLDS} | changes
    with pytest.raises(error, match=words) as caught:
        score(arguments.pop("predictions"), arguments.pop("golds"), **arguments)
    assert "\n" not in str(caught.value)


PROBABILITIES = {"q1": 0.9, "q2": 0.5, "q3": 0.1}
"""q4 has none: it counts as 0."""


def test_p_gold_by_hand() -> None:
    scores = score(GIVEN, GOLDS, gold_probabilities=PROBABILITIES)
    assert scores.p_gold is not None
    assert scores.p_gold.mean == pytest.approx(100 * 1.5 / 4)
    assert scores.p_gold.by_question.tolist() == [0.9, 0.5, 0.1, 0.0]
    assert scores.p_gold.interval.low < 37.5 < scores.p_gold.interval.high
    record = scores.to_json()
    assert (record["p_gold"], record["p_gold_detectable"]) == (scores.p_gold.mean, scores.p_gold.detectable)
    assert record["p_gold_interval"] == [scores.p_gold.interval.low, scores.p_gold.interval.high]
    without = score(GIVEN, GOLDS)
    assert without.p_gold is None
    # It adds to a record, and changes nothing in it.
    assert {key: value for key, value in record.items() if not key.startswith("p_gold")} == without.to_json()


def test_the_interval_of_p_gold_is_over_paragraphs() -> None:
    golds = {f"q{number}": ["cat"] for number in range(400)}
    given = {name: 0.2 + 0.6 * (int(name[1:]) // 10 % 2) for name in golds}
    clusters = {name: int(name[1:]) // 10 for name in golds}
    found = [score({}, golds, clusters=own, gold_probabilities=given).p_gold for own in (None, clusters)]
    widths = [own.interval.high - own.interval.low for own in found if own is not None]
    assert widths[1] / widths[0] == pytest.approx(10**0.5, rel=0.1)  # ten equal questions count as one


def test_p_gold_is_compared_question_by_question_where_both_have_it() -> None:
    golds = {f"q{number}": ["cat"] for number in range(60)}
    low = {name: 0.30 + 0.01 * number for number, name in enumerate(golds)}
    first = score({}, golds, gold_probabilities=low)
    second = score({}, dict(reversed(golds.items())), gold_probabilities={name: p + 0.02 for name, p in low.items()})
    found = compare(first, second)
    assert found.p_gold is not None
    assert found.p_gold.difference == pytest.approx(2.0)
    assert found.p_gold.p_value < 0.001
    assert found.f1.p_value == 1.0  # the answers are the same
    assert found.to_json()["p_gold"]["difference"] == pytest.approx(2.0)
    assert "p_gold" not in compare(first, score({}, golds)).to_json()
