"""How certain the frontier of trained parameters against score is."""

from __future__ import annotations

import numpy as np

from squadron.reporting.analysis.described import FrontierShare
from squadron.reporting.analysis.questions import QuestionScores
from squadron.runs.records import Study
from squadron.scoring.intervals import Floats, cluster_bootstrap

RESAMPLES = 2000
LEAST_SHARE = 0.25
"""Settings that are on the frontier less often are left out."""


def frontier_shares(study: Study, question_scores: QuestionScores | None) -> list[FrontierShare]:
    """Return how often each setting is on the frontier of trained parameters against mean F1, the cheapest first.

    Runs that differ only in their seed are one setting, with the mean of their scores. Paragraphs are resampled, with
    the same draws for all settings. A setting is on the frontier if none that costs no more scores higher.
    """
    if question_scores is None:
        return []
    settings = [
        [run for run in own if question_scores.has(run.name)] for own in study.settings if own[0].trainable_parameters
    ]
    settings = [own for own in settings if own]
    costs = np.array([own[0].trainable_parameters for own in settings])
    if len(set(costs.tolist())) < 2:
        return []
    scores = question_scores.values["f1"]
    columns = [np.mean([scores[run.name] for run in own], axis=0) for own in settings]
    values: Floats = np.stack(columns, axis=1)  # [n, settings]
    drawn = cluster_bootstrap(values, question_scores.codes, resamples=RESAMPLES, use="frontier")
    ahead = np.stack([drawn[:, place] >= drawn[:, costs <= cost].max(axis=1) for place, cost in enumerate(costs)])
    shares = ahead.mean(axis=1)
    order = sorted(range(len(settings)), key=lambda place: (costs[place], -shares[place]))
    return [
        FrontierShare(settings[p][0].name, int(costs[p]), 100.0 * float(values[:, p].mean()), float(shares[p]))
        for p in order
        if shares[p] >= LEAST_SHARE
    ]
