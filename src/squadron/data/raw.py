"""One question as a data file has it, unchecked, whatever the file's layout."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from squadron.errors import shortened

IDS = ("id", "guid", "qid", "question_id", "_id", "uid", "uuid", "qas_id", "example_id", "query_id", "ID", "Id")
"""Keys of a question's id in known data sets, in the order in which they are tried."""
_ANSWERS = ("answers", "answer", "answer_text", "text")
_STARTS = ("answer_start", "start", "start_offset", "offset_start")


@dataclass(frozen=True, slots=True)
class RawQuestion:
    """One question as the file has it, unchecked.

    ``place`` names it in messages, ``made_id`` is its id if it has none. ``broken`` is a field and its problem, of a
    part of the file that has no question to check. ``part`` is not a SQuAD field: a value that is not text belongs to
    another program and is ignored.
    """

    place: str
    made_id: str = ""
    article: Any = None
    context: Any = None
    id: Any = None
    question: Any = None
    answers: Any = None
    impossible: Any = None
    part: Any = None
    broken: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A gold answer as the file has it. ``field`` names it in messages; ``start`` is None if missing."""

    field: str
    text: Any
    start: Any


def absent(value: Any) -> bool:
    """Return True for null and NaN, which tables write for a value that is missing."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def whole_number(value: Any) -> int | None:
    """Return a whole number that is written as one, as a float or in digits; else None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.strip().isascii() and value.strip().lstrip("-").isdigit():
        return int(value) if len(value) < 20 else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def identity(row: Mapping[str, Any]) -> Any:
    """Return the id of a question, under any of its known keys; None if there is none."""
    found = (row[key] for key in IDS if key in row)
    return next((value for value in found if not absent(value) and value != ""), None)


def answers_of(row: Mapping[str, Any]) -> Any:
    """Return the answers of a question, in any of their known shapes; None if there are none.

    Tables, such as a CSV file that was converted, have the text and its start as two columns.
    """
    for key in _ANSWERS:
        if not absent(value := row.get(key)):
            start = next((row[name] for name in _STARTS if name in row), None)
            if start is not None and isinstance(value, (str, int, float)):
                return {"text": value, "answer_start": start}
            return value
    return None


def entries(answers: Any) -> list[Entry] | None:
    """Return the gold answers in a value: objects or texts in a list, lists in an object, or a single one.

    A text that is the JSON of an object or a list, as tables have it, is read as that. None if the value is none of
    these. Starts that do not match the texts in number are dropped.
    """
    answers = _unpacked(answers)
    if isinstance(answers, dict):
        return _of_object(answers, "answers")
    if isinstance(answers, list):
        found: list[Entry] = []
        for k, one in enumerate(answers):
            found += _of_object(one, f"answers[{k}]") if isinstance(one, dict) else [Entry(f"answers[{k}]", one, None)]
        return found
    return None if absent(answers) else [Entry("answers", answers, None)]


def _of_object(answer: Mapping[str, Any], field: str) -> list[Entry]:
    """Return the gold answers in an object, whose text and start may each be a list."""
    texts = next((answer[key] for key in ("text", "answer") if key in answer), None)
    starts = next((answer[key] for key in _STARTS if key in answer), None)
    if not isinstance(texts, list):
        if isinstance(starts, list):
            starts = starts[0] if len(starts) == 1 else None
        return [Entry(field, texts, starts)]
    if not isinstance(starts, list):
        starts = [starts]
    if len(starts) != len(texts):
        starts = [None] * len(texts)
    return [Entry(f"{field}[{k}]", text, start) for k, (text, start) in enumerate(zip(texts, starts, strict=True))]


def _unpacked(answers: Any) -> Any:
    """Return the object, or the list of objects or texts, that a text is the JSON of; any other value unchanged."""
    if not isinstance(answers, str) or answers.lstrip()[:1] not in ("{", "["):
        return answers
    try:
        parsed = json.loads(answers)
    except (ValueError, RecursionError):
        return answers
    # A text such as "[1]" may stand in the context as it is.
    listed = parsed if isinstance(parsed, list) and parsed else [parsed]
    return (
        parsed if all(isinstance(one, str) or (isinstance(one, dict) and "text" in one) for one in listed) else answers
    )


def shown(value: Any) -> str:
    """Return a value for an error message: one line, at most 60 characters."""
    return shortened("missing" if value is None else repr(value), 60)
