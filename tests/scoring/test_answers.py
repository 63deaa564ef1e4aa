"""Answer statistics, answer types and calibration: small cases by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squadron.errors import ConfigError, DataError
from squadron.scoring.answers import AnswerRecord, answer_calibration, answer_statistics, calibration
from squadron.scoring.wording import (
    AnswerType,
    answer_type,
    contains,
    in_context,
    is_empty,
    plain_words,
    same_type,
    strong_words,
)

FIXED = settings(derandomize=True, deadline=None, max_examples=300)
CONTEXT = "The American Football Conference (AFC) champion Denver Broncos defeated Carolina 24–10 at Levi’s Stadium."
RECORD = AnswerRecord("q", "Who won?", CONTEXT, ("Denver Broncos",), "", 0, True, None, False, CONTEXT)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Levi’s Stadium", "levi stadium"),
        ("O'Brien isn’t", "obrien isnt"),
        ("the U.S. Army", "the us army"),
        ("US$1,000,000", "$ 1000000"),
        ("24–10, well-known", "24 10 well known"),
        ("Kraków, Straße, Łódź", "krakow strasse lodz"),
        ("50 per cent & 3.5%", "50 percent and 3.5 percent"),
        ("2p − 1 or −5 or -6", "2p minus 1 or minus 5 or minus 6"),
        ("“…”", ""),
    ],
)
def test_plain_words(text: str, words: str) -> None:
    assert " ".join(plain_words(text)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("two hundred and five people", "205 people"),
        ("twenty-five", "25"),
        ("five and six", "5 and 6"),
        ("one two three", "1 2 3"),
        ("nineteen eighty-four", "19 84"),
        ("1.2 million", "1200000"),
        ("a hundred thousand", "100000"),
        ("one hundred twenty five thousand and three", "125003"),
        ("007 and 0.50", "7 and 0.5"),
        ("zero", "0"),
        ("1.1.2", "1.1.2"),
        ("$1.2 billion", "1200000000 dollar"),
        ("1.2 billion dollars", "1200000000 dollar"),
        ("a $ sign", "dollar sign"),
        ("the twenty-first century", "21th century"),
        ("the 21st centuries", "21th century"),
        ("first second", "1th 2th"),
        ("one second", "1 second"),
        ("boxes, movies, classes, horses", "box movy class horse"),
        ("bus gas is 1990s", "bus gas is 1990s"),
    ],
)
def test_strong_words(text: str, words: str) -> None:
    assert " ".join(strong_words(text)) == words


def test_numbers_may_have_any_length() -> None:
    digits = "9" * 5000  # arithmetic rounds such numbers, and int() refuses them
    assert [len(strong_words(f"{digits}{end}")) for end in ("", "th", ".5", " million")] == [1, 1, 1, 1]


def test_contains_matches_runs_of_whole_words() -> None:
    assert contains(("a", "b", "c"), ("b", "c"))
    assert not contains(("a", "b", "c"), ("a", "c"))
    assert not contains(("ab", "c"), ("b", "c"))
    assert not contains(("a",), ())
    assert in_context("Levi's stadium", CONTEXT)
    assert in_context("american football conference, afc", CONTEXT)
    assert in_context("7", "They forced seven turnovers.")
    assert not in_context("Denver defeated", CONTEXT)
    assert not in_context("Bronco defeat", CONTEXT)


@pytest.mark.parametrize(("text", "empty"), [("", True), ("The", True), (" ... ", True), ("“”", True), ("I", False)])
def test_answers_without_letters_or_digits_are_empty(text: str, empty: bool) -> None:
    assert is_empty(text) is empty


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$1.2 billion", "money"),
        ("about 20 euros", "money"),
        ("the dollar", "other"),
        ("24%", "percent"),
        ("Sixty percent of the vote", "percent"),
        ("percent", "other"),
        ("October 16, 2012,", "date"),
        ("on the 24th of March", "date"),
        ("Tuesday", "date"),
        ("march", "other"),
        ("Sunday Night Football", "name"),
        ("1879", "year"),
        ("from 1914 to 1918", "year"),
        ("the early 1990s", "year"),
        ("16th century", "year"),
        ("500 BC", "year"),
        ("1,879", "number"),
        ("879", "number"),
        ("seven", "number"),
        ("more than six divisions", "number"),
        ("third", "number"),
        ("26 years old", "number"),
        ("7 Lincoln Square", "place"),
        ("one of the many very toughest rallies of all", "other"),
        ("King George II", "person"),
        ("Duke of Normandy", "person"),
        ("James E. Webb", "person"),
        ("Genghis Khan", "person"),
        ("Charles River", "place"),
        ("the Gulf of Mexico", "place"),
        ("Graz, Austria", "place"),
        ("Lake George", "place"),
        ("Treaty of Rome", "name"),
        ("New England Patriots", "name"),
        ("U.S. Patent", "name"),
        ("Denver Broncos", "name"),
        ("William the Silent", "name"),
        ("natural grass", "other"),
        ("Proper safety equipment", "other"),
        ("", "other"),
    ],
)
def test_types_follow_the_form_of_the_answer(text: str, expected: AnswerType) -> None:
    assert answer_type(text) == expected


def test_types_depend_on_question_and_context() -> None:
    assert (answer_type("1200"), answer_type("1200", is_count=True)) == ("year", "number")
    assert (answer_type("Steam"), answer_type("Steam", context="The steam rises.")) == ("name", "other")
    assert answer_type("Steam Company", context="The steam rises.") == "name"


def test_compatible_types() -> None:
    assert same_type("date", "year")
    assert same_type("person", "name")
    assert same_type("name", "place")
    assert same_type("money", "money")
    assert not same_type("person", "place")
    assert not same_type("number", "year")
    assert not same_type("other", "other")


def test_statistics_by_hand() -> None:
    records = [
        replace(RECORD, prediction="Denver Broncos", tokens=3),  # in the context, exactly
        replace(RECORD, prediction="levi's stadium", tokens=4),  # in the context, as words
        replace(RECORD, prediction="New York Giants in the end", tokens=7, stopped=False),
        replace(RECORD, prediction=" ", tokens=0),
    ]
    assert answer_statistics(records) == {
        "questions": 4,
        "eos_rate": 3 / 4,
        "empty_share": 1 / 4,
        "mean_answer_words": (2 + 2 + 6 + 0) / 4,
        "median_answer_words": 2.0,
        "mean_answer_tokens": 14 / 4,
        "median_answer_tokens": 3.5,
        "in_context_share": 1 / 3,
        "in_context_normalized_share": 2 / 3,
    }
    nothing = answer_statistics(records[3:])
    assert (nothing["empty_share"], nothing["in_context_share"], nothing["in_context_normalized_share"]) == (
        1,
        None,
        None,
    )
    with pytest.raises(DataError, match="no answers"):
        answer_statistics([])


def test_calibration_by_hand() -> None:
    found = calibration([0.9, 0.1, 0.2, 0.8], [1, 0, 1, 1], bins=2)
    assert [one.probability for one in found.bins] == pytest.approx([0.15, 0.85])
    assert [(one.accuracy, one.count) for one in found.bins] == [(0.5, 2), (1.0, 2)]
    assert found.expected_calibration_error == pytest.approx((0.35 + 0.15) / 2)
    assert found.brier_score == pytest.approx((0.01 + 0.01 + 0.64 + 0.04) / 4)
    record = json.loads(json.dumps(found.to_json()))
    assert record["questions"] == 4
    assert record["bins"][1]["count"] == 2


def test_equal_probabilities_share_a_bin() -> None:
    first = calibration([0.5] * 5 + [0.9], [1, 1, 0, 0, 0, 1], bins=3)
    second = calibration([0.9] + [0.5] * 5, [1, 0, 0, 0, 1, 1], bins=3)
    assert first == second
    assert [one.count for one in first.bins] == [5, 1]
    assert [one.count for one in calibration([0.3], [1]).bins] == [1]


def test_perfect_calibration_has_no_error() -> None:
    generator = np.random.default_rng(4)
    sure = generator.random(20_011)
    right = generator.random(20_011) < sure
    found = calibration(sure, right)
    assert found.expected_calibration_error < 0.015
    assert found.brier_score == pytest.approx(1 / 6, abs=0.01)  # the mean of p (1 - p)
    assert calibration(sure, ~right).expected_calibration_error > 0.4
    assert {one.count for one in found.bins} == {2001, 2002}


@FIXED
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0]), st.booleans()), min_size=1), st.integers(1, 12))
def test_bins_hold_every_answer_once(pairs: list[tuple[float, bool]], bins: int) -> None:
    found = calibration([sure for sure, _ in pairs], [right for _, right in pairs], bins)
    assert 1 <= len(found.bins) <= bins
    assert sum(one.count for one in found.bins) == len(pairs)
    assert sum(one.count * one.accuracy for one in found.bins) == pytest.approx(sum(right for _, right in pairs))
    assert 0 <= found.expected_calibration_error <= 1
    backwards = calibration([sure for sure, _ in pairs[::-1]], [right for _, right in pairs[::-1]], bins)
    assert backwards.expected_calibration_error == pytest.approx(found.expected_calibration_error)


@pytest.mark.parametrize("sure", [[], [0.5, 0.5], [1.1], [-0.1], [math.nan]])
def test_values_outside_0_to_1_are_an_error(sure: list[float]) -> None:
    with pytest.raises(DataError, match="calibration"):
        calibration(sure, [1] if sure else [])


def test_fewer_than_one_bin_is_an_error() -> None:
    with pytest.raises(ConfigError, match="bins 0"):
        calibration([0.5], [1], bins=0)


def test_answers_without_a_probability_are_left_out() -> None:
    right = replace(RECORD, prediction="the Denver Broncos", log_probability=math.log(0.8))
    wrong = replace(RECORD, prediction="Carolina", log_probability=math.log(0.4))
    unknown = [replace(wrong, log_probability=math.nan), replace(wrong, log_probability=None)]
    found = answer_calibration([right, wrong, *unknown])
    assert found is not None
    assert sum(one.count for one in found.bins) == 2
    assert found.brier_score == pytest.approx((0.04 + 0.16) / 2)
    assert answer_calibration(unknown) is None
    surest = answer_calibration([replace(right, log_probability=1e-9), replace(wrong, log_probability=-math.inf)])
    assert surest is not None
    assert surest.brier_score == 0
