"""The report's sentences follow the findings; both languages tell the same figures; what lacks is said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import squadron
from reporting.made_study import make_study
from squadron.errors import RunError
from squadron.reporting.analysis.findings import Analysis, AxisVerdict, Effect
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.blocks import Block, Example, Heading, Paragraph, Report, Run, Table, plain, texts
from squadron.reporting.numerals import western
from squadron.reporting.records import Study
from squadron.reporting.report import build_report, write_report
from squadron.reporting.study import read_study
from squadron.reporting.wording import LANGUAGES


@pytest.fixture(scope="session")
def english(paper: Study, paper_analysis: Analysis) -> Report:
    return build_report(paper, paper_analysis, "en")


@pytest.fixture(scope="session")
def persian(paper: Study, paper_analysis: Analysis) -> Report:
    return build_report(paper, paper_analysis, "fa")


def both(folder: Path) -> tuple[Report, Report]:
    study = read_study(folder)
    analysis = analyze_study(study)
    return build_report(study, analysis, "en"), build_report(study, analysis, "fa")


def all_text(report: Report) -> str:
    return "\n".join(texts(report))


def runs_of(block: Block) -> list[Run]:
    match block:
        case Heading() | Paragraph():
            return list(block.runs)
        case Table():
            cells = [run for row in block.rows for cell in row for run in cell.runs]
            return [*block.caption, *cells, *block.note]
        case Example():
            return [run for _, value in block.lines for run in value]
        case _:
            return []


def figures_of(blocks: Sequence[Block]) -> list[Counter[str]]:
    """The figures of each block; within a sentence their order is the language's."""
    found = [Counter(western(run.text) for run in runs_of(block) if run.kind == "number") for block in blocks]
    return [one for one in found if one]


def assert_same_figures(english: Report, persian: Report) -> int:
    assert [type(block) for block in english.blocks] == [type(block) for block in persian.blocks]
    ours, theirs = (figures_of([*report.abstract, *report.blocks]) for report in (english, persian))
    assert ours == theirs
    return sum(one.total() for one in ours)


def test_both_languages_tell_the_same_figures(english: Report, persian: Report) -> None:
    assert assert_same_figures(english, persian) > 900


def test_the_paper_has_its_parts_and_its_references_lead_somewhere(english: Report, persian: Report) -> None:
    for report in (english, persian):
        sections = [block.anchor for block in report.blocks if isinstance(block, Heading) and block.level == 1]
        assert sections == [
            *("introduction", "related", "method", "setup", "results", "ablations", "decoding", "failures"),
            *("cost", "limits", "conclusion", "references", "all_runs", "reproduction"),
        ]
        runs = [run for block in report.blocks for run in runs_of(block)]
        led = [run for run in runs if run.kind == "reference"]
        assert len(led) > 12
        assert not [run for run in led if "?" in run.text]
    tables = {block.anchor: block for block in english.blocks if isinstance(block, Table)}
    assert len(tables["runs-table"].rows) == 75
    assert "200 questions" in plain(tables["means-rank"].caption)
    assert "±41.8" in all_text(english)
    assert "±۴۱٫۸" in all_text(persian)


def test_published_figures_stand_apart_from_measured_ones(english: Report) -> None:
    (table,) = [block for block in english.blocks if isinstance(block, Table) and block.anchor == "headline-table"]
    sources = [plain(row[-1].runs) for row in table.rows]
    assert {place for place, source in enumerate(sources) if source != "measured here"} == table.published
    assert sources.count("measured here") == 2
    assert "64.64" in [plain(row[3].runs) for row in table.rows]
    assert "not measured here" in plain(table.note)


