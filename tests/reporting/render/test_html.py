"""The page: valid, silent, accessible, and safe for any data; in a real browser if there is one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import html5lib
import pytest

from squadron.languages import LANGUAGES, Language
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.render.html import chart_colours, to_html
from squadron.reporting.report import build_report
from squadron.runs.study import read_study

WIDTHS = (375, 1440)


@pytest.fixture(scope="session")
def pages(paper_pages: dict[Language, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for language, page in paper_pages.items():
        (folder / f"{language}.html").write_text(page, "utf-8")
    return {language: folder / f"{language}.html" for language in LANGUAGES}


@pytest.fixture(scope="session")
def hostile_page(hostile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = read_study(hostile_folder)
    path = tmp_path_factory.mktemp("hostile-page") / "page.html"
    path.write_text(to_html(build_report(study, analyze_study(study), "fa")), "utf-8")
    return path


class Visit:
    """A page opened without network, with its requests and console messages."""

    def __init__(
        self, browser: Any, path: Path, width: int, scheme: str = "light", *, bypass_csp: bool = False
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, bypass_csp=bypass_csp
        )
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda problem: self.complaints.append(str(problem)))
        self.page.on("dialog", lambda dialog: (self.complaints.append("dialog"), dialog.dismiss()))
        self.page.goto(path.as_uri())
        charts = "[...document.querySelectorAll('[data-chart]')]"
        self.page.wait_for_function(f"{charts}.every((one) => one.querySelector('svg[aria-hidden]'))")

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_valid_html_of_its_language(pages: dict[str, Path], language: Language) -> None:
    text = pages[language].read_text("utf-8")
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    assert document.get("lang") == language
    assert document.get("dir") == ("rtl" if language == "fa" else "ltr")
    ids = [element.get("id") for element in document.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    led = {element.get("href")[1:] for element in document.iter("a") if element.get("href", "").startswith("#")}
    assert len(led) > 30
    assert led <= set(ids)
    labelled = {element.get("aria-labelledby") for element in document.iter() if element.get("aria-labelledby")}
    assert labelled <= set(ids)
    # Nothing is fetched: the only addresses are links to sources.
    assert not [one for one in document.iter() if one.get("src") or (one.tag == "link" and one.get("href"))]


def test_the_percent_sign_follows_its_number_in_persian(pages: dict[str, Path]) -> None:
    text = pages["fa"].read_text("utf-8")
    assert '<bdi dir="ltr">۶۵</bdi>٪' in text
    assert "٪</bdi>" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_policy_lists_exactly_the_scripts(pages: dict[str, Path], language: Language) -> None:
    text = pages[language].read_text("utf-8")
    policy = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)[0].replace("&#39;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts}
    assert hashes == set(re.findall(r"'sha256-[^']+'", policy))
    assert len(hashes) == 2
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy


def test_hostile_data_is_text_in_the_page(hostile_page: Path) -> None:
    text = hostile_page.read_text("utf-8")
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    assert not list(document.iter("img"))
    assert len(list(document.iter("script"))) == 3
    assert not [one for one in document.iter() if any(name.startswith("on") for name in one.attrib)]
    shown = "".join(document.find("body").itertext())
    assert "<script>alert(1)</script>" in shown
    assert "\u202e" not in text
    assert len(max(shown.split(), key=len)) < 500_000  # the library is one word; the data's 10,000 x are broken up
    assert "x" * 500 not in text
    held = next(one.text for one in document.iter("script") if one.get("id") == "charts")
    assert set(json.loads(held)) == {"specs", "narrow", "words"}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_it_opens_from_disk_without_requests_or_errors(
    browser: Any, pages: dict[str, Path], language: Language, width: int
) -> None:
    with Visit(browser, pages[language], width) as visit:
        fits = visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert fits, "the page scrolls sideways"
        assert visit.page.locator("[data-chart] svg").count() >= 7
        direction = visit.page.evaluate("getComputedStyle(document.body).direction")
        assert direction == ("rtl" if language == "fa" else "ltr")
        size = visit.page.evaluate("parseFloat(getComputedStyle(document.querySelector('main p')).fontSize)")
        assert size >= 15
    assert [one for one in visit.requests if not one.startswith(("file:", "data:"))] == []
    assert sum(one.startswith("file:") for one in visit.requests) == 1
    assert visit.complaints == []


@pytest.mark.parametrize(("language", "width", "scheme"), [("en", 375, "dark"), ("fa", 1440, "light")])
def test_the_page_is_accessible(
    browser: Any, pages: dict[str, Path], language: Language, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    # The policy blocks axe, too.
    with Visit(browser, pages[language], width, scheme, bypass_csp=True) as visit:
        found = axe.Axe().run(visit.page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []


def test_tables_sort_by_value_in_any_digits(browser: Any, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["fa"], 1440) as visit:
        table = visit.page.locator("#runs-table table")
        head = table.locator("thead th").nth(3)

        def column() -> list[float]:
            values: list[float] = table.evaluate(
                "(one) => [...one.tBodies[0].rows].map((row) => Number(row.cells[3].dataset.number))"
            )
            return values

        before = column()
        assert len(before) == 75
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        assert column() == sorted(before, reverse=True)
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == "ascending"
        assert column() == sorted(before)
        table.locator("thead th").first.locator("button").click()
        assert head.get_attribute("aria-sort") is None


def test_charts_follow_the_colour_scheme(browser: Any, pages: dict[str, Path]) -> None:
    ink = "getComputedStyle(document.querySelector('[data-chart] svg text')).fill"
    with Visit(browser, pages["en"], 1440, "light") as visit:
        light = visit.page.evaluate(ink)
        visit.page.locator("#theme").click()
        assert visit.page.locator("html").get_attribute("data-theme") == "dark"
        dark = visit.page.evaluate(ink)
        assert light != dark  # the charts follow without being redrawn
        visit.page.emulate_media(media="print")
        assert visit.page.evaluate(ink) == light  # and print is light
    config, day, night = chart_colours("en")
    assert day.keys() == night.keys()
    assert all(name in json.dumps(config) for name in day)


def test_hostile_data_is_inert_in_a_browser(browser: Any, hostile_page: Path) -> None:
    with Visit(browser, hostile_page, 375) as visit:
        assert visit.page.locator("img").count() == 0
    assert visit.complaints == []
