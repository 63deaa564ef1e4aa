"""Sentences of a language by key, with formatted values filled in.

A sentence of ``locales/LANGUAGE.toml`` may hold

- ``{name}`` or ``{name:format}``: a value, formatted by :class:`squadron.reporting.localization.numbers.Numerals`;
- ``{name:one or more words|of them}``: the first if the value is 1, else the second;
- `` `code` ``, ``*emphasis*``, ``**strong**``;
- ``$name$``: a symbol of :data:`squadron.reporting.document.formulas.SYMBOLS`;
- ``[@source]``: a citation; ``[#anchor]``: a table, figure or section by its number.

Values are not parsed for these marks, so data cannot contain markup.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from squadron.languages import WRITING, Language
from squadron.reporting.document.blocks import RichText, TextRun, TextRunKind
from squadron.reporting.document.formulas import SYMBOLS
from squadron.reporting.localization.numbers import Numerals

_MARK = re.compile(
    r"\{(?P<name>\w+)(?::(?P<format>[^{}]+))?\}|`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<emphasis>[^*]+)\*"
    r"|\$(?P<math>[^$]+)\$|\[@(?P<cite>[\w-]+)\]|\[#(?P<reference>[\w-]+)\]"
)
_LINE_END = re.compile(r"\s*\n\s*")
_FOREIGN = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:\([A-Za-z]+\)|[ .+&/'’-]+[A-Za-z0-9]+)*\+*")
"""Latin words in a right-to-left sentence, with the characters that join them: one left-to-right text run."""


@dataclass(frozen=True, slots=True)
class Translator:
    """Sentences and numbers of one language. ``label_of`` returns the label of an anchor or source in text."""

    language: Language
    sentences: Mapping[str, str]
    numerals: Numerals
    label_of: Callable[[str, str], str]

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """The reading direction of the language."""
        return WRITING[self.language].direction

    def has(self, key: str) -> bool:
        """Return True if there is a sentence ``key``."""
        return key in self.sentences

    def __call__(self, key: str, **values: Any) -> RichText:
        """Return the sentence ``key`` with values, each a number, a string, a :class:`TextRun` or a tuple of them."""
        return tuple(self._runs(self.sentences[key], values))

    def plain(self, key: str, **values: Any) -> str:
        """Return the sentence ``key`` as a string, for charts and labels."""
        return "".join(run.text for run in self(key, **values))

    def number(self, value: Any, kind: str) -> TextRun:
        """Return a formatted number, for a table cell."""
        return TextRun(self.numerals.write(value, kind), "number")

    def interval(self, low: float, high: float) -> RichText:
        """Return an interval in points."""
        return self("number.interval", low=low, high=high)

    def join(self, items: Sequence[RichText]) -> RichText:
        """Return a list of items, with commas and a conjunction before the last."""
        joined: list[TextRun] = []
        for index, item in enumerate(items):
            if index:
                joined += self("list.last" if index == len(items) - 1 else "list.comma")
            joined += item
        return tuple(joined)

    def _runs(self, sentence: str, values: Mapping[str, Any]) -> list[TextRun]:
        runs: list[TextRun] = []
        end = 0
        for mark in _MARK.finditer(sentence):
            runs += self._words(sentence[end : mark.start()])
            end = mark.end()
            kind = str(mark.lastgroup) if mark.lastgroup != "format" else "name"
            content = mark[kind]
            match kind:
                case "name":
                    runs += self._value(values[content], mark["format"])
                case "cite":
                    runs.append(TextRun(self.label_of("source", content), "cite", content))
                case "reference":
                    runs.append(TextRun(self.label_of("anchor", content), "reference", content))
                case "math":
                    assert content in SYMBOLS, content
                    runs.append(TextRun(content, "math"))
                case "code":
                    runs.append(TextRun(content, "code"))
                case "strong" | "emphasis":
                    emphasis_kind: TextRunKind = "strong" if kind == "strong" else "emphasis"
                    for run in self._runs(content, values):
                        kept = replace(run, bold=True) if kind == "strong" or self.direction == "rtl" else run
                        runs.append(TextRun(run.text, emphasis_kind) if run.kind == "text" else kept)
                case _:
                    raise AssertionError(kind)
        return runs + self._words(sentence[end:])

    def _words(self, text: str) -> list[TextRun]:
        """Return text of the language as runs; in a right-to-left language, Latin words become ``foreign`` runs."""
        if not text:
            return []
        if self.direction == "ltr":
            return [TextRun(text)]
        runs: list[TextRun] = []
        end = 0
        for found in _FOREIGN.finditer(text):
            if found.start() > end:
                runs.append(TextRun(text[end : found.start()]))
            runs.append(TextRun(found[0], "foreign"))
            end = found.end()
        return [*runs, TextRun(text[end:])] if end < len(text) else runs

    def _value(self, value: Any, style: str | None) -> Sequence[TextRun]:
        if style is not None and "|" in style:
            singular, plural = style.split("|")
            return self._words(singular if value == 1 else plural)
        if isinstance(value, TextRun):
            return [value]
        if isinstance(value, tuple):
            return value
        if style is not None:
            return [TextRun(self.numerals.write(value, style), "number")]
        assert isinstance(value, str), (value, style)
        return self._words(value)


def sentences(language: Language) -> dict[str, str]:
    """Return all sentences of a language, by dotted key."""
    return dict(_sentences(language))


@cache
def _sentences(language: Language) -> Mapping[str, str]:
    text = files("squadron.reporting").joinpath("locales", f"{language}.toml").read_text(encoding="utf-8")
    return dict(_flat("", tomllib.loads(text)))


def _flat(prefix: str, table: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            found += _flat(f"{prefix}{key}.", value)
        else:
            found.append((f"{prefix}{key}", _LINE_END.sub(" ", str(value))))
    return found
