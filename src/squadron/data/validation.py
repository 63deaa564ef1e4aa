"""Check raw rows: a bad row is set aside with its place and the reason; the good rows are kept.

Both layouts (the official nested JSON and the hub's flat rows) are first read as :class:`RawQuestion`, so that there is
one set of checks. Texts are not changed, with one exception: an answer that differs from its context only in Unicode
normal form or line ends is rewritten to match the context, and counted as repaired.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from squadron.data.squad import REWRITTEN, Answer, Dataset, Finding, Paragraph, Question, SquadVersion, regroup
from squadron.errors import DataError, option

LONGEST_CONTEXT = 100_000
"""Characters. SQuAD's longest context has 4,063; one beyond this limit is probably a file pasted into a field."""
LONGEST_QUESTION = 10_000
"""Characters of a question, an answer, an id or a title."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RawQuestion:
    """One question as the file has it, unchecked. ``answers`` are ``{"text", "answer_start"}`` objects.

    ``part`` is not a SQuAD field: a value that is not text belongs to another program and is ignored.
    """

    place: str
    article: Any
    context: Any
    id: Any
    question: Any
    answers: Any
    impossible: Any
    part: Any


class _BadRowError(Exception):
    def __init__(self, field: str, problem: str) -> None:
        self.field, self.problem = field, problem


def official_rows(data: Any, source: str) -> Iterator[RawQuestion]:
    """Yield the questions of the official layout. Raises :class:`DataError` if the nesting is not SQuAD's."""
    for a, article in enumerate(_list(data, "data", source)):
        title = article.get("title", "") if isinstance(article, dict) else ""
        at = f"{source}: article {_shown(title) if title else a}"
        for p, paragraph in enumerate(_list(article, "paragraphs", at)):
            spot = f"{at}, paragraph {p}"
            questions = _list(paragraph, "qas", spot)
            for q, entry in enumerate(questions):
                if not isinstance(entry, dict):
                    raise DataError(f"{spot}: qas[{q}] is {_shown(entry)}; an object with id and question is expected")
                identity = entry.get("id")
                yield RawQuestion(
                    f"{spot}, question {_shown(identity) if identity else q}",
                    title,
                    paragraph.get("context"),
                    identity,
                    entry.get("question"),
                    entry.get("answers"),
                    entry.get("is_impossible", False),
                    entry.get("part"),
                )


def hub_rows(rows: Iterable[Any], source: str, *, empty_is_impossible: bool = False) -> Iterator[RawQuestion]:
    """Yield the questions of the hub's flat layout, where ``answers`` is ``{"text": [...], "answer_start": [...]}``."""
    for number, row in enumerate(rows, 1):
        place = f"{source}: row {number}"
        if not isinstance(row, dict):
            raise DataError(f"{place}: {_shown(row)} is not an object; expected id, title, context, question, answers")
        answers = row.get("answers")
        if isinstance(answers, dict):
            texts, starts = answers.get("text"), answers.get("answer_start")
            if isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts):
                answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
        identity = row.get("id")
        yield RawQuestion(
            f"{place}, question {_shown(identity)}" if identity else place,
            row.get("title") or "",
            row.get("context"),
            identity,
            row.get("question"),
            answers,
            row.get("is_impossible", empty_is_impossible and answers == []),
            row.get("part"),
        )


def build_dataset(
    rows: Iterable[RawQuestion], source: str, *, version: SquadVersion | None, strict: bool = False
) -> Dataset:
    """Check every row. ``version`` None means v2.0 if any row is marked as impossible, else v1.1.

    Raises :class:`DataError` if no usable question is left, and for the first bad row if ``strict``.
    """
    raw = list(rows)
    if version is None:
        version = "2.0" if any(row.impossible is True for row in raw) else "1.1"
    pairs: list[tuple[Paragraph, Question]] = []
    set_aside: list[Finding] = []
    repaired: list[Finding] = []
    seen: dict[str, str] = {}
    for row in raw:
        try:
            paragraph, question = _check(row, version, repaired)
            if question.id in seen:
                raise _BadRowError("id", f"already used by {seen[question.id]}; give each question its own")
        except _BadRowError as bad:
            finding = Finding(row.place, bad.field, bad.problem)
            if strict:
                raise DataError(f"{finding} ({option('strict', True)} stops at the first bad row)") from None
            set_aside.append(finding)
        else:
            seen[question.id] = row.place.removeprefix(f"{source}: ")
            pairs.append((paragraph, question))
    if not pairs:
        if set_aside:
            raise DataError(f"no usable question among {len(raw):,}; the first: {set_aside[0]}")
        raise DataError(f"{source}: holds no questions; expected SQuAD's JSON or rows of it")
    return Dataset(regroup(pairs), version, source, tuple(set_aside), tuple(repaired))


