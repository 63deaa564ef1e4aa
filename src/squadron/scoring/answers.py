"""Statistics of a model's answers: length, share found in the context, and calibration."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from squadron.errors import ConfigError, DataError
from squadron.scoring.metrics import Normalization, Version, exact_match
from squadron.scoring.wording import in_context, is_empty


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """One question, its gold answers and a model's answer.

    ``tokens`` counts the answer's tokens without EOS; ``stopped`` is True if the model generated EOS.
    ``log_probability`` (natural logarithm) is ``None`` or NaN if unknown. ``truncated`` is True if the context was cut;
    ``visible_context`` is the part that the model saw. ``answer_start`` is the character offset of the first gold in
    the context; if it is ``None``, the first occurrence of a gold is used. ``golds`` is empty if the question has no
    answer (v2.0).
    """

    question_id: str
    question: str
    context: str
    golds: tuple[str, ...]
    prediction: str
    tokens: int
    stopped: bool
    log_probability: float | None
    truncated: bool
    visible_context: str
    answer_start: int | None = None


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Answers of similar probability: mean probability, share of right answers (both 0 to 1) and their number."""

    probability: float
    accuracy: float
    count: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well the probabilities of answers predict their accuracy.

    ``expected_calibration_error`` is the mean distance between accuracy and probability over the bins, weighted by
    count; ``brier_score`` is the mean squared distance between the probability and right (1) or wrong (0). Both are 0
    at best.
    """

    expected_calibration_error: float
    brier_score: float
    bins: tuple[CalibrationBin, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON."""
        return {
            "expected_calibration_error": self.expected_calibration_error,
            "brier_score": self.brier_score,
            "questions": sum(own.count for own in self.bins),
            "bins": [
                {"probability": own.probability, "accuracy": own.accuracy, "count": own.count} for own in self.bins
            ],
        }


def answer_statistics(records: Sequence[AnswerRecord]) -> dict[str, Any]:
    """Return statistics of the answers, right or wrong; shares are 0 to 1.

    Words are separated by spaces. Lengths cover all answers, empty ones included. The two shares in the context cover
    the answers that are not empty (:func:`is_empty`) and are ``None`` if there are none: ``in_context_share`` counts
    the answers found there verbatim, ``in_context_normalized_share`` also those found there as words.

    Raises :class:`DataError` if there are no records.
    """
    if not records:
        raise DataError("no answers to describe; evaluate at least one question")
    words = [len(record.prediction.split()) for record in records]
    tokens = [record.tokens for record in records]
    given = [record for record in records if not is_empty(record.prediction)]
    exactly = [record.prediction.strip() in record.context for record in given]
    found = [
        exact or in_context(record.prediction, record.context) for exact, record in zip(exactly, given, strict=True)
    ]
    return {
        "questions": len(records),
        "eos_rate": sum(record.stopped for record in records) / len(records),
        "empty_share": 1 - len(given) / len(records),
        "mean_answer_words": statistics.fmean(words),
        "median_answer_words": float(statistics.median(words)),
        "mean_answer_tokens": statistics.fmean(tokens),
        "median_answer_tokens": float(statistics.median(tokens)),
        "in_context_share": sum(exactly) / len(given) if given else None,
        "in_context_normalized_share": sum(found) / len(given) if given else None,
    }


def calibration(probabilities: npt.ArrayLike, correct: npt.ArrayLike, bins: int = 10) -> Calibration:
    """Compare the probabilities [n] (0 to 1) of answers with their correctness [n] (0 or 1).

    Bins hold equally many answers where possible: equal probabilities share a bin, so that the order of the answers
    does not matter, and there may be fewer bins than requested.

    Raises :class:`DataError` if there are no answers, the arrays differ in length or a probability is outside 0 to 1,
    and :class:`ConfigError` if ``bins`` is below 1.
    """
    if bins < 1:
        raise ConfigError(f"calibration bins {bins}: fewer than 1; 10 is usual")
    probability, right = np.asarray(probabilities, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if probability.ndim != 1 or probability.shape != right.shape or len(probability) == 0:
        raise DataError(
            f"calibration: {probability.size:,} probabilities for {right.size:,} answers; give one for each"
        )
    if not bool(np.all((probability >= 0.0) & (probability <= 1.0))):
        worst = probability[~((probability >= 0.0) & (probability <= 1.0))][0]
        raise DataError(f"calibration: a probability is {worst}, not between 0 and 1; leave such answers out")
    order = np.argsort(probability, kind="stable")
    probability, right = probability[order], right[order]
    count = len(probability)
    ends = {round(count * number / bins) for number in range(1, bins + 1)}
    # An edge between equal probabilities moves up to their end.
    edges = {int(np.searchsorted(probability, probability[edge - 1], side="right")) for edge in ends if edge}
    found = tuple(
        CalibrationBin(float(probability[start:stop].mean()), float(right[start:stop].mean()), stop - start)
        for start, stop in zip([0, *sorted(edges)], sorted(edges), strict=False)
    )
    error = sum(own.count * abs(own.accuracy - own.probability) for own in found) / count
    return Calibration(error, float(np.mean((probability - right) ** 2)), found)


def answer_calibration(
    records: Sequence[AnswerRecord],
    *,
    version: Version = "1.1",
    normalize: Normalization = "official",
    bins: int = 10,
) -> Calibration | None:
    """Return the :func:`calibration` of exact match; ``None`` if no answer's probability is known."""
    known = [
        (
            math.exp(min(record.log_probability, 0.0)),
            exact_match(record.prediction, record.golds, version=version, normalize=normalize),
        )
        for record in records
        if record.log_probability is not None and not math.isnan(record.log_probability)
    ]
    return (
        calibration([probability for probability, _ in known], [right for _, right in known], bins) if known else None
    )
