"""Main effects: the mean score of each value of an axis, with the other axes held equal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from squadron.options.axes import RENAMED
from squadron.reporting.analysis.contrasts import mean_difference, with_difference, with_verdicts
from squadron.reporting.analysis.findings import METRICS, AxisVerdict, Contrast, Effect, Level, Metric
from squadron.reporting.analysis.questions import QuestionScores
from squadron.runs.records import Study, StudyRun
from squadron.scoring.intervals import Floats, mean_interval

EXCLUDED_AXES = ("seed", "method")
"""Seeds are replicates; full fine-tuning has none of LoRA's axes to match runs by."""

OtherSettings = tuple[Any, ...]
Grid = Mapping[Any, Mapping[OtherSettings, str]]
"""Run names by the value of an axis, then by the settings of the other axes, which compared runs share."""


def setting(run: StudyRun, axis: str) -> Any:
    """Return a run's value of an axis: the sweep's value, else the run's own option."""
    if axis in run.changes:
        return run.changes[axis]
    value = run.train_questions if axis == "train_size" else run.config.get(RENAMED.get(axis, axis))
    return "+".join(map(str, value)) if isinstance(value, (list, tuple)) else value


def comparable_runs(study: Study) -> list[StudyRun]:
    """Return the scored runs whose axes can be compared: all except full fine-tuning."""
    return [run for run in study.scored if run.method == "lora"]


def present_levels(runs: Sequence[StudyRun], axis: str, order: Sequence[Any]) -> list[Any]:
    """Return the values of an axis that these runs have, in the study's order."""
    present = {setting(run, axis) for run in runs}
    return [value for value in order if value in present]


def effect_axes(study: Study) -> list[str]:
    """Return the axes with at least two values among the comparable runs; of axes that vary together, the first."""
    runs = comparable_runs(study)
    axes = [
        axis
        for axis, order in study.axes.items()
        if axis not in EXCLUDED_AXES and len(present_levels(runs, axis, order)) > 1
    ]
    kept: list[str] = []
    for axis in axes:
        if not any(_determined_by(runs, axis, other) and _determined_by(runs, other, axis) for other in kept):
            kept.append(axis)
    return kept


def main_effects(study: Study, question_scores: QuestionScores | None) -> list[Effect]:
    """Return the effect of every axis on F1 and EM; all contrasts and trends of a metric are one family of tests."""
    runs = comparable_runs(study)
    if question_scores is not None:
        runs = [run for run in runs if question_scores.has(run.name)]
    found: list[Effect] = []
    for metric in METRICS:
        untested = [_untested_effect(study, runs, axis, metric, question_scores) for axis in effect_axes(study)]
        untested = [effect for effect in untested if len(effect.levels) > 1]
        family = [test for draft in untested for test in (*draft.contrasts, draft.trend) if test is not None]
        verdicts = iter(with_verdicts(family))
        for draft in untested:
            pairs = tuple(next(verdicts) for _ in draft.contrasts)
            trend = next(verdicts) if draft.trend is not None else None
            found.append(_with_axis_verdict(draft, pairs, trend))
    return found


def _untested_effect(
    study: Study, runs: Sequence[StudyRun], axis: str, metric: Metric, question_scores: QuestionScores | None
) -> Effect:
    """Return an effect with tests but without verdicts."""
    values = present_levels(runs, axis, study.axes[axis])
    others = [other for other in study.axes if other != axis]
    tied = tuple(
        other
        for other in others
        if len({setting(run, other) for run in runs}) > 1 and _determined_by(runs, other, axis)
    )
    shared = [other for other in others if other not in tied]
    grid: dict[Any, dict[OtherSettings, str]] = {value: {} for value in values}
    for run in runs:
        if setting(run, axis) in grid:
            grid[setting(run, axis)][tuple(setting(run, other) for other in shared)] = run.name
    complete = sorted(set.intersection(*(set(cells) for cells in grid.values())), key=repr) if grid else []
    balanced = all(len(cells) == len(complete) for cells in grid.values())
    ordered = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    names = {value: [grid[value][cell] for cell in complete] or list(grid[value].values()) for value in values}
    levels = tuple(_level(study, value, names[value], metric, question_scores) for value in values)
    pairs = [(first, second) for index, first in enumerate(values) for second in values[index + 1 :]]
    means = {level.value: level.mean for level in levels}
    contrasts = tuple(_pair(grid, first, second, means, metric, question_scores) for first, second in pairs)
    trend = _trend(grid, complete, values, metric, question_scores) if ordered and len(values) > 2 else None
    best = max(levels, key=lambda level: level.mean).value if levels else None
    return Effect(axis, metric, ordered, levels, contrasts, trend, "untested", best, (best,), tied, balanced)


