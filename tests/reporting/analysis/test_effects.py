"""Main effects and interactions: the analysis finds the effects of synthetic studies, and no others."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from made_study import Effects, make_study, plain_effects
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.interactions import analysis_of_variance, pattern_test
from squadron.reporting.analysis.study import analyze_study
from squadron.runs.records import Study
from squadron.runs.study import read_study
from squadron.scoring.intervals import cluster_codes

SMALL: dict[str, Any] = {"rates": (1e-4, 1e-3), "modules": ("attention", "attention+mlp"), "test": False}
"""Four pairs of runs for each pair of ranks."""


def analyzed(folder: Path, **options: Any) -> Analysis:
    return analyze_study(read_study(make_study(folder, **options)))


def test_the_studys_own_effects_are_found(paper: Study, paper_analysis: Analysis) -> None:
    assert len(paper_analysis.effects) == 3 * 2  # F1 and EM: these runs were scored without P(gold)
    rank, rate, modules = (paper_analysis.effect(axis) for axis in ("rank", "lr", "targets"))
    assert rank is not None
    assert rate is not None
    assert modules is not None
    assert (rank.verdict, rate.verdict, modules.verdict) == ("higher", "higher", "differs")
    assert set(rate.as_good) == {5e-4, 1e-3}  # equal by construction
    assert modules.as_good == ("attention+mlp",)
    assert len(rank.contrasts) == math.comb(5, 2)
    assert all(one.pairs == 15 and one.covers == "settings" for one in rank.contrasts)
    for effect, axis in ((rank, "rank"), (rate, "lr"), (modules, "targets")):
        for level in effect.levels:
            own = [
                score.f1
                for run in paper.scored
                if run.changes[axis] == level.value and (score := paper.score(run)) is not None
            ]
            assert level.mean == pytest.approx(np.mean(own))
            assert level.runs == len(own)
            assert level.interval[0] < level.mean < level.interval[1]
        for one in effect.contrasts:
            means = {level.value: level.mean for level in effect.levels}
            assert one.difference == pytest.approx(means[one.second] - means[one.first])
            assert one.interval is not None
            assert one.interval[0] <= one.difference <= one.interval[1]


@pytest.mark.parametrize(
    ("rank", "verdict", "best"),
    [
        (lambda rank: 0.5 * math.log2(rank / 4), "higher", 64),
        (lambda rank: -0.5 * math.log2(rank / 4), "lower", 4),
        (lambda rank: 0.9 if rank == 16 else 0.0, "differs", 16),
    ],
)
def test_the_verdict_follows_the_numbers(tmp_path: Path, rank: Any, verdict: str, best: int) -> None:
    effects = Effects(rank=rank, start=-0.5)
    found = analyzed(tmp_path / "sweep", ranks=(4, 16, 64), effects=effects, **SMALL).effect("rank")
    assert found is not None
    assert (found.verdict, found.best) == (verdict, best)
    assert best in found.as_good


def test_noise_is_not_significant(tmp_path: Path) -> None:
    effects = plain_effects()
    verdicts = []
    for seed in range(5):
        folder = tmp_path / str(seed)
        found = analyzed(folder, ranks=(4, 16, 64), effects=effects, seed=seed, paragraphs=30, baseline=False, **SMALL)
        axes = ("rank", "lr", "targets")
        verdicts += [effect.verdict for axis in axes if (effect := found.effect(axis)) is not None]
        if seed == 0:  # the difference is still reported, with the detectable one
            rank = found.effect("rank")
            assert rank is not None
            assert rank.spread > 0.0
            assert set(rank.as_good) == {4, 16, 64} or rank.shown
            assert all(one.detectable is not None and one.detectable > 0.5 for one in rank.contrasts)
    assert len(verdicts) == 15
    assert sum(verdict not in ("undecided", "equivalent") for verdict in verdicts) <= 1


def test_without_questions_nothing_is_tested(tmp_path: Path) -> None:
    found = analyzed(tmp_path / "sweep", ranks=(4, 64), data=False, **SMALL)
    rank = found.effect("rank")
    assert rank is not None
    assert (rank.verdict, rank.contrasts[0].p_value, rank.contrasts[0].interval) == ("untested", None, None)
    assert rank.contrasts[0].difference == pytest.approx(rank.levels[1].mean - rank.levels[0].mean)
    assert found.best is None
    assert all(one.verdict == "untested" for one in found.interactions)
    assert {contrast.verdict for model in found.models for contrast in model.contrasts} == {"untested"}


def test_axes_that_vary_together_are_one(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "sweep", ranks=(4, 64), **SMALL)
    record = json.loads((folder / "sweep.json").read_text())
    for run in record["runs"]:
        run["changes"]["alpha"] = 2.0 * run["changes"]["rank"]
    (folder / "sweep.json").write_text(json.dumps(record))
    found = analyze_study(read_study(folder))
    rank = found.effect("rank")
    assert rank is not None
    assert rank.tied == ("alpha",)
    assert rank.contrasts[0].pairs == 4
    assert found.effect("alpha") is None


def test_of_axes_that_vary_together_the_planned_one_is_tested(varied_folder: Path) -> None:
    """As in a pair of adapters with equal parameters, whose ranks differ as well as their modules."""
    varied, tied = read_study(varied_folder), {4: "attention+mlp", 16: "attention"}
    runs = tuple(
        replace(run, changes={**run.changes, "targets": tied[run.changes["rank"]]})
        for run in varied.runs
        if run.method == "lora"
    )
    whole = replace(varied, runs=runs, axes={**varied.axes, "targets": ("attention+mlp", "attention")})
    for axes, kept in ((None, "rank"), (["targets"], "targets")):
        study = replace(whole, config={**varied.config, "analysis": {"axes": axes}})
        analysis = analyze_study(study)
        assert {"rank", "targets"} & {effect.axis for effect in analysis.effects} == {kept}
        assert not analysis.kept.untested


def test_missing_runs_remove_their_pairs(tmp_path: Path) -> None:
    found = analyzed(tmp_path / "sweep", ranks=(4, 16, 64), failed=1, **SMALL)
    rank = found.effect("rank")
    assert rank is not None
    assert not rank.balanced
    pairs = {(one.first, one.second): one.pairs for one in rank.contrasts}
    assert pairs == {(4, 16): 4, (4, 64): 3, (16, 64): 3}  # the grid's last run has rank 64
    assert [level.runs for level in rank.levels] == [3, 3, 3]


def test_shares_of_variance_are_those_of_a_balanced_design() -> None:
    draw = np.random.default_rng(5)
    table = draw.normal(0, 1, (3, 4, 2)) + np.arange(3)[:, None, None]
    places = list(itertools.product(range(3), range(4), range(2)))
    scores = np.array([table[place] for place in places])
    settings = {name: [place[axis] for place in places] for axis, name in enumerate("abc")}
    found = {one.axes: one for one in analysis_of_variance(scores, settings)}
    total = np.sum((table - table.mean()) ** 2)
    mains = {axis: table.mean(axis=tuple({0, 1, 2} - {axis}), keepdims=True) - table.mean() for axis in range(3)}
    pairs = {
        both: table.mean(axis=({0, 1, 2} - set(both)).pop(), keepdims=True)
        - table.mean()
        - mains[both[0]]
        - mains[both[1]]
        for both in itertools.combinations(range(3), 2)
    }
    ones = np.ones_like(table)
    explained = {("abc"[axis],): np.sum((own * ones) ** 2) for axis, own in mains.items()}
    explained |= {("abc"[a], "abc"[b]): np.sum((own * ones) ** 2) for (a, b), own in pairs.items()}
    rest, degrees = total - sum(explained.values()), 2 * 3 * 1
    assert set(found) == set(explained)
    for axes, squares in explained.items():
        own = found[axes]
        error = rest / degrees
        wanted = (squares - own.degrees[0] * error) / (total + error)
        assert own.share == pytest.approx(max(0.0, wanted))  # omega squared
        assert own.degrees[1] == degrees
        f = squares / own.degrees[0] / (rest / degrees)
        assert own.f == pytest.approx(f)
        assert own.p_value == pytest.approx(stats.f.sf(f, own.degrees[0], degrees))
    assert [found[axes].degrees[0] for axes in (("a",), ("b",), ("c",), ("a", "b"))] == [2, 3, 1, 6]


def test_without_residuals_there_is_no_f_test() -> None:
    places = list(itertools.product(range(3), range(3)))
    scores = np.random.default_rng(6).normal(0, 1, 9)
    found = analysis_of_variance(scores, {"a": [a for a, _ in places], "b": [b for _, b in places]})
    assert [one.p_value for one in found] == [None, None, None]
    assert [one.share for one in found] == [None, None, None]  # without an error there is nothing to compare with


def test_a_pattern_must_hold_over_paragraphs() -> None:
    codes = cluster_codes([place // 5 for place in range(150)], 150)
    additive = np.arange(3)[:, None, None] + np.arange(2)[None, :, None]
    rejected = 0
    for seed in range(150):
        noise = np.random.default_rng(seed).normal(0, 1, (3, 2, 150))
        rejected += pattern_test(additive + noise, codes, permutations=200, seed=seed) < 0.05
    assert rejected <= 0.09 * 150
    crossed = np.zeros((3, 2, 150))
    crossed[0, 0] = crossed[1, 1] = 1.0
    noise = np.random.default_rng(7).normal(0, 1, (3, 2, 150))
    assert pattern_test(crossed + noise, codes) < 0.01
    assert pattern_test(crossed, cluster_codes([0] * 150, 150)) == 1.0  # one paragraph is no evidence


def test_an_interaction_is_found_if_there_is_one(tmp_path: Path, paper_analysis: Analysis) -> None:
    effects = Effects(
        rank=lambda _: 0.0, rate=lambda _: 0.0, both=lambda rank, rate: 1.2 * (rank == 64) * (rate > 5e-4)
    )
    found = analyzed(tmp_path / "sweep", ranks=(4, 64), effects=effects, seeds=(0, 1), **SMALL)
    both = found.interaction("lr", "rank")
    assert both is not None
    assert both.verdict == "interact"
    assert set(both.cells) == set(itertools.product((4, 64), (1e-4, 1e-3)))
    assert max(both.cells, key=lambda cell: both.cells[cell]) == (64, 1e-3)
    assert {one.verdict for one in paper_analysis.interactions if one.metric == "f1"} == {"no_interaction"}
