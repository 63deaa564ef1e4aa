"""What charts say, and how they write numbers: the words and figures of one language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from squadron.languages import Language
from squadron.reporting.document.text import clipped, direction, drawable
from squadron.reporting.localization.numbers import Numerals
from squadron.reporting.localization.translate import sentences

_EMBED = "\u202b"
"""Right-to-left embedding: without it, a text that mixes directions is laid out by its first letter's."""
_LONGEST = 34
"""Characters of a label that comes from data."""


@dataclass(frozen=True, slots=True)
class ChartWords:
    """The words that charts show: ``own`` are theirs alone, ``shared`` the report's (axes, kinds, strategies)."""

    language: Language
    own: Mapping[str, str]
    shared: Mapping[str, str]
    numerals: Numerals

    def __call__(self, key: str) -> str:
        """The chart's own word ``key``."""
        return self._embedded(self.own[key])

    def name(self, table: str, key: str) -> str:
        """A name that the report has, too: of an axis, a kind of mistake, a strategy; the key where it has none."""
        found = self.shared.get(f"{table}.{key}")
        return self.data(key) if found is None else self._embedded(found)

    def data(self, text: str) -> str:
        """A label from data: as text, visible and not too long."""
        return drawable(clipped(text, _LONGEST))

    def value(self, value: Any) -> str:
        """A value of an axis."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self.data(str(value))
        if isinstance(value, int):
            return self.numerals.write(value, "count")
        return self.numerals.write(value, "rate")

    def points(self, value: float) -> str:
        """A score."""
        return self.numerals.write(value, "points")

    def signed(self, value: float) -> str:
        """A difference of scores."""
        return self.numerals.write(value, "signed")

    def interval(self, low: float, high: float) -> str:
        """An interval of scores."""
        return f"{self.points(low)} – {self.points(high)}"

    @property
    def percent_label(self) -> str:
        """The Vega expression of an axis' label in percent: its figure, laid out in the direction of the language."""
        return f"'{_EMBED}' + datum.label" if self.language == "fa" else "datum.label"

    def _embedded(self, text: str) -> str:
        mixed = self.language == "fa" and (direction(text) == "rtl" or any("\u0600" <= one <= "\u06ff" for one in text))
        return _EMBED + text if mixed else text


@cache
def chart_words(language: Language) -> ChartWords:
    """The words of a language."""
    file = files("squadron.reporting").joinpath("locales", f"charts.{language}.toml")
    own = tomllib.loads(file.read_text(encoding="utf-8"))
    return ChartWords(language, own, sentences(language), Numerals(persian=language == "fa"))
