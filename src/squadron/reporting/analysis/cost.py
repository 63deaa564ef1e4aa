"""Cost and score of runs, and overfitting by their losses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from squadron.reporting.analysis.effects import comparable_runs, effect_axes, present_levels, setting
from squadron.reporting.analysis.findings import (
    COSTS,
    BestSet,
    Cost,
    CostPoint,
    Fit,
    Fits,
    FitShare,
    FitVerdict,
    Frontier,
)
from squadron.runs.records import Study, StudyRun

OVERFIT_RISE = 0.02
"""The share by which the last validation loss must exceed the lowest for a run to count as overfit."""
STILL_FALLING = 0.01
"""The share by which the validation loss must have fallen in the last epoch for a run to count as still improving."""
FIT_VERDICTS: tuple[FitVerdict, ...] = ("overfit", "improving", "settled", "unknown")


def frontier(study: Study, best: BestSet | None) -> Frontier:
    """Return every scored run with its costs, and the Pareto frontier of each cost against F1."""
    among = set(best.names) if best is not None else set()
    drafts: list[tuple[StudyRun, float, Mapping[Cost, float]]] = []
    for run in study.scored:
        score = study.score(run)
        assert score is not None, run.name
        drafts.append((run, score.f1, {cost: getattr(run, cost) for cost in COSTS if getattr(run, cost) is not None}))
    points = []
    for run, f1, costs in drafts:
        ahead = tuple(
            cost
            for cost in costs
            if not any(_dominates(other, f1_other, costs[cost], f1, cost) for _, f1_other, other in drafts)
        )
        score = study.score(run)
        assert score is not None, run.name
        points.append(CostPoint(run.name, f1, score.f1_interval, costs, ahead, run.name in among))
    cheapest = {}  # without costs that are the same for all candidates
    for cost in COSTS:
        candidates = [point for point in points if point.among_best and cost in point.costs]
        if len({point.costs[cost] for point in candidates}) > 1:
            cheapest[cost] = min(candidates, key=lambda point: (point.costs[cost], -point.f1)).run
    return Frontier(tuple(points), cheapest)


def _dominates(other: Mapping[Cost, float], other_f1: float, own_cost: float, own_f1: float, cost: Cost) -> bool:
    """Return True if another run costs no more and scores no less, and is better in one of the two."""
    if cost not in other:
        return False
    as_good = other[cost] <= own_cost and other_f1 >= own_f1
    return as_good and (other[cost] < own_cost or other_f1 > own_f1)


def fits(study: Study) -> Fits:
    """Classify the fit of all runs that are done, and count the verdicts in total and by axis."""
    runs = [run for run in study.runs if run.status == "done" and run.curve.steps]
    found = tuple(fit_of(run) for run in runs)
    verdicts = {fit.run: fit.verdict for fit in found}
    by_axis = []
    matched = [run for run in comparable_runs(study) if run.name in verdicts]
    for axis in effect_axes(study):
        for value in present_levels(matched, axis, study.axes[axis]):
            own = [verdicts[run.name] for run in matched if setting(run, axis) == value]
            by_axis.append(FitShare(axis, value, _counts(own)))
    return Fits(found, _counts(list(verdicts.values())), tuple(by_axis))


def fit_of(run: StudyRun) -> Fit:
    """Classify a run as overfit, still improving or settled, from its training and validation losses."""
    training = dict(run.curve.epoch_losses())
    ends = run.curve.last_steps()
    held_out = {validation_point.step: validation_point.loss for validation_point in run.curve.validations}
    epochs = tuple(training)
    validation = tuple(held_out.get(ends[epoch]) for epoch in epochs)
    known = [(loss, epoch) for epoch, loss in zip(epochs, validation, strict=True) if loss is not None]
    if len(known) < 2 or validation[-1] is None:
        only = known[0][1] if len(known) == 1 else None
        return Fit(run.name, epochs, tuple(training.values()), validation, only, None, "unknown")
    lowest, best_epoch = min(known)
    last, before = known[-1][0], known[-2][0]
    rise = last / lowest - 1.0 if lowest > 0.0 else 0.0
    verdict: FitVerdict = "settled"
    if rise > OVERFIT_RISE and training[epochs[-1]] < training[best_epoch]:
        verdict = "overfit"
    elif best_epoch == epochs[-1] and last < before * (1.0 - STILL_FALLING):
        verdict = "improving"
    return Fit(run.name, epochs, tuple(training.values()), validation, best_epoch, rise, verdict)


def _counts(verdicts: Sequence[FitVerdict]) -> dict[FitVerdict, int]:
    counted = Counter(verdicts)
    return {verdict: counted[verdict] for verdict in FIT_VERDICTS}
