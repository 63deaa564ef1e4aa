"""The page's HTML shows data as plain text, whatever it contains."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from squadron.runs.board import Board, ListedRun, Winner
from squadron.visible import escaped, is_invisible
from squadron.web import render

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "**bold** [link](javascript:alert(1))",
    "\u202eturned\u202c =cmd()",
    "\x1b[2J\x9b\0\u200f\ud800 two\nlines",
    "{{ 7 * 7 }}{% raw %}",
    "word " * 2_000,
]

OURS = {"section", "p", "bdi", "div", "mark", "span", "table", "caption", "thead", "tbody", "tr", "th", "td"}
OURS |= {"strong", "button", "h2", "dl", "dt", "dd", "wbr"}
"""Elements of the templates; none of them is active."""


class Seen(HTMLParser):
    """Parses HTML as a browser would: its elements with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag != "wbr":  # it has no content and no end
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def record(text: str) -> dict[str, Any]:
    answer = {"decoding": "greedy", "answer": text, "place": [0, len(text)], "probability": 0.25, "stopped": True}
    made = {**answer, "seen": len(text), "exact_match": 0, "f1": 0.5}
    return {"context": text, "question": text, "golds": [text], "models": [{"label": text, "answers": [made]}]}


@pytest.mark.parametrize("text", HOSTILE)
def test_answers_and_boards_show_data_as_text(text: str) -> None:
    row = ListedRun(text, Path(text), {"status": text, "changes": {text: text}, "reason": text, "f1": text})
    board = Board((row,), text, text, None, (text,))
    for page in (render.answers(record(text)), render.leaderboard(board), render.run_facts(row, text)):
        seen = Seen(page)
        assert not seen.open
        assert set(seen.tags) <= OURS
        assert not any(name.startswith("on") for name in seen.attributes)
        assert escaped(text, keep="\n") in seen.text
        assert not [character for character in page if is_invisible(character) and character != "\n"]
    assert escaped(" ".join(text.split())) in Seen(render.problem(text)).text


def test_the_path_of_a_run_may_break_after_its_slashes() -> None:
    name = "studies/spring & summer/runs/r4-lr1e-3"
    shown = "<bdi>studies/<wbr>spring &amp; summer/<wbr>runs/<wbr>r4-lr1e-3</bdi>"
    row, found = ListedRun(name, Path(name), {}), record("text")
    found["models"][0]["label"] = name
    for page in (render.answers(found), render.leaderboard(Board((row,))), render.run_facts(row, "")):
        assert shown in page
        assert name in Seen(page).text


def test_an_answer_is_marked_in_its_place_with_its_probability() -> None:
    found = record("In 1834 it was built.")
    (answer,) = found["models"][0]["answers"]
    found["models"].append({"label": "adapter", "answers": [{**answer, "answer": "x", "place": None, "f1": 0.0}]})
    answer |= {"answer": "1834", "place": [3, 7]}
    page = render.answers(found)
    assert '<mark class="mark-A"><span class="letter mark-A">A</span>1834</mark>' in page
    assert page.count("<mark") == 1
    assert "25.0%" in page
    assert "F1 50" in page
    assert "wrong" in page
    assert page.count("not in the context") == 1


def test_missing_marks_and_truncation_are_shown() -> None:
    found = record("A long text.")
    found["models"][0]["answers"][0] |= {"place": None, "seen": 6, "probability": None, "answer": ""}
    page = Seen(render.answers(found)).text
    assert "nothing is marked" in page
    assert "the first 6 of 12 characters" in page
    assert "not a number" in page
    assert "nothing" in page


def test_missing_or_invalid_figures_are_dashes() -> None:
    broken = {"f1": "x", "f1_interval": [1], "exact_match": float("nan"), "seconds": 10**400, "changes": [1]}
    rows = (ListedRun("a", Path("a"), broken), ListedRun("b", Path("b"), {"f1": 51.25, "f1_interval": [33.0, 70.5]}))
    page = Seen(render.leaderboard(Board(rows))).text
    assert page.count("–") >= 9
    assert "51.2 33.0 – 70.5" in " ".join(page.split())
    assert "unknown" in page
    assert "a higher place may be chance" in page


def test_a_board_shows_whether_its_best_run_is_significantly_better() -> None:
    row = ListedRun("a", Path("a"), {})
    chance = Seen(render.leaderboard(Board((row,), winner=Winner(False, 0.4)))).text
    assert "does not tell the best setting from the second (p = 0.4): its place may be chance" in chance
    proven = Seen(render.leaderboard(Board((row,), winner=Winner(True, 0.0123)))).text
    assert "tells the best setting from the second (p = 0.012)" in proven
