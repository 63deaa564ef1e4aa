"""The plan of a study's analysis: what the sweep's configuration fixed before the runs, and whether it was kept to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from squadron.reporting.analysis.verdicts import Effect, Kept, Metric, Plan
from squadron.runs.records import Study


def plan_of(study: Study) -> Plan:
    """Return the plan in the study's configuration; the default one, not declared, if it has none.

    A value that cannot be used, as in a damaged record, is replaced by its default.
    """
    declared = study.config.get("analysis")
    if not isinstance(declared, Mapping):
        return Plan()
    default = Plan()
    margin = declared.get("margin")
    metrics = _names(declared.get("metrics")) or default.metrics
    return Plan(
        axes=_names(declared.get("axes")),
        margin=float(margin) if isinstance(margin, (int, float)) and margin > 0 else default.margin,
        metrics=metrics,
        family="all" if declared.get("family") == "all" else "metric",
        declared=True,
    )


def _names(value: Any) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) and value else None


def kept_to(study: Study, plan: Plan, axes: Sequence[str], effects: Sequence[Effect]) -> Kept:
    """Return how the analysis follows the plan; ``axes`` are those that the comparable runs vary."""
    planned = axes if plan.axes is None else plan.axes
    tested = {(effect.axis, effect.metric) for effect in effects if effect.verdict != "untested"}
    measured: set[Metric] = {metric for _, metric in tested}
    done = {run.name for run in study.scored}
    return Kept(
        untested=tuple(axis for axis in planned if not any(axis == own for own, _ in tested)),
        unmeasured=tuple(metric for metric in plan.metrics if plan.declared and tested and metric not in measured),
        unplanned=tuple(axis for axis in axes if axis not in planned),
        lost=tuple(run.name for run in study.runs if run.name not in done),
    )
