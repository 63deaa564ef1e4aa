"""Simulate the tests of a study: how often they claim a difference that is not there, and how often they miss one.

    python benchmarks/power.py                # a few minutes on one core
    python benchmarks/power.py --studies 200  # a quick look

A made-up study has a grid of runs (5 ranks, 5 learning rates, 3 sets of modules, and some seeds) and 1,000 questions in
220 paragraphs. A run answers a question correctly if its skill exceeds the question's difficulty. The parts of the
difference are calibrated to 75 runs on the pocket base: 87% right; runs that are equal differ by 0.35 points through
training; each value of an option suits some questions better than others, which moves the mean of a value by 0.2 points
from one set of questions to another. The tests are those of the reports.

Each line has the share of studies that claim, in each scope: a difference on any axis that has none (at most 5%), the
difference that is there (at least 90%), something against the truth, and that all learning rates are equivalent. Where
values suit some questions better than others, their means do differ on these questions, so a claim is not false there.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from squadron.reporting.analysis.contrasts import contrast_evidence, make_levels
from squadron.reporting.analysis.effects import primary_tests
from squadron.reporting.analysis.verdicts import Contrast, Effect, Level, with_axis_verdicts
from squadron.scoring.designs import SCOPES, Scope, trend_weights
from squadron.scoring.intervals import Codes, Floats

RANKS = (4, 8, 16, 32, 64)
RATES = (7e-5, 1e-4, 2e-4, 5e-4, 1e-3)
MODULES = ("attention", "attention+mlp", "query-value+attention")
QUESTIONS, PARAGRAPHS = 1000, 220
AXES = ("rank", "lr", "targets")
_SKILL = 1.126
"""The skill of a run that answers 87% of the questions."""
_POINT = 0.0473
"""The skill that is worth a point, near 87%."""
_HARD_PARAGRAPH, _HARD_QUESTION, _CHANCE = 0.45, 0.8, 0.4
"""Standard deviations of a paragraph's and a question's difficulty, and of one run's luck with one question."""


@dataclass(frozen=True)
class Case:
    """A made-up truth: the effect of a learning rate in points, and the noise of runs and values, in points.

    ``training`` is the deviation of runs that are otherwise equal, ``shared`` that of a value with one seed, which all
    runs with this value and seed have alike, ``edge`` the same of the highest learning rate alone, ``suiting`` that of
    a value's mean from one set of questions to another.
    """

    name: str
    effect: Callable[[int], float] = lambda _place: 0.0
    seeds: int = 1
    training: float = 0.35
    shared: float = 0.0
    edge: float = 0.0
    suiting: float = 0.2

    @property
    def has_effect(self) -> bool:
        """True if the learning rate matters."""
        return any(self.effect(place) != self.effect(0) for place in range(len(RATES)))


def rising(place: int) -> float:
    """Return +2.0 points from the lowest to the highest rate, over the logarithm."""
    return 2.0 * float(np.log(RATES[place] / RATES[0]) / np.log(RATES[-1] / RATES[0]))


def last_only(place: int) -> float:
    """Return +2.0 points for the highest rate alone."""
    return 2.0 * (place == len(RATES) - 1)


def humped(place: int) -> float:
    """Return points that rise to the middle rate and fall again."""
    return (0.0, 1.0, 2.0, 1.0, -1.0)[place]


CASES = (
    Case("no effect"),
    Case("no effect, questions that suit nobody", suiting=0.0),
    Case("no effect, 3 seeds", seeds=3),
    Case("no effect, 3 seeds, a shared shift of 0.5 a seed and value", seeds=3, shared=0.5),
    Case("no effect, 3 seeds, shared 0.5, questions that suit nobody", seeds=3, shared=0.5, suiting=0.0),
    Case("no effect, 3 seeds, a shared 1.5 of the highest lr alone", seeds=3, edge=1.5, suiting=0.0),
    Case("lr +2.0, log-linear", rising),
    Case("lr +2.0, log-linear, 3 seeds", rising, seeds=3),
    Case("lr +2.0, log-linear, 3 seeds, shared 0.5", rising, seeds=3, shared=0.5),
    Case("lr +2.0, last value only", last_only),
    Case("lr humped, 2 points", humped),
)


def made_scores(case: Case, draw: np.random.Generator) -> tuple[Floats, Codes]:
    """Return right (1) and wrong (0) answers [ranks, rates, modules, seeds, questions], and paragraphs [questions]."""
    codes = np.sort(draw.integers(0, PARAGRAPHS, QUESTIONS)).astype(np.intp)
    shape = (len(RANKS), len(RATES), len(MODULES), case.seeds)
    skill = _SKILL + _POINT * case.training * draw.normal(size=shape)
    skill += _POINT * np.array([case.effect(place) for place in range(len(RATES))])[None, :, None, None]
    # How well a value suits a question: its mean over these questions is off by ``suiting`` points.
    suits = _POINT * case.suiting * np.sqrt(QUESTIONS)
    answers = skill[..., None] - draw.normal(0, _HARD_QUESTION, QUESTIONS)
    answers -= draw.normal(0, _HARD_PARAGRAPH, PARAGRAPHS)[codes]
    for axis, count in enumerate(shape[:3]):
        side = [1] * 5
        side[axis], side[4] = count, QUESTIONS
        answers = answers + suits * draw.normal(size=side)
        side[3], side[4] = case.seeds, 1
        answers = answers + _POINT * case.shared * draw.normal(size=side)
    if case.edge:
        answers[:, -1] += _POINT * case.edge * draw.normal(size=(1, 1, case.seeds, 1))
    answers += draw.normal(0, _CHANCE, (*shape, QUESTIONS))
    return (answers > 0.0).astype(np.float64), codes


