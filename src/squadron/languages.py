"""The languages of reports: their direction and figures.

Their texts are in ``reporting/locales``: ``CODE.toml``, and ``charts.CODE.toml`` for charts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Language = Literal["en", "fa"]


@dataclass(frozen=True, slots=True)
class Writing:
    """The writing of a language. ``persian_figures``: Persian digits, signs and calendar instead of Western ones.

    ``numbered_by_section``: tables, figures and formulas are counted within their section.
    ``english_summary``: the abstract stands in English, too, at the end.
    """

    direction: Literal["ltr", "rtl"] = "ltr"
    persian_figures: bool = False
    numbered_by_section: bool = False
    english_summary: bool = False


WRITING: Mapping[str, Writing] = {
    "en": Writing(),
    "fa": Writing("rtl", persian_figures=True, numbered_by_section=True, english_summary=True),
}
"""The writing of every :data:`Language`."""

LANGUAGES: tuple[Language, ...] = get_args(Language)
assert set(WRITING) == set(LANGUAGES)
