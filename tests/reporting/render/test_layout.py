"""What a reader would see cut, blank or misaligned: on narrow and wide screens, in print, and in the PDF."""

from __future__ import annotations

import io
import itertools
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdf
import pytest

from squadron.languages import LANGUAGES, Language
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.charts.rendering import to_svg
from squadron.reporting.document.blocks import Cell, Column, Report, TableBlock, TextRun, plain
from squadron.reporting.document.columns import padded
from squadron.reporting.render.pdf import to_pdf
from squadron.reporting.report import build_report
from squadron.runs.records import Study

CUT = """() => {
  const cut = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest("script, style, noscript, svg, .skip")) continue;
    if (!element.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const text of range.getClientRects()) {
      for (let box = element; box; box = box.parentElement) {
        const all = box === document.body;
        const { left, right } = all ? { left: 0, right: innerWidth } : box.getBoundingClientRect();
        const clips = all || getComputedStyle(box).overflowX !== "visible";
        if (!clips || (text.left >= left - 1 && text.right <= right + 1)) continue;
        const frame = box.closest(".frame");
        const side = text.left < left ? "more-left" : "more-right";
        const said = box.closest(".table")?.querySelector(".wider");
        const told = frame?.classList.contains(side) && (!said || !said.hidden);
        if (told && box.classList.contains("scroll") && box.tabIndex === 0) break;
        cut.push([element.tagName, node.textContent.slice(0, 40), box.className || box.tagName]);
      }
    }
  }
  return cut;
}"""
"""List the texts that a box cuts without a hint that there is more: a shade on that side, a line, and the keyboard."""


@pytest.fixture(scope="module", params=LANGUAGES)
def page(request: pytest.FixtureRequest, browser: Any, paper_pages: dict[Language, str], tmp_path_factory: Any) -> Any:
    path: Path = tmp_path_factory.mktemp("layout") / "page.html"
    path.write_text(paper_pages[request.param], "utf-8")
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    opened = context.new_page()
    opened.goto(path.as_uri())
    charts = "[...document.querySelectorAll('[data-chart]')]"
    opened.wait_for_function(f"{charts}.every((one) => one.querySelector('svg[aria-hidden]'))")
    yield opened
    context.close()


@pytest.mark.parametrize("width", [375, 768, 1440])
def test_no_text_is_cut_without_a_hint(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(200)  # the observer of widths runs after the layout
    assert page.evaluate(CUT) == []
    wide = page.evaluate("[...document.querySelectorAll('.table .scroll')].filter((one) => one.tabIndex === 0).length")
    assert (wide == 0) == (width == 1440)


def test_no_short_name_of_a_run_is_broken_over_lines_on_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 375, "height": 900})
    names = "[...document.querySelectorAll('bdi.data')].filter((one) => one.textContent.length <= 36)"
    assert page.evaluate(f"{names}.length") >= 5
    assert (
        page.evaluate(f"{names}.filter((one) => one.getClientRects().length > 1).map((one) => one.textContent)") == []
    )


def test_no_interval_is_broken_over_lines_on_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 375, "height": 900})
    intervals = """[...document.querySelectorAll("p > .number, p > bdi")].filter((one) =>
      one.nextElementSibling && /^\\s*–\\u2060\\s*$/.test(one.nextSibling.textContent))"""
    assert page.evaluate(f"{intervals}.length") >= 4  # in Persian, those of the English abstract
    top = "getBoundingClientRect().top"
    broken = f"{intervals}.filter((one) => Math.abs(one.{top} - one.nextElementSibling.{top}) > 4)"
    assert page.evaluate(f"{broken}.map((one) => one.textContent)") == []