def with_verdict(analysis: Analysis, verdict: AxisVerdict) -> Analysis:
    """The findings with another verdict on rank."""

    def changed(effect: Effect) -> Effect:
        if effect.axis != "rank":
            return effect
        kinds = {"higher": "higher", "lower": "lower"}
        sign = -1 if verdict == "lower" else 1
        contrasts = tuple(
            replace(
                one,
                verdict=kinds.get(verdict, "no_difference"),  # type: ignore[arg-type]
                difference=sign * one.difference,
            )
            for one in effect.contrasts
        )
        trend = effect.trend and replace(effect.trend, verdict=contrasts[0].verdict)
        return replace(effect, verdict=verdict, contrasts=contrasts, trend=trend)

    return replace(analysis, effects=tuple(map(changed, analysis.effects)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_finding_is_another_sentence(paper: Study, paper_analysis: Analysis, language: str) -> None:
    wanted = {
        "en": {
            "higher": "A higher rank scores higher here",
            "lower": "A higher rank scores lower here",
            "no_difference": "inside noise",
            "non_monotone": "not in one direction",
            "untested": "No test could be made of the rank",
        },
        "fa": {
            "higher": "رتبه‌ی بالاتر در اینجا امتیاز بیشتری می‌آورد",
            "lower": "رتبه‌ی بالاتر در اینجا امتیاز کمتری می‌آورد",
            "no_difference": "در حد نوفه",
            "non_monotone": "نه در یک جهت",
            "untested": "برای رتبه آزمونی ممکن نبود",
        },
    }[language]
    seen = {}
    for verdict in wanted:
        analysis = with_verdict(paper_analysis, verdict)  # type: ignore[arg-type]
        seen[verdict] = all_text(build_report(paper, analysis, language))  # type: ignore[arg-type]
    for verdict, sentence in wanted.items():
        assert [name for name, text in seen.items() if sentence in text] == [verdict]


def test_a_made_up_effect_is_reported_as_it_is(tmp_path: Path) -> None:
    """Nothing is put into the findings by hand here: the files say that there is no effect of rank at all."""
    from reporting.made_study import plain_effects

    folder = make_study(
        tmp_path / "s", ranks=(4, 64), rates=(1e-4, 1e-3), modules=("attention",), effects=plain_effects()
    )
    english, persian = both(folder)
    assert "A higher rank scores" not in all_text(english)
    assert "رتبه‌ی بالاتر در اینجا امتیاز" not in all_text(persian)
    assert "No two values of the rank were told apart" in all_text(english)


def test_a_partial_and_failed_sweep_says_what_is_missing(hostile_folder: Path) -> None:
    english, persian = both(hostile_folder)
    assert_same_figures(english, persian)
    text = all_text(english)
    for sentence in ("1 run failed", "1 run diverged", "2 runs not finished", "was not finished when this report"):
        assert sentence in text
    assert "no run trains all weights" in text
    assert "۱ اجرا شکست خورد" in all_text(persian)


def test_what_data_says_is_text(hostile_folder: Path) -> None:
    english, _ = both(hostile_folder)
    quoted = [run for block in english.blocks for run in runs_of(block) if run.kind in ("data", "marked")]
    assert [run for run in quoted if "onerror=alert(2)" in run.text]
    assert not [run for run in quoted if "\u202e" in run.text]
    assert max(len(run.text) for run in quoted) < 450


def test_a_single_run_and_a_study_without_scores(run_folder: Path, tmp_path: Path) -> None:
    english, persian = both(run_folder)
    assert assert_same_figures(english, persian) > 100
    assert "This study has one run" in all_text(english)
    assert not re.search(r"\b1 (?:runs|points)\b", all_text(english))
    assert "ablations" not in [block.anchor for block in english.blocks if isinstance(block, Heading)]
    assert "was not scored" in all_text(english)
    nothing = make_study(tmp_path / "none", ranks=(4, 8), rates=(1e-4,), modules=("attention",), failed=2)
    english, persian = both(nothing)
    assert_same_figures(english, persian)
    assert "No run was scored" in all_text(english)
    assert "هیچ اجرایی سنجیده نشده است" in all_text(persian)


def test_seeds_sizes_and_full_fine_tuning(varied_folder: Path) -> None:
    english, persian = both(varied_folder)
    assert_same_figures(english, persian)
    anchors = [block.anchor for block in english.blocks if isinstance(block, (Heading, Table))]
    assert {"seeds", "seeds-table", "train_size", "means-train_size"} <= set(anchors)
    assert "Full fine-tuning" in all_text(english)
    assert "no run trains all weights" not in all_text(english)


def test_the_files_have_their_names_and_refusals_are_one_line(run_folder: Path, tmp_path: Path) -> None:
    out = write_report(run_folder, lang="fa", format="html", out=tmp_path / "x.html")
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    again = squadron.report(folder=str(run_folder), lang="fa", format="html", out=str(tmp_path / "y.html"))
    assert again.read_bytes() == out.read_bytes()  # the same folder, the same bytes
    with pytest.raises(RunError, match="no such folder"):
        write_report(tmp_path / "absent", lang="en", format="pdf")
    with pytest.raises(squadron.SquadronError, match="lang"):
        squadron.report(folder=str(run_folder), lang="de")
