"""The report's sentences follow the findings, both languages give the same numbers, and missing data is named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import squadron
from made_study import make_study
from squadron.errors import RunError
from squadron.languages import LANGUAGES, Language
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.analysis.verdicts import AxisVerdict, Effect
from squadron.reporting.charts.comparisons import charted_models
from squadron.reporting.document.blocks import (
    Block,
    ExampleBlock,
    Figure,
    Heading,
    Report,
    TableBlock,
    TextBlock,
    TextRun,
    plain,
    texts,
)
from squadron.reporting.localization.numbers import western
from squadron.reporting.report import build_report, write_report
from squadron.runs.records import Part, Study
from squadron.runs.study import read_study


@pytest.fixture(scope="session")
def english(paper_reports: dict[Language, Report]) -> Report:
    return paper_reports["en"]


@pytest.fixture(scope="session")
def persian(paper_reports: dict[Language, Report]) -> Report:
    return paper_reports["fa"]


@pytest.fixture(scope="module")
def hostile(hostile_folder: Path) -> tuple[Report, Report]:
    return both(hostile_folder)


@pytest.fixture(scope="module")
def varied(varied_folder: Path) -> tuple[Study, Analysis]:
    study = read_study(varied_folder)
    return study, analyze_study(study)


@pytest.fixture(scope="module")
def varied_reports(varied: tuple[Study, Analysis]) -> tuple[Report, Report]:
    return build_report(*varied, "en"), build_report(*varied, "fa")


def both(folder: Path) -> tuple[Report, Report]:
    study = read_study(folder)
    analysis = analyze_study(study)
    return build_report(study, analysis, "en"), build_report(study, analysis, "fa")


def all_text(report: Report) -> str:
    return "\n".join(texts(report))


def runs_of(block: Block) -> list[TextRun]:
    match block:
        case Heading() | TextBlock():
            return list(block.runs)
        case TableBlock():
            cells = [run for row in block.rows for cell in row for run in cell.runs]
            return [*block.caption, *cells, *block.note]
        case ExampleBlock():
            return [run for _, value in block.lines for run in value]
        case _:
            return []


def numbers_of(blocks: Sequence[Block]) -> list[Counter[str]]:
    """Count the numbers of each block; their order within a sentence depends on the language."""
    found = [Counter(western(run.text) for run in runs_of(block) if run.kind == "number") for block in blocks]
    return [one for one in found if one]


def assert_same_numbers(english: Report, persian: Report) -> int:
    assert [type(block) for block in english.blocks] == [type(block) for block in persian.blocks]
    ours, theirs = (numbers_of([*report.abstract, *report.blocks]) for report in (english, persian))
    assert ours == theirs
    return sum(one.total() for one in ours)


def test_both_languages_give_the_same_numbers(english: Report, persian: Report) -> None:
    assert assert_same_numbers(english, persian) > 900


def test_the_paper_has_its_parts_and_its_references_resolve(english: Report, persian: Report) -> None:
    for report in (english, persian):
        sections = [block.anchor for block in report.blocks if isinstance(block, Heading) and block.level == 1]
        assert sections == [
            *(
                "key_findings",
                "introduction",
                "related",
                "method",
                "setup",
                "results",
                "ablations",
                "decoding",
                "failures",
            ),
            *("cost", "limits", "conclusion", "references", "all_runs", "reproduction"),
        ]
        runs = [run for block in report.blocks for run in runs_of(block)]
        led = [run for run in runs if run.kind == "reference"]
        assert len(led) > 12
        assert not [run for run in led if "?" in run.text]
    tables = {block.anchor: block for block in english.blocks if isinstance(block, TableBlock)}
    assert len(tables["runs-table"].rows) == 75
    assert "200 questions" in plain(tables["means-rank"].caption)
    assert "±41.8" in all_text(english)
    assert "±۴۱٫۸" in all_text(persian)


def test_the_pocket_bases_scores_stand_alone(english: Report) -> None:
    """No published or human figure stands beside the scores of a made-up world."""
    (table,) = [block for block in english.blocks if isinstance(block, TableBlock) and block.anchor == "headline-table"]
    assert not table.published
    assert [plain(row[-1].runs) for row in table.rows] == ["measured here"] * 2
    (figure,) = [block for block in english.blocks if isinstance(block, Figure) and block.anchor == "chart-models"]
    assert "published" not in plain(figure.caption) + str(figure.spec)


def test_published_results_are_separate_from_measured_ones(paper: Study, paper_analysis: Analysis) -> None:
    english = build_report(replace(paper, base=replace(paper.base, name="gpt2")), paper_analysis, "en")
    (table,) = [block for block in english.blocks if isinstance(block, TableBlock) and block.anchor == "headline-table"]
    sources = [plain(row[-1].runs) for row in table.rows]
    assert {place for place, source in enumerate(sources) if source != "measured here"} == table.published
    assert sources.count("measured here") == 2
    assert "64.64" in [plain(row[3].runs) for row in table.rows]
    trained = {plain(row[0].runs): plain(row[6].runs) for row in table.rows}
    assert (trained["GPT-2 with LoRA"], trained["GPT-2 with the best LoRA, greedy"], trained["People"]) == (
        "87,599",
        "2,000",
        "–",
    )
    assert "best counts" in plain(table.note)
    assert "not measured here" in plain(table.note)


def with_verdict(analysis: Analysis, verdict: AxisVerdict) -> Analysis:
    """Return the findings with another verdict on rank."""

    def changed(effect: Effect) -> Effect:
        if effect.axis != "rank":
            return effect
        kinds = {"higher": "higher", "lower": "lower"}
        sign = -1 if verdict == "lower" else 1
        contrasts = tuple(
            replace(
                one,
                verdict=kinds.get(verdict, "undecided"),  # type: ignore[arg-type]
                difference=sign * one.difference,
            )
            for one in effect.contrasts
        )
        trend = effect.trend and replace(effect.trend, verdict=contrasts[0].verdict)
        scope = None if verdict in ("undecided", "untested") else "new"
        within = "new" if verdict == "equivalent" else None
        return replace(effect, verdict=verdict, scope=scope, within=within, contrasts=contrasts, trend=trend)

    return replace(analysis, effects=tuple(map(changed, analysis.effects)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("no_charts")
def test_each_verdict_has_its_own_sentence(paper: Study, paper_analysis: Analysis, language: str) -> None:
    wanted = {
        "en": {
            "higher": "A higher rank gives significantly higher scores",
            "lower": "A higher rank gives significantly lower scores",
            "undecided": "The effect of the rank is undecided",
            "equivalent": "The values of the rank are equivalent: ",
            "differs": "The values of the rank differ significantly",
            "untested": "The rank could not be tested",
        },
        "fa": {
            "higher": "رتبه‌ی بالاتر به‌طور معنی‌داری امتیاز بیشتری می‌آورد",
            "lower": "رتبه‌ی بالاتر به‌طور معنی‌داری امتیاز کمتری می‌آورد",
            "undecided": "درباره‌ی رتبه نتیجه نامعلوم است",
            "equivalent": "مقدارهای رتبه هم‌ارزند: ",
            "differs": "میان مقدارهای رتبه اختلاف معنی‌دار هست",
            "untested": "برای رتبه آزمونی ممکن نبود",
        },
    }[language]
    seen = {}
    for verdict in wanted:
        analysis = with_verdict(paper_analysis, verdict)  # type: ignore[arg-type]
        seen[verdict] = all_text(build_report(paper, analysis, language))  # type: ignore[arg-type]
    for verdict, sentence in wanted.items():
        assert [name for name, text in seen.items() if sentence in text] == [verdict]


@pytest.mark.usefixtures("no_charts")
def test_a_study_without_an_effect_is_reported_as_such(tmp_path: Path) -> None:
    """The findings are not edited here: the files themselves have no effect of rank."""
    from made_study import plain_effects

    folder = make_study(
        tmp_path / "s", ranks=(4, 64), rates=(1e-4, 1e-3), modules=("attention",), effects=plain_effects()
    )
    english, persian = both(folder)
    assert "A higher rank g" not in all_text(english)
    assert "رتبه‌ی بالاتر به‌طور" not in all_text(persian)
    assert "The effect of the rank is undecided" in all_text(english)


def test_a_partial_and_failed_sweep_says_what_is_missing(hostile: tuple[Report, Report]) -> None:
    english, persian = hostile
    assert_same_numbers(english, persian)
    text = all_text(english)
    for sentence in ("1 run failed", "1 run diverged", "2 runs not finished", "was not finished when this report"):
        assert sentence in text
    assert "no run trains all weights" in text
    assert "۱ اجرا ناموفق بود" in all_text(persian)


def test_hostile_data_is_text(hostile: tuple[Report, Report]) -> None:
    english, _ = hostile
    quoted = [run for block in english.blocks for run in runs_of(block) if run.kind in ("data", "marked")]
    assert [run for run in quoted if "alert(" in run.text]
    assert not [run for run in quoted if "\u202e" in run.text]
    assert max(len(run.text) for run in quoted) < 450


def test_a_single_run_and_a_study_without_scores(run_folder: Path, tmp_path: Path) -> None:
    english, persian = both(run_folder)
    assert assert_same_numbers(english, persian) > 100
    assert "This study has one run" in all_text(english)
    assert not re.search(r"\b1 (?:runs|points)\b", all_text(english))
    assert "ablations" not in [block.anchor for block in english.blocks if isinstance(block, Heading)]
    assert "was not evaluated" in all_text(english)
    nothing = make_study(tmp_path / "none", ranks=(4, 8), rates=(1e-4,), modules=("attention",), failed=2)
    english, persian = both(nothing)
    assert_same_numbers(english, persian)
    assert "No run was evaluated" in all_text(english)
    assert "هیچ اجرایی ارزیابی نشده است" in all_text(persian)


def test_seeds_sizes_and_full_fine_tuning(varied_reports: tuple[Report, Report]) -> None:
    english, persian = varied_reports
    assert_same_numbers(english, persian)
    anchors = [block.anchor for block in english.blocks if isinstance(block, (Heading, TableBlock))]
    assert {"seeds", "seeds-table", "train_size", "means-train_size"} <= set(anchors)
    assert "Full fine-tuning" in all_text(english)
    assert "no run trains all weights" not in all_text(english)


def paragraph_with(report: Report, words: str) -> str:
    (found,) = [
        plain(block.runs) for block in report.blocks if isinstance(block, TextBlock) and words in plain(block.runs)
    ]
    return found


def test_the_base_is_not_called_frozen_if_some_runs_train_it(
    english: Report, varied_reports: tuple[Report, Report]
) -> None:
    assert "frozen in fp32 during all runs" in paragraph_with(english, "The base model is")
    varied, persian = varied_reports
    assert "but those of full fine-tuning" in paragraph_with(varied, "The base model is")
    assert "جز در ریزتنظیم کامل" in all_text(persian)


def test_the_caption_of_a_chart_names_its_split(
    varied: tuple[Study, Analysis], varied_reports: tuple[Report, Report]
) -> None:
    """Full fine-tuning is not scored on the test split, so the chart shows the split with scores of all models."""
    _, analysis = varied
    shown = charted_models(analysis)
    assert {one.split for one in analysis.models} == {"validation", "test"}
    assert shown.split == "validation"
    report, _ = varied_reports
    (figure,) = [block for block in report.blocks if isinstance(block, Figure) and block.anchor == "chart-models"]
    assert f"{shown.models[0].score.questions} questions of the validation split" in plain(figure.caption)


@pytest.mark.parametrize(
    ("seconds", "wanted"), [((5.0, 7.04), "5.0 seconds to 7.0 seconds"), ((80.0, 240.0), "80.0 seconds to 4.0 minutes")]
)
@pytest.mark.usefixtures("no_charts")
def test_times_are_given_in_a_fitting_unit(paper: Study, paper_analysis: Analysis, seconds: Any, wanted: str) -> None:
    runs = tuple(replace(run, seconds=seconds[place % 2]) for place, run in enumerate(paper.runs))
    study = replace(paper, runs=runs, seconds=36_000.0)
    assert f"Training a run took {wanted}." in all_text(build_report(study, paper_analysis, "en"))
    alike = replace(study, runs=tuple(replace(run, seconds=7.01) for run in runs))
    text = all_text(build_report(alike, paper_analysis, "en"))
    assert "The 75 runs took 10.0 hours in all. Training a run took 7.0 seconds." in text


@pytest.mark.usefixtures("no_charts")
def test_accepted_answers_are_separated_by_a_neutral_mark(paper: Study, paper_analysis: Analysis) -> None:
    """A Persian comma between them would reverse the order of "11 March 1780"."""
    assert paper.failures is not None
    examples = {
        kind: tuple(replace(one, golds=("1780", "11 March 1780", "1780")) for one in those)
        for kind, those in paper.failures.examples.items()
    }
    study = replace(paper, failures=replace(paper.failures, examples=examples))
    report = build_report(study, paper_analysis, "fa")
    shown = [block.lines[2][1] for block in report.blocks if isinstance(block, ExampleBlock)]
    assert shown
    assert {plain(runs) for runs in shown} == {"1780 | 11 March 1780"}
    assert {run.kind for runs in shown for run in runs} == {"data"}


@pytest.mark.usefixtures("no_charts")
def test_both_halves_of_the_test_split_are_reported(paper: Study, paper_analysis: Analysis, english: Report) -> None:
    assert "phrasings that are not in it" not in all_text(english)
    assert paper.best is not None
    score = paper.best.score("test", paper.decoding)
    assert score is not None
    half = Part(40.0, 45.5, (23.1, 65.3), (24.6, 67.8), 30)
    split = replace(score, parts={"known": half, "new": replace(half, f1=33.3)})
    best = replace(paper.best, scores={**paper.best.scores, "test": {paper.decoding: split}})
    study = replace(paper, runs=tuple(best if run.name == best.name else run for run in paper.runs))
    text = all_text(build_report(study, paper_analysis, "en"))
    assert "30 have phrasings of the kind in the training data (F1 45.5; 24.6 – 67.8) and 30" in text


@pytest.mark.usefixtures("no_charts")
def test_one_epoch_gives_no_verdict_on_fit(paper: Study, paper_analysis: Analysis) -> None:
    count = len(paper_analysis.fits.runs)
    runs = tuple(replace(one, verdict="unknown") for one in paper_analysis.fits.runs)
    fits = replace(paper_analysis.fits, runs=runs, counts={"unknown": count})
    text = all_text(build_report(paper, replace(paper_analysis, fits=fits), "en"))
    assert f"For the {count} runs" in text
    assert "had converged" not in text


def test_files_have_default_names_and_errors_are_one_line(run_folder: Path, tmp_path: Path) -> None:
    out = write_report(run_folder, lang="fa", format="html", out=tmp_path / "x.html")
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    again = squadron.report(folder=str(run_folder), lang="fa", format="html", out=str(tmp_path / "y.html"))
    assert again.read_bytes() == out.read_bytes()  # the same folder, the same bytes
    with pytest.raises(RunError, match="no such folder"):
        write_report(tmp_path / "absent", lang="en", format="pdf")
    with pytest.raises(squadron.SquadronError, match="lang"):
        squadron.report(folder=str(run_folder), lang="de")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("no_charts")
def test_the_prompt_ends_with_the_end_token_of_the_base(language: Any, paper: Study, paper_analysis: Analysis) -> None:
    prompt = "Context: {context} Question: {question} Answer: {answer}"
    for end_token, shown in (("</s>", "</s>"), ("<|endoftext|>", "<|endoftext|>"), (None, "{eos_token}")):
        study = replace(paper, base=replace(paper.base, end_token=end_token))
        assert prompt + shown in texts(build_report(study, paper_analysis, language))
