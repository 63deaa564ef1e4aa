"""The findings: plain frozen values in points, each with its interval and a verdict that a sentence may repeat.

A verdict claims something only where the 5 % level is kept over all tests of its family (Holm). ``no_difference``
says that none was *shown*: how large one would have had to be to be seen is ``detectable``. ``untested`` says that the
folder does not hold what a test needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from squadron.runs.records import Ends, Score

Metric = Literal["f1", "exact_match"]
METRICS: tuple[Metric, ...] = ("f1", "exact_match")

Verdict = Literal["higher", "lower", "no_difference", "untested"]
"""Of two: whether the second is higher than the first."""
AxisVerdict = Literal["higher", "lower", "non_monotone", "differs", "no_difference", "untested"]
"""Of an axis: larger values are better, worse, or best in between; values without an order ``differs``."""
Role = Literal["baseline", "best", "full"]
FitVerdict = Literal["overfit", "improving", "settled", "unknown"]
Cost = Literal["trainable_parameters", "seconds", "peak_memory_bytes"]
COSTS: tuple[Cost, ...] = ("trainable_parameters", "seconds", "peak_memory_bytes")


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two levels, models or strategies compared on the same questions: ``difference`` is second less first, points.

    ``adjusted`` is the p-value after Holm's correction. ``pairs`` counts the pairs of runs behind it; where there is
    one alone, ``covers_training`` is false: the test speaks of these two trained models, not of training them again.
    ``detectable`` is the true difference that would be seen in 8 of 10 such studies.
    """

    metric: Metric
    first: Any
    second: Any
    difference: float
    interval: Ends | None
    p_value: float | None
    adjusted: float | None
    verdict: Verdict
    questions: int
    clusters: int | None
    pairs: int
    covers_training: bool
    detectable: float | None


@dataclass(frozen=True, slots=True)
class Level:
    """One value of an axis: the mean over its runs, and that mean's interval over questions."""

    value: Any
    mean: float
    interval: Ends
    runs: int


@dataclass(frozen=True, slots=True)
class Effect:
    """The main effect of an axis on a metric: what its values score, all else alike.

    ``contrasts`` are all pairs of values, each over the runs that differ in nothing else. ``trend`` is the difference
    from the lowest value to the highest along a straight line, over the logarithm where all values are positive.
    ``best`` is the value with the highest mean, ``as_good`` the values that were not told apart from it, itself
    included. ``tied`` are axes that move with this one, whose effect is therefore in it. ``balanced`` is false where
    runs are lacking: the means are then over what all values have, or over all runs where they share nothing.
    """

    axis: str
    metric: Metric
    ordered: bool
    levels: tuple[Level, ...]
    contrasts: tuple[Contrast, ...]
    trend: Contrast | None
    verdict: AxisVerdict
    best: Any
    as_good: tuple[Any, ...]
    tied: tuple[str, ...]
    balanced: bool

    @property
    def spread(self) -> float:
        """Points between the highest and the lowest mean."""
        means = [level.mean for level in self.levels]
        return max(means) - min(means)

    @property
    def shown(self) -> tuple[Contrast, ...]:
        """The pairs of values that were told apart."""
        return tuple(one for one in self.contrasts if one.verdict in ("higher", "lower"))


@dataclass(frozen=True, slots=True)
class VarianceShare:
    """How much of the variance between runs goes with an axis, or with two axes' interaction (0 to 1).

    ``f`` is the mean square over that of the residuals, ``None`` where there are too few runs to have residuals.
    """

    axes: tuple[str, ...]
    share: float
    f: float | None
    degrees: tuple[int, int]
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Interaction:
    """Whether one axis matters differently at different values of another. ``cells`` are means by both values."""

    axes: tuple[str, str]
    metric: Metric
    cells: Mapping[tuple[Any, Any], float]
    p_value: float | None
    adjusted: float | None
    verdict: Literal["interact", "no_interaction", "untested"]


@dataclass(frozen=True, slots=True)
class BestSet:
    """Which runs may be the best: with 95 % confidence the truly best one is among ``names`` (best first).

    ``optimism`` is by how many points the best's score is expected to be too high for having been chosen by it.
    """

    metric: Metric
    best: str
    names: tuple[str, ...]
    compared: int
    optimism: float


