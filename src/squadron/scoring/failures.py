"""Failure analysis: the kinds of a run's wrong answers, counted by properties of questions and contexts.

Each answer that exact match counts as wrong gets exactly one kind (:mod:`squadron.scoring.failure_kinds`). The file
that :func:`write_failures` writes holds a sample of each kind, with contexts and reasons, for a person to check.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from squadron.errors import ConfigError, DataError
from squadron.files import write_json
from squadron.randomness import numpy_generator
from squadron.scoring.answers import AnswerRecord, answer_calibration, answer_statistics
from squadron.scoring.failure_kinds import KINDS, Kind, classify, question_word
from squadron.scoring.intervals import cluster_codes, mean_intervals
from squadron.scoring.metrics import Normalization, Version, answer_scores
from squadron.scoring.predictions import check_text
from squadron.scoring.wording import in_context


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

    A row of ``table`` has ``dimension``, ``value``, ``questions``, ``exact_match``, ``f1`` (points), their 95%
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


def analyze_failures(
    records: Sequence[AnswerRecord],
    *,
    version: Version = "1.1",
    normalize: Normalization = "official",
    seed: int = 0,
) -> FailureAnalysis:
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
    scores = np.array(
        [answer_scores(text, record.golds, version=version, normalize=normalize) for text, record in pairs],
        dtype=np.float64,
    )
    found = [classify(record, version=version, normalize=normalize) for record in records]
    failures = tuple(
        Failure(
            record.question_id,
            *label,
            record.question,
            record.golds,
            record.prediction,
            float(scores[i, 1]),
            record.context,
        )
        for i, (record, label) in enumerate(zip(records, found, strict=True))
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
        of_kind = sorted(
            (failure for failure in failures if failure.kind == kind), key=lambda failure: failure.question_id
        )
        if of_kind:
            chosen = numpy_generator(seed, "failures", kind).permutation(len(of_kind))[:per_kind]
            drawn[kind] = [of_kind[number] for number in sorted(chosen)]
    return drawn


def write_failures(
    path: Path | str,
    records: Sequence[AnswerRecord],
    *,
    version: Version = "1.1",
    normalize: Normalization = "official",
    per_kind: int = 20,
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
) -> FailureAnalysis:
    """Analyze one run's answers and write the analysis to ``path``, a JSON file that appears whole or not at all.

    The file holds ``about`` (a description of the run), counts and shares of the kinds, statistics, calibration, the
    table, samples with their contexts, and every failure without its context.
    """
    analysis = analyze_failures(records, version=version, normalize=normalize, seed=seed)
    calibrated = answer_calibration(records, version=version, normalize=normalize)
    samples, wrong = sample_failures(analysis.failures, per_kind, seed), len(analysis.failures)
    content = {
        "schema": 1,
        "about": dict(about or {}),
        "version": version,
        "normalize": normalize,
        "questions": analysis.questions,
        "wrong": wrong,
        "kinds": [
            {"kind": kind, "label": KINDS[kind], "questions": count, "share": count / wrong if wrong else 0.0}
            for kind, count in analysis.kinds().items()
        ],
        "statistics": answer_statistics(records),
        "calibration": None if calibrated is None else calibrated.to_json(),
        "table": list(analysis.table),
        "samples": {kind: [failure.to_json() for failure in drawn] for kind, drawn in samples.items()},
        "failures": [failure.to_json(context=False) for failure in analysis.failures],
    }
    write_json(path, content)
    return analysis


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
