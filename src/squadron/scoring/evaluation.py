"""Score a set of predictions: the official EM and F1, and P(gold), with intervals and tests."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from squadron.errors import ConfigError, DataError
from squadron.scoring.intervals import (
    FEWEST_CLUSTERS,
    FEWEST_OUTCOMES,
    Codes,
    Floats,
    binomial_interval,
    cluster_codes,
    design_effect,
    effective_size,
    mean_intervals,
    minimum_detectable_difference,
)
from squadron.scoring.metrics import NORMALIZATIONS, VERSIONS, Normalization, Version, answer_scores
from squadron.scoring.paired import PairedTest, mcnemar, paired_test
from squadron.scoring.predictions import check_text, show
from squadron.scoring.results import BestThresholds, Comparison, GoldScore, Scores, Subset
from squadron.scoring.thresholds import Flags, apply_threshold, best_threshold


def score(
    predictions: Mapping[str, str],
    golds: Mapping[str, Sequence[str]],
    *,
    version: Version = "1.1",
    normalize: Normalization = "official",
    clusters: Mapping[str, Hashable] | None = None,
    no_answer_scores: Mapping[str, float] | None = None,
    no_answer_threshold: float | None = None,
    gold_probabilities: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Scores:
    """Score ``predictions`` (id to text) against ``golds`` (id to the accepted answers).

    ``normalize`` names what makes answers alike before they are compared (:data:`NORMALIZATIONS`). ``clusters`` maps
    every question to its paragraph (any hashable name); without it each question is its own cluster.
    In v2.0 a question without golds, or whose only gold is ``""``, has no answer. ``no_answer_scores`` (id to a number
    that rises with doubt) gives the best thresholds; if ``no_answer_threshold`` is given, it is applied before scoring.
    ``gold_probabilities`` (id to 0..1) gives P(gold); a question without one counts as 0.
    The official v2.0 script leaves questions without a prediction out of its total and then fails; here they score 0,
    as in v1.1.

    Raises :class:`DataError` if there are no questions, a v1.1 question has no golds, a prediction is not text, or a
    question lacks a cluster or a finite no-answer score; :class:`ConfigError` if the options are invalid.
    """
    _check_options(version, normalize, no_answer_scores, no_answer_threshold, confidence, resamples)
    if not golds:
        raise DataError("no questions to score; the data holds none, choose another file or split")
    ids = tuple(golds)
    exact_match, f1 = _question_scores(predictions, golds, version, normalize)
    if clusters is not None and (unclustered := next((name for name in ids if name not in clusters), None)) is not None:
        raise DataError(f"question {show(unclustered)}: no cluster; give one for every question, or none at all")
    codes = cluster_codes(None if clusters is None else [clusters[name] for name in ids], len(ids))
    answerable = np.array([any(golds[name]) for name in ids], dtype=bool)
    best = None
    if no_answer_scores is not None:
        doubts = _doubts(ids, no_answer_scores)
        given = np.array([name in predictions for name in ids], dtype=bool)
        listed = _listed_positions(ids, no_answer_scores, predictions)
        empty_prediction = np.array([not predictions.get(name) for name in ids], dtype=bool)
        best = _best_thresholds(exact_match, f1, doubts, answerable, empty_prediction, listed)
        if no_answer_threshold is not None:
            exact_match, f1 = (
                np.where(given, apply_threshold(values, doubts, answerable, no_answer_threshold), 0.0)
                for values in (exact_match, f1)
            )
    gold = np.array([gold_probabilities.get(name, 0.0) for name in ids]) if gold_probabilities is not None else None
    columns = np.column_stack([exact_match, f1, *([] if gold is None else [gold])])
    intervals = mean_intervals(columns, codes, confidence=confidence, resamples=resamples, seed=seed)
    return Scores(
        version=version,
        normalize=normalize,
        exact_match=100.0 * float(exact_match.sum()) / len(ids),
        f1=100.0 * float(f1.sum()) / len(ids),
        exact_match_interval=intervals[0].scaled(100.0),
        f1_interval=intervals[1].scaled(100.0),
        exact_match_detectable=_detectable(exact_match, codes),
        f1_detectable=_detectable(f1, codes),
        ids=ids,
        missing_ids=tuple(name for name in ids if name not in predictions),
        unknown_ids=tuple(name for name in predictions if name not in golds),
        question_exact_match=exact_match,
        question_f1=f1,
        clusters=codes,
        has_answer=_subset(exact_match, f1, answerable) if version == "2.0" else None,
        no_answer=_subset(exact_match, f1, ~answerable) if version == "2.0" else None,
        best=best,
        p_gold=None
        if gold is None
        else GoldScore(
            100.0 * float(gold.sum()) / len(ids), intervals[2].scaled(100.0), _detectable(gold, codes), gold
        ),
    )


def compare(first: Scores, second: Scores, *, permutations: int = 10_000, seed: int = 0) -> Comparison:
    """Compare two runs by paired tests on the same questions, which may be in any order.

    Raises :class:`DataError` if the two runs were scored on different questions, by different versions or after
    different normalizations.
    """
    if first.version != second.version:
        raise DataError(f"one run is scored as v{first.version}, one as v{second.version}; score both by one version")
    if first.normalize != second.normalize:
        raise DataError(
            f"one run is scored after the {first.normalize} normalization, one after the {second.normalize} one; "
            f"score both after one"
        )
    positions = {name: index for index, name in enumerate(second.ids)}
    if len(first.ids) != len(second.ids) or any(name not in positions for name in first.ids):
        unshared = sorted(set(first.ids) ^ set(second.ids))
        raise DataError(
            f"question {show(unshared[0])}: scored in one run only ({len(unshared):,} such questions); "
            f"evaluate both runs on the same split"
        )
    order = np.array([positions[name] for name in first.ids])
    exact = (first.question_exact_match, second.question_exact_match[order])
    pairs = [exact, (first.question_f1, second.question_f1[order])]
    if first.p_gold is not None and second.p_gold is not None:
        pairs.append((first.p_gold.by_question, second.p_gold.by_question[order]))
    tests = [_in_points(paired_test(a, b, first.clusters, permutations=permutations, seed=seed)) for a, b in pairs]
    return Comparison(tests[0], tests[1], mcnemar(*exact), tests[2] if len(tests) > 2 else None)


def _check_options(
    version: str,
    normalize: str,
    no_answer_scores: Mapping[str, float] | None,
    no_answer_threshold: float | None,
    confidence: float,
    resamples: int,
) -> None:
    if version not in VERSIONS:
        raise ConfigError(f"version {show(str(version))}: unknown; choose one of {', '.join(VERSIONS)}")
    if normalize not in NORMALIZATIONS:
        raise ConfigError(f"normalize {show(str(normalize))}: unknown; choose one of {', '.join(NORMALIZATIONS)}")
    if version == "1.1" and no_answer_scores is not None:
        raise ConfigError("no-answer scores: SQuAD v1.1 has an answer to every question; score with version 2.0")
    if no_answer_threshold is not None and no_answer_scores is None:
        raise ConfigError(
            f"no-answer threshold {no_answer_threshold}: nothing to compare it with; give no-answer scores"
        )
    if no_answer_threshold is not None and math.isnan(no_answer_threshold):
        raise ConfigError("no-answer threshold nan: not a number; choose a value among the no-answer scores")
    if not 0.0 < confidence < 1.0:
        raise ConfigError(f"confidence {confidence}: not between 0 and 1; 0.95 is usual")
    if resamples < 1:
        raise ConfigError(f"resamples {resamples}: fewer than 1; 2000 is usual")


def _question_scores(
    predictions: Mapping[str, str], golds: Mapping[str, Sequence[str]], version: Version, normalize: Normalization
) -> tuple[Floats, Floats]:
    """Return exact match and F1 of each question [n], 0 if it has no prediction."""
    exact_match, f1 = np.zeros(len(golds)), np.zeros(len(golds))
    for index, (question, answers) in enumerate(golds.items()):
        if isinstance(answers, str):
            raise DataError(f"question {show(question)}: its gold answers are one text, not a list; put it in a list")
        if version == "1.1" and not answers:
            raise DataError(f"question {show(question)}: no gold answers, which v1.1 never has; score with version 2.0")
        if question in predictions:
            prediction = check_text(question, predictions[question])
            exact_match[index], f1[index] = answer_scores(prediction, answers, version=version, normalize=normalize)
    return exact_match, f1


def _doubts(ids: Sequence[str], no_answer_scores: Mapping[str, float]) -> Floats:
    """Return the no-answer score of each question [n]."""
    doubts = np.empty(len(ids))
    for index, question in enumerate(ids):
        value: object = no_answer_scores.get(question)
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
            raise DataError(
                f"question {show(question)}: its no-answer score is {value!r}, not a finite number; "
                f"give one for every question"
            )
        doubts[index] = value
    return doubts


def _listed_positions(ids: Sequence[str], no_answer_scores: Mapping[str, float], given: Mapping[str, str]) -> Codes:
    """Return the positions in ``ids`` of the questions with a prediction [m], in the order of the no-answer scores."""
    positions = {question: index for index, question in enumerate(ids)}
    return np.array(
        [positions[name] for name in no_answer_scores if name in positions and name in given], dtype=np.intp
    )


def _best_thresholds(
    exact_match: Floats, f1: Floats, doubts: Floats, answerable: Flags, empty_prediction: Flags, listed: Codes
) -> BestThresholds:
    """Return the best thresholds over the questions at ``listed`` [m]; the others have no prediction and score 0."""
    if len(listed) == 0:
        return BestThresholds(0.0, 0.0, 0.0, 0.0)
    share = len(listed) / len(exact_match)
    (best_exact, exact_at), (best_f1, f1_at) = (
        best_threshold(values[listed], doubts[listed], answerable[listed], empty_prediction[listed])
        for values in (exact_match, f1)
    )
    return BestThresholds(best_exact * share, exact_at, best_f1 * share, f1_at)


def _subset(exact_match: Floats, f1: Floats, chosen: Flags) -> Subset | None:
    """Return the means, in points, over the chosen questions; ``None`` if there are none."""
    questions = int(chosen.sum())
    if questions == 0:
        return None
    return Subset(100.0 * float(exact_match[chosen].mean()), 100.0 * float(f1[chosen].mean()), questions)


def _detectable(values: Floats, codes: Codes) -> float:
    """Return the smallest detectable difference, in points, between two unpaired runs that score like this one.

    If there is too little data to estimate a deviation (if all answers are wrong, the estimate is 0), use the deviation
    of the share nearest to one half within the binomial interval, at the effective size.
    """
    questions, clusters = len(values), int(codes.max()) + 1
    right = float(values.sum())
    if clusters >= FEWEST_CLUSTERS and FEWEST_OUTCOMES <= right <= questions - FEWEST_OUTCOMES:
        deviation, effect = float(values.std(ddof=1)), design_effect(values, codes)
    else:
        interval = binomial_interval(values, codes)
        share = min(max(0.5, interval.low), interval.high)
        deviation, effect = math.sqrt(share * (1.0 - share)), questions / effective_size(values, codes)
    found = minimum_detectable_difference(questions, deviation=math.sqrt(2.0) * deviation, effect=effect)
    return 100.0 * min(1.0, found)


def _in_points(test: PairedTest) -> PairedTest:
    return replace(test, difference=100.0 * test.difference, interval=test.interval.scaled(100.0))
