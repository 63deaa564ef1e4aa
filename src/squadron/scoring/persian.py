"""Normalization of Persian answers, for comparison before EM and F1; ``docs/persian.md`` gives the reasons.

It is the official normalization with what differs for Persian: other letters, digits, marks and punctuation, and no
articles. A text and its copy with Arabic letters, other digits, vowel marks, presentation forms or a space in place of
the zero-width non-joiner are the same answer.
"""

from __future__ import annotations

import re
import string
import unicodedata

_LETTERS = str.maketrans(
    {
        **dict.fromkeys("\u0649\u064a\u06d2", "\u06cc"),  # alef maksura, Arabic yeh, yeh barree: Farsi yeh
        **dict.fromkeys("\u0643\u06aa", "\u06a9"),  # Arabic kaf, swash kaf: keheh
        # Teh marbuta, heh doachashmee, heh with yeh above, heh goal (also with hamza), teh marbuta goal, ae: heh.
        **dict.fromkeys("\u0629\u06be\u06c0\u06c1\u06c2\u06c3\u06d5", "\u0647"),
        **{chr(zero + value): str(value) for zero in (0x0660, 0x06F0) for value in range(10)},
        **dict.fromkeys("\u200b\u200c", " "),  # zero-width space and non-joiner
    }
)
_YEH_WITH_HAMZA = re.compile("\u06cc\u0654")
"""Yeh and a hamza in two characters; with Arabic yeh, NFKC makes it one."""
_MARKS = re.compile(
    # Harakat and other marks above or below, the superscript alef, Koranic marks; tatweel; invisible controls.
    "[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
    "\u0640\u00ad\u061c\u200d-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)


def normalize_persian(text: str) -> str:
    """Return ``text`` as Persian answers are compared; may be empty.

    Compatibility forms become plain (NFKC) and letters lower case; forms of yeh, kaf and heh become the Persian
    letters, Persian and Arabic digits those of ASCII, and a zero-width non-joiner a space; vowel marks, tatweel and
    invisible controls are removed, and so is punctuation: ASCII's, as officially, and all that Unicode counts as such.
    """
    folded = unicodedata.normalize("NFKC", text).lower().translate(_LETTERS)
    folded = _MARKS.sub("", _YEH_WITH_HAMZA.sub("\u0626", folded))
    return " ".join("".join(letter for letter in folded if not _is_punctuation(letter)).split())


def _is_punctuation(letter: str) -> bool:
    return letter in string.punctuation or unicodedata.category(letter).startswith("P")
