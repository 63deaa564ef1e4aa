"""Take the gallery's pictures from real studies: playground, report, charts and terminal, as PNG in ``docs/images/``.

``python scripts/screenshots.py [--study DIR] [--grid DIR] [--only PART ...]``. Without ``--study`` the demo is run
first. The charts are those of ``--grid``, a study with several axes: by default the grid of the pocket study, if it was
run here, else the study itself. Needs Debian's ``chromium``. The pictures show only the studies, and no network is
used.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from squadron.data.prepared import load_split
from squadron.errors import RunError
from squadron.files import read_json, write_bytes
from squadron.languages import LANGUAGES, Language

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "runs" / "screenshots"
GRID = ROOT / "pocket-study" / "grid"
CHARTS = ("main_effects", "differences", "losses")
MOST_BYTES = 300_000
"""Largest size of a picture: one page loads them all."""
COLOURS = (256, 128, 64, 32)
COLUMNS = 120
"""Width of the terminal, characters."""
SQUADRON = [sys.executable, "-m", "squadron"]
CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT = 60_000
"""Milliseconds to wait for a model or a chart on a busy machine."""
_TERMINAL_COLOURS = TerminalTheme(
    (22, 29, 39),
    (228, 233, 240),
    [
        (60, 70, 84),
        (255, 154, 145),
        (111, 209, 147),
        (229, 181, 103),
        (125, 180, 255),
        (205, 164, 255),
        (99, 210, 222),
        (228, 233, 240),
    ],
)
_WINDOW = """<!DOCTYPE html><meta charset="utf-8"><style>
body { margin: 0; }
div { background: #161d27; padding: 14px 20px 18px; width: max-content; }
i { display: inline-block; width: 11px; height: 11px; margin-right: 7px; border-radius: 50%; background: #3c4654; }
pre { margin: 14px 0 0; color: #e4e9f0; font: 14px/normal "DejaVu Sans Mono", "Liberation Mono", monospace; }
</style><div><i></i><i></i><i></i><pre>PROMPT\nOUTPUT</pre></div>"""


def picture(name: str, png: bytes) -> None:
    """Write a picture with as many colours as the size limit allows."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        small = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        if small.tell() < MOST_BYTES:
            break
    else:
        sys.exit(
            f"screenshots: {name}: {small.tell():,} bytes in {COLOURS[-1]} colours; take a smaller part of the page"
        )
    write_bytes(ROOT / "docs" / "images" / f"{name}.png", small.getvalue())
    print(f"docs/images/{name}.png: {image.width} x {image.height}, {small.tell():,} bytes", flush=True)


@contextlib.contextmanager
def opened(browser: Browser, url: str, *, width: int, height: int, scheme: Any = "light") -> Iterator[Page]:
    """Open a page with a window size and a colour scheme."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1.5
    )
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def playground(browser: Browser, study: Path) -> None:
    """Ask the base and the best adapters an example, on a desktop and a phone; show the runs in dark mode."""
    command = [*SQUADRON, "playground", "--sweep", str(study), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            url = json.loads(served.stdout.readline())["url"]
            with opened(browser, url, width=1280, height=900) as page:
                _ask_example(page)
                picture("playground", page.screenshot(full_page=True))
            with opened(browser, url, width=375, height=800) as page:
                _ask_example(page)
                page.locator("#answers").scroll_into_view_if_needed()
                page.evaluate("document.querySelector('#answers').scrollIntoView()")
                picture("playground-phone", page.screenshot())
            with opened(browser, url, width=1280, height=900, scheme="dark") as page:
                page.get_by_role("tab", name="Runs").click()
                page.locator("#loss-curve canvas, #loss-curve svg.marks").first.wait_for(timeout=WAIT)
                page.wait_for_timeout(500)  # the chart adapts to its container a moment later
                picture("playground-runs", page.screenshot(full_page=True))
        finally:
            served.terminate()


def _ask_example(page: Page) -> None:
    page.locator("#models .token").first.wait_for(timeout=WAIT)
    page.get_by_label("Example paragraph").click()
    page.get_by_role("option").first.click()
    page.get_by_role("radio").first.wait_for(timeout=WAIT)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator(".compare").wait_for(timeout=WAIT)
    page.wait_for_timeout(500)  # the page scrolls to the answers


def report(browser: Browser, study: Path) -> None:
    """Show the top of the report in both languages."""
    for lang in LANGUAGES:
        with report_page(browser, study, lang) as page:
            picture(f"report-{lang}", page.screenshot())


def charts(browser: Browser, study: Path) -> None:
    """Show some of the report's charts, with their captions."""
    with report_page(browser, study, "en") as page:
        for name in CHARTS:
            chart = page.locator(f"#chart-{name}")
            if chart.count():
                chart.scroll_into_view_if_needed()
                picture(f"chart-{name.replace('_', '-')}", chart.screenshot())


@contextlib.contextmanager
def report_page(browser: Browser, study: Path, lang: Language) -> Iterator[Page]:
    """Write a report beside the pictures' study, and open it when its charts are drawn."""
    from squadron.reporting.report import write_report

    with tempfile.TemporaryDirectory() as folder:
        path = write_report(study, lang=lang, format="html", out=Path(folder) / "report.html")
        with opened(browser, path.resolve().as_uri(), width=1100, height=1000) as page:
            wait_for_charts(page)
            yield page


def wait_for_charts(page: Page) -> None:
    """Wait until every chart of a report is drawn."""
    holders = "[...document.querySelectorAll('[data-chart]')]"
    page.wait_for_function(f"{holders}.every((one) => one.querySelector('svg[aria-hidden]'))", timeout=WAIT)


def terminal(browser: Browser, study: Path) -> None:
    """Show the best runs, and a question answered by the best of them."""
    board = read_json(study / "leaderboard.json", what="the leaderboard of a sweep", error=RunError)
    best = f"runs/{board['runs'][0]['name']}"
    paragraph = load_split(study / "data", "test").dataset.paragraphs[0]
    question = paragraph.questions[0].text
    ask = ["ask", question, "--base", "pocket", "--run", best, "--context", "-"]
    _shot(browser, study, "terminal-ask", ask, text=paragraph.context)
    _shot(browser, study, "terminal-runs", ["runs", "list", "."], lines=20)


def _shot(
    browser: Browser,
    study: Path,
    name: str,
    arguments: Sequence[str],
    *,
    text: str | None = None,
    lines: int | None = None,
) -> None:
    """Show the output of a command run in the study's folder: its first ``lines``, or all."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    done = subprocess.run(
        [*SQUADRON, *arguments],
        cwd=study,
        env=environment,
        input=text or "",
        capture_output=True,
        text=True,
        check=True,
    )
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    whole = done.stdout.rstrip().split("\n")
    lines = lines if lines is not None and len(whole) > lines else None
    shown = "\n".join(whole[:lines])
    console.print(Text.from_ansi(shown), soft_wrap=True)
    output = console.export_html(theme=_TERMINAL_COLOURS, inline_styles=True, code_format="{code}")
    prompt = (
        f"$ squadron {shlex.join(arguments)}"
        + (" < context.txt" if text else "")
        + (f" | head -n {lines}" if lines else "")
    )
    prompt = " \\\n".join(textwrap.wrap(prompt, COLUMNS - 2, subsequent_indent="    ", break_on_hyphens=False))
    with opened(browser, "about:blank", width=1280, height=200) as page:
        page.set_content(_WINDOW.replace("PROMPT", html.escape(prompt)).replace("OUTPUT", output))
        picture(name, page.locator("div").screenshot())


PARTS: dict[str, Callable[[Browser, Path], None]] = {
    "playground": playground,
    "report": report,
    "charts": charts,
    "terminal": terminal,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, help="a sweep folder of the pocket base. Default: run the demo")
    parser.add_argument("--grid", type=Path, help=f"the study whose charts are shown (default: {GRID}, or --study)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    wanted = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("screenshots: chromium is missing; on Debian: apt-get install chromium")
    study = wanted.study
    if study is None:
        study = STUDY
        if not (study / "leaderboard.json").is_file():
            subprocess.run([*SQUADRON, "demo", "--out", str(STUDY), "--replace"], check=True)
    grid = wanted.grid or (GRID if GRID.is_dir() else study)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM)
        for part in wanted.only:
            PARTS[part](browser, (grid if part == "charts" else study).resolve())
        browser.close()
