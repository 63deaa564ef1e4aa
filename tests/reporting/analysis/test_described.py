from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_study import Effects, make_study, plain_effects
from squadron.languages import LANGUAGES
from squadron.reporting.analysis.components import seed_components
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.groups import group_differences
from squadron.reporting.analysis.pareto import frontier_shares
from squadron.reporting.analysis.questions import QuestionScores, load_questions
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.document.blocks import Report, TableBlock, TextBlock, plain
from squadron.reporting.localization.numbers import western
from squadron.reporting.report import build_report
from squadron.reporting.tables import to_json
from squadron.runs.records import Study
from squadron.runs.study import read_study

RATES = (1e-4, 2e-4, 4e-4)
EFFECTS: Effects = replace(plain_effects(), rate=lambda rate: {1e-4: 0.0, 2e-4: 0.4, 4e-4: 0.8}[rate])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Analysis]:
    folder: Path = tmp_path_factory.mktemp("described") / "sweep"
    options: dict[str, Any] = {"ranks": (4, 16), "rates": RATES, "modules": ("attention",), "seeds": (0, 1, 2)}
    study = read_study(make_study(folder, paragraphs=40, test_paragraphs=20, effects=EFFECTS, updates=True, **options))
    return study, analyze_study(study)


def drafted(study: Study, analysis: Analysis, language: Any) -> Report:
    """Return the report without its charts, which take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("squadron.reporting.report.chart_specs", lambda *_, **__: {})
        return build_report(study, analysis, language)


def with_scores(study: Study, values: np.ndarray[Any, Any]) -> Study:
    """Return the study with these F1s [settings, seeds], its settings in the order of :attr:`Study.settings`."""
    given = {}
    for own, row in zip(study.settings, values, strict=True):
        for run, value in zip(own, row, strict=True):
            given[run.name] = float(value)
    runs = []
    for run in study.runs:
        score = run.score(study.split, study.decoding)
        assert score is not None
        runs.append(replace(run, scores={study.split: {study.decoding: replace(score, f1=given[run.name])}}))
    return replace(study, runs=tuple(runs))


def test_norms_and_effective_ranks_are_those_of_the_records(made: tuple[Study, Analysis]) -> None:
    study, analysis = made
    found = analysis.updates
    assert found is not None
    assert len(found.runs) == 18
    for run in study.runs:
        own = found.of(run.name)
        assert own is not None
        assert run.rank is not None
        assert run.lr is not None
        assert own.norm == pytest.approx(3000 * run.lr / math.sqrt(run.rank))
    levels = {level.values: level for level in found.levels}
    four = levels[(("rank", 4),)]
    assert four.runs == 9
    assert four.norm == pytest.approx(3000 * (1e-4 * 2e-4 * 4e-4) ** (1 / 3) / 2)
    assert [own.values[1][1] for own in found.scales] == [4, 16]
    for language in LANGUAGES:
        report = drafted(study, analysis, language)
        text = western(" ".join(plain(block.runs) for block in report.blocks if isinstance(block, TextBlock)))
        assert f"{four.norm:.2f}" in text
        tables = {block.anchor: block for block in report.blocks if isinstance(block, TableBlock)}
        for row in tables["runs-table"].rows:
            own = found.of(plain(row[0].runs))
            assert own is not None
            assert [own.norm, own.effective_rank] == [cell.key for cell in row[-4:-2]]  # before parameters and minutes
        assert len(tables["updates-levels"].rows) == 5
    without = replace(study, runs=tuple(replace(run, update=None) for run in study.runs))
    assert analyze_study(without).updates is None


def test_components_are_found_where_they_were_put_in(made: tuple[Study, Analysis]) -> None:
    study, _ = made
    draw = np.random.default_rng(3)
    settings, seeds = np.array([[0.0], [2], [4], [6], [8], [10]]), np.array([[-1.0, 0.0, 1.0]])
    found = seed_components(with_scores(study, 50 + settings + seeds + 0.01 * draw.normal(size=(6, 3))))
    assert found is not None
    assert (found.settings, found.seeds) == (6, 3)
    assert found.setting == pytest.approx(math.sqrt(14), rel=0.01)
    assert found.seed == pytest.approx(1.0, rel=0.02)
    assert found.residual == pytest.approx(0.01, rel=0.6)
    # With three seeds the interval of a deviation of 1 is that of two degrees of freedom.
    assert found.seed_interval == pytest.approx((0.52, 6.28), rel=0.02)
    lucky = seed_components(with_scores(study, 50 + settings + np.zeros((1, 3)) + draw.normal(size=(6, 3))))
    assert lucky is not None
    assert lucky.residual_interval[0] < 1.0 < lucky.residual_interval[1]
    assert lucky.seed_interval[0] == 0.0
    first = study.settings[0][0].name
    assert seed_components(replace(study, runs=tuple(run for run in study.runs if run.name != first))) is None


def test_intervals_of_the_components_contain_the_truth() -> None:
    """The seeds' own interval in 1,000 studies of 18 settings and 3 seeds."""
    from squadron.reporting.analysis.components import _seed_interval

    draw = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        values = 0.4 * draw.normal(size=(1, 3)) + 0.5 * draw.normal(size=(18, 3))
        of_setting, of_seed = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
        rest = values - of_setting - of_seed + values.mean()
        residual = float((rest**2).sum()) / 34
        low, high = _seed_interval(18 * float(of_seed.var(ddof=1)), residual, 18, 2, 34)
        inside += low <= 0.4 <= high
    assert 940 <= inside <= 985


