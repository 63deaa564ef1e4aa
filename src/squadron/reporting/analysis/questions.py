"""Scores of models on each question, from predictions and gold answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from squadron.data.sources import load_data
from squadron.data.squad import Dataset
from squadron.errors import DataError
from squadron.marks import details_beside
from squadron.reporting.analysis.verdicts import Metric
from squadron.runs.layout import answers_stem
from squadron.runs.records import Study
from squadron.runs.study import split_file
from squadron.scoring.designs import METRICS
from squadron.scoring.intervals import Codes, Floats, cluster_codes
from squadron.scoring.metrics import Normalization, answer_scores
from squadron.scoring.predictions import read_gold_probabilities, read_predictions, read_samples


@dataclass(frozen=True, slots=True, eq=False)
class QuestionScores:
    """Scores (0 to 1) of models on the same n questions; ``codes`` [n] number their paragraphs.

    ``values`` holds an array [n] by metric and model. ``left_out`` are models without readable predictions for all of
    these questions. ``ids`` are those of the questions.
    """

    codes: Codes
    values: Mapping[Metric, Mapping[str, Floats]]
    left_out: tuple[str, ...]
    ids: tuple[str, ...] = ()

    @property
    def questions(self) -> int:
        """Number of questions."""
        return len(self.codes)

    @property
    def clusters(self) -> int:
        """Number of paragraphs."""
        return int(self.codes.max()) + 1

    def has(self, *models: str, metric: Metric = "f1") -> bool:
        """Return True if all of these models have values of the metric."""
        return all(model in self.values.get(metric, {}) for model in models)


def load_questions(study: Study, split: str) -> Dataset | None:
    """Return the questions of a split; ``None`` if they are absent or differ from the ones that were prepared."""
    path = split_file(study, split)
    if path is None:
        return None
    try:
        return load_data(path)
    except DataError:
        return None


def load_question_scores(
    dataset: Dataset | None,
    models: Sequence[tuple[str, Path]],
    normalize: Normalization = "official",
    *,
    sampled: Collection[str] = (),
) -> QuestionScores | None:
    """Score the predictions of models, given as names with prediction files, after a normalization.

    The questions are those that the first readable model answered (an evaluation may be limited to some); models that
    lack any of them are left out. P(gold) is read from the details beside the predictions; a model whose details lack
    it, or a question, has no values of it. Of the models in ``sampled``, whose answers are drawn at random, EM and F1
    of a question are the means over all its samples. Return ``None`` without questions or models.
    """
    if dataset is None or not models:
        return None
    golds, clusters = dataset.golds(), dataset.clusters()
    found: dict[str, Mapping[str, str]] = {}
    for name, path in models:
        try:
            found[name] = read_predictions(path)
        except DataError:
            continue
    if not found:
        return None
    ids = [question for question in golds if question in next(iter(found.values()))]
    found = {name: own for name, own in found.items() if all(question in own for question in ids)}
    if not ids:
        return None
    values: dict[Metric, dict[str, Floats]] = {metric: {} for metric in METRICS}
    for name, path in models:
        if name not in found:
            continue
        samples = _samples(path) if name in sampled else []
        if len(samples) < 2 or not all(question in own for own in samples for question in ids):
            samples = [found[name]]
        scores = _mean_scores(samples, golds, ids, dataset, normalize)
        values["exact_match"][name], values["f1"][name] = scores[:, 0], scores[:, 1]
        gold = _gold_probabilities(path)
        if gold is not None and all(question in gold for question in ids):
            values["p_gold"][name] = np.array([gold[question] for question in ids], dtype=np.float64)
    codes = cluster_codes([clusters[question] for question in ids], len(ids))
    return QuestionScores(codes, values, tuple(name for name, _ in models if name not in found), tuple(ids))


def _mean_scores(
    samples: Sequence[Mapping[str, str]],
    golds: Mapping[str, Sequence[str]],
    ids: Sequence[str],
    dataset: Dataset,
    normalize: Normalization,
) -> Floats:
    """Return EM and F1 of each question [n, 2], the means over samples of its answer."""
    scores = [
        [
            answer_scores(own[question], golds[question], version=dataset.version, normalize=normalize)
            for question in ids
        ]
        for own in samples
    ]
    mean: Floats = np.asarray(scores, dtype=np.float64).mean(axis=0)
    return mean


def _samples(predictions: Path) -> list[Mapping[str, str]]:
    """Return all samples of a model's answers from the details beside its predictions; none if they are damaged."""
    try:
        every = read_samples(details_beside(predictions)) or {}
    except DataError:
        return []
    count = max(map(len, every.values()), default=0)
    # A question that was too long for the model has no answers.
    return [
        {question: own[number] if number < len(own) else "" for question, own in every.items()}
        for number in range(count)
    ]


def _gold_probabilities(predictions: Path) -> Mapping[str, float] | None:
    """Return P(gold) of each question from the details beside predictions; ``None`` if it is unknown or damaged."""
    try:
        return read_gold_probabilities(details_beside(predictions))
    except DataError:
        return None


def predictions_file(folder: Path, split: str, decoding: str) -> Path:
    """Return the file of a model's predictions on a split by a strategy."""
    return folder / "predictions" / f"{answers_stem(decoding, split)}.json"
