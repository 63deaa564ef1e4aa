"""Invisible characters of texts from data are shown, and visible ones stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadron.visible import escaped, is_invisible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb\x00\x9b\x7f", r"a\x1b[31mb\x00\x9b\x7f"),
        ("\u202ab\u202e\u2066\u2069\u200e\u200f\u061c\ufeff", r"\u202ab\u202e\u2066\u2069\u200e\u200f\u061c\ufeff"),
        ("\ud800 \udce9", r"\ud800 \udce9"),
        ("one\ntwo\r\t\u2028", r"one\ntwo\r\t\u2028"),
        ("می\u200cشود é 漢 😀 \xa0 C:\\x1b", "می\u200cشود é 漢 😀 \xa0 C:\\x1b"),
    ],
)
def test_invisible_characters_are_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_characters_may_be_kept_and_those_that_an_encoding_lacks_are_escaped() -> None:
    assert escaped("a\n\x1b", keep="\n") == "a\n\\x1b"
    assert escaped("50 – 60 … é", encoding="ascii") == "50 - 60 ... \\xe9"
    assert escaped("50 – 60 … é ی", encoding="cp1252") == "50 - 60 ... é \\u06cc"


@given(st.text(), st.sampled_from(["utf-8", "ascii", "cp1252"]))
def test_any_text_can_be_shown(text: str, encoding: str) -> None:
    shown = escaped(text, encoding=encoding)
    shown.encode(encoding)
    assert not [character for character in shown if is_invisible(character)]
    assert escaped(shown, encoding=encoding) == shown
