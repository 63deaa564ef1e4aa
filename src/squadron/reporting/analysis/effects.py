"""Main effects: the mean score of each value of an axis, with the other axes held equal."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from squadron.options.axes import RENAMED
from squadron.reporting.analysis.contrasts import Levels, contrast_evidence, make_levels, omnibus_evidence
from squadron.reporting.analysis.plan import plan_of
from squadron.reporting.analysis.questions import QuestionScores
from squadron.reporting.analysis.verdicts import Contrast, Effect, Level, Metric, Plan, Primary, with_axis_verdicts
from squadron.runs.records import Study, StudyRun
from squadron.scoring.designs import SCOPES, primary_p, trend_weights
from squadron.scoring.intervals import mean_interval

EXCLUDED_AXES = ("seed", "method")
"""Seeds are replicates; full fine-tuning has none of LoRA's axes to match runs by."""

OtherSettings = tuple[Any, ...]
Grid = Mapping[Any, Mapping[OtherSettings, StudyRun]]
"""Runs by the value of an axis, then by the settings of the other axes, which compared runs share."""
DEFAULT = Plan()


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
    """Return the axes with at least two values among the comparable runs.

    Of axes that vary together, it is the one that the plan names, or else the first.
    """
    runs = comparable_runs(study)
    axes = [
        axis
        for axis, order in study.axes.items()
        if axis not in EXCLUDED_AXES and len(present_levels(runs, axis, order)) > 1
    ]
    kept: list[str] = []
    planned = plan_of(study).axes or ()
    for axis in sorted(axes, key=lambda axis: axis not in planned):
        if not any(_determined_by(runs, axis, other) and _determined_by(runs, other, axis) for other in kept):
            kept.append(axis)
    return [axis for axis in axes if axis in kept]


def main_effects(study: Study, question_scores: QuestionScores | None, plan: Plan = DEFAULT) -> list[Effect]:
    """Return the effect of every axis on every metric of the plan, with verdicts.

    The axes of the plan are one family of primary tests for each metric, or for all metrics together, as the plan says;
    other axes are a family of their own.
    """
    runs = comparable_runs(study)
    axes = effect_axes(study)
    planned = set(axes if plan.axes is None else plan.axes)
    drafts: list[Effect] = []
    for metric in plan.metrics:
        own = [run for run in runs if question_scores is None or question_scores.has(run.name, metric=metric)]
        if question_scores is None:
            own = [run for run in own if getattr(study.score(run), metric, None) is not None]
        made = [_draft(study, own, axis, metric, question_scores, plan) for axis in axes]
        drafts += [
            replace(effect, planned=effect.axis in planned) for effect in made if effect is not None and effect.levels
        ]
    families: dict[tuple[Metric | None, bool], list[int]] = {}
    for index, effect in enumerate(drafts):
        key = (effect.metric if plan.family == "metric" else None, effect.planned)
        families.setdefault(key, []).append(index)
    return with_axis_verdicts(drafts, list(families.values()))


def _draft(
    study: Study,
    runs: Sequence[StudyRun],
    axis: str,
    metric: Metric,
    question_scores: QuestionScores | None,
    plan: Plan,
) -> Effect | None:
    """Return an effect with tests but without verdicts; ``None`` if fewer than two values have runs."""
    values = present_levels(runs, axis, study.axes[axis])
    if len(values) < 2:
        return None
    others = [other for other in study.axes if other != axis]
    tied = tuple(
        other
        for other in others
        if len({setting(run, other) for run in runs}) > 1 and _determined_by(runs, other, axis)
    )
    shared = [other for other in others if other not in tied]
    grid: dict[Any, dict[OtherSettings, StudyRun]] = {value: {} for value in values}
    for run in runs:
        if setting(run, axis) in grid:
            grid[setting(run, axis)][tuple(setting(run, other) for other in shared)] = run
    complete = sorted(set.intersection(*(set(cells) for cells in grid.values())), key=repr)
    balanced = all(len(cells) == len(complete) for cells in grid.values())
    ordered = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    names = {
        value: [run.name for run in ([grid[value][cell] for cell in complete] or grid[value].values())]
        for value in values
    }
    levels = tuple(_level(study, value, names[value], metric, question_scores) for value in values)
    whole = _levels(grid, values, complete, metric, question_scores)
    means = {level.value: level.mean for level in levels}
    contrasts = []
    for first, second in itertools.combinations(values, 2):
        cells = sorted((cell for cell in grid[first] if cell in grid[second]), key=repr)
        contrast = _untested(metric, first, second, means[second] - means[first], question_scores)
        if whole is not None and cells == complete:
            weights = [float(value == second) - float(value == first) for value in values]
            contrast = _with_tests(contrast, whole, weights, plan.margin)
        elif (pair := _levels(grid, (first, second), cells, metric, question_scores)) is not None:
            contrast = _with_tests(contrast, pair, (-1.0, 1.0), plan.margin)
        contrasts.append(contrast)
    trend: Contrast | None = None
    primary: tuple[Primary, ...] = ()
    if whole is not None:
        if ordered and len(values) > 2:
            line = _untested(metric, values[0], values[-1], 0.0, question_scores)
            trend = _with_tests(line, whole, trend_weights([float(value) for value in values]), plan.margin)
        primary = tuple(primary_tests(whole, trend, contrasts))
    best = max(levels, key=lambda level: level.mean).value
    return Effect(
        axis=axis,
        metric=metric,
        ordered=ordered,
        levels=levels,
        contrasts=tuple(contrasts),
        trend=trend,
        primary=primary,
        verdict="untested",
        scope=None,
        within=None,
        best=best,
        as_good=(best,),
        tied=tied,
        balanced=balanced,
    )


