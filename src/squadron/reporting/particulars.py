"""The particulars of a report, from its study's configuration and from the command line, as text runs."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from squadron.options.particulars import Particulars
from squadron.reporting.document.blocks import Particular, RichText, TextRun
from squadron.reporting.document.builder import Draft
from squadron.reporting.document.text import clipped
from squadron.runs.records import Study

ON_COVER = ("university", "course", "author", "student_id", "supervisor", "term")
"""The particulars with a line of their own, in the order of the cover."""
_LONGEST = 300
_LONGEST_RUNNING = 70
"""Characters of the title above the pages."""


def particulars_of(study: Study, given: Mapping[str, str]) -> dict[str, str]:
    """Return the particulars of a report by name: those given, else those that the study's record has.

    What is empty is absent, and so is a value that a damaged record has in place of text.
    """
    kept = study.config.get("report")
    merged = {**(kept if isinstance(kept, Mapping) else {}), **given}
    known = {name: merged.get(name) for name in Particulars.model_fields}
    return {name: value for name, value in known.items() if isinstance(value, str) and value.strip()}


def cover(draft: Draft, particulars: Mapping[str, str]) -> dict[str, Particular]:
    """Return the lines of the cover by name, each with its label."""
    return {
        name: Particular(draft.say(f"cover.{name}"), line(particulars[name]))
        for name in ON_COVER
        if name in particulars
    }


def date(draft: Draft, particulars: Mapping[str, str], day: datetime.date, months: tuple[str, ...]) -> RichText:
    """Return the date of a report: one in digits is written in the calendar of the language, other text as it is."""
    text = particulars.get("date", day.isoformat())
    try:
        return draft.say("report.date", date=draft.say.numerals.date(datetime.date.fromisoformat(text), months))
    except (ValueError, AssertionError):  # no date, or one that the calendar does not reach
        return line(text)


def line(text: str) -> RichText:
    """Return what the user gave, as data on one line."""
    return (TextRun(clipped(text, _LONGEST), "data"),)


def running(title: RichText) -> RichText:
    """Return the title above the pages, cut if it is long."""
    whole = "".join(run.text for run in title)
    return title if len(whole) <= _LONGEST_RUNNING else (TextRun(clipped(whole, _LONGEST_RUNNING), "data"),)
