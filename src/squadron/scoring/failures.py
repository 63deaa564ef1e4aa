"""Failure analysis: each answer that exact match counts as wrong gets exactly one kind, by rules in a fixed order.

The rules are heuristics on the text; ``docs/failures.md`` explains each with an example, and the file that
:func:`write_failures` writes holds a sample of each kind, with contexts and reasons, for a person to check.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from squadron.errors import ConfigError, DataError
from squadron.files import write_json
from squadron.randomness import numpy_generator
from squadron.scoring.answers import AnswerRecord, answer_calibration, answer_statistics
from squadron.scoring.intervals import cluster_codes, mean_intervals
from squadron.scoring.metrics import Version, answer_scores
from squadron.scoring.predictions import check_text
from squadron.scoring.wording import (
    FILLERS,
    Words,
    answer_type,
    capitalized_words,
    contains,
    has_digit,
    in_context,
    is_empty,
    plain_words,
    same_type,
    strong_words,
)

Kind = Literal[
    "answered_unanswerable",
    "wording",
    "truncated_context",
    "never_stopped",
    "empty",
    "too_long",
    "too_short",
    "wrong_boundaries",
    "same_type",
    "copied_context",
    "not_in_context",
    "wrong_place",
]

KINDS: dict[Kind, str] = {
    "answered_unanswerable": "Answered where there is no answer",
    "wording": "Right up to wording",
    "truncated_context": "Truncated context",
    "never_stopped": "Never stopped",
    "empty": "Empty",
    "too_long": "Too long",
    "too_short": "Too short",
    "wrong_boundaries": "Wrong boundaries",
    "same_type": "Other entity of the same type",
    "copied_context": "Copied context",
    "not_in_context": "Not in the context",
    "wrong_place": "Wrong place in the context",
}
"""Label of each kind, in the order in which the rules are tried."""

WORDING_F1 = 0.88
"""The least F1 over strong words of an answer that is right up to wording: 4 words of 5."""
PART_SHARE = 0.2
"""The least share of a gold's content words in an answer that is too short."""
COPIED_WORDS = 8
"""The least number of consecutive words of the context that counts as copied."""

_NEGATIONS = frozenset(["not", "no", "never", "none", "without", "non", "neither", "nor", "cannot"])
_WH = re.compile(r"\b(how (?:many|much)|how|who|whom|whose|what|which|when|where|why)\b")
_PREPOSITION = "about|after|against|at|before|by|during|for|from|in|into|of|on|since|through|to|under|until|with|within"
_LEADING_WH = re.compile(rf"(?:(?:{_PREPOSITION}) )?{_WH.pattern}")


@dataclass(frozen=True, slots=True)
class Failure:
    """A wrong answer: its kind, the reason for it, its F1 (0 to 1), and the texts that a person needs to check it."""

    question_id: str
    kind: Kind
    reason: str
    question: str
    golds: tuple[str, ...]
    prediction: str
    f1: float
    context: str

    def to_json(self, *, context: bool = True) -> dict[str, Any]:
        """Return a plain dictionary for JSON, with or without the context."""
        record = {**asdict(self), "golds": list(self.golds)}
        return record if context else {name: record[name] for name in record if name != "context"}


@dataclass(frozen=True, slots=True)
class FailureAnalysis:
    """The wrong answers among ``questions``, in their order, and a table of rates.

    A row of ``table`` has ``dimension``, ``value``, ``questions``, ``exact_match``, ``f1`` (points), their 95 %
    intervals ``[low, high]`` clustered by context, and ``kinds``: the number of wrong answers of every kind.
    """

    version: Version
    questions: int
    failures: tuple[Failure, ...]
    table: tuple[dict[str, Any], ...]

    def kinds(self) -> dict[Kind, int]:
        """Count the wrong answers of each kind, in the order of :data:`KINDS`."""
        counts = Counter(failure.kind for failure in self.failures)
        return {kind: counts[kind] for kind in KINDS}


def classify(record: AnswerRecord, *, version: Version = "1.1") -> tuple[Kind, str] | None:
    """Return the kind of a wrong answer and the reason for it; ``None`` if exact match counts the answer as right.

    Raises :class:`squadron.errors.DataError` if ``version`` is v1.1 and there are no gold answers.
    """
    if answer_scores(record.prediction, record.golds, version=version)[0]:
        return None
    golds = [gold for gold in record.golds if gold]
    for kind, rule in _RULES.items():
        if reason := rule(record, golds):
            return kind, reason
    raise AssertionError(record)  # the last rule always applies


