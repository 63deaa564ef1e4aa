"""Verdicts of tests, decided in one place, and the types of tests that bear them.

A verdict is one of three, at the 5% level over all tests of its family (Holm): a difference is *shown* (``higher``,
``lower``, ``differs``); it is shown to be smaller than a margin that was fixed beforehand (``equivalent``); or neither
(``undecided``): ``detectable`` is then how large a difference had to be to be detected. ``untested`` means that the
folder lacks the data for a test. Each verdict holds in a *scope*: on new questions of this kind, or on these questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from scipy.special import stdtrit

from squadron.runs.records import Ends
from squadron.scoring.designs import METRICS, SCOPES, Covers, Scope
from squadron.scoring.paired import holm

SIGNIFICANCE = 0.05
POWER = 0.8

Metric = str
"""A measure of answers with a value from 0 to 100 a question, by the name of its field in :class:`Score`."""

Verdict = Literal["higher", "lower", "equivalent", "undecided", "untested"]
"""Verdict on two levels or models: the second is shown to be higher, lower, or within the margin of the first."""
AxisVerdict = Literal["higher", "lower", "differs", "equivalent", "undecided", "untested"]
"""Verdict on an axis: scores rise or fall with its values (the trend is shown, and the best value is the end that it
points to), or they differ in another way, or all values are equivalent."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tested, and how, as far as fixed before the runs.

    ``axes`` are the axes of the family of primary tests (``None``: all that vary), ``margin`` the largest difference
    that counts as equivalent, in points, ``metrics`` the measures, the primary one first. ``family`` says what Holm's
    correction covers: the axes of each metric, or those of all metrics together. ``declared`` is true if the sweep's
    configuration had the plan before it ran.
    """

    axes: tuple[str, ...] | None = None
    margin: float = 1.0
    metrics: tuple[Metric, ...] = METRICS
    family: Literal["metric", "all"] = "metric"
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """How the analysis follows the plan. Each tuple has axes, metrics or runs in which it does not.

    ``untested`` are planned axes without a test, ``unmeasured`` planned metrics without values, ``unplanned`` axes that
    vary and are not in the plan (tested, but as exploration), ``lost`` planned runs without scores.
    """

    untested: tuple[str, ...] = ()
    unmeasured: tuple[Metric, ...] = ()
    unplanned: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def fully(self) -> bool:
        """True if every planned test was made on every planned run."""
        return not (self.untested or self.unmeasured or self.lost)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The test of a difference in one scope, in points.

    ``p_value`` is that of no difference, ``equivalence`` that of a difference of at least the margin; ``adjusted`` and
    ``adjusted_equivalence`` are corrected over their families. ``detectable`` is the true difference that 8 of 10 such
    studies detect at the level of the verdicts.
    """

    scope: Scope
    interval: Ends
    error: float
    degrees: float
    p_value: float
    equivalence: float
    adjusted: float | None = None
    adjusted_equivalence: float | None = None
    detectable: float | None = None


@dataclass(frozen=True, slots=True)
class Contrast:
    """Comparison of two levels, models or strategies on the same questions.

    ``difference`` is second minus first, in points; ``evidence`` has its test in each scope that can be tested, the
    wider first. ``scope`` is the widest in which the verdict holds, ``within`` the widest in which the difference is
    shown to be smaller than the margin (also if it is shown to be there). ``pairs`` counts the pairs of runs compared,
    and ``covers`` says what they stand for.
    """

    metric: Metric
    first: Any
    second: Any
    difference: float
    evidence: tuple[Evidence, ...] = ()
    verdict: Verdict = "untested"
    scope: Scope | None = None
    within: Scope | None = None
    questions: int = 0
    clusters: int | None = None
    pairs: int = 0
    covers: Covers = "questions"

    def of(self, scope: Scope) -> Evidence | None:
        """Return the test in a scope; ``None`` if there is none."""
        return next((own for own in self.evidence if own.scope == scope), None)

    @property
    def told(self) -> Evidence | None:
        """The test that bears the verdict: that in its scope, else the one in the widest scope."""
        return next((own for own in self.evidence if self.scope in (None, own.scope)), None)

    @property
    def shown(self) -> bool:
        """True if a difference is shown."""
        return self.verdict in ("higher", "lower")

    @property
    def interval(self) -> Ends | None:
        """The interval of :attr:`told`."""
        return None if self.told is None else self.told.interval

    @property
    def p_value(self) -> float | None:
        """The p-value of :attr:`told`, not corrected."""
        return None if self.told is None else self.told.p_value

    @property
    def adjusted(self) -> float | None:
        """The corrected p-value of :attr:`told`."""
        return None if self.told is None else self.told.adjusted

    @property
    def detectable(self) -> float | None:
        """The detectable difference of :attr:`told`."""
        return None if self.told is None else self.told.detectable