def primary_tests(levels: Levels, trend: Contrast | None, pairs: Sequence[Contrast]) -> Iterator[Primary]:
    """Yield the primary test of an axis in every scope in which it can be tested."""
    for scope in SCOPES:
        omnibus = omnibus_evidence(levels, scope)
        tests = [own for one in pairs if (own := one.of(scope)) is not None]
        if omnibus is None or not tests:
            continue
        line = trend.of(scope) if trend is not None else None
        # With two values, the pair is the whole test.
        found = tests[0].p_value if len(levels.questions) == 2 else omnibus
        p_value = primary_p(None if line is None else line.p_value, found)
        assert p_value is not None, scope
        # All values are equivalent only if every pair is.
        equivalence = max(own.equivalence for own in tests) if len(tests) == len(pairs) else 1.0
        yield Primary(scope, None if line is None else line.p_value, found, p_value, equivalence)


def _levels(
    grid: Grid,
    values: Sequence[Any],
    cells: Sequence[OtherSettings],
    metric: Metric,
    question_scores: QuestionScores | None,
) -> Levels | None:
    """Return the question scores of these values over these cells; ``None`` if there are none."""
    if question_scores is None or not cells:
        return None
    scores = question_scores.values[metric]
    matrix = np.stack([np.stack([scores[grid[value][cell].name] for cell in cells]) for value in values])
    # A missing seed is that of the option's default.
    seeds = [grid[values[0]][cell].seed or 0 for cell in cells]
    return make_levels(matrix, question_scores.codes, seeds)


def _with_tests(contrast: Contrast, levels: Levels, weights: Sequence[float], margin: float) -> Contrast:
    evidence = contrast_evidence(levels, weights, margin=margin)
    difference = 100.0 * float(np.asarray(weights) @ levels.block.means)
    return replace(contrast, difference=difference, evidence=evidence, pairs=levels.pairs, covers=levels.block.covers)


def _level(
    study: Study, value: Any, names: Sequence[str], metric: Metric, question_scores: QuestionScores | None
) -> Level:
    if question_scores is None:
        # From the runs' scores; the mean of their intervals is a conservative interval of their mean.
        chosen = [score for run in study.scored if run.name in names and (score := study.score(run)) is not None]
        ends = [getattr(score, f"{metric}_interval") for score in chosen]
        low, high = (float(np.mean([own[end] for own in ends])) for end in (0, 1))
        return Level(value, float(np.mean([getattr(score, metric) for score in chosen])), (low, high), len(names))
    scores = np.mean([question_scores.values[metric][name] for name in names], axis=0)
    interval = mean_interval(scores, question_scores.codes).scaled(100.0)
    return Level(value, 100.0 * float(scores.mean()), (interval.low, interval.high), len(names))


def _untested(
    metric: Metric, first: Any, second: Any, difference: float, question_scores: QuestionScores | None
) -> Contrast:
    questions, clusters = (
        (0, None) if question_scores is None else (question_scores.questions, question_scores.clusters)
    )
    return Contrast(metric, first, second, difference, questions=questions, clusters=clusters)


def _determined_by(runs: Sequence[StudyRun], axis: str, other: str) -> bool:
    """Return True if a run's value of ``other`` determines its value of ``axis``."""
    return len({(setting(run, axis), setting(run, other)) for run in runs}) == len(
        {setting(run, other) for run in runs}
    )
