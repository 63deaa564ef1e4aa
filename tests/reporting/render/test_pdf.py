"""The PDF: page count, glyphs for every character, searchable Persian, and data that stays text."""

from __future__ import annotations

import datetime
import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest

from squadron.languages import Language
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.charts.rendering import to_svg
from squadron.reporting.document.blocks import Report, TextBlock, TextRun
from squadron.reporting.document.text import drawn_characters
from squadron.reporting.localization.numbers import western
from squadron.reporting.render.pdf import breakable, to_pdf
from squadron.reporting.report import build_report
from squadron.runs.study import read_study

STANDARD = ("a-2u",)
"""Archive PDF with Unicode text: Typst fails if any character has no glyph."""


@pytest.fixture(scope="session")
def persian(paper_reports: dict[Language, Report], paper_pdfs: dict[Language, bytes]) -> tuple[Report, bytes]:
    return paper_reports["fa"], paper_pdfs["fa"]


def page_texts(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def report_of(text: str) -> Report:
    """Return a report of one paragraph of data."""
    title = (TextRun("Title"),)
    words = {"abstract": "Abstract", "contents": "Contents"}
    blocks = (TextBlock((TextRun(text, "data"),)),)
    return Report("en", "ltr", title, title, title, datetime.date(2026, 1, 1), (), blocks, words)


def test_seventy_five_runs_fill_twelve_pages_and_every_character_has_a_glyph(persian: tuple[Report, bytes]) -> None:
    reader = pypdf.PdfReader(io.BytesIO(persian[1]))
    assert len(reader.pages) >= 12
    fonts = {str(font["/BaseFont"]) for page in reader.pages for font in page["/Resources"]["/Font"].values()}
    assert any("Vazirmatn" in font for font in fonts)
    assert reader.metadata is not None
    assert "GPT-2" in str(reader.metadata.title)


WORDS = ("چکیده", "پژوهش", "یادگیری", "تطابق", "رتبه", "ماژول", "اعتبارسنجی")


def extracted_text(pdf: bytes, folder: Path) -> str:
    """Return the text as poppler extracts it, which supports both directions."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is absent: it alone keeps lines of both directions in order")
    (folder / "r.pdf").write_bytes(pdf)
    made = subprocess.run(["pdftotext", str(folder / "r.pdf"), "-"], capture_output=True, check=True)
    return made.stdout.decode()


def test_persian_words_are_in_the_pages(persian: tuple[Report, bytes]) -> None:
    text = "\n".join(page_texts(persian[1])).replace("\u200c", "")
    assert not [word for word in WORDS if word not in text]


def test_no_short_name_of_a_run_is_broken_over_lines(tmp_path: Path) -> None:
    name = TextRun("r64-lr1e-3-attention", "data")
    blocks = tuple(TextBlock((TextRun("word " * 14 + "i" * length + " "), name)) for length in range(60))
    lines = extracted_text(to_pdf(replace(report_of(""), blocks=blocks), to_svg), tmp_path).split("\n")
    assert sum(name.text in line for line in lines) == len(blocks)


def test_no_interval_is_broken_over_lines(tmp_path: Path) -> None:
    low, dash, high = TextRun("79.3", "number"), TextRun(" – "), TextRun("86.0", "number")
    blocks = tuple(TextBlock((TextRun("word " * 14 + "i" * length + " "), low, dash, high)) for length in range(60))
    report = replace(report_of(""), blocks=blocks)
    lines = extracted_text(to_pdf(report, to_svg), tmp_path).replace("\u00a0", " ").replace("\u2060", "").split("\n")
    assert sum("79.3 – 86.0" in line for line in lines) == len(blocks)


def test_persian_is_extracted_in_logical_order(persian: tuple[Report, bytes], tmp_path: Path) -> None:
    text = extracted_text(persian[1], tmp_path).replace("\u200c", "")
    for word in WORDS:
        assert text.count(word) > 0, word
        assert text.count(word[::-1]) == 0, word


def test_the_pages_contain_the_numbers_of_the_report(persian: tuple[Report, bytes], tmp_path: Path) -> None:
    report, pdf = persian
    shown = western(extracted_text(pdf, tmp_path))
    numbers = {
        western(run.text)
        for block in (*report.abstract, *report.blocks)
        if isinstance(block, TextBlock)
        for run in block.runs
        if run.kind == "number" and re.fullmatch(r"[\d.,]+", western(run.text))
    }
    assert len(numbers) > 40
    assert not {number for number in numbers if number not in shown}


def test_every_drawable_character_has_a_glyph() -> None:
    characters = drawn_characters()
    pdf = to_pdf(report_of(" ".join(characters)), to_svg, standards=STANDARD)
    assert pdf.startswith(b"%PDF")


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(2)>',
        '#eval("panic()") #panic() $ x $ *bold* _it_ @ref <label> [link] \\',
        "=cmd()|'/C calc'!A0",
        "\u202egnp.exe\u202c",
        "漢字 😀 \x00 \ue000",
        "x" * 10_000,
    ],
)
def test_hostile_text_is_text(evil: str) -> None:
    from squadron.reporting.document.text import visible

    pdf = to_pdf(report_of(visible(evil)), to_svg, standards=STANDARD)
    text = "".join(page_texts(pdf))
    shown = re.sub(r"\s|\u200b", "", text)
    wanted = re.sub(r"\s", "", visible(evil))
    for part in re.findall(r"[\x21-\x7e]+", wanted):
        assert part[:1000] in shown  # ten thousand characters span pages, which have headers


def test_a_hostile_study_renders(hostile_folder: Path) -> None:
    study = read_study(hostile_folder)
    pdf = to_pdf(build_report(study, analyze_study(study), "fa"), to_svg, standards=STANDARD)
    # The extraction puts direction marks of its own between glyphs.
    shown = re.sub(r"[\s\u200b\u200e\u200f\u202a-\u202e]", "", "".join(page_texts(pdf)))
    assert "<script>alert" in shown


def test_long_words_may_break() -> None:
    assert breakable("a " + "x" * 50) == "a " + "\u200b".join(["x" * 24, "x" * 24, "xx"])
    assert breakable("plain words") == "plain words"