def effects_of(scores: Floats, codes: Codes, *, margin: float = 1.0) -> list[Effect]:
    """Return the effects of the three axes with their verdicts, as :func:`analyze_study` finds them."""
    drafts = []
    seeds = scores.shape[3]
    for axis, values in enumerate((RANKS, RATES, MODULES)):
        moved = np.moveaxis(scores, axis, 0).reshape(len(values), -1, len(codes))
        levels = make_levels(moved, codes, list(range(seeds)) * (moved.shape[1] // seeds))
        means = 100.0 * levels.block.means

        def contrast(first: int, second: int, weights: Sequence[float]) -> Contrast:
            evidence = contrast_evidence(levels, weights, margin=margin)  # noqa: B023
            difference = 100.0 * float(np.asarray(weights) @ levels.block.means)  # noqa: B023
            return Contrast("f1", values[first], values[second], difference, evidence)  # noqa: B023

        ordered = not isinstance(values[0], str)
        line = trend_weights([float(value) for value in values]) if ordered else []
        trend = contrast(0, len(values) - 1, line) if ordered else None
        pairs = [
            contrast(a, b, [float(place == b) - float(place == a) for place in range(len(values))])
            for a, b in itertools.combinations(range(len(values)), 2)
        ]
        drafts.append(
            Effect(
                axis=AXES[axis],
                metric="f1",
                ordered=ordered,
                levels=tuple(Level(v, float(m), (float(m), float(m)), 1) for v, m in zip(values, means, strict=True)),
                contrasts=tuple(pairs),
                trend=trend,
                primary=tuple(primary_tests(levels, trend, pairs)),
                verdict="untested",
                scope=None,
                within=None,
                best=values[int(means.argmax())],
                as_good=(),
                tied=(),
                balanced=True,
            )
        )
    return with_axis_verdicts(drafts, [range(len(drafts))])


@dataclass
class Rates:
    """Shares of studies, by scope: with a false claim, with the true one, and with a false direction or pair."""

    false: dict[Scope, float]
    found: dict[Scope, float]
    against: float
    equivalent: float


def simulate(case: Case, studies: int, *, seed: int = 0) -> Rates:
    """Simulate ``studies`` studies of a case."""
    false: dict[Scope, int] = dict.fromkeys(SCOPES, 0)
    found: dict[Scope, int] = dict.fromkeys(SCOPES, 0)
    against = equivalent = 0
    for number in range(studies):
        draw = np.random.default_rng((seed, number))
        found_effects = {effect.axis: effect for effect in effects_of(*made_scores(case, draw))}
        for scope in SCOPES:
            shown = [axis for axis, effect in found_effects.items() if _shown(effect, scope)]
            found[scope] += case.has_effect and "lr" in shown
            wrong = any(axis != "lr" or not case.has_effect for axis in shown)
            false[scope] += wrong and (scope == "new" or case.suiting == 0.0)
        against += _against(case, found_effects["lr"])
        equivalent += any(effect.within is not None for axis, effect in found_effects.items() if axis == "lr")
    return Rates(
        {scope: count / studies for scope, count in false.items()},
        {scope: count / studies for scope, count in found.items()},
        against / studies,
        equivalent / studies,
    )


def _shown(effect: Effect, scope: Scope) -> bool:
    return any(own.scope == scope and (own.adjusted or 0.0) < 0.05 for own in effect.primary)


def _against(case: Case, rate: Effect) -> bool:
    """Return True if a verdict on the learning rate contradicts the truth on new questions."""
    truth = {value: case.effect(place) for place, value in enumerate(RATES)}
    if rate.verdict == "lower" or (rate.verdict == "higher" and truth[RATES[-1]] < max(truth.values())):
        return case.has_effect
    for pair in rate.contrasts:
        difference = truth[pair.second] - truth[pair.first]
        if pair.shown and pair.scope == "new" and difference * pair.difference < 0:
            return True
    return False


def table(rates: Mapping[str, Rates]) -> str:
    """Return the rates as a table."""
    head = f"{'truth':<60} {'false: new':>10} {'these':>7} {'found: new':>11} {'these':>7} {'against':>8} {'equal':>6}"
    lines = [head]
    for name, own in rates.items():
        cells = [
            own.false["new"],
            own.false["these"],
            own.found["new"],
            own.found["these"],
            own.against,
            own.equivalent,
        ]
        widths = (10, 7, 11, 7, 8, 6)
        shown = " ".join(f"{100 * cell:>{width - 1}.1f}%" for cell, width in zip(cells, widths, strict=True))
        lines.append(f"{name:<60} {shown}")
    return "\n".join(lines)


def main() -> None:
    """Simulate every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="Studies of each case.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of all draws.")
    given = parser.parse_args()
    print(f"{given.studies} studies of each case, seed {given.seed}; false claims should be at most 5%")
    print(table({case.name: simulate(case, given.studies, seed=given.seed) for case in CASES}))


if __name__ == "__main__":
    main()
