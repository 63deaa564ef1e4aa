"""Best set, models and strategies, seeds, fits, frontier and mistakes: by hand, and by simulation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from made_study import make_study
from squadron.reporting.analysis.cost import fit_of, fits, frontier
from squadron.reporting.analysis.findings import COSTS, Analysis, Cost
from squadron.reporting.analysis.mistakes import mistakes
from squadron.reporting.analysis.models import best_set
from squadron.reporting.analysis.questions import QuestionScores
from squadron.reporting.analysis.spread import seed_spread
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.published import PUBLISHED
from squadron.runs.records import Curve, KindCount, Study, StudyRun, Validation
from squadron.runs.study import read_study
from squadron.scoring.designs import METRICS
from squadron.scoring.intervals import clopper_pearson, cluster_codes


@pytest.fixture(scope="module")
def varied(varied_folder: Path) -> Study:
    return read_study(varied_folder)


@pytest.fixture(scope="module")
def varied_analysis(varied: Study) -> Analysis:
    return analyze_study(varied)


def question_scores(values: dict[str, Any], codes: Any) -> QuestionScores:
    return QuestionScores(codes, dict.fromkeys(METRICS, values), ())


def test_the_best_set_contains_the_best_run(paper: Study) -> None:
    """One of twelve runs is slightly better: the highest score mostly misses it, the set rarely does."""
    codes = cluster_codes([place // 5 for place in range(200)], 200)
    runs = [replace(paper.runs[0], name=f"run {place}") for place in range(12)]
    sims, held, chosen, sizes = 120, 0, 0, []
    for seed in range(sims):
        draw = np.random.default_rng(seed)
        hardness = draw.normal(0, 0.2, 200)
        values = {run.name: 0.6 + hardness + draw.normal(0, 0.3, 200) for run in runs}
        values["run 7"] = values["run 7"] + 0.005
        found = best_set([(run,) for run in runs], question_scores(values, codes))
        assert found is not None
        held += "run 7" in found.names
        chosen += found.best == "run 7"
        sizes.append(len(found.names))
        assert found.optimism is not None
    assert chosen < 0.5 * sims
    assert held >= 0.93 * sims
    assert np.mean(sizes) < 12  # it excludes some runs, else it would be uninformative


def test_a_clear_winner_stands_alone(paper: Study) -> None:
    codes = cluster_codes(None, 300)
    draw = np.random.default_rng(8)
    values = {run.name: (draw.random(300) < 0.3).astype(float) for run in paper.runs[:6]}
    winner = paper.runs[3].name
    values[winner] = (draw.random(300) < 0.8).astype(float)
    found = best_set([(run,) for run in paper.runs[:6]], question_scores(values, codes))
    assert found is not None
    assert (found.best, found.names, found.compared) == (winner, (winner,), 6)
    assert found.optimism is not None
    assert abs(found.optimism) < 0.3


def test_models_are_compared(varied: Study, varied_analysis: Analysis) -> None:
    headline = next(one for one in varied_analysis.models if one.split == "validation")
    roles = {model.role: model for model in headline.models}
    assert list(roles) == ["baseline", "best", "full"]
    adapter = varied.best_of("lora")
    assert adapter is not None
    assert (roles["best"].name, adapter.seed) == (adapter.name, 0)  # its seed is the first, not the luckiest
    assert roles["full"].name == "full-lr1e-4"
    assert len(headline.contrasts) == 3 * 2  # F1 and EM: these runs were scored without P(gold)
    tuned = headline.contrast("f1", "baseline", "best")
    assert tuned is not None
    assert tuned.verdict == "higher"
    assert tuned.difference == pytest.approx(roles["best"].score.f1 - roles["baseline"].score.f1)
    assert tuned.covers == "questions"  # one run each
    assert varied_analysis.effect("method") is None


def test_strategies_are_compared_with_greedy(paper_analysis: Analysis) -> None:
    found = paper_analysis.decodings
    assert found is not None
    assert (found.split, found.reference, len(found.contrasts)) == ("test", "greedy", 5 * 2)
    worst = found.contrast("f1", "temperature")
    assert worst is not None
    assert worst.verdict == "lower"
    scores = {score.decoding: score.f1 for score in found.scores}
    for one in found.contrasts:
        if one.metric == "f1":
            assert one.difference == pytest.approx(scores[one.second] - scores["greedy"])


def test_the_spread_of_seeds_by_hand(varied: Study) -> None:
    found = seed_spread(varied)
    assert found is not None
    values: dict[str, list[float]] = {}
    for run in varied.scored:
        if run.method == "lora" and (score := varied.score(run)) is not None:
            values.setdefault(f"{run.rank} {run.lr} {run.changes['train_size']}", []).append(score.f1)
    assert len(values) == len(found.groups) == 12
    pooled = float(np.sqrt(np.mean([np.var(own, ddof=1) for own in values.values()])))
    assert found.deviation == pytest.approx(pooled)
    assert found.degrees == 24
    assert found.noticeable == pytest.approx(stats.t.ppf(0.975, 24) * np.sqrt(2) * pooled)
    assert all(group.seeds == (0, 1, 2) for group in found.groups)


def test_the_learning_curve_is_an_axis(varied_analysis: Analysis) -> None:
    effect = varied_analysis.effect("train_size")
    assert effect is not None
    assert [level.value for level in effect.levels] == [250, 500, 1000]
    assert (effect.verdict, effect.best) == ("higher", 1000)


def run_with(training: list[float], validation: list[float | None], paper: Study) -> StudyRun:
    steps = tuple(range(1, len(training) + 1))
    held_out = tuple(Validation(step, loss) for step, loss in zip(steps, validation, strict=True))
    return replace(paper.runs[0], curve=Curve(steps, steps, tuple(training), held_out))


@pytest.mark.parametrize(
    ("training", "validation", "verdict", "best_epoch"),
    [
        ([2.0, 1.0, 0.5], [1.5, 1.0, 1.2], "overfit", 2),
        ([2.0, 1.0, 1.1], [1.5, 1.0, 1.2], "settled", 2),  # training loss rose, too: not overfitting
        ([2.0, 1.0, 0.9], [1.5, 1.0, 1.01], "settled", 2),  # within two percent
        ([2.0, 1.0, 0.5], [1.5, 1.2, 1.0], "improving", 3),
        ([2.0, 1.0, 0.5], [1.5, 1.0, 0.995], "settled", 3),
        ([2.0], [1.5], "unknown", 1),
        ([2.0, 1.0], [None, None], "unknown", None),
    ],
)
def test_fits_by_hand(
    paper: Study, training: list[float], validation: list[float | None], verdict: str, best_epoch: int | None
) -> None:
    found = fit_of(run_with(training, validation, paper))
    assert (found.verdict, found.best_epoch) == (verdict, best_epoch)


def test_fits_are_counted_by_value(paper: Study) -> None:
    found = fits(paper)
    assert sum(found.counts.values()) == 75
    shares = {share.value: share.counts for share in found.by_axis if share.axis == "lr"}
    assert shares[7e-5]["improving"] == 15
    assert shares[1e-3]["overfit"] == 15  # high rates overfit by construction


@pytest.mark.parametrize("cost", COSTS)
def test_no_cheaper_run_reaches_the_frontier(paper: Study, cost: Cost) -> None:
    found = frontier(paper, None)
    reached, expected = -1.0, set()
    for point in sorted(found.points, key=lambda point: (point.costs[cost], -point.f1)):
        if point.f1 > reached:
            reached = point.f1
            expected.add(point.run)
    assert {point.run for point in found.points if cost in point.frontier} == expected
    assert 1 < len(expected) < 75


def test_the_cheapest_of_the_best(paper_analysis: Analysis) -> None:
    among = [point for point in paper_analysis.frontier.points if point.among_best]
    assert paper_analysis.best is not None
    assert {point.run for point in among} == set(paper_analysis.best.names)
    cheapest = paper_analysis.frontier.cheapest["seconds"]
    assert min(among, key=lambda point: point.costs["seconds"]).run == cheapest


def kinds(counts: dict[str, int]) -> tuple[KindCount, ...]:
    return tuple(KindCount(kind, kind, count, count / sum(counts.values())) for kind, count in counts.items())


@pytest.mark.parametrize(("counts", "leads"), [((20, 5), True), ((12, 9), False), ((3, 0), False), ((7, 0), True)])
def test_the_first_kind_leads_only_if_it_is_significantly_above_the_second(
    paper: Study, counts: tuple[int, int], leads: bool
) -> None:
    assert paper.failures is not None
    own = replace(paper.failures, wrong=sum(counts), kinds=kinds({"too_long": counts[1], "empty": counts[0]}))
    found = mistakes(replace(paper, failures=own, baseline_failures=None))
    assert found is not None
    assert found.leads is leads
    assert stats.binomtest(counts[0], sum(counts)).pvalue < 0.05 or not leads
    assert found.kinds[0].kind == "empty"
    assert found.kinds[0].interval == clopper_pearson(counts[0], sum(counts))
    assert found.kinds[0].base_share is None


def test_limited_evaluations_are_compared_on_common_questions(tmp_path: Path) -> None:
    import json

    folder = make_study(tmp_path / "sweep", ranks=(4, 8, 16), rates=(1e-3,), modules=("attention",), paragraphs=12)
    study = read_study(folder)
    path = study.scored[2].path / "predictions" / "greedy.json"
    path.write_text(json.dumps(dict(list(json.loads(path.read_text()).items())[:7])))
    (study.scored[1].path / "predictions" / "greedy.json").unlink()
    found = analyze_study(read_study(folder))
    assert set(found.left_out) == {study.scored[1].name, study.scored[2].name}
    assert read_study(folder).lacks("predictions") is not None


def test_analysis_is_deterministic(varied: Study, varied_analysis: Analysis) -> None:
    assert analyze_study(varied) == varied_analysis


def test_published_results_match_the_design() -> None:
    found = {one.key: one for one in PUBLISHED}
    assert len(found) == len(PUBLISHED) == 11
    assert (found["lora"].f1, found["lora"].deviation) == (64.64, 0.89)
    assert (found["human"].exact_match, found["human"].f1) == (82.3, 91.2)
    assert [found[f"study_{name}"].f1 for name in ("greedy", "top_k", "nucleus", "temperature")] == [
        65.33,
        20.0,
        0.95,
        6.13,
    ]
    assert all(one.questions == 5 for one in PUBLISHED if one.origin == "five_questions")
    assert all(one.source for one in PUBLISHED)


def test_a_run_is_not_excluded_by_a_few_questions(paper: Study) -> None:
    """Six of 200 questions tell two runs apart, whose widened interval includes 0."""
    codes = cluster_codes(None, 200)
    base = (np.arange(200) % 3 > 0).astype(float)
    behind = base.copy()
    behind[np.flatnonzero(base)[:6]] = 0.0
    runs = [(run,) for run in paper.runs[:2]]
    values = {paper.runs[0].name: base, paper.runs[1].name: behind}
    found = best_set(runs, question_scores(values, codes))
    assert found is not None
    assert (found.count, found.compared) == (2, 2)


def test_the_best_setting_is_that_of_the_highest_mean_over_seeds(paper: Study) -> None:
    """The luckiest run of a bad setting is not the best, and of the best setting the first seed stands."""
    (first, second, third, fourth) = paper.runs[:4]

    def run(one: StudyRun, rank: int, seed: int, f1: float) -> StudyRun:
        score = one.score("validation", "greedy")
        assert score is not None
        own = replace(score, f1=f1, exact_match=f1)
        config = {**first.config, "rank": rank, "seed": seed}
        return replace(one, name=f"r{rank}-s{seed}", config=config, scores={"validation": {"greedy": own}})

    lucky, unlucky = run(first, 8, 0, 90.0), run(second, 8, 1, 70.0)
    better, best = run(third, 4, 1, 86.0), run(fourth, 4, 0, 84.0)
    study = replace(paper, runs=(lucky, better, best, unlucky))
    assert [[one.name for one in own] for own in study.settings] == [["r4-s0", "r4-s1"], ["r8-s0", "r8-s1"]]
    assert study.best is best
    assert study.lead == "validation"
    tested = replace(best, scores={**best.scores, "test": {"greedy": best.scores["validation"]["greedy"]}})
    assert replace(study, runs=(lucky, better, tested, unlucky)).lead == "test"
