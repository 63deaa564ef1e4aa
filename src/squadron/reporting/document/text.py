"""Prepare text from a study's files for display: no invisible characters, and a bounded length."""

from __future__ import annotations

import bisect
import unicodedata
from typing import Any, Literal

from squadron.visible import is_invisible

LONGEST_NAME = 60
"""Characters of a name of a run or base."""
LONGEST_TEXT = 400
"""Characters of a question or an answer."""
LONGEST_WHOLE = 36
"""Characters of a name that a line does not break; a phone's screen holds as many."""
EXCERPT_MARGIN = 160
"""Characters of the context on either side of an answer."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Characters that start a formula in a spreadsheet."""

DIRECTION_MARK = "\u200f"
"""The right-to-left mark, which the Persian sentences have; in data it is made visible."""

_DRAWABLE = (
    (0x20, 0x7E),
    (0xA1, 0xAC),
    (0xAE, 0x2FF),
    (0x370, 0x377),
    (0x37A, 0x37F),
    (0x384, 0x38A),
    (0x38E, 0x3A1),
    (0x3A3, 0x482),
    (0x48A, 0x4FF),
    (0x60C, 0x60C),
    (0x61B, 0x61B),
    (0x61F, 0x61F),
    (0x621, 0x63A),
    (0x640, 0x652),
    (0x654, 0x654),
    (0x660, 0x671),
    (0x67E, 0x67E),
    (0x686, 0x686),
    (0x698, 0x698),
    (0x6A9, 0x6A9),
    (0x6AF, 0x6AF),
    (0x6C0, 0x6C0),
    (0x6CC, 0x6CC),
    (0x6F0, 0x6F9),
    (0x1E00, 0x1EF9),
    (0x200C, 0x200D),
    (0x2010, 0x2027),
    (0x2030, 0x2040),
    (0x20A0, 0x20B5),
    (0x2190, 0x21FF),
    (0x2200, 0x22FF),
    (0x2500, 0x257F),
)
"""Ranges of characters, first to last, that the PDF's fonts have glyphs for; a test typesets all of them."""
_FIRST = [first for first, _ in _DRAWABLE]


def visible(text: str) -> str:
    """Return text on one line, in composed form (NFC), with invisible characters written as ``[U+202E]``.

    Those are controls, direction marks, and private or unassigned characters; zero-width joiners and non-joiners stay.
    """
    shown = []
    for character in unicodedata.normalize("NFC", text):
        if character.isspace():
            shown.append(" ")
        elif is_invisible(character):
            shown.append(code_point(character))
        else:
            shown.append(character)
    return " ".join("".join(shown).split())


def clipped(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return :func:`visible` text of at most ``longest`` characters, with an ellipsis if it was cut."""
    # A bound on the work: most of a long text is not shown.
    shown = visible(text[: 4 * longest])
    return shown if len(shown) <= longest and len(text) <= 4 * longest else shown[:longest].rstrip() + "…"


def guard_cell(value: Any) -> Any:
    """Return a cell of a CSV file whose text is :func:`visible` and which no spreadsheet reads as a formula.

    Text that begins like a formula gets an apostrophe in front. A list becomes text; numbers and None stay.
    """
    if value is None or isinstance(value, (int, float)):
        return value
    text = value if isinstance(value, str) else " ".join(map(str, value))
    shown = visible(text)
    return f"'{shown}" if text.startswith(_FORMULA_STARTS) or shown.startswith(_FORMULA_STARTS) else shown


def excerpt(context: str, gold: str) -> tuple[str, str, str]:
    """Return the context before, at and after ``gold``, cut to its surroundings; its start if the gold is not found."""
    index = context.find(gold) if gold else -1
    start, stop = (index, index + len(gold)) if index >= 0 else (0, 0)
    before, after = context[max(0, start - EXCERPT_MARGIN) : start], context[stop : stop + EXCERPT_MARGIN]
    before = ("… " if start > EXCERPT_MARGIN else "") + _restore_space(visible(before), before, at_end=True)
    after = _restore_space(visible(after), after, at_end=False) + (" …" if len(context) > stop + EXCERPT_MARGIN else "")
    return before, clipped(context[start:stop]), after


def drawable(text: str) -> str:
    """Replace each character that the PDF's fonts lack by its :func:`code_point`."""
    return "".join(character if is_drawn(character) else code_point(character) for character in text)


def with_whole_intervals(text: str) -> str:
    """Return the report's own text with no line breaks at the dashes of intervals."""
    return text.replace(" – ", "\u00a0–\u2060\u00a0")  # a line may break between a dash and a no-break space


def is_drawn(character: str) -> bool:
    """Return True if the PDF's fonts have a glyph for a character."""
    index = bisect.bisect(_FIRST, ord(character)) - 1
    return index >= 0 and ord(character) <= _DRAWABLE[index][1]


def drawn_characters() -> str:
    """Return all characters for which :func:`is_drawn` is true."""
    return "".join(chr(code) for first, last in _DRAWABLE for code in range(first, last + 1))


def code_point(character: str) -> str:
    """Return a character's code point, as ``[U+202E]``."""
    return f"[U+{ord(character):04X}]"


def direction(text: str) -> Literal["ltr", "rtl"]:
    """Return the direction of a text's first letter that has one."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return "ltr"


def _restore_space(shown: str, raw: str, *, at_end: bool) -> str:
    """Restore the space between a part of the context and the answer, which :func:`visible` strips."""
    if at_end:
        return shown + " " if raw[-1:].isspace() else shown
    return " " + shown if raw[:1].isspace() else shown
