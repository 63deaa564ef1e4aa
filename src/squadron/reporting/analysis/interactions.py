"""Interactions of axes, and the shares of axes in the variance between runs.

The analysis of variance takes each run's score as one observation; its residual is what main effects and pairs of axes
do not explain. An interaction must also hold over questions: its pattern is compared with those under random sign flips
of paragraphs. The larger of the two p-values counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import fdtrc

from squadron.reporting.analysis.contrasts import PERMUTATIONS, flipped_signs
from squadron.reporting.analysis.effects import comparable_runs, effect_axes, present_levels, setting
from squadron.reporting.analysis.findings import Interaction, VarianceShare
from squadron.reporting.analysis.questions import QuestionScores
from squadron.reporting.analysis.verdicts import SIGNIFICANCE, Metric
from squadron.runs.records import Study, StudyRun
from squadron.scoring.intervals import Codes, Floats
from squadron.scoring.paired import holm


@dataclass(frozen=True, slots=True)
class _Term:
    """One or two axes with their dummy variables [runs, k]."""

    axes: tuple[str, ...]
    columns: Floats


def variance_shares(study: Study, metric: Metric) -> list[VarianceShare]:
    """Return the share of each axis and pair of axes in the variance between runs (omega squared), with F-tests.

    An axis is tested by what it adds to the other axes, a pair by what it adds to all axes and the other pairs (type
    II).
    """
    runs, axes = comparable_runs(study), effect_axes(study)
    scores = [getattr(study.score(run), metric, None) for run in runs]
    if len(runs) < 3 or not axes or None in scores:
        return []
    return analysis_of_variance(
        np.array(scores, dtype=np.float64),
        {axis: [setting(run, axis) for run in runs] for axis in axes},
    )


def analysis_of_variance(scores: Floats, settings: dict[str, list[Any]]) -> list[VarianceShare]:
    """Run a type II analysis of variance of ``scores`` [runs] by the axes' values, one list [runs] per axis."""
    mains = [_Term((axis,), _dummies(values)) for axis, values in settings.items()]
    pairs = [_product(first, second) for first, second in itertools.combinations(mains, 2)]
    total = float(np.sum((scores - scores.mean()) ** 2))
    residual, error_degrees = _fit(scores, [*mains, *pairs])
    found = []
    for term in (*mains, *pairs):
        others = [other for other in (mains if len(term.axes) == 1 else [*mains, *pairs]) if other is not term]
        without, degrees_without = _fit(scores, others)
        with_it, degrees_with = _fit(scores, [*others, term])
        degrees, explained = degrees_without - degrees_with, without - with_it
        f = p_value = None
        # The residual of a perfect fit is rounding error, not an error to test against.
        if error_degrees > 0 and degrees > 0 and residual > 1e-12 * max(total, 1e-12):
            f = explained / degrees / (residual / error_degrees)
            p_value = float(fdtrc(degrees, error_degrees, max(f, 0.0)))
        share = None
        if f is not None and total > 0.0:
            error = residual / error_degrees
            share = max(0.0, (explained - degrees * error) / (total + error))
        found.append(VarianceShare(term.axes, share, f, (degrees, error_degrees), p_value))
    return found


def interactions(
    study: Study, question_scores: QuestionScores | None, shares: dict[Metric, list[VarianceShare]]
) -> list[Interaction]:
    """Test every pair of axes for an interaction; the pairs of a metric are one family of tests."""
    found: list[Interaction] = []
    for metric in shares:
        runs = [
            run
            for run in comparable_runs(study)
            if question_scores is None or question_scores.has(run.name, metric=metric)
        ]
        drafts = []
        for share in shares[metric]:
            if len(share.axes) == 2:
                first, second = share.axes
                drafts.append(
                    _untested_interaction(study, runs, (first, second), metric, question_scores, share.p_value)
                )
        tested = [index for index, draft in enumerate(drafts) if draft.p_value is not None]
        for index, adjusted in zip(tested, holm([drafts[index].p_value or 0.0 for index in tested]), strict=True):
            verdict: Any = "interact" if adjusted < SIGNIFICANCE else "no_interaction"
            drafts[index] = replace(drafts[index], adjusted=adjusted, verdict=verdict)
        found += drafts
    return found


def _untested_interaction(
    study: Study,
    runs: Sequence[StudyRun],
    axes: tuple[str, str],
    metric: Metric,
    question_scores: QuestionScores | None,
    over_runs: float | None,
) -> Interaction:
    first, second = axes
    values = [present_levels(runs, axis, study.axes[axis]) for axis in axes]
    groups: dict[tuple[Any, Any], list[StudyRun]] = {}
    for run in runs:
        groups.setdefault((setting(run, first), setting(run, second)), []).append(run)
    cells = {}
    for key in itertools.product(*values):
        scores = [getattr(score, metric) for run in groups.get(key, ()) if (score := study.score(run)) is not None]
        if scores:
            cells[key] = float(np.mean(scores))
    p_value = None
    whole = len(groups) == len(values[0]) * len(values[1])
    if question_scores is not None and over_runs is not None and whole:
        table = np.stack(
            [
                np.stack(
                    [
                        np.mean([question_scores.values[metric][run.name] for run in groups[a, b]], axis=0)
                        for b in values[1]
                    ]
                )
                for a in values[0]
            ]
        )
        p_value = max(over_runs, pattern_test(table, question_scores.codes))
    return Interaction(axes, metric, cells, p_value, None, "untested")


def pattern_test(table: Floats, codes: Codes, *, permutations: int = PERMUTATIONS, seed: int = 0) -> float:
    """Return the p-value of an interaction in a table of question scores [I, J, n], over paragraphs.

    Row and column means are subtracted from each question's table. The sum of squares of the mean residual is compared
    with those under random sign flips of paragraphs.
    """
    left = table - table.mean(axis=0, keepdims=True) - table.mean(axis=1, keepdims=True)
    left += table.mean(axis=(0, 1), keepdims=True)
    rows = left.reshape(-1, left.shape[-1])  # [I * J, n]
    return flipped_signs(rows, codes, permutations=permutations, seed=seed, use="interaction")


def _dummies(values: Sequence[Any]) -> Floats:
    """Return a column of 0 and 1 for each value except the first, [runs, values - 1]."""
    levels = list(dict.fromkeys(values))
    return np.array([[float(value == level) for level in levels[1:]] for value in values], dtype=np.float64)


def _product(first: _Term, second: _Term) -> _Term:
    columns = first.columns[:, :, None] * second.columns[:, None, :]
    return _Term(first.axes + second.axes, columns.reshape(len(columns), -1))


def _fit(scores: Floats, terms: Sequence[_Term]) -> tuple[float, int]:
    """Return the residual sum of squares of the least-squares fit, and its degrees of freedom."""
    design = np.column_stack([np.ones(len(scores)), *(term.columns for term in terms)])
    solution, _, rank, _ = np.linalg.lstsq(design, scores, rcond=None)
    return float(np.sum((scores - design @ solution) ** 2)), len(scores) - int(rank)
