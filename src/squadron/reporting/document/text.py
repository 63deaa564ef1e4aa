"""Text from a study's files, made fit to be shown: as text, in bounded length, with nothing in it that hides."""

from __future__ import annotations

import bisect
import unicodedata
from typing import Literal

LONGEST_NAME = 60
"""Characters of a run's or a base's name."""
LONGEST_TEXT = 400
"""Characters of a question or an answer."""
EXCERPT_MARGIN = 160
"""Characters of a context on either side of where an answer stands."""

_JOINERS = "\u200c\u200d"
"""Invisible, but letters of Persian and others need them."""
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
"""Characters, first to last, that the fonts of the PDF draw; a test sets every one of them."""
_FIRST = [first for first, _ in _DRAWABLE]


def visible(text: str) -> str:
    """Text on one line, in Unicode's composed form, with characters that are not seen written out, as ``[U+202E]``.

    Those are controls, marks that turn the direction of what follows, private and unassigned ones; half-spaces and
    joiners stay.
    """
    shown = []
    for character in unicodedata.normalize("NFC", text):
        if character.isspace():
            shown.append(" ")
        elif unicodedata.category(character)[0] == "C" and character not in _JOINERS:
            shown.append(code_point(character))
        else:
            shown.append(character)
    return " ".join("".join(shown).split())


def clipped(text: str, longest: int = LONGEST_TEXT) -> str:
    """:func:`visible` text of at most ``longest`` characters, with an ellipsis where it went on."""
    # Far more than is shown need not be looked at.
    shown = visible(text[: 4 * longest])
    return shown if len(shown) <= longest and len(text) <= 4 * longest else shown[:longest].rstrip() + "…"


def excerpt(context: str, gold: str) -> tuple[str, str, str]:
    """A context before, at and after where ``gold`` stands in it, cut to what is near; at its start if nowhere."""
    index = context.find(gold) if gold else -1
    start, stop = (index, index + len(gold)) if index >= 0 else (0, 0)
    before, after = context[max(0, start - EXCERPT_MARGIN) : start], context[stop : stop + EXCERPT_MARGIN]
    before = ("… " if start > EXCERPT_MARGIN else "") + _restore_space(visible(before), before, at_end=True)
    after = _restore_space(visible(after), after, at_end=False) + (" …" if len(context) > stop + EXCERPT_MARGIN else "")
    return before, clipped(context[start:stop]), after


def drawable(text: str) -> str:
    """Text with each character that the fonts of the PDF lack written out."""
    return "".join(character if is_drawn(character) else code_point(character) for character in text)


def is_drawn(character: str) -> bool:
    """Whether the fonts of the PDF have a glyph for a character."""
    index = bisect.bisect(_FIRST, ord(character)) - 1
    return index >= 0 and ord(character) <= _DRAWABLE[index][1]


def drawn_characters() -> str:
    """All characters that :func:`is_drawn` promises a glyph for."""
    return "".join(chr(code) for first, last in _DRAWABLE for code in range(first, last + 1))


def code_point(character: str) -> str:
    """A character by its number."""
    return f"[U+{ord(character):04X}]"


def direction(text: str) -> Literal["ltr", "rtl"]:
    """The direction of a text's first letter that has one."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return "ltr"


def _restore_space(shown: str, raw: str, *, at_end: bool) -> str:
    """Keep the space between a context's part and the answer, which tidying took."""
    if at_end:
        return shown + " " if raw[-1:].isspace() else shown
    return " " + shown if raw[:1].isspace() else shown