def analyze_failures(records: Sequence[AnswerRecord], *, version: Version = "1.1", seed: int = 0) -> FailureAnalysis:
    """Classify every wrong answer, and count kinds by properties of questions and contexts.

    Raises :class:`DataError` if there are no records, two have the same id, an answer is not text, or ``version`` is
    v1.1 and a question has no golds.
    """
    if not records:
        raise DataError("no answers to analyze; evaluate at least one question")
    [(name, count)] = Counter(record.question_id for record in records).most_common(1)
    if count > 1:
        raise DataError(f"question {name!r}: answered {count} times; analyze one sample at a time")
    texts = [check_text(record.question_id, record.prediction) for record in records]
    pairs = zip(texts, records, strict=True)
    scores = np.array([answer_scores(text, one.golds, version=version) for text, one in pairs], dtype=np.float64)
    found = [classify(record, version=version) for record in records]
    failures = tuple(
        Failure(one.question_id, *label, one.question, one.golds, one.prediction, float(scores[i, 1]), one.context)
        for i, (one, label) in enumerate(zip(records, found, strict=True))
        if label is not None
    )
    rows: dict[tuple[str, str], list[int]] = {("all", "all"): list(range(len(records)))}
    for dimension, (values, bucket) in _DIMENSIONS.items():
        rows |= {(dimension, value): [] for value in values}
        for number, record in enumerate(records):
            rows[dimension, bucket(record)].append(number)
    table = []
    for (dimension, value), chosen in ((name, chosen) for name, chosen in rows.items() if chosen):
        codes = cluster_codes([records[number].context for number in chosen], len(chosen))
        exact, f1 = mean_intervals(scores[chosen], codes, seed=seed)
        counts = Counter(label[0] for number in chosen if (label := found[number]) is not None)
        table.append(
            {
                "dimension": dimension,
                "value": value,
                "questions": len(chosen),
                "exact_match": 100.0 * float(scores[chosen, 0].mean()),
                "f1": 100.0 * float(scores[chosen, 1].mean()),
                "exact_match_interval": [100.0 * exact.low, 100.0 * exact.high],
                "f1_interval": [100.0 * f1.low, 100.0 * f1.high],
                "kinds": {kind: counts[kind] for kind in KINDS},
            }
        )
    return FailureAnalysis(version, len(records), failures, tuple(table))


def sample_failures(failures: Sequence[Failure], per_kind: int = 20, seed: int = 0) -> dict[Kind, list[Failure]]:
    """Draw up to ``per_kind`` failures of each kind that has any, at random; return them sorted by question id.

    The draw depends only on the seed and the kind's question ids, not on the order of the failures.
    """
    if per_kind < 1:
        raise ConfigError(f"failures per kind {per_kind}: fewer than 1; 20 is usual")
    drawn: dict[Kind, list[Failure]] = {}
    for kind in KINDS:
        of_kind = sorted((one for one in failures if one.kind == kind), key=lambda one: one.question_id)
        if of_kind:
            chosen = numpy_generator(seed, "failures", kind).permutation(len(of_kind))[:per_kind]
            drawn[kind] = [of_kind[number] for number in sorted(chosen)]
    return drawn


def write_failures(
    path: Path | str,
    records: Sequence[AnswerRecord],
    *,
    version: Version = "1.1",
    per_kind: int = 20,
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
) -> FailureAnalysis:
    """Analyze one run's answers and write the analysis to ``path``, a JSON file that appears whole or not at all.

    The file holds ``about`` (a description of the run), counts and shares of the kinds, statistics, calibration, the
    table, samples with their contexts, and every failure without its context.
    """
    analysis = analyze_failures(records, version=version, seed=seed)
    calibrated = answer_calibration(records, version=version)
    samples, wrong = sample_failures(analysis.failures, per_kind, seed), len(analysis.failures)
    content = {
        "schema": 1,
        "about": dict(about or {}),
        "version": version,
        "questions": analysis.questions,
        "wrong": wrong,
        "kinds": [
            {"kind": kind, "label": KINDS[kind], "questions": count, "share": count / wrong if wrong else 0.0}
            for kind, count in analysis.kinds().items()
        ],
        "statistics": answer_statistics(records),
        "calibration": None if calibrated is None else calibrated.to_json(),
        "table": list(analysis.table),
        "samples": {kind: [one.to_json() for one in drawn] for kind, drawn in samples.items()},
        "failures": [one.to_json(context=False) for one in analysis.failures],
    }
    write_json(path, content)
    return analysis


