"""No sentence says what the numbers do not: made-up studies in both languages, checked sentence by sentence.

Scores of single questions are made with known level means, so that what may be said of them is known: which direction,
which best value, which values are below it. The sentences come from the analysis of the files, not from edited
findings. Each claim of a sentence is read back by its template and held against the numbers.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from made_study import Effects, make_study, plain_effects
from squadron.languages import LANGUAGES, Language
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.analysis.verdicts import Effect
from squadron.reporting.document.blocks import Bullets, Heading, Report, TableBlock, TextBlock, plain
from squadron.reporting.localization.numbers import western
from squadron.reporting.localization.translate import sentences
from squadron.reporting.report import build_report
from squadron.reporting.sections.key_findings import MOST
from squadron.runs.records import Study
from squadron.runs.study import read_study

RATES = (1e-4, 2e-4, 4e-4)
SHOWN = ("higher", "lower", "differs")
NOTHING: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(
        r"(?<![\d.,])0 (?:runs?|questions?|rows?|folders?|answers?|groups?|settings?|overfits?|were|had|allow)"
    ),
    "fa": re.compile(r"(?<![\d.,])0 (?:اجرا|پرسش|سطر|پوشه|پاسخ|گروه|تنظیم|پاراگراف|پژوهش)"),
}
"""Sentences that count what is not there."""
GRID: dict[str, Any] = {"ranks": (4, 16, 64), "rates": RATES, "modules": ("attention",)}


def at(*shifts: float) -> Callable[[float], float]:
    """Return an effect of the learning rate: the skill of each rate."""
    return lambda rate: dict(zip(RATES, shifts, strict=True))[rate]


def only_rate(*shifts: float, noise: float = 0.02) -> Effects:
    return replace(plain_effects(), rate=at(*shifts), training_noise=noise)


STUDIES: Mapping[str, dict[str, Any]] = {
    "rising": {**GRID, "effects": only_rate(0.0, 0.3, 0.6)},
    "falling": {**GRID, "effects": only_rate(0.6, 0.3, 0.0)},
    "humped": {**GRID, "effects": only_rate(0.3, 0.6, 0.0)},
    "flat": {**GRID, "effects": only_rate(0.0, 0.0, 0.0)},
    "equal": {**GRID, "effects": only_rate(0.0, 0.0, 0.0, noise=0.0)},
    "one_run": {"ranks": (4,), "rates": (1e-4,), "modules": ("attention",), "effects": only_rate(0.0, 0.0, 0.0)},
    "one_pair": {"ranks": (4,), "rates": RATES[:2], "modules": ("attention",), "effects": only_rate(0.0, 0.9, 0.0)},
    "three_seeds": {**GRID, "ranks": (4, 16), "seeds": (0, 1, 2), "effects": only_rate(0.0, 0.3, 0.6)},
    "failed": {**GRID, "effects": only_rate(0.0, 0.3, 0.6), "failed": 2, "diverged": 1},
    "no_test": {**GRID, "effects": only_rate(0.0, 0.3, 0.6), "test": False},
    "gold": {**GRID, "effects": only_rate(0.0, 0.02, 0.04, noise=0.005), "gold": True},
    "no_data": {**GRID, "effects": only_rate(0.0, 0.3, 0.6), "data": False},
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Study, Analysis]]:
    made = {}
    for name, options in STUDIES.items():
        folder: Path = tmp_path_factory.mktemp(name) / "sweep"
        study = read_study(make_study(folder, paragraphs=60, test_paragraphs=40, **options))
        if name == "equal":  # every run answers as the first one
            study = alike(study)
        made[name] = (study, analyze_study(study))
    return made


def alike(study: Study) -> Study:
    first = study.scored[0]
    answers = (first.path / "predictions" / "greedy.json").read_text()
    for run in study.scored:
        (run.path / "predictions" / "greedy.json").write_text(answers)
    greedy = first.scores["validation"]["greedy"]
    runs = tuple(
        replace(run, scores={**run.scores, "validation": {"greedy": greedy}}) if run in study.scored else run
        for run in study.runs
    )
    return replace(study, runs=runs)


def told(report: Report) -> list[str]:
    """Return every sentence of the report's text, with Western digits."""
    texts = [plain(block.runs) for block in (*report.abstract, *report.blocks) if isinstance(block, TextBlock)]
    texts += [plain(item) for block in report.blocks if isinstance(block, Bullets) for item in block.items]
    return [sentence for text in texts for sentence in re.split(r"(?<=[.:؛])\s+", western(text)) if sentence]


