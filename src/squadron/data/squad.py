"""A SQuAD data set: paragraphs, their questions, and each question's gold answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

SquadVersion = Literal["1.1", "2.0"]
REWRITTEN = "written as the context has it"
"""The finding for a repaired gold answer that had another Unicode form, or other line ends, than its context."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A gold answer and its start in the context, in characters."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its gold answers; an unanswerable one (SQuAD v2.0) has none.

    ``part`` names a part of the split that is also scored separately: in the pocket test split, ``known`` or ``new``
    phrasings. Most data has none.
    """

    id: str
    text: str
    answers: tuple[Answer, ...]
    part: str | None = None

    @property
    def impossible(self) -> bool:
        """True if the question is unanswerable (v2.0)."""
        return not self.answers


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A context, its article, and the questions about it."""

    article: str
    context: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with one row of a data file: its place, its field, what is wrong and what to do.

    ``kind`` names findings of its kind, in the singular, for a summary.
    """

    place: str
    field: str
    problem: str
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.field}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Paragraphs in the file's order. ``set_aside`` lists the rows left out, ``repaired`` those corrected.

    ``hub`` describes where on the hub they are from: ``id``, ``commit``, ``config`` and ``split``.
    """

    paragraphs: tuple[Paragraph, ...]
    version: SquadVersion
    source: str
    set_aside: tuple[Finding, ...] = ()
    repaired: tuple[Finding, ...] = ()
    hub: Mapping[str, Any] | None = None

    def summary(self) -> str:
        """Return in one line how many rows were set aside and what was read differently; empty if nothing was."""
        parts = []
        if self.set_aside:
            parts.append(f"{len(self.set_aside):,} set aside, the first: {self.set_aside[0]}")
        if self.repaired:
            kinds = Counter(finding.kind for finding in self.repaired)
            counts = ", ".join(f"{kind}: {count:,}" for kind, count in kinds.items())
            parts.append(f"{len(self.repaired):,} read differently than written ({counts})")
        return "; ".join(parts)

    def __len__(self) -> int:
        """Return the number of questions."""
        return sum(len(paragraph.questions) for paragraph in self.paragraphs)

    def questions(self) -> Iterator[tuple[Paragraph, Question]]:
        """Yield every question with its paragraph, in order."""
        for paragraph in self.paragraphs:
            for question in paragraph.questions:
                yield paragraph, question

    def golds(self) -> dict[str, list[str]]:
        """Return the gold answers' texts, by question id."""
        return {question.id: [answer.text for answer in question.answers] for _, question in self.questions()}

    def clusters(self) -> dict[str, str]:
        """Return each question's context, by question id: scores of questions on one context are correlated."""
        return {question.id: paragraph.context for paragraph, question in self.questions()}

    def parts(self) -> dict[str, list[str]]:
        """Return the ids of each part's questions, in order; empty unless every question has a part."""
        found: dict[str, list[str]] = {}
        for _, question in self.questions():
            if question.part is None:
                return {}
            found.setdefault(question.part, []).append(question.id)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the data set in SQuAD's official layout, articles in order of first appearance."""
        articles: dict[str, list[dict[str, Any]]] = {}
        for paragraph in self.paragraphs:
            qas = [self._question_json(question) for question in paragraph.questions]
            articles.setdefault(paragraph.article, []).append({"context": paragraph.context, "qas": qas})
        return {
            "version": "1.1" if self.version == "1.1" else "v2.0",
            "data": [{"title": title, "paragraphs": paragraphs} for title, paragraphs in articles.items()],
        }

    def _question_json(self, question: Question) -> dict[str, Any]:
        record: dict[str, Any] = {
            "id": question.id,
            "question": question.text,
            "answers": [{"text": answer.text, "answer_start": answer.start} for answer in question.answers],
        }
        if self.version == "2.0":
            record["is_impossible"] = question.impossible
        if question.part is not None:
            record["part"] = question.part
        return record


def regroup(pairs: Sequence[tuple[Paragraph, Question]]) -> tuple[Paragraph, ...]:
    """Group questions back into paragraphs that hold only these, in order of each paragraph's first question."""
    groups: dict[tuple[str, str], list[Question]] = {}
    for paragraph, question in pairs:
        groups.setdefault((paragraph.article, paragraph.context), []).append(question)
    return tuple(Paragraph(article, context, tuple(found)) for (article, context), found in groups.items())
