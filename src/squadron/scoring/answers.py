"""What a model answered: how long, how often found in the context, how sure against how right."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from squadron.errors import ConfigError, DataError
from squadron.scoring.metrics import Version, exact_match
from squadron.scoring.wording import in_context, is_empty


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """One question, its gold answers and what a model answered.

    ``tokens`` counts those of the answer, EOS apart; ``stopped`` tells that EOS came. ``log_probability`` (ln) is
    ``None`` or NaN where it is not known. ``truncated`` tells that the context was cut, ``visible_context`` is the part
    that the model saw. ``answer_start`` is the character of the context where the first gold starts; where it is
    ``None``, the first place where a gold stands is taken. ``golds`` is empty where there is no answer (v2.0).
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
    """Answers of about the same probability: its mean, the share that is right (both 0 to 1), and how many they are."""

    probability: float
    accuracy: float
    count: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far probabilities tell how often answers are right.

    ``expected_calibration_error`` is the mean distance of accuracy from probability over the bins, by their counts;
    ``brier_score`` the mean squared distance of probability from right (1) or wrong (0). Both are 0 at best.
    """

    expected_calibration_error: float
    brier_score: float
    bins: tuple[CalibrationBin, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for JSON."""
        return {
            "expected_calibration_error": self.expected_calibration_error,
            "brier_score": self.brier_score,
            "questions": sum(one.count for one in self.bins),
            "bins": [
                {"probability": one.probability, "accuracy": one.accuracy, "count": one.count} for one in self.bins
            ],
        }


def answer_statistics(records: Sequence[AnswerRecord]) -> dict[str, Any]:
    """How the answers look, whether right or not; shares are 0 to 1.

    Words are what spaces part. Lengths are over all answers, empty ones included. The two shares in the context are
    over the answers that are not empty (:func:`is_empty`), ``None`` where there are none: ``in_context_share`` counts
    the answers that stand there character for character, ``in_context_normalized_share`` those that do as words, too.

    Raises :class:`DataError` where there are no records.
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
    """Hold the probabilities [n] (0 to 1) of answers against whether each is right [n].

    Bins hold equally many answers, as far as that goes: equal probabilities share a bin, so that the order of the
    answers does not matter, and there may be fewer bins than asked for.

    Raises :class:`DataError` for no answers, arrays of two lengths or a probability that is none, :class:`ConfigError`
    for fewer than one bin.
    """
    if bins < 1:
        raise ConfigError(f"calibration bins {bins}: fewer than 1; 10 is usual")
    sure, right = np.asarray(probabilities, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if sure.ndim != 1 or sure.shape != right.shape or len(sure) == 0:
        raise DataError(f"calibration: {sure.size:,} probabilities for {right.size:,} answers; give one for each")
    if not bool(np.all((sure >= 0.0) & (sure <= 1.0))):
        worst = sure[~((sure >= 0.0) & (sure <= 1.0))][0]
        raise DataError(f"calibration: a probability is {worst}, not between 0 and 1; leave such answers out")
    order = np.argsort(sure, kind="stable")
    sure, right = sure[order], right[order]
    count = len(sure)
    ends = {round(count * number / bins) for number in range(1, bins + 1)}
    # An edge that would part equal probabilities moves up to where they end.
    edges = {int(np.searchsorted(sure, sure[edge - 1], side="right")) for edge in ends if edge}
    found = tuple(
        CalibrationBin(float(sure[start:stop].mean()), float(right[start:stop].mean()), stop - start)
        for start, stop in zip([0, *sorted(edges)], sorted(edges), strict=False)
    )
    error = sum(one.count * abs(one.accuracy - one.probability) for one in found) / count
    return Calibration(error, float(np.mean((sure - right) ** 2)), found)


def answer_calibration(
    records: Sequence[AnswerRecord], *, version: Version = "1.1", bins: int = 10
) -> Calibration | None:
    """:func:`calibration` of exact match against the answers' probabilities; ``None`` where no probability is known."""
    known = [
        (math.exp(min(record.log_probability, 0.0)), exact_match(record.prediction, record.golds, version=version))
        for record in records
        if record.log_probability is not None and not math.isnan(record.log_probability)
    ]
    return calibration([sure for sure, _ in known], [right for _, right in known], bins) if known else None
