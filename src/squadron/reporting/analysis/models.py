"""Comparisons of models and decoding strategies, and the confidence set of the best run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from squadron.data.squad import Dataset
from squadron.reporting.analysis.contrasts import mean_difference, with_difference, with_verdicts
from squadron.reporting.analysis.findings import (
    METRICS,
    BestSet,
    Contrast,
    DecodingComparison,
    Detectable,
    Metric,
    ModelComparison,
    ModelScore,
    Role,
)
from squadron.reporting.analysis.questions import QuestionScores, load_question_scores, predictions_file
from squadron.runs.records import Baseline, Score, Study, StudyRun
from squadron.scoring.intervals import cluster_bootstrap

_RESAMPLES = 2000


def compare_models(study: Study, questions: Mapping[str, Dataset | None]) -> list[ModelComparison]:
    """Compare baseline, best adapter and full fine-tuning on the headline split, and on test if two have scores."""
    splits = list(dict.fromkeys([study.split, "test"]))
    compared = (_models(study, split, questions.get(split)) for split in splits)
    return [comparison for comparison in compared if comparison is not None]


def _models(study: Study, split: str, dataset: Dataset | None) -> ModelComparison | None:
    adapter = next((run for run in study.scored if run.method == "lora"), None)
    roles: tuple[tuple[Role, StudyRun | Baseline | None], ...] = (
        ("baseline", study.baseline),
        ("best", adapter),
        ("full", study.full),
    )
    models: list[ModelScore] = []
    files: list[tuple[str, Path]] = []
    for role, model in roles:
        score = model.score(split, study.decoding) if model is not None else None
        if model is not None and score is not None:
            models.append(ModelScore(role, model.name, score))
            files.append((role, predictions_file(model.path, split, study.decoding)))
    if not models or (split != study.split and len(models) < 2):
        return None
    scores: dict[str, Score] = {model.role: model.score for model in models}
    question_scores = load_question_scores(dataset, files)
    pairs = list(itertools.combinations(scores, 2))
    return ModelComparison(split, study.decoding, tuple(models), tuple(_family(scores, pairs, question_scores)))


def compare_decodings(study: Study, questions: Mapping[str, Dataset | None]) -> DecodingComparison | None:
    """Compare the best run's strategies on the split with the most of them; ``None`` if it has only one."""
    best = study.best
    if best is None:
        return None
    split = max(best.scores, key=lambda name: (len(best.scores[name]), name == "test"))
    scores = best.scores[split]
    if len(scores) < 2:
        return None
    reference = study.decoding if study.decoding in scores else next(iter(scores))
    files = [(name, predictions_file(best.path, split, name)) for name in scores]
    question_scores = load_question_scores(questions.get(split), files)
    pairs = [(reference, name) for name in scores if name != reference]
    contrasts = _family(scores, pairs, question_scores)
    return DecodingComparison(best.name, split, reference, tuple(scores.values()), tuple(contrasts))


def _family(
    scores: Mapping[str, Score], pairs: Sequence[tuple[str, str]], question_scores: QuestionScores | None
) -> list[Contrast]:
    """Compare pairs of models on both metrics; the pairs of one metric are one family of tests."""
    found: list[Contrast] = []
    for metric in METRICS:
        found += with_verdicts([_pair(scores, first, second, metric, question_scores) for first, second in pairs])
    return found


def _pair(
    scores: Mapping[str, Score], first: str, second: str, metric: Metric, question_scores: QuestionScores | None
) -> Contrast:
    tested = question_scores is not None and question_scores.has(first, second)
    contrast = Contrast(
        metric=metric,
        first=first,
        second=second,
        difference=float(getattr(scores[second], metric) - getattr(scores[first], metric)),
        interval=None,
        p_value=None,
        adjusted=None,
        verdict="untested",
        questions=question_scores.questions if question_scores is not None else scores[first].questions,
        clusters=question_scores.clusters if question_scores is not None else None,
        pairs=1,
        covers_training=False,
        detectable=None,
    )
    if question_scores is None or not tested:
        return contrast
    values = question_scores.values[metric]
    return with_difference(mean_difference((values[second] - values[first])[None], question_scores.codes), contrast)


def best_set(runs: Sequence[StudyRun], question_scores: QuestionScores | None, metric: Metric = "f1") -> BestSet | None:
    """Return the runs that include the truly best one with 95 % confidence; ``runs`` are best first.

    Resampling paragraphs gives each run's deviation from its own mean, with the same draws for all runs. A run stays if
    the highest mean exceeds its own by at most the 95 % quantile of the largest such lead by chance. As a lead over the
    truly best run is due to chance alone, that run stays with 95 % probability.
    """
    names = [] if question_scores is None else [run.name for run in runs if question_scores.has(run.name)]
    if question_scores is None or len(names) < 2:
        return None
    values = np.stack([question_scores.values[metric][name] for name in names], axis=1)  # [n, runs]
    means = values.mean(axis=0)
    drawn = cluster_bootstrap(values, question_scores.codes, resamples=_RESAMPLES, use="best set")  # [resamples, runs]
    deviations = drawn - means
    leads = deviations.max(axis=1, keepdims=True) - deviations  # by chance: the lead of the luckiest run over each
    allowed = np.quantile(leads, 0.95, axis=0)
    order = np.argsort(-means, kind="stable")
    kept = tuple(names[index] for index in order if means.max() - means[index] <= allowed[index])
    optimism = float(np.mean(drawn.max(axis=1) - means[drawn.argmax(axis=1)]))
    return BestSet(metric, names[int(order[0])], kept, len(names), 100.0 * optimism)


def detectable_differences(study: Study, question_scores: QuestionScores | None) -> list[Detectable]:
    """Return the smallest detectable difference between two runs: unpaired, and paired with the median run."""
    best = study.best
    score = study.score(best) if best is not None else None
    if best is None or score is None:
        return []
    others = [
        run.name
        for run in study.scored
        if run is not best and question_scores is not None and question_scores.has(run.name)
    ]
    found = []
    for metric in METRICS:
        paired = None
        if question_scores is not None and question_scores.has(best.name) and others:
            values = question_scores.values[metric]
            # The median run is typical: the last runs may have learnt nothing, the next best answer nearly alike.
            other = others[len(others) // 2]
            paired = (
                100.0 * mean_difference((values[other] - values[best.name])[None], question_scores.codes).detectable
            )
        found.append(Detectable(metric, score.questions, getattr(score, f"{metric}_detectable"), paired))
    return found