@dataclass(frozen=True, slots=True)
class Level:
    """One value of an axis: the mean over its runs, and the interval of that mean over questions."""

    value: Any
    mean: float
    interval: Ends
    runs: int


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary test of an axis in one scope: ``p_value`` is twice the smaller one of trend and omnibus test.

    Without a trend it is the omnibus test's. ``equivalence`` is the p-value of the hypothesis that two values differ by
    at least the margin. The adjusted values are corrected over the axes; ``factor`` is Holm's factor for this axis.
    """

    scope: Scope
    trend: float | None
    omnibus: float
    p_value: float
    equivalence: float
    adjusted: float | None = None
    adjusted_equivalence: float | None = None
    factor: int = 1


@dataclass(frozen=True, slots=True)
class Effect:
    """Main effect of an axis on a metric: the mean score of its values, with the other axes held equal.

    ``primary`` are the tests of the whole axis, the wider scope first; ``scope`` is the widest in which its verdict
    holds, ``within`` the widest in which all values are equivalent. ``contrasts`` are all pairs of values, each over
    runs that differ in nothing else; they count only behind the primary test. ``trend`` is the difference between
    lowest and highest value along a fitted line, over the logarithm if all values are positive. ``best`` is the value
    with the highest mean; ``as_good`` are the values not shown to be below it, itself included. ``tied`` are axes that
    vary with this one, so that their effects cannot be separated from it. ``balanced`` is false if runs are missing:
    the means are then over the settings that all values share, or over all runs if there are none. ``planned`` is false
    for an axis that the declared plan does not name.
    """

    axis: str
    metric: Metric
    ordered: bool
    levels: tuple[Level, ...]
    contrasts: tuple[Contrast, ...]
    trend: Contrast | None
    primary: tuple[Primary, ...]
    verdict: AxisVerdict
    scope: Scope | None
    within: Scope | None
    best: Any
    as_good: tuple[Any, ...]
    tied: tuple[str, ...]
    balanced: bool
    planned: bool = True

    @property
    def spread(self) -> float:
        """Difference between the highest and the lowest mean, in points."""
        means = [level.mean for level in self.levels]
        return max(means) - min(means)

    @property
    def below(self) -> tuple[Any, ...]:
        """The values that are shown to be below the best one, in order."""
        return tuple(level.value for level in self.levels if level.value not in self.as_good)

    @property
    def shown(self) -> tuple[Contrast, ...]:
        """The pairs of values whose difference is shown."""
        return tuple(contrast for contrast in self.contrasts if contrast.shown)


def with_verdicts(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Return contrasts with verdicts; all of them are one family in each scope, corrected by Holm's method.

    So are their tests of equivalence.
    """
    return _judged(contrasts, gates={}, families=1)


def with_axis_verdicts(drafts: Sequence[Effect], families: Sequence[Sequence[int]]) -> list[Effect]:
    """Return effects with verdicts. ``families`` are the positions of effects that are corrected together.

    The primary tests of a family are corrected by Holm's method, in each scope. The trend counts behind its axis's
    primary test, and so do the pairs of values, which are corrected within the axis. The verdict of an axis is a
    direction only if its trend is shown, no pair is shown against it, and the best value is the end it points to.
    """
    found = list(drafts)
    for family in families:
        primaries = _adjusted_primaries([drafts[index].primary for index in family])
        for index, primary in zip(family, primaries, strict=True):
            found[index] = _judged_effect(replace(drafts[index], primary=primary), len(family))
    return found


def _adjusted_primaries(tests: Sequence[tuple[Primary, ...]]) -> list[tuple[Primary, ...]]:
    """Return each axis's primary tests corrected over the axes, with Holm's factor."""
    adjusted: list[list[Primary]] = [[] for _ in tests]
    for scope in SCOPES:
        found = [(index, own) for index, one in enumerate(tests) for own in one if own.scope == scope]
        p_values = holm([own.p_value for _, own in found])
        equivalences = holm([own.equivalence for _, own in found])
        order = sorted(range(len(found)), key=lambda place: found[place][1].p_value)
        factors = {place: len(found) - rank for rank, place in enumerate(order)}
        for place, (index, own) in enumerate(found):
            one = replace(own, adjusted=p_values[place], adjusted_equivalence=equivalences[place])
            adjusted[index].append(replace(one, factor=factors[place]))
    return [tuple(own) for own in adjusted]


