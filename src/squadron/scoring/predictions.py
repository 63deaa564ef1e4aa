"""Prediction files in the official format: one JSON object, ``{question id: answer text}``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from squadron.errors import DataError
from squadron.files import read_json, write_json

_EXPECTED = "predictions as one JSON object, {question id: answer text}"


def show(text: str, limit: int = 60) -> str:
    """Quote ``text`` for an error message: on one line, with at most ``limit`` of its characters."""
    return repr(text if len(text) <= limit else text[: max(limit - 1, 0)] + "…")


def check_text(question: str, value: object) -> str:
    """Return ``value`` if it is text that can be stored.

    Raises :class:`DataError` otherwise, with the question and the type of its prediction, but no file name.
    """
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


def read_predictions(path: Path | str) -> dict[str, str]:
    """Read predictions, in the file's order.

    Raises :class:`DataError` if the file cannot be read, is not a JSON object, or a value is not text.
    """
    content = read_json(path, what=_EXPECTED, error=DataError)
    if not isinstance(content, dict):
        raise DataError(f"{path}: {_kind(content)}, not an object; expected {_EXPECTED}")
    try:
        return {question: check_text(question, value) for question, value in content.items()}
    except DataError as problem:
        raise DataError(f"{path}: {problem.marked}") from None


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
