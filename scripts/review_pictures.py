"""Take pictures of the places of a report and of the playground where faults were seen, to lay beside the faults.

``python scripts/review_pictures.py --study DIR [--out DIR] [--only WORD]``. Each picture has the name of the picture of
the fault that it answers. The study is a sweep folder of the pocket base. Needs Debian's ``chromium`` and
``poppler-utils``; no network is used.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pypdf
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from screenshots import CHROMIUM, SQUADRON, WAIT, opened, wait_for_charts
from squadron.files import write_bytes
from squadron.reporting.report import FORMATS, write_report

OUT = Path("runs") / "review-pictures"
PARTICULARS = {
    "author": "سارا احمدی",
    "student_id": "۴۰۰۱۲۳۴۵۶",
    "supervisor": "دکتر رضا محمدی",
    "university": "دانشگاه نمونه",
    "course": "یادگیری ژرف",
    "term": "نیم‌سال اول ۱۴۰۴",
}
HTML: Mapping[str, tuple[str, int, str]] = {
    "fa-bold-half-term": ("fa", 1440, "li:has(strong bdi), p:has(strong bdi)"),
    "html-en-1440-decoding-table-clipped": ("en", 1440, "#decoding-table"),
    "html-en-95-percent-broken-over-lines": ("en", 1440, "p:has-text('95% confidence interval')"),
    "html-fa-1440-leaders-table-clipped": ("fa", 1440, "#leaders-table"),
    "html-fa-1440-runs-table-clipped": ("fa", 1440, "#runs-table"),
    "html-fa-375-chart1-clipped": ("fa", 375, "#chart-models"),
    "html-fa-375-table5-clipped": ("fa", 375, "#leaders-table"),
    "html-fa-frontier-no-x-ticks": ("fa", 1440, "#chart-frontier"),
    "html-fa-numbers-left-aligned-table1": ("fa", 1440, "#small-tests"),
    "html-fa-persian-in-slanted-italic": ("fa", 1440, "p:has(em)"),
    "html-fa-references-fallback-digits": ("fa", 1440, ".references"),
    "html-math-subscript-not-lowered": ("fa", 1440, "#lora"),
    "html-math-tall-parentheses": ("fa", 1440, "#softmax"),
}
"""Pictures of the pages: the language, the width of the window and the first element of a selector."""
PDF: Mapping[str, tuple[str, str]] = {
    "pdf-en-p4-third-of-page-empty": ("en", "setup"),
    "pdf-fa-p1-no-author-supervisor-keywords": ("fa", ""),
    "pdf-fa-p11-frontier-no-x-ticks-and-splits-list": ("fa", "cost"),
    "pdf-fa-p12-table17-ragged-columns": ("fa", "reproduction"),
    "pdf-fa-p2-bidi-parentheses-before-citation": ("fa", "related"),
    "pdf-fa-p3-bidi-confidence-interval-95": ("fa", "metrics"),
    "pdf-fa-p4-table3-ragged-columns": ("fa", "training"),
    "pdf-fa-p5-table5-reversed-GPT2-LoRA": ("fa", "headline"),
    "pdf-fa-p6-zero-counts-sentence": ("fa", "learning"),
    "pdf-fa-p8-gap-and-heatmap-legend-duplicates": ("fa", "interactions"),
    "pdf-fa-p9-figure7-shows-kind-missing-from-table14": ("fa", "kinds"),
    "pdf-fa-p9-table13-topk-misaligned": ("fa", "decoding"),
    "proof-RLM-after-foreign-run-repairs-pdf-bidi": ("fa", "related"),
}
"""Pictures of the PDFs: the language and the heading. The page and the next are shown, as figures and tables float."""
PRINTED = "print-fa-repeated-header-blank"
PLAYGROUND = ("playground-375-no-visible-answer-after-ask", "playground-375-runs-scores-offscreen")
CURVE = "playground-f1-curve-flat-0-100"
DPI = 100
_BOX = """(element) => {
  element.scrollIntoView({block: "start"});
  const all = [element, ...element.querySelectorAll(".frame")].map((one) => one.getBoundingClientRect());
  const least = (side) => Math.min(...all.map((box) => box[side])) - 4;
  const most = (side) => Math.max(...all.map((box) => box[side])) + 4;
  return [least("left"), least("top"), most("right"), most("bottom")];
}"""


@dataclass(frozen=True)
class Taker:
    """Takes the pictures of one study; ``wanted`` tells by name which."""

    browser: Browser
    study: Path
    out: Path
    scratch: Path
    wanted: Callable[[str], bool]

    def all(self) -> None:
        """Write the reports, and take every wanted picture."""
        for lang in ("fa", "en"):
            for form in FORMATS:
                out = self.scratch / f"report.{lang}.{form}"
                write_report(self.study, lang=lang, format=form, out=out, particulars=PARTICULARS)
            self._pages(lang)
            self._pdf(lang)
        if self.wanted(PRINTED):
            self._print()
        if any(map(self.wanted, (*PLAYGROUND, CURVE))):
            self._playground()

    def _pages(self, lang: str) -> None:
        url = (self.scratch / f"report.{lang}.html").resolve().as_uri()
        for name, (own, width, selector) in HTML.items():
            if own == lang and self.wanted(name):
                with opened(self.browser, url, width=width, height=1400) as page:
                    wait_for_charts(page)
                    if page.locator(selector).count():
                        self._save(name, _element(page, selector))
                    else:
                        print(f"{name}: not taken: the report of this study has no {selector}", flush=True)

    def _pdf(self, lang: str) -> None:
        path = self.scratch / f"report.{lang}.pdf"
        reader = pypdf.PdfReader(path)
        for name, (own, anchor) in PDF.items():
            if own != lang or not self.wanted(name):
                continue
            if not anchor:
                self._save(name, _drawn(path, 1, 1))
            elif anchor in reader.named_destinations:
                number = reader.get_destination_page_number(reader.named_destinations[anchor])
                assert number is not None, anchor
                self._save(name, _drawn(path, number + 1, min(number + 2, len(reader.pages))))
            else:
                print(f"{name}: not taken: the report of this study has no section {anchor}", flush=True)

    def _print(self) -> None:
        """Print the page, and show the first page that the table of all runs goes on to, else its only one."""
        printed = self.scratch / "print.pdf"
        with opened(self.browser, (self.scratch / "report.fa.html").resolve().as_uri(), width=1440, height=900) as page:
            wait_for_charts(page)
            page.pdf(path=printed, format="A4")
        texts = [page.extract_text() for page in pypdf.PdfReader(printed).pages]
        rows = [place for place, text in enumerate(texts, 1) if text.count("attention") > 3 and "e-4-" in text]
        self._save(PRINTED, _drawn(printed, rows[-1], rows[-1]))

    def _playground(self) -> None:
        command = [*SQUADRON, "playground", "--sweep", str(self.study), "--port", "0", "--json", "--lang", "fa"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
            try:
                assert served.stdout is not None
                url = json.loads(served.stdout.readline())["url"]
                with opened(self.browser, url, width=375, height=812) as page:
                    page.locator("#models .token").first.wait_for(timeout=WAIT)
                    page.locator("#example input").click()
                    page.get_by_role("option").first.click()
                    page.get_by_role("radio").first.wait_for(timeout=WAIT)
                    page.locator("#ask").click()
                    page.locator(".compare").wait_for(timeout=WAIT)
                    page.wait_for_timeout(800)  # the page scrolls to the answers
                    self._save(PLAYGROUND[0], page.screenshot())
                for name, width, height in ((PLAYGROUND[1], 375, 1624), (CURVE, 1440, 943)):
                    with opened(self.browser, url, width=width, height=height) as page:
                        page.get_by_role("tab").nth(1).click()
                        page.locator("#loss-curve canvas, #loss-curve svg.marks").first.wait_for(timeout=WAIT)
                        page.wait_for_timeout(800)  # the chart adapts to its container a moment later
                        self._save(name, page.screenshot())
            finally:
                served.terminate()

    def _save(self, name: str, png: bytes) -> None:
        if self.wanted(name):
            write_bytes(self.out / f"{name}.png", png)
            print(self.out / f"{name}.png", flush=True)


def _element(page: Page, selector: str) -> bytes:
    """Return the picture of the first element of a selector, with a table in it that is wider than it."""
    element = page.locator(selector).first
    left, top, right, bottom = element.evaluate(_BOX)
    size = page.viewport_size
    assert size is not None
    clip = {"x": max(left, 0), "y": max(top, 0)}
    ends = {"width": min(right, size["width"]) - clip["x"], "height": min(bottom, size["height"]) - clip["y"]}
    return page.screenshot(timeout=WAIT, clip={**clip, **ends})  # type: ignore[typeddict-item]


def _drawn(path: Path, first: int, last: int) -> bytes:
    """Return the picture of one page, or of two side by side."""
    pages = []
    for number in range(first, last + 1):
        command = ["pdftoppm", "-r", str(DPI), "-f", str(number), "-l", str(number), "-png", str(path)]
        drawn = subprocess.run(command, capture_output=True, check=True)
        pages.append(Image.open(io.BytesIO(drawn.stdout)).convert("RGB"))
    sheet = Image.new("RGB", (sum(page.width for page in pages), pages[0].height), "white")
    for place, page in enumerate(pages):
        sheet.paste(page, (place * pages[0].width, 0))
    made = io.BytesIO()
    sheet.save(made, "PNG", optimize=True)
    return made.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, required=True, help="a sweep folder of the pocket base")
    parser.add_argument("--out", type=Path, default=OUT, help=f"folder for the pictures (default: {OUT})")
    parser.add_argument("--only", default="", help="take only pictures with this word in their names")
    given = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None or shutil.which("pdftoppm") is None:
        sys.exit("review_pictures: chromium or pdftoppm is missing; on Debian: apt-get install chromium poppler-utils")
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        opened_browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM)
        Taker(opened_browser, given.study, given.out, Path(folder), lambda name: given.only in name).all()
        opened_browser.close()