def test_a_header_is_printed_on_every_page_of_its_table(page: Any, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is absent: it reads the printed pages")
    words = page.evaluate("document.querySelector('#runs-table thead th:last-of-type').firstChild.textContent").strip()
    page.pdf(path=tmp_path / "print.pdf", format="A4")
    made = subprocess.run(["pdftotext", str(tmp_path / "print.pdf"), "-"], capture_output=True, check=True)
    pages = made.stdout.decode().split("\f")
    rows = [text for text in pages if text.count("attention") > 10 and "e-4-" in text]
    assert len(rows) >= 2
    assert all(word in text for word in re.findall(r"\w+", words) for text in rows[-2:])


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_is_a_fifth_empty(
    paper_reports: dict[Language, Report], paper_pdfs: dict[Language, bytes], language: Language, tmp_path: Path
) -> None:
    """But the last of the text, and the abstract in another language after it."""
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    numpy = pytest.importorskip("numpy")
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm (poppler-utils) is absent: it draws the pages")
    report = paper_reports[language]
    (tmp_path / "r.pdf").write_bytes(paper_pdfs[language])
    subprocess.run(["pdftoppm", "-r", "50", "-png", str(tmp_path / "r.pdf"), str(tmp_path / "p")], check=True)
    empty = {}
    pages = sorted(tmp_path.glob("p-*.png"))
    for number, path in enumerate(pages[: -2 if report.summary else -1], 1):
        ink = numpy.array(image.open(path).convert("L")) < 240
        height = len(ink)
        used = numpy.flatnonzero(ink[int(height * 2.5 / 29.7) : int(height * 27.4 / 29.7)].any(1))
        ends = [-1, *used.tolist(), int(height * 24.9 / 29.7)]
        gap = max(after - before for before, after in itertools.pairwise(ends)) / (height * 24.9 / 29.7)
        if gap > 0.2:
            empty[number] = gap
    assert len(pages) >= 12
    assert empty == {}
    if language == "en":  # in Persian, pdftotext mixes the parts of a label
        made = subprocess.run(["pdftotext", "-layout", str(tmp_path / "r.pdf"), "-"], capture_output=True, check=True)
        captions = re.findall(r"^ *(Table|Figure) (\d+)\. +[A-Z]", made.stdout.decode(), re.MULTILINE)
        for word in ("Table", "Figure"):
            numbers = [int(number) for kind, number in captions if kind == word]
            assert numbers == list(range(1, len(numbers) + 1)), word
            assert len(numbers) >= 8


def test_decimal_points_stand_under_one_another() -> None:
    def cell(text: str) -> Cell:
        return Cell((TextRun(text, "number"),))

    words = Cell((TextRun("x", "code"),))
    rows = [[words, cell("16.28"), cell("۵٫۸")], [words, cell("5.8"), cell("–")], [words, cell("+70"), cell("−۱")]]
    columns = [Column((), "start"), Column((), "end"), Column((), "end")]
    pads = [[one.pad for one in row] for row in padded(columns, rows)]
    assert pads == [["", "", ""], ["", "8", ""], ["", ".28", "٫۸"]]


def test_tables_and_parts_are_numbered_within_their_section_in_persian(paper_reports: dict[Language, Report]) -> None:
    english, persian = (paper_reports[language] for language in LANGUAGES)
    first = [plain(block.label) for block in english.blocks if isinstance(block, TableBlock) and block.label][:3]
    assert first == ["Table 1.", "Table 2.", "Table 3."]
    second = [plain(block.label) for block in persian.blocks if isinstance(block, TableBlock) and block.label]
    assert second[:3] == ["جدول ۳\u200f-۱.", "جدول ۴\u200f-۱.", "جدول ۴\u200f-۲."]
    assert len(set(second)) == len(second)


def test_no_persian_is_slanted_and_no_term_is_bold_by_half(page: Any) -> None:
    if page.evaluate("document.documentElement.lang") != "fa":
        return  # English has slanted words
    slants = page.evaluate("[...document.querySelectorAll('em, i')].map((one) => getComputedStyle(one).fontStyle)")
    assert set(slants) <= {"normal"}
    fonts = page.evaluate("getComputedStyle(document.querySelector('.references')).fontFamily")
    assert fonts.startswith("Vazirmatn")
    term = page.evaluate(
        "[...document.querySelectorAll('strong bdi')].map((one) => getComputedStyle(one).fontWeight >= 600)"
    )
    assert term
    assert all(term)


def test_a_study_of_any_size_fits_in_a_paper(paper: Study, paper_analysis: Analysis) -> None:
    copies = (replace(run, name=f"{run.name}-{copy}") for copy in range(19) for run in paper.runs)
    runs = (*paper.runs, *copies)
    report = build_report(replace(paper, runs=runs), paper_analysis, "fa")
    (table,) = [block for block in report.blocks if isinstance(block, TableBlock) and block.anchor == "runs-table"]
    assert len(table.rows) == 80
    assert "۱٬۴۲۰" in plain(table.note)
    assert 12 <= len(pypdf.PdfReader(io.BytesIO(to_pdf(report, to_svg))).pages) < 25
