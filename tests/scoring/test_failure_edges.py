"""Where one kind of mistake ends and the next begins: each threshold from just below and just above."""

from __future__ import annotations

from typing import Any

import pytest

from squadron.scoring.answers import AnswerRecord
from squadron.scoring.failures import analyze_failures, classify


def words(count: int, letter: str = "q") -> str:
    """``count`` words that are no fillers, names, numbers or plurals."""
    return " ".join(f"{letter}{chr(97 + place // 18)}{'abcdefghijklmnopqr'[place % 18]}" for place in range(count))


def record(prediction: str, gold: str, context: str = "nothing of the kind", **changes: Any) -> AnswerRecord:
    return AnswerRecord("q", "Who?", context, (gold,), prediction, 3, True, -1.0, False, context, **changes)


def kind(prediction: str, gold: str, context: str = "nothing of the kind") -> str:
    found = classify(record(prediction, gold, context))
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("shared", "own", "theirs", "expected"),
    [
        (4, 0, 1, "wording"),  # F1 8/9 = 0.889
        (15, 2, 2, "wording"),  # 15/17 = 0.882
        (7, 1, 1, "not_in_context"),  # 7/8 = 0.875
        (29, 4, 4, "not_in_context"),  # 29/33 = 0.8788
    ],
)
def test_right_up_to_wording_from_an_f1_of_0_88(shared: int, own: int, theirs: int, expected: str) -> None:
    assert kind(f"{words(shared)} {words(own, 'x')}", f"{words(shared)} {words(theirs, 'y')}") == expected


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        (1, 5, "too_short"),
        (1, 6, "not_in_context"),
        (5, 25, "too_short"),
        (5, 26, "not_in_context"),
    ],
)
def test_too_short_from_a_fifth_of_the_gold(answer: int, gold: int, expected: str) -> None:
    assert kind(words(answer), words(gold)) == expected


@pytest.mark.parametrize(
    ("copied", "added", "gold", "expected"),
    [
        (8, 0, 1, "copied_context"),
        (7, 0, 1, "wrong_place"),
        (8, 8, 1, "copied_context"),  # half of the answer
        (8, 9, 1, "not_in_context"),
        (9, 0, 4, "copied_context"),  # more than twice the gold
        (8, 0, 4, "wrong_place"),
    ],
)
def test_copied_from_eight_words_in_a_row(copied: int, added: int, gold: int, expected: str) -> None:
    assert kind(f"{words(copied)} {words(added, 'x')}", words(gold, "y"), context=f"Here {words(30)} ends") == expected


def bucket(dimension: str, one: AnswerRecord) -> str:
    (row,) = [row for row in analyze_failures([one]).table if row["dimension"] == dimension]
    return str(row["value"])


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, "1"), (2, "2"), (3, "3-4"), (4, "3-4"), (5, "5-9"), (9, "5-9"), (10, "10 or more"), (30, "10 or more")],
)
def test_the_edges_of_answer_lengths(count: int, expected: str) -> None:
    assert bucket("answer_words", record("x", words(count))) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "below 80"),
        (79, "below 80"),
        (80, "80-119"),
        (119, "80-119"),
        (120, "120-159"),
        (159, "120-159"),
        (160, "160 or more"),
    ],
)
def test_the_edges_of_context_lengths(count: int, expected: str) -> None:
    assert bucket("context_words", record("x", "y", context=words(count))) == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (0, "first"),
        (19, "first"),
        (20, "second"),
        (39, "second"),
        (40, "third"),
        (60, "fourth"),
        (80, "last"),
        (99, "last"),
    ],
)
def test_the_edges_of_fifths(start: int, expected: str) -> None:
    assert bucket("answer_position", record("x", "y", context="z" * 100, answer_start=start)) == f"{expected} fifth"
