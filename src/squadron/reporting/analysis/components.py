"""The parts of the variance between runs: of settings, of seeds, and of each training by itself."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import chdtri, fdtri

from squadron.reporting.analysis.described import SeedComponents
from squadron.reporting.analysis.verdicts import Metric
from squadron.runs.records import Ends, Study

_TAIL = 0.025


def seed_components(study: Study, metric: Metric = "f1") -> SeedComponents | None:
    """Return the components of variance of a crossed design; ``None`` if not all settings have the same seeds.

    Runs are settings by seeds, and a run's score is the sum of a setting's part, a seed's part and a rest, each normal.
    The components are those of the analysis of variance, at least 0. The interval of the seeds' part is that of Tukey
    and Williams, which is somewhat too wide.
    """
    groups = [own for own in study.settings if own[0].method == "lora"]
    seeds = {tuple(run.seed for run in own) for own in groups}
    if len(groups) < 2 or len(seeds) != 1 or len(next(iter(seeds))) < 2:
        return None
    values = np.array([[getattr(study.score(run), metric) for run in own] for own in groups], dtype=np.float64)
    rows, columns = values.shape
    of_setting, of_seed = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    rest = values - of_setting - of_seed + values.mean()
    degrees = (rows - 1) * (columns - 1)
    residual = float(np.sum(rest**2)) / degrees
    seed = rows * float(of_seed.var(ddof=1))
    setting = columns * float(of_setting.var(ddof=1))
    if residual == 0.0:
        return None
    ends = (float(chdtri(degrees, _TAIL)), float(chdtri(degrees, 1 - _TAIL)))
    return SeedComponents(
        metric=metric,
        settings=rows,
        seeds=columns,
        setting=_root((setting - residual) / columns),
        seed=_root((seed - residual) / rows),
        seed_interval=_seed_interval(seed, residual, rows, columns - 1, degrees),
        residual=_root(residual),
        residual_interval=(_root(degrees * residual / ends[0]), _root(degrees * residual / ends[1])),
    )


def _seed_interval(seed: float, residual: float, rows: int, own: int, rest: int) -> Ends:
    """Return the interval of the seeds' deviation from its mean square, that of the residuals, and their degrees."""
    ratio = seed / residual
    low, high = (
        own * seed * max(0.0, 1.0 - float(fdtri(own, rest, 1.0 - tail)) / ratio) / (rows * float(chdtri(own, tail)))
        if ratio > 0.0
        else 0.0
        for tail in (_TAIL, 1 - _TAIL)
    )
    return _root(low), _root(high)


def _root(variance: float) -> float:
    return math.sqrt(max(0.0, variance))
