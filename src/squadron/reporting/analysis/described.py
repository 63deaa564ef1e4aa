"""Findings that describe a study without a verdict: updates, parts of the variance, groups of questions, frontier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from squadron.reporting.analysis.verdicts import Metric
from squadron.runs.records import Ends


@dataclass(frozen=True, slots=True)
class UpdateSize:
    """The update of a run: its Frobenius norm and its effective rank, with the run's score in points."""

    run: str
    norm: float
    effective_rank: float
    f1: float


@dataclass(frozen=True, slots=True)
class UpdateLevel:
    """The updates of the runs with these values of axes: geometric mean of the norm, mean of the effective rank."""

    values: tuple[tuple[str, Any], ...]
    runs: int
    norm: float
    effective_rank: float


@dataclass(frozen=True, slots=True)
class Updates:
    """The updates of all runs that have one, by value of each axis, and by rank and scale together."""

    runs: tuple[UpdateSize, ...]
    levels: tuple[UpdateLevel, ...]
    scales: tuple[UpdateLevel, ...]

    def of(self, run: str) -> UpdateSize | None:
        """Return the update of a run."""
        return next((own for own in self.runs if own.run == run), None)


@dataclass(frozen=True, slots=True)
class SeedComponents:
    """Standard deviations of the parts of the variance between runs, in points, with 95% intervals.

    ``setting`` is the part of the settings, ``seed`` that of a seed in all settings alike, ``residual`` that of a
    training by itself. ``settings`` and ``seeds`` are numbers of them.
    """

    metric: Metric
    settings: int
    seeds: int
    setting: float
    seed: float
    seed_interval: Ends
    residual: float
    residual_interval: Ends


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """The difference of an axis's best and worst value among some of the questions, in points.

    ``kind`` is ``part`` (phrasings) or ``question_word``, ``group`` the part or the word. ``interval`` is that on new
    questions, or on these if there is no other; it is not corrected for the number of groups.
    """

    axis: str
    kind: str
    group: str
    questions: int
    first: Any
    second: Any
    difference: float
    interval: Ends


@dataclass(frozen=True, slots=True)
class FrontierShare:
    """A setting's first run, its trained parameters and mean score, and how often it is on the frontier (0 to 1)."""

    run: str
    trainable_parameters: int
    f1: float
    share: float