def _check(row: RawQuestion, version: SquadVersion, repaired: list[Finding]) -> tuple[Paragraph, Question]:
    context = _text(row.context, "context", LONGEST_CONTEXT)
    identity = _text(row.id, "id", LONGEST_QUESTION)
    question = _text(row.question, "question", LONGEST_QUESTION)
    article = _text(row.article, "title", LONGEST_QUESTION) if row.article != "" else ""
    if not isinstance(row.impossible, bool):
        raise _BadRowError("is_impossible", f"{_shown(row.impossible)}; true or false is expected")
    if not isinstance(row.answers, list):
        raise _BadRowError("answers", f"{_shown(row.answers)}; a list of {{text, answer_start}} is expected")
    answers: list[Answer] = []
    if not row.impossible:
        for number, entry in enumerate(row.answers):
            answer, why = _answer(entry, f"answers[{number}]", context)
            answers.append(answer)
            if why:
                repaired.append(Finding(row.place, f"answers[{number}]", why))
    if not answers and version == "1.1":
        raise _BadRowError("answers", "empty; SQuAD v1.1 has an answer for every question (v2.0 sets is_impossible)")
    if not answers and not row.impossible:
        raise _BadRowError("answers", "empty while is_impossible is not true; set it, or give an answer")
    part = row.part if isinstance(row.part, str) and row.part else None
    return Paragraph(article, context, ()), Question(identity, question, tuple(answers), part)


def _answer(entry: Any, field: str, context: str) -> tuple[Answer, str]:
    """Return a checked answer and, if it was repaired, how."""
    if not isinstance(entry, dict):
        raise _BadRowError(field, f"{_shown(entry)}; an object with text and answer_start is expected")
    text = _text(entry.get("text"), f"{field}.text", LONGEST_QUESTION)
    start = entry.get("answer_start")
    if not isinstance(start, int) or isinstance(start, bool):
        raise _BadRowError(f"{field}.answer_start", f"{_shown(start)}; a whole number of characters is expected")
    if start >= 0 and context.startswith(text, start):
        return Answer(text, start), ""
    for candidate in _spellings(text):
        found = _nearest(context, candidate, start)
        if found is not None:
            how = f"starts at {found}, not {start}" if candidate == text else REWRITTEN
            return Answer(candidate, found), how
    raise _BadRowError(f"{field}.text", f"{_shown(text)} is not in the context; correct the answer or the context")


def _spellings(text: str) -> list[str]:
    """Return the text, and its variants in other Unicode normal forms and line ends."""
    unix = text.replace("\r\n", "\n")
    forms = [text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD")), unix, unix.replace("\n", "\r\n")]
    return list(dict.fromkeys(forms))


def _nearest(context: str, text: str, start: int) -> int | None:
    """Return the occurrence of ``text`` in the context that is closest to ``start``, or None."""
    before = context.rfind(text, 0, max(start, 0) + len(text))
    after = context.find(text, max(start, 0))
    places = [place for place in (before, after) if place >= 0]
    return min(places, key=lambda place: abs(place - start)) if places else None


def _text(value: Any, field: str, longest: int) -> str:
    if not isinstance(value, str):
        raise _BadRowError(field, f"{_shown(value)}; text is expected")
    if not value.strip():
        raise _BadRowError(field, "empty; text is expected")
    if len(value) > longest:
        raise _BadRowError(field, f"{len(value):,} characters; at most {longest:,} are allowed, split it")
    if (control := _CONTROL.search(value)) is not None:
        raise _BadRowError(field, f"has the character U+{ord(control[0]):04X} at {control.start()}; remove it")
    return value


def _list(value: Any, key: str, place: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise DataError(f"{place}: {key} is {_shown(found)}; a list is expected, as in SQuAD's JSON")
    return found


def _shown(value: Any) -> str:
    """Return a value for an error message: one line, at most 60 characters."""
    text = "missing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
