"""Builder of a report in one language: it adds and numbers blocks in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from squadron.languages import WRITING, Language
from squadron.reporting.document.blocks import (
    Block,
    Bullets,
    Cell,
    Code,
    Column,
    ExampleBlock,
    Figure,
    Formula,
    Heading,
    RichText,
    TableBlock,
    TextBlock,
    TextRun,
)
from squadron.reporting.document.columns import padded
from squadron.reporting.document.text import LONGEST_NAME, LONGEST_TEXT, clipped
from squadron.reporting.localization.numbers import Numerals
from squadron.reporting.localization.translate import Translator, sentences

_MOST_ROWS = 60
"""Rows of a table, unless it asks for more: a study of any size fits in a paper."""

Labels = Mapping[tuple[str, str], str]
"""Labels of tables, figures, formulas and sections in text, by ``("anchor", name)``."""


class Draft:
    """Collects blocks in order and numbers them.

    A sentence may refer to a later table, whose label is not known yet. So a report is drafted twice: ``labels`` is
    :attr:`labels_made` of the first draft.
    """

    def __init__(self, language: Language, labels: Labels) -> None:
        self.blocks: list[Block] = []
        self.cited: list[str] = []
        self.labels_made: dict[tuple[str, str], str] = {}
        self._labels = labels
        self._counts = {"section": 0, "part": 0, "table": 0, "figure": 0, "formula": 0}
        self._appendix = False
        self._by_section = WRITING[language].numbered_by_section
        numerals = Numerals(WRITING[language].persian_figures)
        self.say = Translator(language, sentences(language), numerals, self._label_of)

    def _label_of(self, kind: str, name: str) -> str:
        if kind == "source":
            if name not in self.cited:
                self.cited.append(name)
            return self.say.numerals.digits(str(self.cited.index(name) + 1))
        return self._labels.get((kind, name), "?")

    # Blocks ----------------------------------------------------------------------------------------------------------

    def section(self, name: str, *, numbered: bool = True) -> None:
        """Begin a section with the title ``title.NAME``."""
        number = ""
        if numbered:
            self._counts["section"] += 1
            self._counts["part"] = 0
            if self._by_section:
                self._counts |= dict.fromkeys(("table", "figure", "formula"), 0)
            number = self._section_number()
            self.labels_made["anchor", name] = self.say.plain("label.section", number=number)
        self.blocks.append(Heading(self.say(f"title.{name}"), 1, number, name))

    def part(self, name: str, title: RichText = ()) -> None:
        """Begin a subsection with the given title, or with ``title.NAME``."""
        self._counts["part"] += 1
        part = self.say.numerals.digits(str(self._counts["part"]))
        number = self.say.plain("label.part", section=self._section_number(), part=part)
        self.labels_made["anchor", name] = self.say.plain("label.section", number=number)
        self.blocks.append(Heading(title or self.say(f"title.{name}"), 2, number, name))

    def appendices(self) -> None:
        """Make the following sections appendices, numbered by letters."""
        self._appendix = True
        self._counts["section"] = 0

    def _section_number(self) -> str:
        count = self._counts["section"]
        if self._appendix:
            return self.say.plain("label.letters").split()[count - 1]
        return self.say.numerals.digits(str(count))

    def paragraph(self, *keys: str, **values: Any) -> None:
        """Add a paragraph of one or more sentences by key."""
        self.add_text(self.sentences(*keys, **values))

    def paragraph_of(self, sentences: Sequence[RichText]) -> None:
        """Add a paragraph of sentences."""
        self.add_text(join_sentences(sentences))

    def add_text(self, runs: RichText, role: Literal["body", "abstract", "missing", "note"] = "body") -> None:
        """Add a paragraph of text runs."""
        self.blocks.append(TextBlock(runs, role))

    def note(self, key: str, **values: Any) -> None:
        """Add a note on how to read the block above."""
        self.add_text(self.say(key, **values), "note")

    def missing(self, key: str, **values: Any) -> None:
        """Add a highlighted paragraph about something that the study lacks."""
        self.add_text(self.say(key, **values), "missing")

    def bullets(self, items: Iterable[RichText]) -> None:
        """Add a list of short statements."""
        self.blocks.append(Bullets(tuple(items)))

    def code(self, text: str) -> None:
        """Add a verbatim line."""
        self.blocks.append(Code(text))

    def formula(self, name: str) -> None:
        """Add a displayed formula and number it."""
        number = self._next("formula", name)
        self.blocks.append(Formula(name, number, name))

    def table(
        self,
        anchor: str,
        caption: RichText,
        columns: Sequence[Column],
        rows: Sequence[Sequence[Cell]],
        *,
        note: RichText = (),
        highlighted: Iterable[int] = (),
        published: Iterable[int] = (),
        most: int = _MOST_ROWS,
    ) -> None:
        """Add a table and number it. Of more rows than ``most``, a note says how many are left out."""
        if len(rows) > most:
            left_out = self.say("runs.first", shown=most, others=len(rows) - most)
            rows, note = rows[:most], join_sentences([one for one in (note, left_out) if one])
        label = self.say("label.caption", label=self._label("table", anchor))
        self.blocks.append(
            TableBlock(
                tuple(columns),
                padded(columns, rows),
                caption,
                label,
                anchor,
                note,
                frozenset(highlighted),
                frozenset(published),
            )
        )

    def figure(
        self, anchor: str, spec: dict[str, Any], narrow: dict[str, Any], caption: RichText, alternative: str
    ) -> None:
        """Add a chart and number it; ``narrow`` is the chart for a phone."""
        label = self.say("label.caption", label=self._label("figure", anchor))
        self.blocks.append(Figure(spec, narrow, caption, label, anchor, alternative))

    def example(self, title: RichText, lines: Iterable[tuple[RichText, RichText]]) -> None:
        """Add a question with its context and answers."""
        self.blocks.append(ExampleBlock(title, tuple(lines)))

    # Words -----------------------------------------------------------------------------------------------------------

    def sentences(self, *keys: str, **values: Any) -> RichText:
        """Return several sentences, by key, as one text."""
        return join_sentences([self.say(key, **values) for key in keys])

    def column(self, key: str, *, align: Literal["start", "end"] = "end") -> Column:
        """Return a table column with the title ``column.KEY``."""
        return Column(self.say(f"column.{key}"), align)

    def number_cell(self, value: float | None, style: str) -> Cell:
        """Return a cell with a number."""
        return Cell((self.say.number(value, style),), value)

    def interval_cell(self, ends: tuple[float, float]) -> Cell:
        """Return a cell with an interval in points."""
        return Cell(self.say.interval(*ends), ends[0])

    def phrase_cell(self, key: str, **values: Any) -> Cell:
        """Return a cell with the sentence ``key``."""
        return text_cell(self.say(key, **values))

    def _next(self, kind: str, anchor: str) -> str:
        self._counts[kind] += 1
        number = self.say.numerals.digits(str(self._counts[kind]))
        if self._by_section:
            number = self.say.plain("label.part", section=self._section_number(), part=number)
        self.labels_made["anchor", anchor] = self.say.plain(f"label.{kind}", number=number)
        return number

    def _label(self, kind: str, anchor: str) -> str:
        self._next(kind, anchor)
        return self.labels_made["anchor", anchor]


def name(text: object) -> TextRun:
    """Return the name of a run, base or file, as data."""
    return TextRun(clipped(str(text), LONGEST_NAME), "data")


def quote(text: str, longest: int = LONGEST_TEXT) -> TextRun:
    """Return a question or an answer, as data."""
    return TextRun(clipped(text, longest), "data")


def text_cell(runs: RichText) -> Cell:
    """Return a cell with text, sorted by it."""
    return Cell(runs, "".join(run.text for run in runs))


def join_sentences(sentences: Sequence[RichText]) -> RichText:
    """Join sentences with spaces."""
    return tuple(run for index, one in enumerate(sentences) for run in (*((TextRun(" "),) if index else ()), *one))
