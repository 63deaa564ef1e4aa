"""The findings: frozen values in points, each with an interval and a verdict, from which sentences are chosen.

:mod:`squadron.reporting.analysis.verdicts` has the types of tests and their verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from squadron.reporting.analysis.described import FrontierShare, GroupDifference, SeedComponents, Updates
from squadron.reporting.analysis.verdicts import Contrast, Effect, Kept, Metric, Plan
from squadron.runs.records import Ends, Score

Role = Literal["baseline", "best", "full"]
FitVerdict = Literal["overfit", "improving", "settled", "unknown"]
Cost = Literal["trainable_parameters", "seconds", "peak_memory_bytes"]
COSTS: tuple[Cost, ...] = ("trainable_parameters", "seconds", "peak_memory_bytes")


@dataclass(frozen=True, slots=True)
class VarianceShare:
    """Share of the variance between runs (0 to 1) that goes with an axis, or with the interaction of two axes.

    ``share`` is omega squared, the share without what chance alone would add; it is ``None`` if there are too few runs
    for residuals, like the F statistic ``f``. ``degrees`` are those of the term and of the residuals.
    """

    axes: tuple[str, ...]
    share: float | None
    f: float | None
    degrees: tuple[int, int]
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Interaction:
    """Interaction of two axes: the effect of one depends on the value of the other. ``cells`` are means by both."""

    axes: tuple[str, str]
    metric: Metric
    cells: Mapping[tuple[Any, Any], float]
    p_value: float | None
    adjusted: float | None
    verdict: Literal["interact", "no_interaction", "untested"]


@dataclass(frozen=True, slots=True)
class BestSet:
    """Confidence set of the best setting: with 95% confidence the truly best one is among ``count`` settings.

    Runs that differ only in their seed are one setting, with the mean of their scores. ``names`` are all runs of these
    settings, the best setting's first; ``best`` is the chosen run, of the setting with the highest mean. ``optimism``
    is how much the choice inflates that mean, in points, by cross-fitting (``None`` with too few paragraphs).
    """

    metric: Metric
    best: str
    names: tuple[str, ...]
    count: int
    compared: int
    optimism: float | None
    seeds: int = 1


@dataclass(frozen=True, slots=True)
class ModelScore:
    """A model in a comparison: its role, name and score."""

    role: Role
    name: str
    score: Score


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Comparison of baseline, best adapter and full fine-tuning, as far as present, on one split, by role."""

    split: str
    decoding: str
    models: tuple[ModelScore, ...]
    contrasts: tuple[Contrast, ...]

    def contrast(self, metric: Metric, first: str, second: str) -> Contrast | None:
        """Return the comparison of two roles."""
        return next((c for c in self.contrasts if (c.metric, c.first, c.second) == (metric, first, second)), None)


@dataclass(frozen=True, slots=True)
class DecodingComparison:
    """Comparison of the best run's decoding strategies on one split; every contrast is with ``reference``."""

    run: str
    split: str
    reference: str
    scores: tuple[Score, ...]
    contrasts: tuple[Contrast, ...]

    def contrast(self, metric: Metric, decoding: str) -> Contrast | None:
        """Return the comparison of a strategy with the reference."""
        return next((c for c in self.contrasts if (c.metric, c.second) == (metric, decoding)), None)


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """Runs that differ only in their seed; ``values`` are in the order of ``seeds``."""

    changes: Mapping[str, Any]
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class SeedLevel:
    """The deviation over seeds of the runs with one value of an axis, pooled with ``degrees`` of freedom."""

    axis: str
    value: Any
    deviation: float
    degrees: int


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """Variation of runs by their seed. ``deviation`` is pooled over the groups with ``degrees`` of freedom.

    ``noticeable`` is the difference between two single runs that seeds alone exceed in 5% of pairs. ``levels`` has the
    deviation for each value of each axis, pooled over the groups with that value, with its degrees of freedom.
    """

    metric: Metric
    groups: tuple[SeedGroup, ...]
    deviation: float
    degrees: int
    noticeable: float
    levels: tuple[SeedLevel, ...] = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """A run's losses by epoch. ``rise`` is the last validation loss relative to the lowest, minus 1."""

    run: str
    epochs: tuple[int, ...]
    training: tuple[float, ...]
    validation: tuple[float | None, ...]
    best_epoch: int | None
    rise: float | None
    verdict: FitVerdict


