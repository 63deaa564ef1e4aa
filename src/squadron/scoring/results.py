"""Results of scoring: the scores of one run, and the comparison of two runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from squadron.scoring.intervals import Codes, Floats, Interval
from squadron.scoring.metrics import Normalization, Version
from squadron.scoring.paired import McNemar, PairedTest


@dataclass(frozen=True, slots=True)
class Subset:
    """Exact match and F1, in points, over a subset of the questions."""

    exact_match: float
    f1: float
    questions: int


@dataclass(frozen=True, slots=True, eq=False)
class GoldScore:
    """P(gold): the mean probability of the gold answers, in points, with its interval and detectable difference.

    ``by_question`` [n] has that of every question (0 to 1), in the order of :attr:`Scores.ids`.
    """

    mean: float
    interval: Interval
    detectable: float
    by_question: Floats

    def to_json(self) -> dict[str, Any]:
        """Return the figures for JSON, as entries of a record of scores."""
        return {
            "p_gold": self.mean,
            "p_gold_interval": [self.interval.low, self.interval.high],
            "p_gold_interval_method": self.interval.method,
            "p_gold_detectable": self.detectable,
        }


@dataclass(frozen=True, slots=True)
class BestThresholds:
    """The best scores (points) over all no-answer thresholds, each with its threshold."""

    exact_match: float
    exact_match_threshold: float
    f1: float
    f1_threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of a set of predictions. Means, intervals and differences are in points, 0 to 100.

    The arrays hold one entry per question, in the order of ``ids``: ``question_exact_match`` (0 or 1), ``question_f1``
    (0 to 1) and ``clusters`` (:func:`squadron.scoring.intervals.cluster_codes`). ``missing_ids`` are questions without
    a prediction (they score 0), ``unknown_ids`` are predictions without a question (they are ignored).
    ``exact_match_detectable`` and ``f1_detectable`` are the true differences between two runs like this one that a test
    on as many questions detects with 80% power (5% level, unpaired runs; a paired test has more power).
    ``has_answer`` and ``no_answer`` are the scores of v2.0's answerable and unanswerable questions, ``None`` for v1.1
    and if there are no such questions. ``p_gold`` is ``None`` if the probabilities of the golds are not known.
    ``normalize`` names what made answers alike before they were compared; P(gold) does not depend on it.
    """

    version: Version
    exact_match: float
    f1: float
    exact_match_interval: Interval
    f1_interval: Interval
    exact_match_detectable: float
    f1_detectable: float
    ids: tuple[str, ...]
    missing_ids: tuple[str, ...]
    unknown_ids: tuple[str, ...]
    question_exact_match: Floats
    question_f1: Floats
    clusters: Codes
    has_answer: Subset | None
    no_answer: Subset | None
    best: BestThresholds | None
    p_gold: GoldScore | None = None
    normalize: Normalization = "official"

    @property
    def questions(self) -> int:
        """Number of questions scored, missing predictions included."""
        return len(self.ids)

    def by_question(self, metric: str) -> Floats | None:
        """Return ``exact_match``, ``f1`` or ``p_gold`` of every question, 0 to 1 [n]; None if it is not known."""
        if metric == "p_gold":
            return None if self.p_gold is None else self.p_gold.by_question
        return {"exact_match": self.question_exact_match, "f1": self.question_f1}[metric]

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON, without the arrays. Intervals are ``[low, high]``."""
        record: dict[str, Any] = {
            "version": self.version,
            "normalize": self.normalize,
            "exact_match": self.exact_match,
            "f1": self.f1,
            "questions": self.questions,
            "exact_match_interval": [self.exact_match_interval.low, self.exact_match_interval.high],
            "exact_match_interval_method": self.exact_match_interval.method,
            "f1_interval": [self.f1_interval.low, self.f1_interval.high],
            "f1_interval_method": self.f1_interval.method,
            "exact_match_detectable": self.exact_match_detectable,
            "f1_detectable": self.f1_detectable,
            "clusters": int(self.clusters.max()) + 1,
            "missing": len(self.missing_ids),
            "unknown": len(self.unknown_ids),
        }
        if self.p_gold is not None:
            record |= self.p_gold.to_json()
        for name, subset in (("has_answer", self.has_answer), ("no_answer", self.no_answer)):
            if subset is not None:
                record[name] = {"exact_match": subset.exact_match, "f1": subset.f1, "questions": subset.questions}
        if self.best is not None:
            record["best_exact"] = self.best.exact_match
            record["best_exact_thresh"] = self.best.exact_match_threshold
            record["best_f1"] = self.best.f1
            record["best_f1_thresh"] = self.best.f1_threshold
        return record


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of two runs on the same questions; differences are second minus first, in points.

    ``p_gold`` is ``None`` if the probabilities of the golds are not known for both.
    """

    exact_match: PairedTest
    f1: PairedTest
    mcnemar: McNemar
    p_gold: PairedTest | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON. Intervals are ``[low, high]``."""
        record: dict[str, Any] = {"questions": self.f1.questions, "clusters": self.f1.clusters}
        for name, test in (("exact_match", self.exact_match), ("f1", self.f1), ("p_gold", self.p_gold)):
            if test is None:
                continue
            record[name] = {
                "difference": test.difference,
                "interval": [test.interval.low, test.interval.high],
                "interval_method": test.interval.method,
                "p_value": test.p_value,
                "exact": test.exact,
            }
        record["mcnemar"] = {
            "only_first": self.mcnemar.only_first,
            "only_second": self.mcnemar.only_second,
            "p_value": self.mcnemar.p_value,
        }
        return record
