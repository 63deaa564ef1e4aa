"""The order of glyphs on a Persian page: what stands in brackets beside Latin words is read from the right."""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
from itertools import groupby
from pathlib import Path

import pytest

from squadron.reporting.charts.rendering import to_svg
from squadron.reporting.document.blocks import Reference, References, Report, TextBlock, TextRun
from squadron.reporting.localization.numbers import Numerals
from squadron.reporting.localization.translate import Translator
from squadron.reporting.render.pdf import to_pdf

PHRASES = {
    "آداپتورها (adapters) [@adapters] بند": "آداپتورها (adapters) [۴] بند",
    "پیشوند (prefix tuning) [@prefix] بردارها": "پیشوند (prefix tuning) [۴] بردارها",
    "اطمینان (confidence interval) {n:count} درصدی": "اطمینان (confidence interval) ۹۵ درصدی",
    "دقیق (Exact Match، EM) است": "دقیق (Exact Match، EM) است",
    "مدل GPT-2، LoRA و همه": "مدل GPT-2، LoRA و همه",
    "امتیاز F1 ({n:count}؛ {m:count}) بود": "امتیاز F1 (۹۵؛ ۳۰) بود",
    "روش LoRA+ [@loraplus] بهتر": "روش LoRA+ [۴] بهتر",
    "گزینه `rank` (رتبه) و بس": "گزینه rank (رتبه) و بس",
    "نمونه (nucleus sampling)، top-k (عدد) و": "نمونه (nucleus sampling)، top-k (عدد) و",
    "**کامل (full fine-tuning)**: هیچ": "کامل (full fine-tuning): هیچ",
}
"""Sentences, and how each is to be read on the page."""
_CONTROLS = re.compile("[\u200b-\u200f\u202a-\u202e]")


def lines_read_from_the_right(pdf: bytes, folder: Path) -> list[str]:
    """Return the lines of the pages by the places of their glyphs, without spaces: Persian from the right, Latin words
    and figures from the left."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is absent: it alone gives the places of words")
    (folder / "b.pdf").write_bytes(pdf)
    made = subprocess.run(["pdftotext", "-bbox", str(folder / "b.pdf"), "-"], capture_output=True, check=True)
    found = re.findall(r'<word xMin="([\d.]+)" [^>]*yMax="([\d.]+)">([^<]*)</word>', made.stdout.decode())
    lines: list[list[tuple[float, str]]] = []
    bottom = 0.0
    for x, y, word in sorted(found, key=lambda one: float(one[1])):
        if float(y) > bottom + 8:
            lines.append([])
            bottom = float(y)
        lines[-1].append((float(x), _CONTROLS.sub("", word).strip()))
    return ["".join(_read(sorted(line))) for line in lines]


def _read(words: list[tuple[float, str]]) -> list[str]:
    read: list[str] = []
    for latin, group in groupby((word for _, word in words), lambda word: bool(re.fullmatch(r"[A-Za-z0-9+-]+", word))):
        parts = list(group)
        if latin:
            read.insert(0, "".join(parts))
        else:  # a word with figures is as it is read, one of Persian letters or signs is as it lies
            read[:0] = [part if re.search(r"[A-Za-z۰-۹]", part) else part[::-1] for part in reversed(parts)]
    return read


def test_brackets_and_commas_beside_latin_words_belong_to_the_persian_sentence(tmp_path: Path) -> None:
    blocks = []
    for sentence in PHRASES:
        say = Translator("fa", {"it": sentence}, Numerals(persian=True), lambda *_: "۴")
        blocks.append(TextBlock(say("it", n=95, m=30)))
    cited = dict.fromkeys(run.target for block in blocks for run in block.runs if run.kind == "cite")
    title = (TextRun("عنوان"),)
    words = {"abstract": "چکیده", "contents": "فهرست"}
    sources = References(tuple(Reference("۴", name, "A work.", "") for name in cited))
    report = Report("fa", "rtl", title, title, title, datetime.date(2026, 1, 1), (), (*blocks, sources), words)
    shown = lines_read_from_the_right(to_pdf(report, to_svg), tmp_path)
    wanted = [text.replace(" ", "") for text in PHRASES.values()]
    assert len(wanted) == 10
    assert [line for line in shown if line in wanted] == wanted, shown
