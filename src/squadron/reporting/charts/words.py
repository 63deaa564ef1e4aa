"""Words and number formats of charts in one language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from squadron.languages import WRITING, Language
from squadron.reporting.document.text import clipped, direction, drawable
from squadron.reporting.localization.numbers import Numerals
from squadron.reporting.localization.translate import sentences

_EMBED = "\u202b"
"""Right-to-left embedding: without it, the first letter decides the direction of a mixed text."""
_LONGEST = 34
"""The most characters of a label from data."""


@dataclass(frozen=True, slots=True)
class ChartWords:
    """Words that charts show: ``own`` are only in charts, ``shared`` are the report's (axes, kinds, strategies)."""

    language: Language
    own: Mapping[str, str]
    shared: Mapping[str, str]
    numerals: Numerals

    def __call__(self, key: str) -> str:
        """Return the chart's own word ``key``."""
        return self._embedded(self.own[key])

    def name(self, table: str, key: str) -> str:
        """Return the report's name of an axis, kind of mistake or strategy, or else the key."""
        found = self.shared.get(f"{table}.{key}")
        return self.data(key) if found is None else self._embedded(found)

    def data(self, text: str) -> str:
        """Return a label from data, without invisible characters and in bounded length."""
        return drawable(clipped(text, _LONGEST))

    def value(self, value: Any) -> str:
        """Return a value of an axis."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self.data(str(value))
        if isinstance(value, int):
            return self.numerals.write(value, "count")
        return self.numerals.write(value, "rate")

    def points(self, value: float) -> str:
        """Return a formatted score."""
        return self.numerals.write(value, "points")

    def signed(self, value: float) -> str:
        """Return a formatted difference of scores."""
        return self.numerals.write(value, "signed")

    def interval(self, low: float, high: float) -> str:
        """Return a formatted interval of scores."""
        return f"{self.points(low)} – {self.points(high)}"

    def signed_interval(self, low: float, high: float) -> str:
        """Return a formatted interval of differences; a dash between signs would read as one of them."""
        joint = self.own["to"]
        return f"{self.signed(low)} {joint} {self.signed(high)}"

    @property
    def is_rtl(self) -> bool:
        """True if the language is read from right to left."""
        return WRITING[self.language].direction == "rtl"

    @property
    def percent_label(self) -> str:
        """Vega expression of an axis label in percent, laid out in the direction of the language."""
        return f"'{_EMBED}' + datum.label" if self.is_rtl else "datum.label"

    def _embedded(self, text: str) -> str:
        mixed = self.is_rtl and (
            direction(text) == "rtl" or any("\u0600" <= character <= "\u06ff" for character in text)
        )
        return _EMBED + text if mixed else text


@cache
def chart_words(language: Language) -> ChartWords:
    """Return the chart words of a language."""
    file = files("squadron.reporting").joinpath("locales", f"charts.{language}.toml")
    own = tomllib.loads(file.read_text(encoding="utf-8"))
    return ChartWords(language, own, sentences(language), Numerals(WRITING[language].persian_figures))
