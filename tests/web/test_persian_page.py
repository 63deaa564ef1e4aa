"""The playground in Persian: from right to left, in its own words and digits, accessible, with no request elsewhere."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from squadron import web
from squadron.decoding.strategies import STRATEGIES
from squadron.errors import SquadronError
from squadron.experiments.playground import Playground
from squadron.options.base import checked
from squadron.options.core import PlaygroundOptions
from squadron.web.words import page_words

from .conftest import RUN, Served
from .test_page import WAIT, open_tab, scores_are_in_sight

FA = page_words("fa")


@pytest.fixture(scope="module")
def tab(browser: Any, served_in_persian: Served) -> Iterator[tuple[Any, list[str]]]:
    """The page, with its requests to other machines and its errors."""
    with open_tab(browser, served_in_persian) as found:
        yield found


@pytest.fixture
def page(tab: tuple[Any, list[str]]) -> Iterator[Any]:
    """The page with the tab for questions, at desktop size."""
    opened, trouble = tab
    opened.set_viewport_size({"width": 1280, "height": 900})
    opened.get_by_role("tab", name=FA("tab_ask")).click()
    yield opened
    assert trouble == []


def ask(page: Any) -> str:
    before = page.inner_html("#answers .html-container")
    page.get_by_role("button", name=FA("ask"), exact=True).click()
    page.wait_for_function(
        "before => document.querySelector('#answers .html-container').innerHTML !== before", arg=before, timeout=WAIT
    )
    return str(page.inner_text("#answers"))


def violations(page: Any) -> list[tuple[str, list[str]]]:
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_timeout(500)  # fading in changes colours for a moment
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def test_it_is_a_persian_page_from_right_to_left(page: Any) -> None:
    assert page.title() == FA("title")
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["fa", "rtl"]
    for place in ("#title", "#answers .empty"):
        found = page.locator(place).first.evaluate("one => getComputedStyle(one).direction")
        assert found == "rtl", place
    family = page.evaluate("getComputedStyle(document.querySelector('#title h1')).fontFamily")
    assert "Vazirmatn" in family
    shown = page.inner_text("body")
    # Gradio says that it loads, for a moment, in the language of the browser.
    words = re.sub(r"pocket|LoRA|GPT-2|Squadron|Loading", "", shown)
    own = {FA.decoding(name) for name in STRATEGIES} | {*page.locator("#models .token").all_inner_texts()}
    english = [line for line in words.splitlines() if re.search("[A-Za-z]{3}", line) and line.strip() not in own]
    assert [line for line in english if RUN not in line and "script" not in line] == []


def test_answers_and_errors_are_persian(page: Any) -> None:
    page.locator("#context textarea").fill("")
    assert ask(page).strip() == FA.own["problems"]["the context: empty; give the text to answer from"]
    page.locator("#context textarea").fill("The bridge was built in 1800.")
    page.locator("#question textarea, #question input").first.fill("When was it built?")
    shown = ask(page)
    assert FA("decoding") in shown
    assert re.search("[۰-۹]٪", shown)
    assert FA.decoding("greedy") in page.locator(".compare tbody th").all_inner_texts()
    page.get_by_role("tab", name=FA("tab_runs")).click()
    page.locator("#board table").wait_for(timeout=WAIT)
    first = page.locator("#board tbody tr").first.inner_text()
    assert f"بخش {FA.split('validation')} با کدگشایی {FA.decoding('greedy')}" in page.inner_text("#board caption")
    assert "۵۱٫۲" in first
    assert "۳۳٫۰ تا ۷۰٫۵" in first
    assert FA.status("done") in first


def test_curves_have_the_words_and_digits_of_the_page(page: Any) -> None:
    page.get_by_role("tab", name=FA("tab_runs")).click()
    page.get_by_role("button", name=RUN).click()
    for curve in ("loss", "f1"):
        plot = page.locator(f"#{curve}-curve svg.marks")
        plot.wait_for(timeout=WAIT)
        shown = "".join(plot.locator("text").all_text_contents())
        assert re.search("[۰-۹]", shown)
        assert not re.search("[0-9]", shown.replace("F1", ""))
        box, outer = plot.bounding_box(), page.locator(f"#{curve}-curve").bounding_box()
        assert 0.8 * outer["width"] < box["width"] <= outer["width"]


def test_it_is_accessible_and_fits_a_phone(page: Any) -> None:
    assert violations(page) == []
    page.get_by_role("tab", name=FA("tab_runs")).click()
    page.locator("#board table").wait_for(timeout=WAIT)
    assert violations(page) == []
    page.set_viewport_size({"width": 375, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    scores_are_in_sight(page)


def test_a_termination_leaves_nothing_behind(served_in_persian: Served) -> None:
    assert len(list(served_in_persian.temporary.iterdir())) == 1  # Gradio's
    served_in_persian.process.terminate()
    served_in_persian.process.wait(timeout=20)
    assert list(served_in_persian.temporary.iterdir()) == []
    assert served_in_persian.errors.read_text() == ""


def test_both_languages_have_the_same_texts_and_each_is_used() -> None:
    locales = files("squadron.web").joinpath("locales")
    en, fa = (tomllib.loads(locales.joinpath(f"{one}.toml").read_text(encoding="utf-8")) for one in ("en", "fa"))
    assert list(en) == list(fa)
    folder = Path(str(web.__file__)).parent
    source = "".join(path.read_text("utf-8") for path in [*folder.glob("*.py"), *folder.glob("templates/*")])
    for key, text in en.items():
        if isinstance(text, str):
            assert f'"{key}"' in source or f"'{key}'" in source, key
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", fa[key])), key


@pytest.mark.parametrize(
    "changed",
    [
        {"context": " "},
        {"context": "x" * 100_001},
        {"question": "\n"},
        {"question": "y" * 10_001},
        {"question": "ŵ" * 1_900},
        {"models": ["run:/nowhere"]},
        {"decoding": []},
    ],
)
def test_every_error_of_a_question_has_a_translation(changed: dict[str, Any]) -> None:
    playground = Playground(checked(PlaygroundOptions, {"max_new_tokens": 6, "precision": "fp32"}))
    asked = {"context": "A town.", "question": "What?", "models": ["base:pocket"], "decoding": ["greedy"], **changed}
    with pytest.raises(SquadronError) as caught:
        playground.ask(**asked)
    shown = FA.problem(str(caught.value))
    assert shown != str(caught.value)
    assert not re.search("[A-Za-z0-9{}]", shown)


def test_an_error_without_translation_stays_as_it_is() -> None:
    assert FA.problem("leaderboard.json: not JSON") == "leaderboard.json: not JSON"
