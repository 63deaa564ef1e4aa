"""A study and its findings by hand: eight runs whose figures a test can read off, in which F1 and EM disagree.

Nothing here is computed by the package, so that a chart or a sentence is held against what was put in. EM is high where
F1 is low; no order of the runs by name, rank or cost is that of their scores.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from squadron.reporting.analysis.findings import (
    Analysis,
    BestSet,
    CostPoint,
    DecodingComparison,
    Detectable,
    Fit,
    Fits,
    Frontier,
    Interaction,
    KindShare,
    Mistakes,
    ModelComparison,
    ModelScore,
    SeedGroup,
    SeedLevel,
    SeedSpread,
    VarianceShare,
)
from squadron.reporting.analysis.verdicts import Contrast, Effect, Evidence, Level, Primary
from squadron.runs.records import (
    BaseInfo,
    Baseline,
    Curve,
    Data,
    Failures,
    KindCount,
    Score,
    SplitInfo,
    Study,
    StudyRun,
    Validation,
)
from squadron.scoring.designs import SCOPES, Scope

F1 = {
    ("attention", 4, 1e-4): 11.0,
    ("attention", 4, 1e-3): 42.0,
    ("attention", 8, 1e-4): 23.0,
    ("attention", 8, 1e-3): 54.0,
    ("attention+mlp", 4, 1e-4): 65.0,
    ("attention+mlp", 4, 1e-3): 36.0,
    ("attention+mlp", 8, 1e-4): 77.0,
    ("attention+mlp", 8, 1e-3): 8.0,
}
"""F1 by modules, rank and learning rate; EM is 90 less F1."""


def name_of(targets: str, rank: int, rate: float) -> str:
    """``attention-r4-slow``: the learning rate is slow or fast."""
    return f"{targets}-r{rank}-{'slow' if rate == 1e-4 else 'fast'}"


def score(f1: float, *, split: str = "validation", decoding: str = "greedy", **more: Any) -> Score:
    """A score with EM 90 less F1; F1's interval reaches 3 below and 5 above it, EM's 2 and 4."""
    em = 90.0 - f1
    return Score(split, decoding, em, f1, (em - 2.0, em + 4.0), (f1 - 3.0, f1 + 5.0), 200, 40, **more)


def curve(place: int) -> Curve:
    """Two epochs of two steps, whose losses are the run's number and a fraction: all different."""
    validations = (Validation(2, place + 0.5), Validation(4, place + 0.6))
    losses = tuple(place + part for part in (0.1, 0.2, 0.3, 0.4))
    return Curve((1, 2, 3, 4), (1, 1, 2, 2), losses, validations)