def _judged_effect(draft: Effect, axes: int) -> Effect:
    gates = {own.scope: own.adjusted if own.adjusted is not None else 1.0 for own in draft.primary}
    contrasts = tuple(_judged(draft.contrasts, gates, axes))
    trend = None if draft.trend is None else _judged_trend(draft.trend, draft.primary)
    scope = next((own.scope for own in draft.primary if (own.adjusted or 0.0) < SIGNIFICANCE), None)
    within = next((own.scope for own in draft.primary if _below(own.adjusted_equivalence)), None)
    worse = {
        one.first if one.second == draft.best else one.second
        for one in contrasts
        if draft.best in (one.first, one.second) and one.shown and _holds(one.scope, scope)
    }
    as_good = tuple(level.value for level in draft.levels if level.value not in worse)
    verdict: AxisVerdict = "undecided" if draft.primary else "untested"
    if scope is not None:
        verdict = _direction(draft, contrasts, trend, scope) or "differs"
    elif within is not None:
        verdict, scope = "equivalent", within
    return replace(
        draft,
        contrasts=contrasts,
        trend=trend,
        verdict=verdict,
        scope=scope,
        within=within,
        as_good=as_good,
    )


def _direction(
    draft: Effect, contrasts: Sequence[Contrast], trend: Contrast | None, scope: Scope
) -> AxisVerdict | None:
    """Return the direction of an ordered axis; ``None`` if it has none that the numbers bear out in this scope."""
    if not draft.ordered:
        return None
    bearing = contrasts if len(draft.levels) == 2 else [] if trend is None else [trend]
    borne = {one.verdict for one in bearing if one.shown and _holds(one.scope, scope)}
    shown = {one.verdict for one in (*bearing, *contrasts) if one.shown}
    first, last = draft.levels[0].value, draft.levels[-1].value
    if borne == shown == {"higher"} and draft.best == last:
        return "higher"
    if borne == shown == {"lower"} and draft.best == first:
        return "lower"
    return None


def _holds(own: Scope | None, scope: Scope | None) -> bool:
    """Return True if what holds in one scope holds in another: in the same, or in the narrower one."""
    return own == "new" or own == scope


def _judged_trend(trend: Contrast, primary: Sequence[Primary]) -> Contrast:
    """Return the trend with its verdict: one of the two halves of the primary test."""
    evidence = []
    for own in trend.evidence:
        test = next((one for one in primary if one.scope == own.scope), None)
        if test is None or test.adjusted is None:
            continue
        p = max(test.adjusted, min(1.0, 2.0 * test.factor * own.p_value))
        least = detectable_difference(own, tests=2 * test.factor)
        evidence.append(replace(own, adjusted=p, adjusted_equivalence=1.0, detectable=least))
    return decided(replace(trend, evidence=tuple(evidence)))


def _judged(contrasts: Sequence[Contrast], gates: Mapping[Scope, float], families: int) -> list[Contrast]:
    """Return contrasts with verdicts: p-values at least those of ``gates``, corrected by Holm's method.

    Equivalences have no gate, so they are corrected for the number of ``families`` as well.
    """
    evidence: list[list[Evidence]] = [[] for _ in contrasts]
    for scope in SCOPES:
        found = [(index, own) for index, one in enumerate(contrasts) if (own := one.of(scope)) is not None]
        p_values = holm([own.p_value for _, own in found])
        equivalences = holm([own.equivalence for _, own in found])
        for (index, own), p_value, equivalence in zip(found, p_values, equivalences, strict=True):
            one = replace(own, adjusted=max(p_value, gates.get(scope, 0.0)))
            one = replace(one, adjusted_equivalence=min(1.0, families * equivalence))
            evidence[index].append(replace(one, detectable=detectable_difference(own, tests=len(found))))
    return [decided(replace(one, evidence=tuple(own))) for one, own in zip(contrasts, evidence, strict=True)]


def decided(contrast: Contrast) -> Contrast:
    """Return a contrast with the verdict that its corrected tests bear.

    A shown difference goes before an equivalence, and the wider scope before the narrower one. A difference is shown
    only if its interval excludes 0, too.
    """
    shown = next((own for own in contrast.evidence if _shows(own)), None)
    within = next((own.scope for own in contrast.evidence if _below(own.adjusted_equivalence)), None)
    if shown is not None:
        verdict: Verdict = "higher" if shown.interval[0] > 0.0 else "lower"
        return replace(contrast, verdict=verdict, scope=shown.scope, within=within)
    verdict = "untested" if not contrast.evidence else "undecided" if within is None else "equivalent"
    return replace(contrast, verdict=verdict, scope=within, within=within)


def _shows(evidence: Evidence) -> bool:
    low, high = evidence.interval
    return _below(evidence.adjusted) and not low <= 0.0 <= high


def _below(p_value: float | None) -> bool:
    return p_value is not None and p_value < SIGNIFICANCE


def detectable_difference(evidence: Evidence, *, tests: int = 1) -> float:
    """Return the true difference, in points, that 8 of 10 such studies detect if ``tests`` tests share the level."""
    if evidence.degrees <= 0.0:
        return 100.0
    quantile = float(stdtrit(evidence.degrees, 1 - SIGNIFICANCE / tests / 2)) + float(stdtrit(evidence.degrees, POWER))
    low, high = evidence.interval
    return min(100.0, max(quantile * evidence.error, (high - low) / 2))