def question_word(question: str) -> str:
    """Return the question word: ``how many`` (or how much), ``who`` (whom, whose), ``what``, ``when``, ``where``,
    ``which``, ``why`` or ``how``; ``other`` if there is none.

    The word at the start of the question, possibly after a preposition, comes first; then the first of what, how, which
    and why, since who, when and where within a sentence are mostly relative; then the first of any.
    """
    lowered = " ".join(question.lower().split())
    words = [found.group(1) for found in _WH.finditer(lowered)]
    asking = [word for word in words if word not in ("who", "whom", "whose", "when", "where")]
    leading = _LEADING_WH.match(lowered)
    word = leading.group(1) if leading else next(iter([*asking, *words]), "other")
    return {"whom": "who", "whose": "who", "how much": "how many"}.get(word, word)


def _truncated(record: AnswerRecord, golds: Sequence[str]) -> str:
    if not record.truncated or any(in_context(gold, record.visible_context) for gold in golds):
        return ""
    lost = next((gold for gold in golds if in_context(gold, record.context)), None)
    return "" if lost is None else f"{lost!r} stands in the part that was cut"


def _too_long(record: AnswerRecord, golds: Sequence[str]) -> str:
    return next((f"contains {gold!r}" for gold in golds if _in_either_reading(contains, record.prediction, gold)), "")


def _too_short(record: AnswerRecord, golds: Sequence[str]) -> str:
    return next(
        (f"is a part of {gold!r}" for gold in golds if _in_either_reading(_is_part, record.prediction, gold)), ""
    )


def _wrong_boundaries(record: AnswerRecord, golds: Sequence[str]) -> str:
    answer, context = strong_words(record.prediction), strong_words(record.context)
    return next((f"overlaps {gold!r}" for gold in golds if _overlap(answer, strong_words(gold), context)), "")


def _same_type(record: AnswerRecord, golds: Sequence[str]) -> str:
    if not in_context(record.prediction, record.context):
        return ""
    is_count = question_word(record.question) == "how many"
    mine = answer_type(record.prediction, context=record.context, is_count=is_count)
    for gold in golds:
        theirs = answer_type(gold, context=record.context, is_count=is_count)
        if same_type(mine, theirs):
            return f"{mine} for {theirs} {gold!r}"
    return ""


def _copied(record: AnswerRecord, golds: Sequence[str]) -> str:
    words = plain_words(record.prediction)
    run = _longest_run(words, plain_words(record.context))
    long = run >= COPIED_WORDS and 2 * run >= len(words)
    copied = long and run > 2 * min(len(plain_words(gold)) for gold in golds)
    return f"{run} words in a row are the context's" if copied else ""


_RULES: dict[Kind, Callable[[AnswerRecord, Sequence[str]], str]] = {
    "answered_unanswerable": lambda _, golds: "" if golds else "the question has no answer",
    "wording": lambda one, golds: next((f"means {x!r}" for x in golds if _same_wording(one.prediction, x)), ""),
    "truncated_context": _truncated,
    "never_stopped": lambda record, _: "no EOS came" if record.tokens and not record.stopped else "",
    "empty": lambda record, _: "says nothing" if is_empty(record.prediction) else "",
    "too_long": _too_long,
    "too_short": _too_short,
    "wrong_boundaries": _wrong_boundaries,
    "same_type": _same_type,
    "copied_context": _copied,
    "not_in_context": lambda one, _: "" if in_context(one.prediction, one.context) else "no run of the context",
    "wrong_place": lambda _record, _golds: "stands in the context, of no type that a gold has",
}
"""Each rule returns the reason for its kind, or "" if it does not apply."""


