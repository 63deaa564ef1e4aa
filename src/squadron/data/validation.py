"""Check raw rows: a bad row is set aside with its place and the reason; the good rows are kept.

Texts are not changed, with two exceptions, which are counted as repaired: an answer that differs from its context only
in Unicode normal form, line ends, white space or typography is rewritten to match the context, and control characters,
which converters of PDFs leave in texts, become spaces. Whatever else is read differently than the file has it is
counted as repaired too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from squadron.data.placing import place_answer
from squadron.data.raw import Entry, RawQuestion, absent, entries, shown, whole_number
from squadron.data.squad import Answer, Dataset, Finding, Paragraph, Question, SquadVersion, regroup
from squadron.errors import DataError, option

LONGEST_CONTEXT = 100_000
"""Characters. SQuAD's longest context has 4,063; one beyond this limit is probably a file pasted into a field."""
LONGEST_QUESTION = 10_000
"""Characters of a question, an answer, an id or a title."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HALF = re.compile(r"[\ud800-\udfff]")
_TRUTH = dict.fromkeys(("true", "1", "1.0", "yes", "y", "t"), True) | dict.fromkeys(
    ("false", "0", "0.0", "no", "n", "f"), False
)


class _BadRowError(Exception):
    def __init__(self, field: str, problem: str) -> None:
        self.field, self.problem = field, problem


@dataclass(slots=True)
class _Reader:
    """The checks of one row, which collect what was read differently in ``findings``."""

    row: RawQuestion
    version: SquadVersion
    texts_only: bool
    split_contexts: bool
    findings: list[Finding] = field(default_factory=list)

    def note(self, name: str, problem: str, kind: str) -> None:
        """Count something that was read differently than the file has it."""
        self.findings.append(Finding(self.row.place, name, problem, kind))

    def text(self, value: Any, name: str, longest: int = LONGEST_QUESTION) -> str:
        """Return a text, with control characters as spaces. Raises :class:`_BadRowError` if it is none."""
        if not isinstance(value, str):
            raise _BadRowError(name, f"{shown(value)}; text is expected")
        cleaned = text_without_controls(value)
        if cleaned != value:
            self.note(name, "control characters read as spaces", "text with control characters, read as spaces")
        if not cleaned.strip():
            raise _BadRowError(name, "empty; text is expected")
        if len(cleaned) > longest:
            hint = ", or cut it with: squadron prepare --split-contexts" if name == "context" else ""
            raise _BadRowError(name, f"{len(cleaned):,} characters; at most {longest:,} are allowed, split it{hint}")
        if (half := _HALF.search(cleaned)) is not None:
            raise _BadRowError(name, f"has the character U+{ord(half[0]):04X} at {half.start()}; remove it")
        return cleaned

    def identity(self, taken: set[str]) -> str:
        """Return the question's id; one that is missing is made from the question's place."""
        value = self.row.id
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and not absent(value)
        if not is_number and not (isinstance(value, str) and value.strip()):
            made = self.row.made_id
            while made in taken:
                made += "-made"
            problem = "missing" if absent(value) else f"{shown(value)} is none"
            self.note("id", f"{problem}; {made!r}, from its place", "id made from the question's place")
            return made
        if is_number:
            number = whole_number(value)
            value = str(value if number is None else number)
            self.note("id", f"{value} taken as text", "id taken as text")
        return self.text(value, "id")

    def title(self) -> str:
        """Return the article's title; one that is no text is no reason to lose a question."""
        value = self.row.article
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not absent(value):
            self.note("title", f"{shown(value)} taken as text", "title taken as text")
            value = str(value)
        if absent(value) or value == "":
            return ""
        try:
            return self.text(value, "title")
        except _BadRowError as bad:
            self.note("title", f"left out ({bad.problem.partition(';')[0]})", "unusable title left out")
            return ""

    def impossible(self) -> bool:
        """Return True if the row says that its question is unanswerable."""
        value = self.row.impossible
        if isinstance(value, str) and value.strip().lower() in ("", "none", "null", "nan"):
            value = None  # as tables write a missing value
        if absent(value) and self.version == "2.0" and entries(self.row.answers) == []:
            self.note("is_impossible", "missing; true, as there are no answers", "missing is_impossible read as true")
            return True
        if absent(value) or isinstance(value, bool):
            return value is True
        said = truth(value)
        if said is None:
            raise _BadRowError("is_impossible", f"{shown(value)}; true or false is expected")
        self.note("is_impossible", f"{shown(value)} read as {str(said).lower()}", "is_impossible read as true or false")
        return said

    def entries(self) -> list[Entry]:
        """Return the gold answers as the file has them."""
        found = entries(self.row.answers)
        if found is None:
            raise _BadRowError("answers", f"{shown(self.row.answers)}; a list of {{text, answer_start}} is expected")
        return found

    def answers(self, context: str, impossible: bool) -> list[Answer]:
        """Return the gold answers that stand in the context; a bad one is dropped if another is good."""
        found: list[Answer] = []
        bad: list[_BadRowError] = []
        listed = self.entries() if not impossible or not absent(self.row.answers) else []
        if impossible:
            if any(isinstance(entry.text, str) and entry.text.strip() for entry in listed):
                self.note("answers", "left out, as is_impossible is true", "impossible question with answers")
            return []
        for entry in listed:
            try:
                found.append(self.answer(entry, context))
            except _BadRowError as problem:
                bad.append(problem)
        if bad and not found:
            raise bad[0]
        for one in bad:
            self.note(one.field, f"dropped, others are kept: {one.problem}", "bad alternative answer dropped")
        return found

    def answer(self, entry: Entry, context: str) -> Answer:
        """Return a checked answer. Raises :class:`_BadRowError` if it is not in the context."""
        text = self.text(self.gold(entry), f"{entry.field}.text")
        start = whole_number(entry.start)
        placed = place_answer(context, text, start)
        if placed is None:
            problem = f"{shown(text)} is not in the context; correct the answer or the context"
            raise _BadRowError(f"{entry.field}.text", problem)
        answer, how, kind = placed
        if how:
            self.note(entry.field, how, kind)
        elif start is not None and not isinstance(entry.start, int):
            self.note(entry.field, f"start {shown(entry.start)} read as {start}", "start read as a whole number")
        return answer

    def gold(self, entry: Entry) -> Any:
        """Return the text of an answer; a number is taken as text."""
        if isinstance(entry.text, (int, float)) and not isinstance(entry.text, bool) and not absent(entry.text):
            self.note(entry.field, f"{shown(entry.text)} taken as text", "answer taken as text")
            return str(entry.text)
        return entry.text

    def pair(self, taken: set[str]) -> tuple[Paragraph, Question]:
        """Return the row's paragraph and question. Raises :class:`_BadRowError` if the row is not usable."""
        if self.row.broken is not None:
            raise _BadRowError(*self.row.broken)
        if self.texts_only:
            return self.scored_pair(taken)
        context = self.text(self.row.context, "context", 10**12 if self.split_contexts else LONGEST_CONTEXT)
        name, question, title = self.identity(taken), self.text(self.row.question, "question"), self.title()
        impossible = self.impossible()
        answers = self.answers(context, impossible)
        self.refuse_empty(answers, impossible)
        if len(context) > LONGEST_CONTEXT:
            context, answers = self.piece(context, answers)
        part = self.row.part if isinstance(self.row.part, str) and self.row.part else None
        return Paragraph(title, context, ()), Question(name, question, tuple(answers), part)

    def scored_pair(self, taken: set[str]) -> tuple[Paragraph, Question]:
        """Return the pair with the golds' texts alone, as the official scripts read them; their starts are -1."""
        name = self.identity(taken)
        listed = self.entries()
        texts = [text for entry in listed if isinstance(text := self.gold(entry), str)]
        impossible = truth(self.row.impossible) is True
        if len(texts) < len(listed):
            if not texts:
                raise _BadRowError("answers", f"{shown(listed[0].text)}; text is expected")
            self.note("answers", "those that are not text are dropped", "bad alternative answer dropped")
        if impossible and any(map(str.strip, texts)):
            self.note("answers", "given although is_impossible is true; they count", "impossible question with answers")
        self.refuse_empty(texts, impossible)
        # Without a context, the question is a cluster of its own.
        context = self.row.context if isinstance(self.row.context, str) else self.row.place
        question = self.row.question if isinstance(self.row.question, str) else ""
        return Paragraph("", context, ()), Question(name, question, tuple(Answer(text, -1) for text in texts))

    def refuse_empty(self, answers: list[Any], impossible: bool) -> None:
        """Raise :class:`_BadRowError` for a question without answers that should have some."""
        if not answers and self.version == "1.1":
            problem = "empty; SQuAD v1.1 has an answer for every question (v2.0 sets is_impossible)"
            raise _BadRowError("answers", problem)
        if not answers and not impossible and not self.texts_only:
            raise _BadRowError("answers", "empty while is_impossible is not true; set it, or give an answer")

    def piece(self, context: str, answers: list[Answer]) -> tuple[str, list[Answer]]:
        """Return the piece of a long context that holds the first answer, and the answers in it."""
        spans = pieces(context)
        first = answers[0] if answers else Answer("", 0)
        start, stop = next((span for span in spans if span[0] <= first.start < span[1]), spans[0])
        if first.start + len(first.text) > stop:
            raise _BadRowError("context", f"answer {shown(first.text)} stands across a cut; split the context yourself")
        kept = [one for one in answers if start <= one.start and one.start + len(one.text) <= stop]
        lost = f"; {len(answers) - len(kept)} answers in other pieces left out" if len(kept) < len(answers) else ""
        problem = f"{len(context):,} characters, cut; characters {start:,} to {stop:,} are kept{lost}"
        self.note("context", problem, "long context cut")
        return context[start:stop], [Answer(one.text, one.start - start) for one in kept]


