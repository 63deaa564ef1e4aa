"""Find where a gold answer stands in its context, if the file's start is missing or wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from squadron.data.squad import REWRITTEN, Answer

_ALIKE = ("'\u2018\u2019\u02bc`\u00b4", '"\u201c\u201d\u201e', "-\u2010\u2011\u2012\u2013\u2014\u2212")
"""Characters that are typed for one another: apostrophes, quotes, dashes."""


def place_answer(context: str, text: str, start: int | None) -> tuple[Answer, str, str] | None:
    """Return the answer as it stands in the context; and if it was changed, how, and the kind of the change.

    A wrong start may count bytes, UTF-16 units, or a line end as one character; otherwise the nearest occurrence is
    taken, and the first if there is no start. None if the text is not in the context.
    """
    if start is not None and start < 0:
        start = None  # as annotation tools write a missing start
    if start is not None and context.startswith(text, start):
        return Answer(text, start), "", ""
    for candidate in _spellings(text, context, start or 0):
        if (first := context.find(candidate)) < 0:
            continue
        if start is None:
            count = context.count(candidate)
            how = f"no start; found at {first}" if count == 1 else f"no start; the first of {count:,} places, {first}"
            if candidate != text:
                return Answer(candidate, first), f"{REWRITTEN}; {how}", "answer written as the context has it"
            kind = "start found" if count == 1 else "missing start with several places, the first taken"
            return Answer(candidate, first), how, kind
        counted = _counted_in_other_units(context, candidate, start)
        found, unit = counted or (_nearest(context, candidate, start), "")
        if candidate != text:
            return Answer(candidate, found), REWRITTEN, "answer written as the context has it"
        how = f"starts at {found}, not {start}" + (f" (counted in {unit})" if unit else "")
        return Answer(candidate, found), how, f"start counted in {unit}" if unit else "start moved"
    return None


def _spellings(text: str, context: str, start: int) -> Iterator[str]:
    """Yield the text, its variants in other Unicode normal forms and line ends, then those that the context has.

    These differ in white space (its kind and number, and at the ends) and in the form of quotes and dashes, and are
    nearest to ``start``; at ``start`` itself, also in the case of letters.
    """
    unix = text.replace("\r\n", "\n")
    forms = [text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD")), unix, unix.replace("\n", "\r\n")]
    yield from dict.fromkeys(forms)
    if words := text.split():
        pattern = r"\s+".join("".join(map(_alike, word)) for word in words)
        found = [*re.finditer(pattern, context)] or [*filter(None, [re.compile(pattern, re.I).match(context, start)])]
        if found:
            yield min(found, key=lambda one: abs(one.start() - start))[0]


def _alike(character: str) -> str:
    """Return a pattern of the characters that are typed for this one."""
    own = next((group for group in _ALIKE if character in group), character)
    return f"[{re.escape(own)}]" if len(own) > 1 else re.escape(own)


def _counted_in_other_units(context: str, text: str, start: int) -> tuple[int, str] | None:
    """Return the place that ``start`` names if it counts other units than characters, and the unit."""
    for unit, place in _UNITS.items():
        found = place(context, start)
        if found >= 0 and found != start and context.startswith(text, found):
            return found, unit
    return None


def _after_utf16(context: str, start: int) -> int:
    encoded = context.encode("utf-16-le", "surrogatepass")[: 2 * start]
    return len(encoded.decode("utf-16-le", "ignore")) if len(encoded) == 2 * start else -1


def _after_utf8(context: str, start: int) -> int:
    encoded = context.encode("utf-8", "surrogatepass")[:start]
    return len(encoded.decode("utf-8", "ignore")) if len(encoded) == start else -1


def _after_short_line_ends(context: str, start: int) -> int:
    place = 0
    for _ in range(context.count("\r\n") + 1):
        end = context.find("\r\n", place)
        if end < 0 or start <= end:
            break
        place, start = end + 2, start + 1
    return start if start <= len(context) else -1


_UNITS: dict[str, Callable[[str, int], int]] = {
    "UTF-16 units": _after_utf16,
    "bytes": _after_utf8,
    "characters with line ends as one": _after_short_line_ends,
}


def _nearest(context: str, text: str, start: int) -> int:
    """Return the occurrence of ``text``, which is in the context, that is closest to ``start``."""
    before = context.rfind(text, 0, start + len(text))
    after = context.find(text, start)
    places = [place for place in (before, after) if place >= 0]
    return min(places, key=lambda place: abs(place - start))