def pattern(language: Language, key: str) -> re.Pattern[str]:
    """Return the pattern of a sentence: its values are groups, by name where they occur first."""
    text = western(sentences(language)[key])
    parts, seen = [], set()
    for piece in re.split(r"(\{\w+(?::[^{}]*)?\})", text.replace("*", "").replace("`", "")):
        name = re.fullmatch(r"\{(\w+)(?::[^{}]*)?\}", piece)
        if name is None:
            parts.append(re.escape(piece))
        elif "|" in piece:
            parts.append(f"(?:{'|'.join(map(re.escape, piece[1:-1].partition(':')[2].split('|')))})")
        else:
            parts.append(".+?" if name[1] in seen else f"(?P<{name[1]}>.+?)")
            seen.add(name[1])
    return re.compile("".join(parts) + r"(?=\s|$)")  # a rate has a point, too


def said(report: Report, language: Language, key: str) -> list[dict[str, str]]:
    """Return the values of every occurrence of a sentence."""
    text = " ".join(told(report))
    return [found.groupdict() for found in pattern(language, key).finditer(text)]


Made = tuple[Language, Report, Study, Analysis]
_BUILT: dict[str, list[Made]] = {}


def reports(studies: dict[str, tuple[Study, Analysis]], name: str) -> list[Made]:
    if name not in _BUILT:
        study, analysis = studies[name]
        _BUILT[name] = [(language, drafted(study, analysis, language), study, analysis) for language in LANGUAGES]
    return _BUILT[name]


