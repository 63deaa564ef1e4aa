"""Prediction files: written predictions are read back, and errors name their cause."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import DataError
from squadron.scoring.predictions import (
    check_text,
    read_gold_probabilities,
    read_predictions,
    read_scored_predictions,
    show,
    write_predictions,
)


def test_predictions_are_read_back_in_their_order(tmp_path: Path) -> None:
    predictions = {"b": "the cat", "a": "", "پ": "پاسخ «درست»\n", "": "𝔸 \u2028"}
    write_predictions(tmp_path / "new" / "greedy.json", predictions)
    assert list(read_predictions(tmp_path / "new" / "greedy.json").items()) == list(predictions.items())
    assert json.loads((tmp_path / "new" / "greedy.json").read_bytes()) == predictions


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (17, "the number 17"),
        (1.5, "the number 1.5"),
        (float("nan"), "the number nan"),
        (None, "null"),
        (True, "the boolean true"),
        (["cat"], "a list"),
        ({"text": "cat"}, "an object"),
    ],
)
def test_a_value_that_is_not_text_is_refused_by_name(tmp_path: Path, value: Any, kind: str) -> None:
    path = tmp_path / "greedy.json"
    path.write_text(json.dumps({"q1": "fine", "q2": value}))
    with pytest.raises(DataError) as caught:
        read_predictions(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: question 'q2': the prediction is {kind}, not text; ")
    assert "\n" not in message


@pytest.mark.parametrize(("content", "kind"), [([], "a list"), ("cat", "a text"), (None, "null"), (3, "the number 3")])
def test_a_file_that_is_not_an_object_is_refused(tmp_path: Path, content: Any, kind: str) -> None:
    path = tmp_path / "greedy.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"{kind}, not an object; expected predictions as one JSON object"):
        read_predictions(path)


def test_a_missing_or_invalid_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; expected predictions"):
        read_predictions(tmp_path / "absent.json")
    (tmp_path / "torn.json").write_text('{"q1": "ca')
    with pytest.raises(DataError, match=r"torn\.json: not JSON.*expected predictions"):
        read_predictions(tmp_path / "torn.json")
    (tmp_path / "digits.json").write_text('{"q1": ' + "7" * 5000 + "}")
    with pytest.raises(DataError, match=r"digits\.json: cannot be read \(Exceeds the limit .*expected predictions"):
        read_predictions(tmp_path / "digits.json")


@pytest.mark.parametrize("bad", [None, b"cat", "half \ud800"])
def test_nothing_is_written_if_a_value_is_not_text(tmp_path: Path, bad: Any) -> None:
    with pytest.raises(DataError, match="question 'q2'"):
        write_predictions(tmp_path / "greedy.json", {"q1": "fine", "q2": bad})
    assert list(tmp_path.iterdir()) == []


def test_half_a_character_is_also_refused_when_read(tmp_path: Path) -> None:
    (tmp_path / "greedy.json").write_text('{"q1": "ab\\ud83d"}')
    with pytest.raises(DataError, match=r"'ab\\ud83d' holds half a character at position 2"):
        read_predictions(tmp_path / "greedy.json")
    assert check_text("q1", "whole \U0001f600") == "whole \U0001f600"


def test_show_quotes_on_one_line_and_shortens() -> None:
    assert show("plain") == "'plain'"
    assert show("two\nlines\u202e") == "'two\\nlines\\u202e'"
    assert show("x" * 60) == repr("x" * 60)
    assert show("x" * 61) == repr("x" * 59 + "…")
    assert show("abcdef", limit=3) == "'ab…'"


def test_a_list_of_predictions_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    entries = [{"id": 1, "prediction_text": "cat", "no_answer_probability": 0.5}, {"id": "b", "prediction_text": ""}]
    path.write_text(json.dumps(entries))
    assert read_predictions(path) == {"1": "cat", "b": ""}
    assert read_scored_predictions(path).doubts is None  # one question has none
    path.write_text("\ufeff" + json.dumps(entries[:1]))
    assert read_scored_predictions(path).doubts == {"1": 0.5}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("cat", "entry 1 of the list is not an object with id and prediction_text"),
        ({"id": "b"}, "entry 1 of the list is not an object with id and prediction_text"),
        ({"id": None, "prediction_text": "x"}, "entry 1: the id is null"),
        ({"id": "a", "prediction_text": "x"}, "question 'a': two predictions"),
        ({"id": "b", "prediction_text": 7}, "question 'b': the prediction is the number 7"),
        ({"id": "b", "prediction_text": "x", "no_answer_probability": True}, "no-answer score is the boolean true"),
        (
            {"id": "b", "prediction_text": "x", "no_answer_probability": float("nan")},
            "no-answer score is the number nan",
        ),
        ({"id": "b", "prediction_text": "x", "no_answer_probability": 10**400}, "no-answer score is the number 1000"),
    ],
)
def test_a_bad_entry_of_a_list_is_named(tmp_path: Path, entry: Any, words: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([{"id": "a", "prediction_text": "cat"}, entry]))
    with pytest.raises(DataError, match=words) as caught:
        read_predictions(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '{"id": "a", "prediction": "cat"}\n{"id": 2, "prediction": ""}\n',
        '[{"qid": "a", "answer": "cat"}, {"question_id": "2", "text": ""}]',
        '{"predictions": [{"id": "a", "prediction_text": "cat"}, {"id": "2", "prediction_text": ""}]}',
        '{"predictions": {"a": "cat", "2": ""}, "f1": 3}',
    ],
)
def test_more_layouts_of_predictions_are_taken(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    assert read_predictions(tmp_path / "file") == {"a": "cat", "2": ""}


def test_n_best_predictions_are_named(tmp_path: Path) -> None:
    (tmp_path / "nbest.json").write_text('{"a": [{"text": "cat", "probability": 1.0}]}')
    with pytest.raises(DataError, match=r"question 'a': has several candidates, as n-best files have; give the file"):
        read_predictions(tmp_path / "nbest.json")


def test_p_gold_is_read_from_the_details(tmp_path: Path) -> None:
    path = tmp_path / "greedy.details.json"
    path.write_text(
        '{"a": [{"text": "x", "gold_log_probability": -0.5}, {"text": "y", "gold_log_probability": -0.5}], '
        '"b": [{"text": "", "gold_log_probability": null}], "c": []}'
    )
    assert read_gold_probabilities(path) == {"a": math.exp(-0.5), "b": 0.0, "c": 0.0}
    path.write_text('{"a": [{"text": "x"}], "c": []}')  # of an evaluation before there was P(gold)
    assert read_gold_probabilities(path) is None
    assert read_gold_probabilities(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "a list, not an object"),
        ('{"a": "x"}', "question 'a': not a list of answers"),
        ('{"a": [{"gold_log_probability": 0.5}]}', "question 'a': gold_log_probability is the number 0.5"),
        ('{"a": [{"gold_log_probability": true}]}', "gold_log_probability is the boolean true"),
        ('{"a": [{"gold_log_probability": "x"}]}', "gold_log_probability is a text"),
    ],
)
def test_damaged_details_are_one_line(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "greedy.details.json"
    path.write_text(content)
    with pytest.raises(DataError, match=words) as problem:
        read_gold_probabilities(path)
    assert "\n" not in str(problem.value)