def test_a_difference_that_one_phrasing_has_is_described_there(made: tuple[Study, Analysis]) -> None:
    study, analysis = made
    dataset = load_questions(study, study.split)
    assert dataset is not None
    parts = [
        replace(
            paragraph,
            questions=tuple(
                replace(one, part=("known", "new")[place % 2]) for place, one in enumerate(paragraph.questions)
            ),
        )
        for paragraph in dataset.paragraphs
    ]
    dataset = replace(dataset, paragraphs=tuple(parts))
    ids = tuple(question.id for _, question in dataset.questions())
    new = set(dataset.parts()["new"])
    codes = np.repeat(np.arange(len(dataset.paragraphs)), [len(own.questions) for own in dataset.paragraphs])
    draw = np.random.default_rng(1)
    values = {}
    for run in study.runs:
        base = (draw.random(len(ids)) < 0.1).astype(np.float64)
        gain = np.array([float(one in new) for one in ids]) * (run.lr == 4e-4)
        values[run.name] = np.maximum(base, gain)
    scores = QuestionScores(codes.astype(np.intp), {"f1": values}, (), ids)
    found = group_differences(study, dataset, scores, analysis.effects)
    (rate,) = [effect for effect in analysis.effects if effect.axis == "lr" and effect.metric == "f1"]
    own = {one.group: one for one in found if one.axis == "lr" and one.kind == "part"}
    assert set(own) == {"known", "new"}
    assert (own["new"].first, own["new"].second) == (1e-4, rate.best) == (1e-4, 4e-4)
    assert own["new"].difference == pytest.approx(90.0, abs=4.0)
    assert own["new"].interval[0] > 80.0
    assert own["known"].interval[0] < 0.0 < own["known"].interval[1]
    assert {one.group for one in found if one.kind == "question_word"} == {"how", "what", "when"}
    assert group_differences(study, dataset, replace(scores, ids=()), analysis.effects) == []


def test_strategies_are_compared_by_the_means_of_their_samples(tmp_path: Path) -> None:
    folder = make_study(tmp_path, ranks=(4,), rates=RATES, modules=("attention",), paragraphs=10, test_paragraphs=20)
    once = analyze_study(read_study(folder))
    assert once.decodings is not None
    own = folder / "runs" / once.decodings.run
    answers = json.loads((own / "predictions" / "top-k.test.json").read_text())
    details = {name: [{"text": text}, {"text": "wrong"}, {"text": "wrong"}] for name, text in answers.items()}
    (own / "predictions" / "top-k.test.details.json").write_text(json.dumps(details))
    scores = json.loads((own / "scores.json").read_text())
    drawn = scores["splits"]["test"]["decodings"]["top-k"]
    drawn["f1_samples"] = {"mean": drawn["f1"] / 3, "deviation": 12.25}
    drawn["exact_match_samples"] = {"mean": drawn["exact_match"] / 3, "deviation": 1.0}
    (own / "scores.json").write_text(json.dumps(scores))
    study = read_study(folder)
    found = analyze_study(study)
    assert found.decodings is not None
    written = json.loads(json.dumps(to_json(found)))["decodings"]["scores"]
    assert [own["f1_samples"]["deviation"] for own in written if own["decoding"] == "top-k"] == [12.25]
    mean = next(score for score in found.decodings.scores if score.decoding == "top-k")
    assert mean.f1 == pytest.approx(drawn["f1"] / 3)
    assert mean.f1_interval[0] < mean.f1 < mean.f1_interval[1] < drawn["f1_interval"][1]
    pairs = [one.decodings.contrast("f1", "top-k") for one in (once, found) if one.decodings is not None]
    assert [pair is not None for pair in pairs] == [True, True]
    first, second = (pair.difference for pair in pairs if pair is not None)
    assert second == pytest.approx(first - drawn["f1"] * 2 / 3)
    texts = {}
    for language in LANGUAGES:
        report = drafted(study, found, language)
        texts[language] = western(" ".join(plain(own.runs) for own in report.blocks if isinstance(own, TextBlock)))
        assert "top-k 12.25" in texts[language]
    assert "the scores are of one sample" in texts["en"]  # of the strategies that were drawn once
    assert "were sampled several times" not in " ".join(
        plain(own.runs) for own in drafted(study, once, "en").blocks if isinstance(own, TextBlock)
    )


def test_the_frontier_is_as_certain_as_the_scores(made: tuple[Study, Analysis]) -> None:
    study, analysis = made
    shares = {own.run: own for own in analysis.frontier_shares}
    best = study.settings[0][0].name
    assert {own.trainable_parameters for own in analysis.frontier_shares} <= {4 * 6 * 1024, 16 * 6 * 1024}
    cheap = max(
        (own for own in analysis.frontier_shares if own.trainable_parameters == 4 * 6 * 1024), key=lambda o: o.share
    )
    assert cheap.share == 1.0  # the best of the cheapest has none below it
    assert best in shares
    ids, codes = (), np.arange(40, dtype=np.intp)
    level = {run.name: np.full(40, 0.5 + 0.1 * (run.rank == 16) + 100 * (run.lr or 0.0)) for run in study.runs}
    clear = frontier_shares(study, QuestionScores(codes, {"f1": level}, (), ids))
    assert [(own.trainable_parameters, own.share) for own in clear] == [(24576, 1.0), (98304, 1.0)]
    assert [own.f1 for own in clear] == pytest.approx([54.0, 64.0])
    for language in LANGUAGES:
        tables = {one.anchor: one for one in drafted(study, analysis, language).blocks if isinstance(one, TableBlock)}
        assert len(tables["pareto-table"].rows) == len(analysis.frontier_shares)
        assert len(tables["groups-table"].rows) == len(analysis.groups) > 0
