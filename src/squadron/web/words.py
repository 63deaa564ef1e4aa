"""The words and figures of the playground's page in one language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from squadron.languages import WRITING, Language
from squadron.reporting.localization.numbers import Numerals

_UNTOUCHED = " (untouched)"
"""What :class:`squadron.experiments.playground.Playground` writes behind the name of a base."""


@dataclass(frozen=True, slots=True)
class Words:
    """The page's texts by key, from ``locales/LANGUAGE.toml``, with tables of axes, statuses and problems."""

    language: Language
    own: Mapping[str, Any]
    numerals: Numerals

    def __call__(self, key: str, **values: str) -> str:
        """Return the text ``key`` with values."""
        return str(self.own[key]).format(**values)

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """The reading direction of the language."""
        return WRITING[self.language].direction

    def figure(self, text: str) -> str:
        """Return a formatted figure with the digits and signs of the language."""
        return self.numerals.digits(text)

    def axis(self, name: str) -> str:
        """Return the name of an option, or else the option itself."""
        return str(self.own["axes"].get(name, name))

    def status(self, name: str) -> str:
        """Return the name of a run's status, or else what its record says."""
        return str(self.own["statuses"].get(name, name))

    def model(self, label: str) -> str:
        """Return the label of a model: that of a base says that it is untouched."""
        if not label.endswith(_UNTOUCHED):
            return label
        return self("untouched", name=label.removesuffix(_UNTOUCHED))

    def problem(self, text: str) -> str:
        """Return the message of an error; one without a translation stays English."""
        for english, own in self.own["problems"].items():
            found = re.fullmatch(r"([\d,]+)".join(map(re.escape, english.split("{}"))), text)
            if found is not None:
                return str(own).format(*map(self.figure, found.groups()))
        return text


@cache
def page_words(language: Language) -> Words:
    """Return the words of a language."""
    file = files("squadron.web").joinpath("locales", f"{language}.toml")
    own = tomllib.loads(file.read_text(encoding="utf-8"))
    return Words(language, own, Numerals(WRITING[language].persian_figures))