def _level(
    study: Study, value: Any, names: Sequence[str], metric: Metric, question_scores: QuestionScores | None
) -> Level:
    if question_scores is None:
        # From the runs' scores; the mean of their intervals is a conservative interval of their mean.
        chosen = [score for run in study.scored if run.name in names and (score := study.score(run)) is not None]
        ends = [getattr(score, f"{metric}_interval") for score in chosen]
        low, high = (float(np.mean([own[end] for own in ends])) for end in (0, 1))
        return Level(value, float(np.mean([getattr(score, metric) for score in chosen])), (low, high), len(names))
    scores = _score_matrix(names, metric, question_scores).mean(axis=0)
    interval = mean_interval(scores, question_scores.codes).scaled(100.0)
    return Level(value, 100.0 * float(scores.mean()), (interval.low, interval.high), len(names))


def _pair(
    grid: Grid,
    first: Any,
    second: Any,
    means: Mapping[Any, float],
    metric: Metric,
    question_scores: QuestionScores | None,
) -> Contrast:
    """Compare two values over the settings for which both have a run."""
    cells = [cell for cell in grid[first] if cell in grid[second]]
    contrast = _untested(metric, first, second, means[second] - means[first], question_scores)
    if question_scores is None or not cells:
        return contrast
    runs = [[grid[value][cell] for cell in cells] for value in (first, second)]
    values = _score_matrix(runs[1], metric, question_scores) - _score_matrix(runs[0], metric, question_scores)
    return with_difference(mean_difference(values, question_scores.codes), contrast)


def _trend(
    grid: Grid,
    cells: Sequence[OtherSettings],
    values: Sequence[Any],
    metric: Metric,
    question_scores: QuestionScores | None,
) -> Contrast | None:
    """Return the fitted line through the levels, as the difference between its ends."""
    if question_scores is None or not cells:
        return None
    weights = trend_weights([float(value) for value in values])
    matrices = [_score_matrix([grid[value][cell] for cell in cells], metric, question_scores) for value in values]
    line = sum(weight * matrix for weight, matrix in zip(weights, matrices, strict=True))
    assert isinstance(line, np.ndarray), type(line)
    contrast = _untested(metric, values[0], values[-1], 0.0, question_scores)
    return with_difference(mean_difference(line, question_scores.codes), contrast)


def trend_weights(values: Sequence[float]) -> list[float]:
    """Return weights of the levels' means that sum to the rise of the fitted line from lowest to highest value.

    The line is over the logarithm if all values are positive, since ranks and rates are spaced by factors.
    """
    places = np.array([math.log(value) for value in values] if min(values) > 0 else values, dtype=np.float64)
    centred = places - places.mean()
    return [float(weight) for weight in centred * (places.max() - places.min()) / float(np.sum(centred**2))]


def _with_axis_verdict(draft: Effect, contrasts: tuple[Contrast, ...], trend: Contrast | None) -> Effect:
    different = {
        contrast.first if contrast.second == draft.best else contrast.second
        for contrast in contrasts
        if draft.best in (contrast.first, contrast.second) and contrast.verdict in ("higher", "lower")
    }
    as_good = tuple(level.value for level in draft.levels if level.value not in different)
    verdict = _axis_verdict(contrasts, trend, ordered=draft.ordered)
    return replace(draft, contrasts=contrasts, trend=trend, verdict=verdict, as_good=as_good)


def _axis_verdict(contrasts: Sequence[Contrast], trend: Contrast | None, *, ordered: bool) -> AxisVerdict:
    """Return the verdict on the whole axis; if it is ordered, the second value of each contrast is the larger one."""
    verdicts = {contrast.verdict for contrast in contrasts}
    shown = verdicts & {"higher", "lower"}
    if not shown and trend is not None and trend.verdict in ("higher", "lower"):
        shown = {trend.verdict}
    if not shown:
        return "untested" if verdicts == {"untested"} else "no_difference"
    if not ordered:
        return "differs"
    if len(shown) == 2:
        return "non_monotone"
    return "higher" if shown == {"higher"} else "lower"


def _untested(
    metric: Metric, first: Any, second: Any, difference: float, question_scores: QuestionScores | None
) -> Contrast:
    questions, clusters = (
        (0, None) if question_scores is None else (question_scores.questions, question_scores.clusters)
    )
    return Contrast(
        metric=metric,
        first=first,
        second=second,
        difference=difference,
        interval=None,
        p_value=None,
        adjusted=None,
        verdict="untested",
        questions=questions,
        clusters=clusters,
        pairs=0,
        covers_training=False,
        detectable=None,
    )


def _score_matrix(names: Sequence[str], metric: Metric, question_scores: QuestionScores) -> Floats:
    """Return the question scores of runs, [runs, n]."""
    return np.stack([question_scores.values[metric][name] for name in names])


def _determined_by(runs: Sequence[StudyRun], axis: str, other: str) -> bool:
    """Return True if a run's value of ``other`` determines its value of ``axis``."""
    return len({(setting(run, axis), setting(run, other)) for run in runs}) == len(
        {setting(run, other) for run in runs}
    )