def run(place: int, targets: str, rank: int, rate: float, f1: float) -> StudyRun:
    """One run; ``place`` is its number in :data:`F1`, by which its costs and losses are told."""
    changes = {"targets": targets, "rank": rank, "lr": rate}
    return StudyRun(
        name=name_of(targets, rank, rate),
        path=Path("study") / "runs" / name_of(targets, rank, rate),
        status="done",
        reason=None,
        changes=changes,
        config={"rank": rank, "lr": rate, "target_modules": [targets], "seed": 0},
        scores={"validation": {"greedy": score(f1)}},
        curve=curve(place),
        trainable_parameters=1000 * (1 + place // 2),  # as rank and modules alone decide
        trainable_share=(1 + place // 2) / 1000,
        train_questions=500,
        seconds=10.0 * (8 - place),
        peak_memory_bytes=2**20 * (100 + (3 * place) % 8),
    )


def study(**changes: Any) -> Study:
    """The study; its best run is ``attention+mlp-r8-slow``, its baseline has F1 5 and EM 85."""
    runs = [run(place, *key, f1) for place, (key, f1) in enumerate(F1.items())]
    runs.sort(key=lambda one: -one.scores["validation"]["greedy"].f1)
    kinds = (KindCount("too_long", "Too long", 30, 0.6), KindCount("empty", "Empty", 20, 0.4))
    failures = Failures("best", "validation", "greedy", 200, 50, kinds, {})
    plain = Study(
        path=Path("study"),
        kind="sweep",
        status="done",
        config={},
        runs=tuple(runs),
        axes={"targets": ("attention", "attention+mlp"), "rank": (4, 8), "lr": (1e-4, 1e-3)},
        baseline=Baseline("gpt2", Path("study") / "baseline", {"validation": {"greedy": score(5.0)}}),
        split="validation",
        decoding="greedy",
        base=BaseInfo("gpt2", "ab" * 32, 124_000_000),
        data=Data("squad", "1.1", {"validation": SplitInfo(200, 40, "cd" * 32)}, 0, None),
        failures=failures,
        baseline_failures=None,
        environment={},
        seed=0,
        precision="fp32",
        started=None,
        seconds=7200.0,
        missing=(),
    )
    return replace(plain, **changes)


def evidence(scope: Scope, difference: float, p: float, reach: float = 0.0) -> Evidence:
    """A test whose interval reaches 4 below and 2 above the difference, or ``reach`` less."""
    ends = (difference - 4.0 + reach, difference + 2.0 - reach)
    return Evidence(scope, ends, 1.5, 20.0, p, 1.0, p, 1.0, 3.3)


def contrast(first: Any, second: Any, difference: float, verdict: Any, metric: Any = "f1", **changes: Any) -> Contrast:
    """Second less first, shown on new questions; ``adjusted`` and ``detectable`` are set in its tests."""
    p, least = changes.pop("adjusted", 0.012), changes.pop("detectable", 3.3)
    both: tuple[tuple[Scope, float], ...] = (("new", 0.0), ("these", 0.5))
    own = tuple(replace(evidence(scope, difference, p, reach), detectable=least) for scope, reach in both)
    plain = Contrast(
        metric,
        first,
        second,
        difference,
        () if verdict == "untested" else own[: 1 if changes.get("pairs") == 1 else 2],
        verdict,
        None if verdict in ("untested", "undecided") else "new",
        "new" if verdict == "equivalent" else None,
        200,
        40,
        4,
        "settings",
    )
    return replace(plain, **changes)


def effect(axis: str, means: dict[Any, float], verdict: Any, metric: Any = "f1", **changes: Any) -> Effect:
    """An effect with these means, whose intervals reach 1 below and 2 above; its best is the highest mean."""
    levels = tuple(Level(value, mean, (mean - 1.0, mean + 2.0), 4) for value, mean in means.items())
    best = max(means, key=lambda value: means[value])
    ordered = all(isinstance(value, (int, float)) for value in means)
    primary = tuple(Primary(scope, 0.004, 0.01, 0.008, 1.0, 0.016, 1.0, 2) for scope in SCOPES)
    plain = Effect(
        axis=axis,
        metric=metric,
        ordered=ordered,
        levels=levels,
        contrasts=(),
        trend=None,
        primary=() if verdict == "untested" else primary,
        verdict=verdict,
        scope=None if verdict in ("untested", "undecided") else "new",
        within="new" if verdict == "equivalent" else None,
        best=best,
        as_good=tuple(means) if verdict in ("undecided", "equivalent") else (best,),
        tied=(),
        balanced=True,
    )
    return replace(plain, **changes)


def rank_effects() -> tuple[Effect, Effect]:
    """Of three ranks on F1 and on EM: F1 rises with the rank, EM falls."""
    pairs = (
        contrast(4, 8, 5.0, "higher"),
        contrast(4, 16, 11.0, "higher"),
        contrast(8, 16, 1.5, "undecided"),
    )
    means = {4: 30.0, 8: 35.0, 16: 41.0}
    trend = contrast(4, 16, 9.5, "higher")
    f1 = effect("rank", means, "higher", contrasts=pairs, trend=trend, as_good=(8, 16))
    falling = tuple(replace(one, metric="exact_match", difference=-one.difference, verdict="lower") for one in pairs)
    em = effect("rank", {4: 60.0, 8: 55.0, 16: 49.0}, "lower", "exact_match", contrasts=falling)
    return f1, em


def analysis(**changes: Any) -> Analysis:
    """Findings that :func:`study` need not bear out: each is what a test wants to read again."""
    runs = study().runs
    fits = tuple(
        Fit(one.name, (1, 2), (number + 0.15, number + 0.35), (number + 0.5, number + 0.6), 1, 0.0, "settled")
        for one, number in ((one, round(one.curve.losses[0] or 0.0)) for one in runs)
    )
    among = {runs[0].name, runs[2].name}
    points = tuple(
        CostPoint(
            one.name,
            own.f1,
            own.f1_interval,
            {
                "trainable_parameters": float(one.trainable_parameters or 0),
                "seconds": one.seconds or 0.0,
                "peak_memory_bytes": float(one.peak_memory_bytes or 0),
            },
            ("seconds",) if one.name == runs[1].name else (),
            one.name in among,
        )
        for one in runs
        if (own := one.score("validation", "greedy"))
    )
    baseline, best = score(5.0), score(77.0)
    models = ModelComparison(
        "validation",
        "greedy",
        (ModelScore("baseline", "gpt2", baseline), ModelScore("best", runs[0].name, best)),
        (
            contrast("baseline", "best", 72.0, "higher", pairs=1),
            contrast("baseline", "best", -72.0, "lower", "exact_match", pairs=1),
        ),
    )
    decodings = DecodingComparison(
        runs[0].name,
        "test",
        "greedy",
        (
            score(60.0, split="test"),
            score(66.0, split="test", decoding="span"),
            score(51.0, split="test", decoding="nucleus"),
            score(59.0, split="test", decoding="beam"),
        ),
        (
            contrast("greedy", "span", 6.0, "higher"),
            contrast("greedy", "nucleus", -9.0, "lower"),
            contrast("greedy", "beam", -1.0, "undecided"),
            contrast("greedy", "span", -6.0, "lower", "exact_match"),
            contrast("greedy", "nucleus", 9.0, "higher", "exact_match"),
        ),
    )
    mistakes = Mistakes(
        50,
        200,
        (
            KindShare("too_long", "Too long", 30, 0.6, (0.45, 0.73), 10, 0.125),
            KindShare("empty", "Empty", 20, 0.4, (0.27, 0.55), 70, 0.875),
        ),
        leads=True,
    )
    seeds = SeedSpread(
        "f1",
        (
            SeedGroup({"rank": 4, "lr": 1e-4}, (0, 1), (20.0, 26.0), 23.0, 4.2),
            SeedGroup({"rank": 8, "lr": 1e-4}, (0, 1, 2), (50.0, 57.0, 55.0), 54.0, 3.6),
        ),
        3.75,
        3,
        12.5,
        (SeedLevel("rank", 4, 4.2, 1), SeedLevel("rank", 8, 3.6, 2)),
    )
    cells = {(4, 1e-4): 38.0, (4, 1e-3): 39.0, (8, 1e-4): 50.0, (8, 1e-3): 31.0}
    plain = Analysis(
        effects=rank_effects(),
        variance={
            "f1": (
                VarianceShare(("rank",), 0.62, 9.0, (1, 3), 0.05),
                VarianceShare(("rank", "lr"), 0.11, 4.0, (1, 3), 0.1),
            )
        },
        interactions=(
            Interaction(("rank", "lr"), "f1", cells, 0.003, 0.004, "interact"),
            Interaction(("rank", "lr"), "exact_match", cells, 0.7, 0.8, "no_interaction"),
        ),
        best=BestSet("f1", runs[0].name, (runs[0].name, runs[2].name), 2, 8, 1.6),
        models=(models,),
        decodings=decodings,
        seeds=seeds,
        fits=Fits(fits, {"overfit": 1, "improving": 2, "settled": 5, "unknown": 0}, ()),
        frontier=Frontier(points, {"trainable_parameters": runs[2].name, "seconds": runs[0].name}),
        mistakes=mistakes,
        detectable=(Detectable("f1", 200, 9.0, 4.4, 7.7), Detectable("exact_match", 200, 9.0, 6.6, 8.8)),
        left_out=(),
    )
    return replace(plain, **changes)