def text_without_controls(text: str) -> str:
    """Return a text of the same length with spaces for control characters, line ends and tabs excepted."""
    return _CONTROL.sub(" ", text)


def truth(value: Any) -> bool | None:
    """Return the truth value that is meant by a JSON value: true, false, 0, 1, or one of these as text; else None."""
    return _TRUTH.get(str(value).strip().lower())


def pieces(context: str) -> list[tuple[int, int]]:
    """Return the pieces ``(start, stop)`` of a long context, at most :data:`LONGEST_CONTEXT` characters each.

    It is cut at the end of a paragraph; if a piece has none, at the end of a line, a sentence, a word, or anywhere.
    """
    found, start = [], 0
    while len(context) - start > LONGEST_CONTEXT:
        stop = start + LONGEST_CONTEXT
        for mark in ("\n\n", "\r\n\r\n", "\n", ". ", " "):
            if (end := context.rfind(mark, start + 1, stop)) >= 0:
                stop = end + len(mark)
                break
        found.append((start, stop))
        start = stop
    return [*found, (start, len(context))]


def build_dataset(
    rows: Iterable[RawQuestion],
    source: str,
    *,
    version: SquadVersion | None,
    strict: bool = False,
    texts_only: bool = False,
    split_contexts: bool = False,
    chosen: tuple[Finding, ...] = (),
) -> Dataset:
    """Check every row. The version is 2.0 if any row is marked as impossible; ``version`` None means 1.1 otherwise.

    If ``texts_only``, golds are read as the official scripts read them: their texts, wherever these stand, and a
    question with golds is answerable whatever ``is_impossible`` says. Contexts above the limit are cut if
    ``split_contexts``. ``chosen`` are findings about the file as a whole.

    Raises :class:`DataError` if no usable question is left, and for the first bad row if ``strict``.
    """
    raw = list(rows)
    if any(not absent(row.impossible) and truth(row.impossible) for row in raw):
        version = "2.0"
    version = version or "1.1"
    pairs: list[tuple[Paragraph, Question]] = []
    set_aside: list[Finding] = []
    repaired = list(chosen)
    seen: dict[str, str] = {}
    given = {str(row.id) for row in raw if not absent(row.id)}
    for row in raw:
        reader = _Reader(row, version, texts_only, split_contexts)
        try:
            paragraph, question = reader.pair(given)
            if question.id in seen:
                as_text = "" if isinstance(row.id, str) else f"({shown(row.id)} as text) "
                raise _BadRowError("id", f"{as_text}already used by {seen[question.id]}; give each question its own")
        except _BadRowError as bad:
            finding = Finding(row.place, bad.field, bad.problem, "row")
            if strict:
                raise DataError(f"{finding} ({option('strict', True)} stops at the first bad row)") from None
            set_aside.append(finding)
        else:
            seen[question.id] = row.place.removeprefix(f"{source}: ")
            pairs.append((paragraph, question))
            repaired += reader.findings
    if not pairs:
        if set_aside:
            raise DataError(f"no usable question among {len(raw):,}; the first: {set_aside[0]}")
        raise DataError(f"{source}: holds no questions; expected SQuAD's JSON or rows of it")
    return Dataset(regroup(pairs), version, source, tuple(set_aside), tuple(repaired))
