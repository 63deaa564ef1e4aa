"""The size and the effective rank of what the runs learnt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from squadron.reporting.analysis.described import UpdateLevel, Updates, UpdateSize
from squadron.reporting.analysis.effects import comparable_runs, effect_axes, present_levels, setting
from squadron.runs.records import Study, StudyRun


def updates(study: Study) -> Updates | None:
    """Return the updates of the scored runs; ``None`` if no record has one, as those of older versions."""
    runs = [run for run in comparable_runs(study) if run.update is not None and run.update.norm > 0.0]
    if not runs:
        return None
    levels = [
        _level([run for run in runs if setting(run, axis) == value], ((axis, value),))
        for axis in effect_axes(study)
        for value in present_levels(runs, axis, study.axes[axis])
    ]
    ranks = present_levels(runs, "rank", study.axes.get("rank", ()))
    scales = [
        _level(own, (("scaling", scaling), ("rank", rank)))
        for scaling in dict.fromkeys(setting(run, "scaling") for run in runs)
        for rank in ranks
        if (own := [run for run in runs if (setting(run, "scaling"), setting(run, "rank")) == (scaling, rank)])
    ]
    return Updates(tuple(_size(study, run) for run in runs), tuple(levels), tuple(scales))


def _size(study: Study, run: StudyRun) -> UpdateSize:
    score = study.score(run)
    assert run.update is not None, run.name
    assert score is not None, run.name
    return UpdateSize(run.name, run.update.norm, run.update.effective_rank, score.f1)


def _level(runs: Sequence[StudyRun], values: tuple[tuple[str, Any], ...]) -> UpdateLevel:
    found = [run.update for run in runs if run.update is not None]
    norm = math.exp(math.fsum(math.log(one.norm) for one in found) / len(found))
    return UpdateLevel(values, len(found), norm, math.fsum(one.effective_rank for one in found) / len(found))
