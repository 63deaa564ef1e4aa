"""The particulars of a report: on its cover, in both languages and formats, from the record and the command line."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import html5lib
import pypdf
import pytest

import squadron
from squadron.errors import ConfigError
from squadron.languages import LANGUAGES, Language
from squadron.marks import is_report
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.charts.rendering import to_svg
from squadron.reporting.document.blocks import Report, plain, texts
from squadron.reporting.particulars import particulars_of
from squadron.reporting.render.html import to_html
from squadron.reporting.render.pdf import to_pdf
from squadron.reporting.report import build_report
from squadron.runs.records import Study
from squadron.runs.study import read_study
from squadron.sweeps.grid import read_sweep

ALL = {
    "title": "Adapters (and ranks)",
    "author": "Mina Example",
    "student_id": "0812345",
    "supervisor": "Dr. A. Sample",
    "university": "University of Somewhere",
    "course": "Deep Learning",
    "term": "Fall 2026",
    "date": "2026-06-21",
}
DATES = {"en": "21 June 2026", "fa": "۳۱ خرداد ۱۴۰۵"}
LABELS = {
    "en": ("Author", "Student ID", "Supervisor", "Course", "Term"),
    "fa": ("نگارنده", "شماره‌ی دانشجویی", "استاد راهنما", "درس", "نیم‌سال"),
}


@pytest.fixture(scope="module")
def covered(paper: Study, paper_analysis: Analysis) -> dict[Language, Report]:
    """The report with all particulars, in each language."""
    return {language: build_report(paper, paper_analysis, language, ALL) for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_particular_is_on_the_page_and_in_its_metadata(
    covered: dict[Language, Report], language: Language
) -> None:
    page = to_html(covered[language])
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    header = "".join(document.find(".//header").itertext())
    for name, value in ALL.items():
        assert (DATES[language] if name == "date" else value) in header, name
    meta = {one.get("name"): one.get("content") for one in document.iter("meta")}
    assert meta["author"] == ALL["author"]
    assert "LoRA" in meta["keywords"]
    assert document.find(".//title").text == ALL["title"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_particular_is_on_the_pdf_s_cover_and_in_its_metadata(
    covered: dict[Language, Report], language: Language, tmp_path: Path
) -> None:
    pdf = to_pdf(covered[language], to_svg, standards=("a-2u",))
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    cover = reader.pages[0].extract_text()
    for name in ("title", "author", "student_id", "supervisor", "university", "course", "term"):
        assert ALL[name].replace(" ", "") in _bare(cover), name
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == (ALL["title"], ALL["author"])
    assert "LoRA" in str(reader.metadata.keywords)
    assert 12 <= len(reader.pages) < 25
    (tmp_path / "r.pdf").write_bytes(pdf)
    assert is_report(tmp_path / "r.pdf")  # so that a later report may replace it


@pytest.mark.parametrize("language", LANGUAGES)
def test_absent_particulars_leave_no_hole(
    paper_reports: dict[Language, Report],
    paper_pages: dict[Language, str],
    paper_pdfs: dict[Language, bytes],
    language: Language,
) -> None:
    assert paper_reports[language].cover == {}
    page = paper_pages[language]
    header = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page).find(".//header")
    shown = "".join(header.itertext())
    assert not [label for label in LABELS[language] if label in shown]
    assert not list(header.iter("dl"))
    assert '<meta name="author"' not in page
    reader = pypdf.PdfReader(io.BytesIO(paper_pdfs[language]))
    assert reader.metadata is not None
    assert reader.metadata.author is None
    first = _bare(reader.pages[0].extract_text())
    assert ("Introduction" if language == "en" else "۱") in first  # no cover: the text begins on the first page
    assert len(reader.pages) >= 12


@pytest.mark.usefixtures("no_charts")
def test_the_persian_report_ends_with_the_abstract_in_english(
    paper: Study, paper_analysis: Analysis, paper_reports: dict[Language, Report]
) -> None:
    english, persian = (paper_reports[language] for language in LANGUAGES)
    assert english.summary is None
    assert persian.summary is not None
    assert [plain(one.runs) for one in persian.summary.paragraphs] == [plain(one.runs) for one in english.abstract]
    assert persian.summary.keywords == english.keywords
    own = build_report(paper, paper_analysis, "fa", {"title": "عنوان من"})
    assert plain(own.title) == "عنوان من"
    assert own.summary is not None
    assert plain(own.summary.title) == plain(english.title)  # a Persian title has no English one


def test_the_record_s_particulars_are_used_and_the_command_line_wins(paper: Study) -> None:
    kept = replace(paper, config={**paper.config, "report": {"author": "Kept", "term": "Kept term", "title": None}})
    assert particulars_of(kept, {}) == {"author": "Kept", "term": "Kept term"}
    assert particulars_of(kept, {"author": "Given", "term": ""}) == {"author": "Given"}
    for damaged in ("text", ["author"], {"author": 3, "unknown": "x"}, None):
        assert particulars_of(replace(paper, config={"report": damaged}), {}) == {}


def test_the_verb_reads_the_sweep_s_particulars(run_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    record = json.loads((folder / "run.json").read_text("utf-8"))
    record["config"]["report"] = {"author": "Kept Author"}
    (folder / "run.json").write_text(json.dumps(record), "utf-8")
    page = squadron.report(folder=str(folder), lang="fa", supervisor="Given <b>Supervisor</b>").read_text("utf-8")
    assert "Kept Author" in page
    assert "Given &lt;b&gt;Supervisor&lt;/b&gt;" in page
    with pytest.raises(ConfigError, match="author"):
        squadron.report(folder=str(folder), author="x" * 301)


def test_a_configuration_s_particulars_are_typed(tmp_path: Path) -> None:
    def plan(text: str) -> Any:
        (tmp_path / "c.yaml").write_text(f"grid: {{rank: [4, 8]}}\n{text}\n", "utf-8")
        return read_sweep(tmp_path / "c.yaml").config

    assert plan("").report is None
    known = plan("report: {author: Mina, student_id: 810199123, date: 2026-06-21}").report
    assert (known.author, known.student_id, known.date) == ("Mina", "810199123", "2026-06-21")
    assert plan("report: {student_id: 0812345}").report.student_id == "0812345"
    with pytest.raises(ConfigError, match=r"report.*(?s:.)*known are title, author"):
        plan("report: {autor: Mina}")
    with pytest.raises(ConfigError, match="report"):
        plan("report: {author: [Mina]}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_and_long_particulars_are_text(run_folder: Path, language: Language) -> None:
    from squadron.reporting.analysis.study import analyze_study

    study = read_study(run_folder)
    evil = dict.fromkeys(ALL, '\u202e</h1><img src=x onerror=alert(1)> #panic() "' + "x" * 150 + " 漢")
    report = build_report(study, analyze_study(study), language, evil)
    assert not [text for text in texts(report) if "\u202e" in text]
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(to_html(report))
    assert not list(document.iter("img"))
    assert "[U+202E]</h1>" in "".join(document.find(".//header").itertext())
    assert to_pdf(report, to_svg, standards=("a-2u",)).startswith(b"%PDF")


def _bare(text: str) -> str:
    """Return text without white space, and without the direction marks that an extraction adds."""
    return "".join(one for one in text if not one.isspace() and one not in "\u200b\u200e\u200f\u202a\u202b\u202c\u202d")
