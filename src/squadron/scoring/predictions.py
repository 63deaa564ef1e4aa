"""Prediction files: the official JSON object, ``{question id: answer text}``, or the list that ``evaluate`` of
Hugging Face takes, ``[{"id", "prediction_text", "no_answer_probability"}]``, also as one object a line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squadron.errors import DataError
from squadron.files import read_json, write_json

_EXPECTED = "predictions as one JSON object, {question id: answer text}"
_IDS = ("id", "qid", "guid", "question_id", "qas_id")
_TEXTS = ("prediction_text", "prediction", "predicted_answer", "answer", "text")
"""Keys of the id and of the prediction in a list of objects, in the order in which they are tried."""
_ODDS = "no-answer scores as one JSON object, {question id: number}"
_DETAILS = "details of predictions as one JSON object, {question id: [answer, ...]}"

GOLD_KEY = "gold_log_probability"
"""The key in the details of an answer of ln p of its question's likeliest gold; null stands for a probability of 0."""

_LARGEST = 1e300
"""Bound of no-answer scores; NaN is not below it either."""


def show(text: str, limit: int = 60) -> str:
    """Quote ``text`` for an error message: on one line, with at most ``limit`` of its characters."""
    return repr(text if len(text) <= limit else text[: max(limit - 1, 0)] + "…")


def check_text(question: str, value: object) -> str:
    """Return ``value`` if it is text that can be stored.

    Raises :class:`DataError` otherwise, with the question and the type of its prediction, but no file name.
    """
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        raise DataError(
            f"question {show(question)}: has several candidates, as n-best files have; give the file with one text a "
            f"question, which the same tools write as predictions.json"
        )
    if not isinstance(value, str):
        raise DataError(
            f'question {show(question)}: the prediction is {_kind(value)}, not text; write it as one, "" for no answer'
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise DataError(
            f"question {show(question)}: the prediction {show(value)} holds half a character at position "
            f"{problem.start} (a lone surrogate); decode the answer's bytes as a whole"
        ) from None
    return value


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions in their file's order, and their no-answer scores (None if the file has none)."""

    texts: dict[str, str]
    doubts: dict[str, float] | None = None


def read_predictions(path: Path | str) -> dict[str, str]:
    """Read predictions, in the file's order.

    Raises :class:`DataError` if the file cannot be read, has another layout, or a value is not text.
    """
    return read_scored_predictions(path).texts


def read_scored_predictions(path: Path | str) -> Predictions:
    """Read predictions, with their no-answer scores if they have any. Raises as :func:`read_predictions`."""
    content = read_json(path, what=_EXPECTED, error=DataError, lines=True)
    if isinstance(content, dict) and isinstance(content.get("predictions"), (dict, list)):
        content = content["predictions"]  # kept under this name beside other results
    if isinstance(content, list) and content:
        return _listed(path, content)
    if not isinstance(content, dict):
        raise DataError(f"{path}: {_kind(content)}, not an object; expected {_EXPECTED}")
    try:
        return Predictions({question: check_text(question, value) for question, value in content.items()})
    except DataError as problem:
        raise DataError(f"{path}: {problem.marked}") from None


def read_gold_probabilities(path: Path | str) -> dict[str, float] | None:
    """Read P(gold) of every question, 0 to 1, from the details beside predictions (``STEM.details.json``).

    It is 0 for a question without an answer, which was too long for the model. Returns None if there is no such file,
    or if its evaluation did not compute these probabilities, as before they existed. Raises :class:`DataError` if the
    file cannot be read or is damaged.
    """
    details = _details(path)
    if details is None:
        return None
    found: dict[str, float] = {}
    for question, answers in details.items():
        if any(GOLD_KEY not in answer for answer in answers):
            return None
        value = answers[0][GOLD_KEY] if answers else None
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (number and value <= 0):
            raise DataError(
                f"{path}: question {show(question)}: {GOLD_KEY} is {_kind(value)}, not a logarithm of a probability; "
                f"evaluate the run again"
            )
        found[question] = 0.0 if value is None else math.exp(value)
    return found


def read_samples(path: Path | str) -> dict[str, list[str]] | None:
    """Read every sampled answer of every question from the details beside predictions, the first sample first.

    Returns None if there is no such file. Raises :class:`DataError` if it cannot be read or is damaged.
    """
    details = _details(path)
    if details is None:
        return None
    try:
        return {
            question: [check_text(question, answer.get("text")) for answer in answers]
            for question, answers in details.items()
        }
    except DataError as problem:
        raise DataError(f"{path}: {problem.marked}") from None


def _details(path: Path | str) -> dict[str, list[dict[str, Any]]] | None:
    """Return the answers of each question from a file of details; None if there is none."""
    if not Path(path).is_file():
        return None
    content = read_json(path, what=_DETAILS, error=DataError)
    if not isinstance(content, dict):
        raise DataError(f"{path}: {_kind(content)}, not an object; expected {_DETAILS}")
    for question, answers in content.items():
        if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
            raise DataError(f"{path}: question {show(question)}: not a list of answers; expected {_DETAILS}")
    return content


def read_null_odds(path: Path | str) -> dict[str, float]:
    """Read no-answer scores, such as the ``null_odds.json`` of the transformers library.

    Raises :class:`DataError` if the file cannot be read, is not a JSON object, or a value is not a finite number.
    """
    content = read_json(path, what=_ODDS, error=DataError)
    if not isinstance(content, dict):
        raise DataError(f"{path}: {_kind(content)}, not an object; expected {_ODDS}")
    try:
        return {question: _doubt(question, value) for question, value in content.items()}
    except DataError as problem:
        raise DataError(f"{path}: {problem.marked}") from None


def _listed(path: Path | str, content: list[Any]) -> Predictions:
    """Return the predictions of a list of objects."""
    texts: dict[str, str] = {}
    doubts: dict[str, float] = {}
    for number, entry in enumerate(content):
        own = entry if isinstance(entry, dict) else {}
        names, answers = ([own[key] for key in keys if key in own] for keys in (_IDS, _TEXTS))
        if not names or not answers:
            raise DataError(
                f"{path}: entry {number} of the list is not an object with id and prediction_text; expected {_EXPECTED}"
            )
        name = names[0]
        if isinstance(name, bool) or not isinstance(name, (str, int)):
            raise DataError(f"{path}: entry {number}: the id is {_kind(name)}; write it as text")
        name = str(name)
        if name in texts:
            raise DataError(f"{path}: question {show(name)}: two predictions; keep one")
        try:
            texts[name] = check_text(name, answers[0])
            if entry.get("no_answer_probability") is not None:
                doubts[name] = _doubt(name, entry["no_answer_probability"])
        except DataError as problem:
            raise DataError(f"{path}: {problem.marked}") from None
    return Predictions(texts, doubts if len(doubts) == len(texts) else None)


def _doubt(question: str, value: object) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not abs(value) < _LARGEST:  # type: ignore[arg-type]
        raise DataError(f"question {show(question)}: the no-answer score is {_kind(value)}; a number is expected")
    return float(value)  # type: ignore[arg-type]


def write_predictions(path: Path | str, predictions: Mapping[str, str]) -> None:
    """Write predictions in their order; the file appears whole or not at all.

    Raises :class:`DataError`, and writes nothing, if a value is not text.
    """
    write_json(path, {question: check_text(question, value) for question, value in predictions.items()})


def _kind(value: Any) -> str:
    """Describe the type of a JSON value in words, with the value if it is short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"
