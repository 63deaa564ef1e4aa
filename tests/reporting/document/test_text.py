"""Text from data: bounded, and without invisible characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadron.reporting.document.text import (
    clipped,
    direction,
    drawable,
    drawn_characters,
    excerpt,
    guard_cell,
    is_drawn,
    visible,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202egnp.exe\u202c", "[U+202E]gnp.exe[U+202C]"),
        ("a\x00b\x1b[31m", "a[U+0000]b[U+001B][31m"),
        ("\u2066x\u2069\u200f\ufeff", "[U+2066]x[U+2069][U+200F][U+FEFF]"),
        ("می\u200cشود", "می\u200cشود"),
        (" one\n\ttwo\u2028three ", "one two three"),
        ("e\u0301", "é"),
        ("<script>", "<script>"),
    ],
)
def test_invisible_characters_are_shown_as_code_points(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_shown_text_has_no_controls_and_is_bounded(text: str) -> None:
    shown = clipped(text, 20)
    assert len(shown) <= 21
    assert not [one for one in shown if one in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\n\r\0"]
    assert clipped(shown.rstrip("…"), 40) == shown.rstrip("…").strip()


def test_ten_thousand_characters_are_cut() -> None:
    assert clipped("x" * 10_000) == "x" * 400 + "…"
    assert clipped("\u202e" * 10_000).startswith("[U+202E][U+202E]")
    assert len(clipped("\u202e" * 10_000)) == 401


def test_a_context_is_cut_around_its_answer() -> None:
    context = "a " * 500 + "gold" + " b" * 500
    before, middle, after = excerpt(context, "gold")
    assert (middle, before[:3], after[-3:]) == ("gold", "… a", "b …")
    assert before.endswith(" ")
    assert after.startswith(" ")
    assert len(before) + len(after) < 340
    assert excerpt("short text", "absent") == ("", "", "short text")
    assert excerpt("gold", "gold") == ("", "gold", "")


def test_characters_without_a_glyph_are_shown_as_code_points() -> None:
    assert drawable("漢字 é ی 😀") == "[U+6F22][U+5B57] é ی [U+1F600]"
    assert all(map(is_drawn, drawn_characters()))
    assert len(drawn_characters()) > 1500
    assert not is_drawn("\u202e")


def test_direction_is_that_of_the_first_letter() -> None:
    assert direction("12 سلام abc") == "rtl"
    assert direction("12 abc سلام") == "ltr"
    assert direction("123") == "ltr"


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "\tx", " =1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert guard_cell(text) == f"'{text.strip()}"
    assert guard_cell([text, "b"]) == f"'{text.strip()} b"


def test_plain_cells_are_unchanged() -> None:
    assert [guard_cell(value) for value in ("r4-lr1e-3", -1.5, None, 3)] == ["r4-lr1e-3", -1.5, None, 3]