def drafted(study: Study, analysis: Analysis, language: Language) -> Report:
    """Return the report without its charts, which take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("squadron.reporting.report.chart_specs", lambda *_, **__: {})
        return build_report(study, analysis, language)


def means(effect: Effect) -> list[float]:
    return [level.mean for level in effect.levels]


def leading(study: Study, analysis: Analysis) -> list[tuple[str, Effect | None]]:
    """Return what the summary has to lead with: the base, the axes by weight and size of effect, the best set."""
    effects = [effect for effect in analysis.effects if effect.metric == "f1" and effect.planned]
    known = [[one for one in effects if one.verdict in group] for group in (SHOWN, ("equivalent",), ("undecided",))]
    known.append([one for one in effects if one.verdict == "untested"])
    ordered = [one for group in known for one in sorted(group, key=lambda one: min(means(one)) - max(means(one)))]
    base = any(one.split == study.lead and one.contrast("f1", "baseline", "best") for one in analysis.models)
    found: list[tuple[str, Effect | None]] = [("base", None)] if base else []
    found += [("axis", effect) for effect in ordered]
    if analysis.best is not None and analysis.best.compared > 1:
        found.append(("best", None))
    return found[:MOST]


def summary(report: Report) -> list[str]:
    """Return the findings at the front of a report, with Western digits."""
    anchors = [block.anchor if isinstance(block, Heading) else "" for block in report.blocks]
    if "key_findings" not in anchors:
        return []
    after = report.blocks[anchors.index("key_findings") + 2 :]  # behind the heading and what the rule is
    return [western(plain(one.runs)) for one in itertools.takewhile(lambda one: isinstance(one, TextBlock), after)]


@pytest.mark.parametrize("name", STUDIES)
def test_the_summary_leads_with_verdicts_in_the_order_of_its_rule(studies: Any, name: str) -> None:
    for language, report, study, analysis in reports(studies, name):
        wanted, shown = leading(study, analysis), summary(report)
        assert len(shown) == len(wanted) <= MOST
        for place, (text, (what, effect)) in enumerate(zip(shown, wanted, strict=True), start=1):
            assert text.startswith(f"{place}. ")
            if effect is not None:
                below = "_below" if effect.verdict == "differs" and effect.below else ""
                assert pattern(language, f"conclusion.axis_{effect.verdict}{below}").search(text), (text, effect)
                assert f"{max(means(effect)):.1f}" in text
                assert f"{min(means(effect)):.1f}" in text
            elif what == "base":
                (own,) = [one for one in analysis.models if one.split == study.lead]
                contrast = own.contrast("f1", "baseline", "best")
                assert contrast is not None
                assert pattern(language, f"key_findings.base_{contrast.verdict}").search(text)
        tables = {block.anchor: block for block in report.blocks if isinstance(block, TableBlock)}
        tested = sum(effect.metric == "f1" and effect.planned for effect in analysis.effects)
        if shown:
            assert len(tables["key-tests"].rows) == tested + (wanted[0][0] == "base")


@pytest.mark.parametrize("name", STUDIES)
def test_nothing_is_counted_that_is_not_there(studies: Any, name: str) -> None:
    for language, report, _, _ in reports(studies, name):
        assert not [sentence for sentence in told(report) if NOTHING[language].search(sentence)]


@pytest.mark.parametrize("name", STUDIES)
def test_a_direction_is_claimed_only_where_the_means_have_it(studies: Any, name: str) -> None:
    for language, report, study, analysis in reports(studies, name):
        effects = [effect for effect in analysis.effects if effect.metric == "f1"]
        claimed = {
            verdict: len(said(report, language, f"conclusion.axis_{verdict}")) for verdict in ("higher", "lower")
        }
        led = [effect for _, effect in leading(study, analysis) if effect is not None]
        for verdict, count in claimed.items():  # in the abstract, in the conclusion and, of some, among the findings
            assert count == sum(effect.verdict == verdict for effect in (*effects, *effects, *led))
        for effect in effects:
            own = means(effect)
            if effect.verdict == "higher":
                assert own.index(max(own)) == len(own) - 1
                assert all(one.verdict != "lower" for one in effect.contrasts)
            if effect.verdict == "lower":
                assert own.index(max(own)) == 0
                assert all(one.verdict != "higher" for one in effect.contrasts)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("rising", "higher"),
        ("falling", "lower"),
        ("humped", "differs"),
        ("equal", "equivalent"),
        ("three_seeds", "higher"),
        ("failed", "higher"),
        ("no_test", "higher"),
        ("no_data", "untested"),
    ],
)
def test_the_learning_rate_gets_the_verdict_that_was_put_in(studies: Any, name: str, verdict: str) -> None:
    for language, report, _, analysis in reports(studies, name):
        effect = analysis.effect("lr")
        assert effect is not None
        assert effect.verdict == verdict, (name, effect)
        below = "_below" if verdict == "differs" else ""
        assert said(report, language, f"effect.{verdict}"), (name, language)
        assert said(report, language, f"conclusion.axis_{verdict}{below}"), (name, language)


def test_of_a_hump_the_best_value_and_what_falls_off_are_named(studies: Any) -> None:
    """As with means of 87.3, 88.2 and 85.3, of which "a higher learning rate scored lower" is false."""
    for language, report, _, analysis in reports(studies, "humped"):
        effect = analysis.effect("lr")
        assert effect is not None
        low, top, last = means(effect)
        assert top > low > last
        assert (effect.best, RATES[2] in effect.below) == (RATES[1], True)
        for found in said(report, language, "conclusion.axis_differs_below"):
            assert found["best"] == "0.0002"
            assert "0.0004" in found["others"]
        assert not said(report, language, "conclusion.axis_lower")
        assert not said(report, language, "effect.lower")


def test_what_is_not_shown_is_not_called_none(studies: Any) -> None:
    for name in STUDIES:
        for language, report, _, _ in reports(studies, name):
            text = " ".join(told(report))
            words = {
                "en": ("noise", "told apart", "no difference", "inside", "errors of training"),
                "fa": ("نوفه", "تمیز داده", "بی‌اختلاف", "در حد تصادف"),
            }[language]
            assert not [
                word for word in words if word in text.replace("no difference that chance alone could explain", "")
            ], (name, language)


@pytest.mark.parametrize("name", STUDIES)
def test_training_again_counts_only_with_seeds(studies: Any, name: str) -> None:
    for language, report, study, analysis in reports(studies, name):
        seeds = {run.seed for run in study.scored}
        tested = any(one.evidence for effect in analysis.effects for one in effect.contrasts)
        assert bool(said(report, language, "effect.covers_training")) == (tested and len(seeds) > 1)
        single = tested and len(seeds) == 1 and name != "one_pair"
        assert bool(said(report, language, "effect.covers_settings")) == single
        assert bool(said(report, language, "effect.one_pair")) == (name == "one_pair")


@pytest.mark.parametrize("name", STUDIES)
def test_the_leading_score_is_of_test_or_said_to_be_chosen_by(studies: Any, name: str) -> None:
    for language, report, study, _ in reports(studies, name):
        best = study.best
        assert best is not None
        lead = best.score(study.lead, "greedy")
        assert lead is not None
        single = len(study.scored) == 1
        key = "best_single" if single else "best" if study.lead == "test" else "best_same"
        (found,) = said(report, language, f"conclusion.{key}")
        assert found["f1"] == f"{lead.f1:.1f}"
        assert found["questions"] == str(lead.questions)
        if study.lead == "test":
            assert study.failures is not None
            assert study.failures.split == "test"
        elif not single:
            assert said(report, language, "results.selection")
            assert not said(report, language, "results.chosen")


@pytest.mark.parametrize("name", STUDIES)
def test_values_below_the_best_have_a_test_that_shows_it(studies: Any, name: str) -> None:
    _, analysis = studies[name]
    for effect in analysis.effects:
        for value in effect.below:
            (pair,) = [one for one in effect.contrasts if {one.first, one.second} == {value, effect.best}]
            assert pair.shown
            own = {level.value: level.mean for level in effect.levels}
            assert own[value] < own[effect.best]
            assert pair.interval is not None
            assert pair.interval[0] * pair.interval[1] > 0
        if effect.verdict == "equivalent":
            for pair in effect.contrasts:
                assert abs(pair.difference) < analysis.plan.margin


def test_a_plan_is_told_and_whether_it_was_kept_to(studies: Any) -> None:
    for name, kept in (("rising", True), ("failed", False)):
        study, _ = studies[name]
        section = {"axes": ["lr"], "margin": 2.0, "metrics": ["f1", "exact_match"], "family": "metric"}
        planned = replace(study, config={**study.config, "analysis": section})
        analysis = analyze_study(planned)
        assert analysis.plan.declared
        rank = analysis.effect("rank")
        assert rank is not None
        assert not rank.planned
        for language in LANGUAGES:
            report = drafted(planned, analysis, language)
            assert said(report, language, "plan.declared")
            assert bool(said(report, language, "plan.kept")) == kept
            assert bool(said(report, language, "plan.lost")) != kept
            assert said(report, language, "effect.unplanned")
            assert not said(report, language, "plan.default")
            # An option outside the plan is in no abstract and no conclusion.
            text = plain(report.abstract[0].runs)
            asked = {"en": r"^.*?\. ", "fa": r"^.*?: .*?\."}[language]  # what was varied
            assert {"en": "rank", "fa": "رتبه"}[language] not in re.sub(asked, "", text, count=1)
    study, _ = studies["rising"]
    for language in LANGUAGES:
        assert said(drafted(study, analyze_study(study), language), language, "plan.default")


def test_p_gold_has_a_verdict_of_its_own(studies: Any) -> None:
    """The learning rate's effect is too small for answers that are right or wrong, and P(gold) shows it."""
    study, _ = studies["gold"]
    section = {"axes": ["lr", "rank"], "metrics": ["f1", "p_gold"]}
    planned = replace(study, config={**study.config, "analysis": section})
    analysis = analyze_study(planned)
    effects = {metric: analysis.effect("lr", metric) for metric in ("f1", "p_gold", "exact_match")}
    assert effects["f1"]
    assert effects["p_gold"]
    assert (effects["f1"].verdict, effects["p_gold"].verdict) == ("undecided", "higher")
    assert effects["exact_match"] is None
    mean = [level.mean for level in effects["p_gold"].levels]
    runs = [[study.score(run).p_gold for run in study.scored if run.lr == rate] for rate in RATES]
    assert mean == pytest.approx([sum(own) / len(own) for own in runs])
    assert analysis.decodings is not None
    assert {one.metric for one in analysis.decodings.contrasts} == {"f1"}
    (compared,) = [one for one in analysis.models if one.split == study.lead]
    assert compared.contrast("p_gold", "baseline", "best") is not None
    for language in LANGUAGES:
        report = drafted(planned, analysis, language)
        assert said(report, language, "method.p_gold")
        assert said(report, language, "plan.family_metric")
        assert said(report, language, "plan.kept")
        assert [one["metric"].endswith("P(gold)") for one in said(report, language, "effect.also_higher")] == [True]
        tables = {block.anchor: block for block in report.blocks if isinstance(block, TableBlock)}
        for key in ("headline-table", "leaders-table", "means-lr"):
            heads = [plain(column.runs) for column in tables[key].columns]
            assert "P(gold)" in heads, (key, heads)
    assert not said(drafted(*studies["rising"], "en"), "en", "method.p_gold")


def test_families_of_tests_follow_the_plan(studies: Any) -> None:
    study, _ = studies["rising"]
    factors = {}
    for family in ("metric", "all"):
        config = {**study.config, "analysis": {"family": family}}
        effects = analyze_study(replace(study, config=config)).effects
        factors[family] = sorted(own.factor for effect in effects for own in effect.primary if own.scope == "new")
    assert factors == {"metric": [1, 1, 2, 2], "all": [1, 2, 3, 4]}