def _same_wording(prediction: str, gold: str) -> bool:
    """Return True if they differ only in fillers, word order or hyphens, or are close without differing in a number,
    negation or name."""
    answer, wanted = strong_words(prediction), strong_words(gold)
    if not answer or not wanted or [*filter(has_digit, answer)] != [*filter(has_digit, wanted)]:
        return False
    mine, theirs = Counter(_content_words(answer) or answer), Counter(_content_words(wanted) or wanted)
    if mine == theirs:
        return True
    if not any(map(has_digit, answer)) and "".join(answer) == "".join(wanted):
        return True
    differing = {*(mine - theirs), *(theirs - mine)}
    names = {*capitalized_words(prediction), *capitalized_words(gold)}
    f1 = 2 * (mine & theirs).total() / (mine.total() + theirs.total())
    return f1 >= WORDING_F1 and not differing & (_NEGATIONS | names)


def _in_either_reading(holds: Callable[[Words, Words], bool], answer: str, gold: str) -> bool:
    """Return True if ``holds`` is true of the plain words or of the strong words."""
    return any(holds(read(answer), read(gold)) for read in (plain_words, strong_words))


def _is_part(answer: Words, gold: Words) -> bool:
    """Return True if the answer's words are a large enough subsequence of the gold's."""
    rest = iter(gold)
    enough = len(_content_words(answer)) >= max(1.0, PART_SHARE * len(_content_words(gold)))
    return enough and len(answer) < len(gold) and all(word in rest for word in answer)


def _overlap(answer: Words, gold: Words, context: Words) -> bool:
    """Return True if answer and gold overlap at one place of the context, each reaching beyond the other."""
    for before, after in ((answer, gold), (gold, answer)):
        for shared in range(min(len(before), len(after)) - 1, 0, -1):
            same = before[-shared:] == after[:shared] and _content_words(after[:shared])
            if same and contains(context, before + after[shared:]):
                return True
    return False


def _longest_run(words: Words, context: Words) -> int:
    """Return the length of the longest run of ``words`` that is a run of the context."""
    start = best = 0
    for stop in range(1, len(words) + 1):
        while start < stop and not contains(context, words[start:stop]):
            start += 1
        best = max(best, stop - start)
    return best


def _content_words(words: Words) -> Words:
    return tuple(word for word in words if word not in FILLERS)


def _bucket(number: int, edges: Mapping[str, int]) -> str:
    """Return the name of the first bucket whose upper edge is at least ``number``."""
    return next(name for name, most in edges.items() if number <= most or most < 0)


def _answer_length(record: AnswerRecord) -> str:
    return _bucket(len(record.golds[0].split()), _ANSWER_LENGTHS) if any(record.golds) else "no answer"


def _position(record: AnswerRecord) -> str:
    if not any(record.golds):
        return "no answer"
    start = record.answer_start
    if start is None:
        start = next((place for gold in record.golds if gold and (place := record.context.find(gold)) >= 0), None)
    if start is None:
        return "not found"
    return _FIFTHS[min(4, max(0, math.floor(5 * start / max(1, len(record.context)))))]


def _truncation(record: AnswerRecord) -> str:
    if not record.truncated:
        return "whole"
    if not any(record.golds):
        return "cut, no answer"
    seen = any(in_context(gold, record.visible_context) for gold in record.golds)
    return "cut, answer seen" if seen else "cut, answer not seen"


_ANSWER_LENGTHS = {"1": 1, "2": 2, "3-4": 4, "5-9": 9, "10 or more": -1}
_CONTEXT_LENGTHS = {"below 80": 79, "80-119": 119, "120-159": 159, "160 or more": -1}
_FIFTHS = ("first fifth", "second fifth", "third fifth", "fourth fifth", "last fifth")
_QUESTION_WORDS = ("who", "what", "when", "where", "which", "why", "how many", "how", "other")
_DIMENSIONS: dict[str, tuple[tuple[str, ...], Callable[[AnswerRecord], str]]] = {
    "question_word": (_QUESTION_WORDS, lambda record: question_word(record.question)),
    "answer_words": ((*_ANSWER_LENGTHS, "no answer"), _answer_length),
    "answer_position": ((*_FIFTHS, "not found", "no answer"), _position),
    "context_words": (tuple(_CONTEXT_LENGTHS), lambda record: _bucket(len(record.context.split()), _CONTEXT_LENGTHS)),
    "truncation": (("whole", "cut, answer seen", "cut, answer not seen", "cut, no answer"), _truncation),
}
