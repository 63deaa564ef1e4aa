"""Comparisons of models and decoding strategies, and the confidence set of the best run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from squadron.data.squad import Dataset
from squadron.reporting.analysis.contrasts import pair_evidence, rests_on_few
from squadron.reporting.analysis.findings import (
    BestSet,
    DecodingComparison,
    Detectable,
    ModelComparison,
    ModelScore,
    Role,
)
from squadron.reporting.analysis.questions import QuestionScores, load_question_scores, predictions_file
from squadron.reporting.analysis.verdicts import Contrast, Metric, Plan, detectable_difference, with_verdicts
from squadron.runs.records import Baseline, Score, Study, StudyRun
from squadron.scoring.intervals import Codes, Floats, cluster_bootstrap, mean_interval
from squadron.scoring.optimism import selection_optimism
from squadron.scoring.paired import difference_interval

_RESAMPLES = 2000
_DEFAULT = Plan()


def compare_models(
    study: Study, questions: Mapping[str, Dataset | None], plan: Plan = _DEFAULT
) -> list[ModelComparison]:
    """Compare baseline, best adapter and full fine-tuning: on the leading split, then where the best was chosen."""
    splits = list(dict.fromkeys([study.lead, study.split]))
    compared = (_models(study, split, questions.get(split), plan) for split in splits)
    return [comparison for comparison in compared if comparison is not None]


def _models(study: Study, split: str, dataset: Dataset | None, plan: Plan) -> ModelComparison | None:
    roles: tuple[tuple[Role, StudyRun | Baseline | None], ...] = (
        ("baseline", study.baseline),
        ("best", study.best_of("lora")),
        ("full", study.full),
    )
    models: list[ModelScore] = []
    files: list[tuple[str, Path]] = []
    for role, model in roles:
        score = model.score(split, study.decoding) if model is not None else None
        if model is not None and score is not None:
            models.append(ModelScore(role, model.name, score))
            files.append((role, predictions_file(model.path, split, study.decoding)))
    if not models:
        return None
    scores: dict[str, Score] = {model.role: model.score for model in models}
    question_scores = load_question_scores(dataset, files, study.normalize)
    pairs = list(itertools.combinations(scores, 2))
    return ModelComparison(split, study.decoding, tuple(models), tuple(_family(scores, pairs, question_scores, plan)))


def compare_decodings(
    study: Study, questions: Mapping[str, Dataset | None], plan: Plan = _DEFAULT
) -> DecodingComparison | None:
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
    sampled = [name for name, own in scores.items() if own.f1_samples is not None]
    question_scores = load_question_scores(questions.get(split), files, study.normalize, sampled=sampled)
    scores = {name: _of_samples(own, question_scores) if name in sampled else own for name, own in scores.items()}
    pairs = [(reference, name) for name in scores if name != reference]
    # P(gold) is the model's own, whatever the strategy.
    decoded = replace(plan, metrics=tuple(metric for metric in plan.metrics if metric != "p_gold"))
    contrasts = _family(scores, pairs, question_scores, decoded)
    return DecodingComparison(best.name, split, reference, tuple(scores.values()), tuple(contrasts))


def _of_samples(score: Score, question_scores: QuestionScores | None) -> Score:
    """Return a score with the means over its samples, and their intervals if the answers are known."""
    exact, f1 = score.exact_match_samples, score.f1_samples
    assert f1 is not None, score
    changes: dict[str, Any] = {"f1": f1.mean} | ({} if exact is None else {"exact_match": exact.mean})
    for metric in changes:
        if question_scores is not None and question_scores.has(score.decoding, metric=metric):
            values = question_scores.values[metric][score.decoding]
            interval = mean_interval(values, question_scores.codes).scaled(100.0)
            changes = {**changes, f"{metric}_interval": (interval.low, interval.high)}
    return replace(score, **changes)


def _family(
    scores: Mapping[str, Score],
    pairs: Sequence[tuple[str, str]],
    question_scores: QuestionScores | None,
    plan: Plan,
) -> list[Contrast]:
    """Compare pairs of models on every metric that they have; the pairs of one metric are one family of tests."""
    found: list[Contrast] = []
    for metric in plan.metrics:
        if all(getattr(score, metric, None) is not None for score in scores.values()):
            own = [_pair(scores, first, second, metric, question_scores, plan) for first, second in pairs]
            found += with_verdicts(own)
    return found


def _pair(
    scores: Mapping[str, Score],
    first: str,
    second: str,
    metric: Metric,
    question_scores: QuestionScores | None,
    plan: Plan,
) -> Contrast:
    difference = float(getattr(scores[second], metric) - getattr(scores[first], metric))
    if question_scores is None or not question_scores.has(first, second, metric=metric):
        return Contrast(metric, first, second, difference, questions=scores[first].questions, pairs=1)
    values, codes = question_scores.values[metric], question_scores.codes
    evidence = pair_evidence(values[first], values[second], codes, margin=plan.margin)
    difference = 100.0 * float(np.mean(values[second] - values[first]))
    return Contrast(
        metric,
        first,
        second,
        difference,
        evidence,
        questions=question_scores.questions,
        clusters=question_scores.clusters,
        pairs=1,
    )


def best_set(
    settings: Sequence[Sequence[StudyRun]], question_scores: QuestionScores | None, metric: Metric = "f1"
) -> BestSet | None:
    """Return the settings that include the truly best one with 95% confidence; ``settings`` are best first.

    A setting's score is the mean over its runs, which differ only in their seed. Resampling paragraphs gives each
    setting's deviation from its own mean, with the same draws for all. A setting stays if the highest mean exceeds its
    own by at most the 95% quantile of the largest such lead by chance: as a lead over the truly best setting is due to
    chance alone, that one stays with 95% probability. If its distance to the best rests on few paragraphs, it stays
    unless the widened interval of the paired difference excludes 0, too.
    """
    if question_scores is None:
        return None
    known = [[run for run in own if question_scores.has(run.name, metric=metric)] for own in settings]
    groups = [own for own in known if own]
    if len(groups) < 2:
        return None
    scores, codes = question_scores.values[metric], question_scores.codes
    columns = [np.mean([scores[run.name] for run in own], axis=0) for own in groups]
    values: Floats = np.stack(columns, axis=1)  # [n, settings]
    means = values.mean(axis=0)
    drawn = cluster_bootstrap(values, codes, resamples=_RESAMPLES, use="best set")  # [resamples, settings]
    deviations = drawn - means
    leads = deviations.max(axis=1, keepdims=True) - deviations  # by chance: the lead of the luckiest over each
    allowed = np.quantile(leads, 0.95, axis=0)
    order = [int(index) for index in np.argsort(-means, kind="stable")]
    top = order[0]
    kept = [
        index
        for index in order
        if means[top] - means[index] <= allowed[index] or _not_excluded(values[:, top] - values[:, index], codes)
    ]
    optimism = selection_optimism(values, codes)
    return BestSet(
        metric=metric,
        best=groups[top][0].name,
        names=tuple(run.name for index in kept for run in groups[index]),
        count=len(kept),
        compared=len(groups),
        optimism=None if optimism is None else 100.0 * optimism,
        seeds=max(map(len, groups)),
    )


def _not_excluded(lead: Floats, codes: Codes) -> bool:
    """Return True if a lead [n] rests on few paragraphs and its widened interval includes 0."""
    return rests_on_few(lead, codes, pairs=1) and difference_interval(lead, codes).low <= 0.0


def detectable_differences(
    study: Study, question_scores: QuestionScores | None, plan: Plan = _DEFAULT
) -> list[Detectable]:
    """Return the smallest detectable difference between two runs: unpaired, and paired with the median run."""
    best = study.best
    score = study.score(best) if best is not None else None
    if best is None or score is None:
        return []
    found = []
    for metric in plan.metrics:
        paired = among = None
        others = [
            run.name
            for run in study.scored
            if run is not best and question_scores is not None and question_scores.has(run.name, metric=metric)
        ]
        if question_scores is not None and question_scores.has(best.name, metric=metric) and others:
            values = question_scores.values[metric]
            # The median run is typical: the last runs may have learnt nothing, the next best answer nearly alike.
            other = others[len(others) // 2]
            codes = question_scores.codes
            (evidence,) = pair_evidence(values[other], values[best.name], codes, margin=plan.margin)
            paired = detectable_difference(evidence)
            among = detectable_difference(evidence, tests=(len(others) + 1) * len(others) // 2)
        unpaired = getattr(score, f"{metric}_detectable", None)
        if unpaired is not None or paired is not None:
            found.append(Detectable(metric, score.questions, unpaired, paired, among))
    return found
