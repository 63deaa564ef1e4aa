"""The languages that reports are written in: how each is read, and how it writes figures.

The words are in ``reporting/locales``: ``CODE.toml``, and ``charts.CODE.toml`` for what charts say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Language = Literal["en", "fa"]


@dataclass(frozen=True, slots=True)
class Writing:
    """How a language is written. ``persian_figures``: with Persian digits, signs and calendar; else the Western ones.

    ``vazirmatn``: pages bring the font Vazirmatn along, since systems lack one with the language's letters.
    """

    direction: Literal["ltr", "rtl"] = "ltr"
    persian_figures: bool = False
    vazirmatn: bool = False


WRITING: Mapping[str, Writing] = {
    "en": Writing(),
    "fa": Writing("rtl", persian_figures=True, vazirmatn=True),
}
"""Every language of :data:`Language`."""

LANGUAGES: tuple[Language, ...] = get_args(Language)
assert set(WRITING) == set(LANGUAGES)