@dataclass(frozen=True, slots=True)
class FitShare:
    """Numbers of runs with each verdict, for one value of an axis."""

    axis: str
    value: Any
    counts: Mapping[FitVerdict, int]


@dataclass(frozen=True, slots=True)
class Fits:
    """The fit of every run with curves, and counts of the verdicts in total and by axis."""

    runs: tuple[Fit, ...]
    counts: Mapping[FitVerdict, int]
    by_axis: tuple[FitShare, ...]

    def of(self, run: str) -> Fit | None:
        """Return the fit of a run."""
        return next((fit for fit in self.runs if fit.run == run), None)


@dataclass(frozen=True, slots=True)
class CostPoint:
    """Costs and score of a run, and the costs for which it is on the Pareto ``frontier``."""

    run: str
    f1: float
    interval: Ends
    costs: Mapping[Cost, float]
    frontier: tuple[Cost, ...]
    among_best: bool


@dataclass(frozen=True, slots=True)
class Frontier:
    """All runs by cost. ``cheapest`` maps each cost to the cheapest run of the :class:`BestSet`."""

    points: tuple[CostPoint, ...]
    cheapest: Mapping[Cost, str]


@dataclass(frozen=True, slots=True)
class KindShare:
    """A kind of mistake: its share of the best run's wrong answers, with interval, and of the baseline's (0 to 1)."""

    kind: str
    label: str
    questions: int
    share: float
    interval: Ends
    base_questions: int | None
    base_share: float | None


@dataclass(frozen=True, slots=True)
class Mistakes:
    """The best run's kinds of mistake, most frequent first. ``leads``: the first is significantly above the second."""

    wrong: int
    questions: int
    kinds: tuple[KindShare, ...]
    leads: bool


@dataclass(frozen=True, slots=True)
class Detectable:
    """The true difference of two runs that 8 of 10 studies of this size detect, by an unpaired and by a paired test.

    ``unpaired`` and ``paired`` are for two runs that were chosen beforehand, ``among`` for any two of all runs.
    """

    metric: Metric
    questions: int
    unpaired: float | None
    paired: float | None
    among: float | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """All findings of a study; empty or ``None`` if the study lacks the runs. :attr:`Study.missing` says why."""

    effects: tuple[Effect, ...]
    variance: Mapping[Metric, tuple[VarianceShare, ...]]
    interactions: tuple[Interaction, ...]
    best: BestSet | None
    models: tuple[ModelComparison, ...]
    decodings: DecodingComparison | None
    seeds: SeedSpread | None
    fits: Fits
    frontier: Frontier
    mistakes: Mistakes | None
    detectable: tuple[Detectable, ...]
    left_out: tuple[str, ...]
    plan: Plan = field(default_factory=Plan)
    kept: Kept = field(default_factory=Kept)
    updates: Updates | None = None
    components: SeedComponents | None = None
    groups: tuple[GroupDifference, ...] = ()
    frontier_shares: tuple[FrontierShare, ...] = ()

    def effect(self, axis: str, metric: Metric = "f1") -> Effect | None:
        """Return the main effect of an axis on a metric."""
        return next((effect for effect in self.effects if (effect.axis, effect.metric) == (axis, metric)), None)

    def interaction(self, first: str, second: str, metric: Metric = "f1") -> Interaction | None:
        """Return the interaction of two axes, in either order."""
        wanted = {first, second}
        return next(
            (
                interaction
                for interaction in self.interactions
                if set(interaction.axes) == wanted and interaction.metric == metric
            ),
            None,
        )
