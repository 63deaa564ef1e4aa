"""Make invisible characters of texts from data visible, so that no text can move a terminal or reorder a page."""

from __future__ import annotations

import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"
"""Invisible, but needed between letters in Persian and other scripts."""
_ASCII = str.maketrans({"–": "-", "…": "..."})
"""Substitutes for the characters outside ASCII that tables have."""


def is_invisible(character: str) -> bool:
    """Return True for controls, direction marks, line separators, surrogates, and private or unassigned characters.

    Zero-width joiners and non-joiners are letters' parts and count as visible.
    """
    kind = unicodedata.category(character)
    return (kind[0] == "C" or kind in ("Zl", "Zp")) and character not in _JOINERS


def escaped(text: str, *, keep: str = "", encoding: str = "utf-8") -> str:
    r"""Return text with each invisible character, and each that ``encoding`` lacks, as in Python: ``\x1b``, ``\u202e``.

    Characters in ``keep`` stay. Applying it twice changes nothing.
    """
    if not text.isprintable():
        text = "".join(
            character.encode("unicode_escape").decode("ascii")
            if is_invisible(character) and character not in keep
            else character
            for character in text
        )
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def escaped_in_page(value: Any) -> Any:
    """Return a value of a template, escaped if it is text from data and not HTML; white space stays as it is."""
    return escaped(value, keep="\n\r\t") if type(value) is str else value
