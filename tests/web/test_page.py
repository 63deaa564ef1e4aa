"""The playground in a browser: questions, comparison, runs, and hostile data."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from squadron.visible import escaped
from squadron.web.curves import limits_of

from .conftest import HOSTILE, RUN, Served

WAIT = 30_000
"""Milliseconds for an answer of the model on a busy machine."""

WITHOUT_LETTERS = """() => {
  const copy = document.querySelector('.passage').cloneNode(true);
  copy.querySelectorAll('.letter').forEach(one => one.remove());
  return copy.textContent;
}"""
PLACE = """letter => {
  let before = '';
  for (const node of document.querySelector('.passage').childNodes) {
    if (node.nodeName === 'MARK' && node.querySelector('.letter.mark-' + letter)) return before.length;
    const copy = node.cloneNode(true);
    if (copy.querySelectorAll) copy.querySelectorAll('.letter').forEach(one => one.remove());
    before += copy.textContent;
  }
}"""
"""The start of the mark with a letter, in characters of the context."""


@contextlib.contextmanager
def open_tab(browser: Any, served: Served) -> Iterator[tuple[Any, list[str]]]:
    """Open the page; yield it with its requests to other machines and its errors."""
    context = browser.new_context()
    opened = context.new_page()
    trouble: list[str] = []
    opened.on("request", lambda request: away(request.url, served.url, trouble))
    opened.on("pageerror", lambda problem: trouble.append(str(problem)))
    opened.on("console", lambda message: message.type == "error" and trouble.append(message.text))
    opened.goto(served.url)
    # The models come with the server's first answer: then the page is ready.
    opened.locator("#models .token").first.wait_for(timeout=WAIT)
    yield opened, trouble
    context.close()


@pytest.fixture(scope="module")
def tab(browser: Any, served: Served) -> Iterator[tuple[Any, list[str]]]:
    """The page as :func:`open_tab` yields it. One for all tests: opening it is slow."""
    with open_tab(browser, served) as found:
        yield found


@pytest.fixture
def page(tab: tuple[Any, list[str]]) -> Iterator[Any]:
    """The page with the tab for questions, at desktop size."""
    opened, trouble = tab
    opened.set_viewport_size({"width": 1280, "height": 900})
    opened.get_by_role("tab", name="Ask").click()
    yield opened
    assert opened.evaluate("window.harmed") is None
    assert trouble == []


def away(url: str, home: str, trouble: list[str]) -> None:
    if not url.startswith((home, "data:", "blob:")):
        trouble.append(f"asked for {url}")


def ask(page: Any) -> str:
    """Click the button and return the text shown."""
    page.evaluate("document.querySelector('#answers').dataset.old = '1'")
    before = page.inner_html("#answers .html-container")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_function(
        "before => document.querySelector('#answers .html-container').innerHTML !== before", arg=before, timeout=WAIT
    )
    return str(page.inner_text("#answers"))


def choose_example(page: Any) -> tuple[str, str]:
    """Choose another example; return its context and question as the page shows them."""
    field, before = page.get_by_label("Example paragraph"), page.get_by_label("Context", exact=True).input_value()
    present = field.input_value()
    field.click()
    page.get_by_role("option").filter(has_not_text=present or "\0").first.click()
    page.wait_for_function("before => document.querySelector('#context textarea').value !== before", arg=before)
    page.get_by_role("radio").first.wait_for(timeout=WAIT)
    return page.get_by_label("Context", exact=True).input_value(), page.get_by_label(
        "Question", exact=True
    ).input_value()


def choose_strategies(page: Any, *names: str) -> None:
    for box in page.locator("#decoding label").all():
        box.locator("input").set_checked(box.inner_text().strip() in names)


def test_base_and_adapter_are_asked_and_their_answers_marked(page: Any) -> None:
    choose_strategies(page, "span", "nucleus", "greedy")
    context, question = choose_example(page)
    shown = ask(page)
    assert question in shown
    heads = page.locator(".compare thead th").all_inner_texts()
    assert [head.split("\n")[-1].strip() for head in heads[1:3]] == ["A pocket (without fine-tuning)", f"B {RUN}"]
    rows = page.locator(".compare tbody tr")
    names = page.locator(".compare tbody th").all_inner_texts()
    assert names == ["greedy", "span", "nucleus"]
    span = rows.nth(names.index("span")).locator("td")
    greedy = rows.nth(names.index("greedy")).locator("td")
    for cell in (*span.all()[:2], *greedy.all()[:2]):
        assert re.search(r"\d%", cell.locator(".figure").inner_text())
    # Span search answers in the context's own words, so that each model has an answer to mark: the first that stands
    # in the context, and the marks under its letter are that answer.
    for letter, column in (("A", 0), ("B", 1)):
        assert span.nth(column).locator(".said").inner_text() in context
        marked = page.locator(f".compare td.mark-{letter}.marked")
        assert marked.count() == 1
        start = page.evaluate(PLACE, letter)
        said = marked.locator(".said").text_content()
        assert said
        assert context[start : start + len(said)] == said
    assert page.evaluate(WITHOUT_LETTERS) == context


def test_strategies_are_compared_as_they_are_chosen(page: Any) -> None:
    choose_example(page)
    choose_strategies(page, "span", "greedy")
    ask(page)
    assert page.locator(".compare tbody th").all_inner_texts() == ["greedy", "span"]
    said = page.locator(".compare tbody tr td:nth-of-type(1) .said").all_inner_texts()
    assert len(said) == 2
    assert said[0] != said[1]  # the untrained base runs on, and span search is restricted to the context


def test_a_run_s_curve_is_opened_from_the_leaderboard(page: Any) -> None:
    page.get_by_role("tab", name="Runs").click()
    board = page.locator("#board table")
    board.wait_for(timeout=WAIT)
    assert board.locator("tbody tr").count() == 6
    first = board.locator("tbody tr").first.inner_text()
    assert "51.2" in first.replace("\n", " ")
    assert "33.0 – 70.5" in first
    page.get_by_role("button", name="r64").click()
    page.get_by_text("No curves: it has no metrics yet.").wait_for(timeout=WAIT)
    assert page.locator("#loss-curve:visible").count() == 0
    page.get_by_role("button", name=RUN).click()
    page.locator("#loss-curve svg.marks").first.wait_for(timeout=WAIT)
    page.locator("#f1-curve").wait_for()
    assert RUN in page.locator("#facts h2").inner_text()
    assert page.get_by_label("Run", exact=True).input_value() == RUN


def test_hostile_texts_and_names_are_shown_as_text(page: Any) -> None:
    text = '<script>window.harmed=5</script> "><img src=x onerror="window.harmed=6"> ' + " ".join(HOSTILE)
    page.get_by_label("Context", exact=True).fill(f"{text} {'long ' * 2_000}")
    page.get_by_label("Question", exact=True).fill(text[:70])
    shown = ask(page)
    assert text[:70] in shown
    assert "characters: their window ends there" in shown
    assert page.locator("#answers .passage").evaluate(
        "one => [...one.querySelectorAll('*')].every(n => ['MARK', 'SPAN'].includes(n.tagName))"
    )
    page.get_by_role("tab", name="Runs").click()
    page.locator("#board table").wait_for(timeout=WAIT)
    buttons = page.locator("#board button")
    names = [RUN, *sorted([*HOSTILE, "r64"])]  # those that ended badly stand last, by name
    assert [name.strip() for name in buttons.all_inner_texts()] == [escaped(name) for name in names]
    for name in HOSTILE:
        buttons.nth(names.index(name)).click()
        page.wait_for_function(
            "name => document.querySelector('#facts h2 bdi')?.textContent === name", arg=escaped(name)
        )
    assert page.locator("#facts img, #board img, #facts svg, #board svg, #board b").count() == 0


def test_errors_are_one_line_in_the_page(page: Any) -> None:
    page.get_by_label("Context", exact=True).fill("")
    assert ask(page).strip() == "the context: empty; give the text to answer from"
    page.get_by_label("Context", exact=True).fill("x" * 100_001)
    assert ask(page).strip() == "the context: 100,001 characters; at most 100,000 are accepted"
    page.get_by_label("Context", exact=True).fill("A town.")
    page.get_by_label("Question", exact=True).fill(" ")
    assert ask(page).strip() == "the question is empty; write one"
    assert page.get_by_role("alert").count() == 1


def test_the_page_fits_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    choose_example(page)
    ask(page)
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= 375
    assert page.locator(".compare .narrow").first.is_visible()
    page.get_by_role("tab", name="Runs").click()
    page.locator("#board table").wait_for(timeout=WAIT)
    assert page.evaluate(wide) <= 375


def test_on_a_phone_the_answer_comes_into_view(page: Any) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    choose_example(page)
    page.evaluate("scrollTo(0, 0)")
    ask(page)
    page.wait_for_function(
        "() => { const { top } = document.querySelector('#answers .asked').getBoundingClientRect();"
        " return top >= 0 && top < innerHeight / 2; }",
        timeout=5_000,
    )


def test_on_a_wide_screen_the_page_stays_where_it_is(page: Any) -> None:
    choose_example(page)
    page.evaluate("scrollTo(0, 0)")
    ask(page)
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") == 0


def test_on_a_phone_scores_stand_beside_the_names(page: Any) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    page.get_by_role("tab", name="Runs").click()
    board = page.locator("#board .scroll")
    board.wait_for(timeout=WAIT)
    scores_are_in_sight(page)


def scores_are_in_sight(page: Any) -> None:
    """Check that name, F1 and EM of the first run lie within the visible part of the leaderboard."""
    outer = page.locator("#board .scroll").bounding_box()
    cells = page.locator("#board tbody tr").first.locator("th, td").all()[1:4]
    for cell in cells:
        box = cell.bounding_box()
        assert outer["x"] <= box["x"]
        assert box["x"] + box["width"] <= outer["x"] + outer["width"] + 1
    assert page.locator("#board thead th").all_inner_texts()[2:4] == ["F1", "EM"]


@pytest.mark.parametrize(
    ("values", "highest", "ends"),
    [
        ([97.0, 98.0], 100.0, (96.0, 100.0)),
        ([97.0, 100.0], 100.0, (96.0, 100.0)),
        ([50.0], 100.0, (49.0, 51.0)),
        ([0.0, 0.5, 7.0], None, (0.0, 8.0)),
    ],
)
def test_curves_are_drawn_over_their_own_range(
    values: list[float], highest: float | None, ends: tuple[float, float]
) -> None:
    low, high = limits_of(values, highest)
    assert ends[0] <= low <= min(values)
    assert max(values) <= high <= ends[1]


def test_the_page_is_accessible_in_light_and_dark(page: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    def violations() -> list[tuple[str, list[str]]]:
        page.wait_for_timeout(500)  # fading in changes colours for a moment
        found = Axe().run(page).response["violations"]
        return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]

    def colour() -> str:
        return str(page.evaluate("getComputedStyle(document.querySelector('.gradio-container')).backgroundColor"))

    choose_example(page)
    ask(page)
    assert violations() == []
    light = colour()
    page.get_by_role("button", name="Light / dark").click()
    assert colour() != light
    assert violations() == []
    page.get_by_role("tab", name="Runs").click()
    page.locator("#board table").wait_for(timeout=WAIT)
    assert violations() == []
    page.get_by_role("button", name="Light / dark").click()
    assert violations() == []


def test_it_listens_only_on_its_address(served: Served) -> None:
    assert served.url == f"http://127.0.0.1:{served.port}/"
    with socket.create_connection(("127.0.0.1", served.port), timeout=5):
        pass
    # All of 127.0.0.0/8 is this machine: a server that listened on every address would answer here too.
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", served.port), timeout=2):
        pass


def test_other_sites_are_refused_and_the_page_contacts_no_other(served: Served) -> None:
    request = urllib.request.Request(served.url, headers={"Host": "rebound.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, timeout=10)
    with urllib.request.urlopen(served.url, timeout=10) as answer:
        policy = answer.headers["Content-Security-Policy"]
        text = answer.read().decode()
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "fonts.googleapis" not in text
    # The page's own files are served, and no others.
    for path in ("gradio_api/file=pyproject.toml", f"gradio_api/file={served.run}/run.json"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(served.url + path, timeout=10)


def test_ctrl_c_stops_it_with_exit_code_0(served: Served) -> None:
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(timeout=20) == 0
    assert list(served.temporary.iterdir()) == []
    assert served.errors.read_text() == ""