@dataclass(frozen=True, slots=True)
class ModelScore:
    """One model beside others: its role, its name and its score."""

    role: Role
    name: str
    score: Score


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Baseline, best adapter and full fine-tuning on one split, those that there are; contrasts by role."""

    split: str
    decoding: str
    models: tuple[ModelScore, ...]
    contrasts: tuple[Contrast, ...]

    def contrast(self, metric: Metric, first: str, second: str) -> Contrast | None:
        """The comparison of two roles."""
        return next((c for c in self.contrasts if (c.metric, c.first, c.second) == (metric, first, second)), None)


@dataclass(frozen=True, slots=True)
class DecodingComparison:
    """The best run's strategies on one split; every contrast is against ``reference``."""

    run: str
    split: str
    reference: str
    scores: tuple[Score, ...]
    contrasts: tuple[Contrast, ...]

    def contrast(self, metric: Metric, decoding: str) -> Contrast | None:
        """The comparison of a strategy with the reference."""
        return next((c for c in self.contrasts if (c.metric, c.second) == (metric, decoding)), None)


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """Runs that differ in their seed alone; values in the order of ``seeds``."""

    changes: Mapping[str, Any]
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """How far runs move by their seed alone. ``deviation`` is pooled over the groups with ``degrees`` of freedom.

    ``noticeable`` is the smallest difference between two single runs that their seeds alone would seldom make (5 %).
    """

    metric: Metric
    groups: tuple[SeedGroup, ...]
    deviation: float
    degrees: int
    noticeable: float


@dataclass(frozen=True, slots=True)
class Fit:
    """How a run's losses went, by epoch. ``rise`` is how far the last validation loss is above the lowest (share)."""

    run: str
    epochs: tuple[int, ...]
    training: tuple[float, ...]
    validation: tuple[float | None, ...]
    best_epoch: int | None
    rise: float | None
    verdict: FitVerdict


@dataclass(frozen=True, slots=True)
class FitShare:
    """Of the runs with one value of an axis, how many have each verdict."""

    axis: str
    value: Any
    counts: Mapping[FitVerdict, int]


@dataclass(frozen=True, slots=True)
class Fits:
    """The fit of every run with curves, and counts of the verdicts in all and by axis."""

    runs: tuple[Fit, ...]
    counts: Mapping[FitVerdict, int]
    by_axis: tuple[FitShare, ...]

    def of(self, run: str) -> Fit | None:
        """The fit of a run."""
        return next((one for one in self.runs if one.run == run), None)


@dataclass(frozen=True, slots=True)
class CostPoint:
    """What a run costs and scores. It is on the ``frontier`` of a cost where no run that costs less scores as high."""

    run: str
    f1: float
    interval: Ends
    costs: Mapping[Cost, float]
    frontier: tuple[Cost, ...]
    among_best: bool


@dataclass(frozen=True, slots=True)
class Frontier:
    """All runs by cost. ``cheapest`` is, for each cost, the cheapest run of the :class:`BestSet`."""

    points: tuple[CostPoint, ...]
    cheapest: Mapping[Cost, str]


@dataclass(frozen=True, slots=True)
class KindShare:
    """A kind of mistake: its share of the best run's wrong answers with interval, and of the baseline's (0 to 1)."""

    kind: str
    label: str
    questions: int
    share: float
    interval: Ends
    base_questions: int | None
    base_share: float | None


@dataclass(frozen=True, slots=True)
class Mistakes:
    """The best run's kinds of mistake, most frequent first. ``leads`` says whether the first is told from the next."""

    wrong: int
    questions: int
    kinds: tuple[KindShare, ...]
    leads: bool


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest true difference seen in 8 of 10 studies of this size: of two runs unpaired, and paired as here."""

    metric: Metric
    questions: int
    unpaired: float | None
    paired: float | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """All findings of a study. Empty or ``None`` is what the study has no runs for; :attr:`Study.missing` says why."""

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

    def effect(self, axis: str, metric: Metric = "f1") -> Effect | None:
        """The main effect of an axis on a metric."""
        return next((one for one in self.effects if (one.axis, one.metric) == (axis, metric)), None)

    def interaction(self, first: str, second: str, metric: Metric = "f1") -> Interaction | None:
        """The interaction of two axes, in either order."""
        wanted = {first, second}
        return next((one for one in self.interactions if set(one.axes) == wanted and one.metric == metric), None)
