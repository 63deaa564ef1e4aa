"""Each sentence has the right figures in the right direction: findings by hand, read again in the report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hand_study import analysis, contrast, effect, rank_effects, score, study
from squadron.languages import LANGUAGES, Language
from squadron.reporting.analysis.verdicts import Contrast, Effect
from squadron.reporting.document.blocks import Bullets, Heading, TableBlock, TextBlock, plain
from squadron.reporting.localization.translate import sentences
from squadron.reporting.report import build_report
from squadron.runs.records import Missing, Study

pytestmark = pytest.mark.usefixtures("no_charts")

Told = dict[str, str]


def report(
    language: Language = "en", own: Study | None = None, **changes: Any
) -> tuple[Told, dict[str, list[list[str]]]]:
    """The sentences of each section and part, by name, and the rows of each table."""
    made = build_report(own or study(), analysis(**changes), language)
    told: Told = {"abstract": " ".join(plain(one.runs) for one in made.abstract)}
    tables: dict[str, list[list[str]]] = {}
    section = ""
    for block in made.blocks:
        if isinstance(block, Heading):
            section = block.anchor
        elif isinstance(block, TableBlock):
            tables[block.anchor] = [[plain(cell.runs) for cell in row] for row in block.rows]
        elif isinstance(block, TextBlock):
            told[section] = f"{told.get(section, '')} {plain(block.runs)}"
        elif isinstance(block, Bullets):
            told[section] = f"{told.get(section, '')} {' '.join(map(plain, block.items))}"
    return told, tables


@pytest.fixture(scope="module")
def english() -> tuple[Told, dict[str, list[list[str]]]]:
    return report()


def test_the_abstract_has_the_best_and_the_base(english: Any) -> None:
    told, _ = english
    assert "attention+mlp-r8-slow, reaches 77.0 F1 (95% interval 74.0 – 82.0) and 13.0" in told["abstract"]
    assert (
        "The base model without fine-tuning reaches 5.0 F1 (2.0 – 10.0) and 85.0 exact match (83.0 – 89.0)"
        in told["abstract"]
    )
    assert "Of 8 planned runs, 8 were trained to the end and scored on 200 questions" in told["abstract"]


def test_tables_have_each_models_own_scores(english: Any) -> None:
    _, tables = english
    base, best = tables["headline-table"][:2]
    assert base[1:6] == ["85.0", "83.0 – 89.0", "5.0", "2.0 – 10.0", "200"]
    assert best[1:6] == ["13.0", "11.0 – 17.0", "77.0", "74.0 – 82.0", "200"]
    leaders = [(row[0], row[1], row[2], row[4], row[5], row[7]) for row in tables["leaders-table"]]
    assert leaders[0] == ("1", "attention+mlp-r8-slow", "8", "attention+mlp", "13.0", "77.0")
    assert leaders[1] == ("2", "attention+mlp-r4-slow", "4", "attention+mlp", "25.0", "65.0")
    assert leaders[7] == ("8", "attention+mlp-r8-fast", "8", "attention+mlp", "82.0", "8.0")
    assert [row[0] for row in tables["runs-table"]] == [row[1] for row in tables["leaders-table"]]


def test_means_and_differences_are_those_of_the_effect(english: Any) -> None:
    _, tables = english
    assert tables["means-rank"] == [
        ["4", "4", "60.0", "59.0 – 62.0", "30.0", "29.0 – 32.0"],
        ["8", "4", "55.0", "54.0 – 57.0", "35.0", "34.0 – 37.0"],
        ["16", "4", "49.0", "48.0 – 51.0", "41.0", "40.0 – 43.0"],
    ]
    rows = [(row[0], row[1], row[2], row[6]) for row in tables["pairs-rank"]]
    assert rows == [
        ("4 → 8", "+5.0", "+1.0 to +7.0", "higher"),
        ("4 → 16", "+11.0", "+7.0 to +13.0", "higher"),
        ("8 → 16", "+1.5", "−2.5 to +3.5", "undecided"),
    ]
    assert [row[3] for row in tables["pairs-rank"]] == ["+1.5 to +6.5", "+7.5 to +12.5", "−2.0 to +3.0"]


def ablation(rank: Effect, em: Effect | None = None, language: Language = "en") -> str:
    told, _ = report(language, effects=(rank,) if em is None else (rank, em))
    return told["rank"]


def test_a_trend_is_told_from_its_first_value_to_its_last() -> None:
    text = ablation(*rank_effects())
    assert "A higher rank gives significantly higher scores (on new questions of this kind)." in text
    assert "F1 changes by +9.5 points from 4 to 16 (95% interval: +5.5 to +11.5 on new questions of this" in text
    assert "Significantly below the best value, 16: 4." in text
    assert "Not significantly below the best value, 16: 8." in text
    assert "On exact match larger values give significantly lower scores (on new questions" in text


def test_a_falling_axis_is_told_as_one() -> None:
    f1, em = rank_effects()
    falling = replace(em, metric="f1", trend=contrast(4, 16, -9.5, "lower"), as_good=(4,))
    rising = replace(f1, metric="exact_match")
    text = ablation(falling, rising)
    assert "A higher rank gives significantly lower scores" in text
    assert "F1 changes by −9.5 points from 4 to 16" in text
    assert "The best value, 4, differs significantly from every other value." in text
    assert "On exact match larger values give significantly higher scores" in text


def test_without_a_trend_the_clearest_pair_is_told() -> None:
    pairs = (
        contrast(4, 8, 5.0, "higher", adjusted=0.03),
        contrast(4, 16, -7.0, "lower", adjusted=0.002),
        contrast(8, 16, 1.5, "undecided", adjusted=0.9),
    )
    own = effect("rank", {4: 30.0, 8: 35.0, 16: 23.0}, "differs", contrasts=pairs, as_good=(8,))
    text = ablation(own)
    assert "The most significant difference is the one from 4 to 16: −7.0 points" in text
    assert "The mean is highest with 8" in text
    assert "higher scores" not in text
    assert "lower scores" not in text


@pytest.mark.parametrize("verdict", ["undecided", "untested"])
def test_the_gap_is_the_best_less_the_worst(verdict: Any) -> None:
    pairs = tuple(
        contrast(*ends, 1.0, verdict, detectable=seen) for ends, seen in (((4, 8), 3.0), ((4, 16), 6.5), ((8, 16), 4.0))
    )
    own = effect("rank", {4: 30.0, 8: 33.5, 16: 29.0}, verdict, contrasts=pairs, as_good=(4, 8, 16))
    text = ablation(own)
    assert "The means of the best (8) and the worst (16) are 4.5 points apart" in text.replace(
        "4.2 points", "4.3 points"
    )
    if verdict == "undecided":
        assert "8 detect a true difference of about 6.5 points on new questions" in text
        assert "noise" not in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("best", "verdict", "end"),
    [
        (4, "lower", "low"),
        (16, "higher", "high"),
        (8, "differs", None),
        (16, "differs", "high"),
        (16, "undecided", None),
    ],
)
def test_a_best_value_at_an_end_is_told_with_that_end(
    language: Language, best: int, verdict: Any, end: str | None
) -> None:
    means = {4: 30.0, 8: 31.0, 16: 32.0} | {best: 40.0}
    em = effect("rank", {4: 50.0, 8: 40.0, 16: 30.0}, "lower", "exact_match")
    told, _ = report(language, effects=(effect("rank", means, verdict), em))
    ends = {key: sentences(language)[f"limits.end_{key}"] for key in ("low", "high")}
    said = {key for key, word in ends.items() if word in told["limits"]}
    assert said == ({end} if end else set())
    if language == "en" and end:
        word = {"low": "smallest", "high": "largest"}[end]
        assert f"The best rank, {best}, is the {word} one that was tried" in told["limits"]


@pytest.mark.parametrize(
    ("verdict", "other", "sentence"),
    [
        ("higher", "lower", "A higher rank gave significantly higher scores (on new questions of this kind)."),
        ("lower", "higher", "A higher rank gave significantly lower scores (on new questions of this kind)."),
        ("differs", "lower", "the mean was highest with 16, and 4 and 8 were significantly below it."),
        ("equivalent", "lower", "The values of the rank are equivalent within 1.00 points of F1"),
        (
            "undecided",
            "higher",
            "For the rank neither a significant difference nor equivalence within 1.00 points of F1 was found.",
        ),
        ("untested", "higher", "The effect of the rank was not tested."),
    ],
)
def test_conclusion_and_abstract_tell_of_f1_and_not_of_exact_match(verdict: Any, other: Any, sentence: str) -> None:
    f1 = effect("rank", {4: 30.0, 8: 35.0, 16: 41.0}, verdict)
    em = effect("rank", {4: 60.0, 8: 55.0, 16: 49.0}, other, "exact_match")
    # Also where EM comes first.
    for effects in ((f1, em), (em, f1)):
        told, _ = report(effects=effects)
        for section in ("abstract", "conclusion"):
            assert sentence in told[section]
            assert told[section].count("higher scores") == (verdict == "higher")
            assert told[section].count("lower scores") == (verdict == "lower")


def against(verdict: Any) -> dict[str, Any]:
    """The best against the base by F1 so, and by EM the other way round."""
    (models,) = analysis().models
    turned = {"higher": "lower", "lower": "higher"}.get(verdict, "higher")
    sign = {"lower": -1.0}.get(verdict, 1.0)
    contrasts = (
        contrast("baseline", "best", -sign * 30.0, turned, "exact_match"),
        contrast("baseline", "best", sign * 12.0, verdict),
    )
    return {"models": (replace(models, contrasts=contrasts),)}


@pytest.mark.parametrize(
    ("verdict", "concluded", "told_of"),
    [
        (
            "higher",
            "The improvement over the base model is statistically significant.",
            "Fine-tuning helps: the F1 of the best run differs from that of the base model by +12.0 points",
        ),
        (
            "lower",
            "The decrease from the base model is statistically significant.",
            "Fine-tuning lowers the score here: the F1 of the best run differs from that of the base model by −12.0",
        ),
        (
            "equivalent",
            "equivalent to the base model within 1.00",
            "are equivalent within 1.00 points of F1: +12.0",
        ),
        ("undecided", "No significant difference from the base model was found", "was found: +12.0 points of F1"),
        ("untested", "was not tested", "The difference from the base model is +12.0 points of F1; it could not"),
    ],
)
def test_the_gain_over_the_base_is_that_of_f1(verdict: Any, concluded: str, told_of: str) -> None:
    told, _ = report(**against(verdict))
    assert concluded in told["conclusion"]
    assert told_of in told["headline"]
    assert "30.0" not in told["headline"]


def test_the_conclusion_names_the_best_score_and_the_cheapest_of_the_best(english: Any) -> None:
    told, _ = english
    assert (
        "The best of 8 runs reaches 77.0 F1 (74.0 – 82.0) on 200 questions of the validation split, on which"
        in told["conclusion"]
    )
    assert (
        "Since 2 runs may be the best, the one among them with the fewest trainable parameters, attention-r8-fast"
        in (told["conclusion"])
    )


def test_strategies_are_better_or_worse_by_f1(english: Any) -> None:
    told, tables = english
    text = told["decoding"]
    assert "Better than greedy on F1: span (+6.0" in text
    assert "Worse than greedy on F1: nucleus (−9.0" in text
    assert "Neither significantly different from greedy on F1 nor equivalent to it: beam (" in text
    assert [(row[0], row[1], row[3]) for row in tables["decoding-table"]] == [
        ("greedy", "30.0", "60.0"),
        ("span", "24.0", "66.0"),
        ("nucleus", "39.0", "51.0"),
        ("beam", "31.0", "59.0"),
    ]


@pytest.mark.parametrize("leads", [True, False])
def test_the_commonest_kind_has_its_own_shares(leads: bool) -> None:
    found = analysis().mistakes
    assert found is not None
    told, tables = report(mistakes=replace(found, leads=leads))
    text = told["kinds"]
    assert "The most common error type is “Too long”, with 60% of the wrong answers (95% interval 45% to 73%)" in text
    assert ("its difference from the next, “Empty”, is not significant" in text) != leads
    assert "Of 200 greedy answers of the best run" in text
    assert "50 are not an exact match" in text
    (base,) = [one for one in text.split(". ") if "base model's" in one]
    assert "12" in base or "13" in base
    assert [(row[0], row[2]) for row in tables["kinds-table"]] == [("Too long", "30"), ("Empty", "20")]


def test_a_kind_that_only_the_base_makes_is_in_the_table_as_in_the_chart() -> None:
    found = analysis().mistakes
    assert found is not None
    only = replace(found.kinds[0], kind="too_short", questions=0, share=0.0, interval=(0.0, 0.07), base_share=0.3)
    _, tables = report(mistakes=replace(found, kinds=(*found.kinds, only)))
    assert [(row[0], row[2], row[-1]) for row in tables["kinds-table"]][-1] == ("Too short", "0", "30%")


def test_axes_that_act_together_are_told_by_f1_with_their_p(english: Any) -> None:
    told, _ = english
    text = told["interactions"]
    assert "The rank and the learning rate interact significantly" in text
    assert "0.004" in text
    assert "No significant" not in text
    assert "62% is due to the rank" in text
    assert "11% to the interaction of rank and learning rate" in text


def test_the_spread_over_seeds_has_its_own_figures(english: Any) -> None:
    told, tables = english
    assert "(2 groups) have a pooled standard deviation of 3.75 points of F1" in told["seeds"]
    assert "differ by more than 12.5 points" in told["seeds"]
    assert [row[1:] for row in tables["seeds-table"]] == [["2", "23.0", "4.20"], ["3", "54.0", "3.60"]]
    assert tables["seeds-levels"] == [["rank 4", "1", "4.20"], ["rank 8", "2", "3.60"]]


def test_who_may_be_the_best_and_by_how_much_too_high(english: Any) -> None:
    told, _ = english
    assert "the truly best run is one of 2 among the 8 compared" in told["leaders"]
    assert "overestimated by about 1.60 points" in told["leaders"]
    whole = analysis().best
    assert whole is not None
    told, _ = report(best=replace(whole, names=whole.names[:1], count=1))
    assert "With 95% confidence attention+mlp-r8-slow is truly the best of the 8 compared" in told["leaders"]
    assert "told apart" not in told["leaders"]


def test_how_runs_ended_is_counted_by_verdict(english: Any) -> None:
    told, _ = english
    text = told["learning"]
    assert "Of 8 runs with loss curves, 1 overfits" in text
    assert "2 were still improving in the last epoch and 5 had converged." in text


def test_costs_go_from_the_least_to_the_most(english: Any) -> None:
    told, tables = english
    text = told["cost"]
    assert "The 8 runs took 2.0 hours in all" in text or "The 8 runs took 120.0 minutes in all" in text
    assert "Training a run took 10.0 seconds to 80.0 seconds" in text
    assert "107" in text  # MiB, the most that any run used
    assert "the cheapest by trainable parameters is attention-r8-fast" in text
    assert "the cheapest by time is attention+mlp-r8-slow" in text
    assert [row[:3] for row in tables["parameters-table"]] == [
        ["attention", "4", "1,000"],
        ["attention", "8", "2,000"],
        ["attention+mlp", "4", "3,000"],
        ["attention+mlp", "8", "4,000"],
    ]


def test_a_study_of_this_size_sees_the_paired_difference(english: Any) -> None:
    told, _ = english
    assert "All rankings rest on 200 questions of the validation split" in told["limits"]
    assert "a true difference of 4.4 points of F1 between two runs" in " ".join(told["limits"].split())


def test_the_score_on_the_test_split_leads_and_is_the_best_runs_own() -> None:
    whole = study()
    tested = replace(whole.runs[0], scores={**whole.runs[0].scores, "test": {"greedy": score(60.0, split="test")}})
    other = replace(whole.runs[1], scores={**whole.runs[1].scores, "test": {"greedy": score(70.0, split="test")}})
    told, tables = report(own=replace(whole, runs=(tested, other, *whole.runs[2:])))
    assert "attention+mlp-r8-slow, reaches 60.0 F1 (95% interval 57.0 – 65.0) and 30.0" in told["abstract"]
    assert "on 200 questions of the test split, which played no part in the selection" in told["abstract"]
    assert "77.0" not in told["abstract"]
    assert "reaches 60.0 F1 (57.0 – 65.0) on 200 questions of the test split" in told["conclusion"]
    assert tables["headline-table"][1][3:5] == ["60.0", "57.0 – 65.0"]
    assert "selected by its F1 on 200 questions of the validation split, where it reaches 77.0" in told["headline"]


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("higher", "The F1 of full fine-tuning differs from that of the best adapter by +7.0 points"),
        ("lower", "The F1 of full fine-tuning differs from that of the best adapter by −7.0 points"),
    ],
)
def test_full_fine_tuning_is_held_against_the_best_adapter(verdict: Any, sentence: str) -> None:
    (models,) = analysis().models
    sign = 1.0 if verdict == "higher" else -1.0
    contrasts: tuple[Contrast, ...] = (
        *models.contrasts,
        contrast("baseline", "full", 79.0, "higher"),
        contrast("best", "full", sign * 7.0, verdict),
        contrast("best", "full", -sign * 7.0, "undecided", "exact_match"),
    )
    told, _ = report(models=(replace(models, contrasts=contrasts),))
    assert sentence in told["headline"]
    assert ("here the adapter is better" in told["headline"]) == (verdict == "lower")


def test_what_is_missing_is_named_with_its_runs() -> None:
    lacking = (Missing("failed", ("one", "two")), Missing("diverged", ("three",)), Missing("seeds"))
    told, _ = report(own=replace(study(), missing=lacking))
    text = told["missing"]
    assert "2 runs failed: one and two" in text
    assert "1 run diverged (the loss became infinite or undefined): three" in text
    assert "no two runs differ in their seed alone" in text
    assert "failed" not in report()[0]["missing"]
