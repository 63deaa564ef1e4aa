"""Variation of runs by their seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from squadron.reporting.analysis.effects import comparable_runs, setting
from squadron.reporting.analysis.findings import SeedGroup, SeedLevel, SeedSpread
from squadron.reporting.analysis.verdicts import Metric
from squadron.runs.records import Study, StudyRun


def seed_spread(study: Study, metric: Metric = "f1") -> SeedSpread | None:
    """Return the spread of runs that differ only in their seed, pooled over groups; ``None`` without any."""
    axes = [axis for axis in study.axes if axis != "seed"]
    groups: dict[tuple[Any, ...], list[StudyRun]] = {}
    for run in comparable_runs(study):
        groups.setdefault(tuple(setting(run, axis) for axis in axes), []).append(run)
    found = [_group(study, own, axes, metric) for own in groups.values() if len({run.seed for run in own}) > 1]
    if not found:
        return None
    deviation, degrees = _pooled(found)
    noticeable = float(stdtrit(degrees, 0.975)) * math.sqrt(2.0) * deviation
    levels = [
        SeedLevel(axis, value, *_pooled([group for group in found if group.changes[axis] == value]))
        for axis in axes
        for value in dict.fromkeys(
            group.changes[axis] for group in sorted(found, key=lambda one: _place(study, axis, one))
        )
    ]
    return SeedSpread(metric, tuple(found), deviation, degrees, noticeable, tuple(levels))


def _pooled(groups: Sequence[SeedGroup]) -> tuple[float, int]:
    """Return the deviation pooled over groups, with its degrees of freedom."""
    degrees = sum(len(group.values) - 1 for group in groups)
    squares = sum((len(group.values) - 1) * group.deviation**2 for group in groups)
    return math.sqrt(squares / degrees), degrees


def _place(study: Study, axis: str, group: SeedGroup) -> int:
    order = study.axes[axis]
    return order.index(group.changes[axis]) if group.changes[axis] in order else len(order)


def _group(study: Study, runs: Sequence[StudyRun], axes: Sequence[str], metric: Metric) -> SeedGroup:
    ordered = sorted(runs, key=lambda run: run.seed or 0)
    values = [getattr(score, metric) for run in ordered if (score := study.score(run)) is not None]
    return SeedGroup(
        changes={axis: setting(ordered[0], axis) for axis in axes},
        seeds=tuple(run.seed or 0 for run in ordered),
        values=tuple(values),
        mean=float(np.mean(values)),
        deviation=float(np.std(values, ddof=1)),
    )
