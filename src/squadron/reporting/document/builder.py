"""A report while it is written: blocks in order, numbered as they come, in the words of one language."""

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
    Example,
    Figure,
    Formula,
    Heading,
    Paragraph,
    Run,
    Runs,
    Table,
)
from squadron.reporting.document.text import LONGEST_NAME, LONGEST_TEXT, clipped
from squadron.reporting.localization.numbers import Numerals
from squadron.reporting.localization.translate import Wording, sentences

Labels = Mapping[tuple[str, str], str]
"""How text calls a table, figure, formula, section or source: by ``anchor`` or ``source`` and its name."""


class Draft:
    """Takes blocks one after the other and numbers them.

    A sentence may lead to a table that comes only later. So a report is drafted twice: what ``labels`` holds is what
    :attr:`found` of the first time held.
    """

    def __init__(self, language: Language, labels: Labels) -> None:
        self.blocks: list[Block] = []
        self.cited: list[str] = []
        self.found: dict[tuple[str, str], str] = {}
        self._labels = labels
        self._counts = {"section": 0, "part": 0, "table": 0, "figure": 0, "formula": 0}
        self._appendix = False
        numerals = Numerals(WRITING[language].persian_figures)
        self.say = Wording(language, sentences(language), numerals, self._number_of)

    def _number_of(self, kind: str, name: str) -> str:
        if kind == "source":
            if name not in self.cited:
                self.cited.append(name)
            return self.say.numerals.digits(str(self.cited.index(name) + 1))
        return self._labels.get((kind, name), "?")

    # Blocks ----------------------------------------------------------------------------------------------------------

    def section(self, name: str, *, numbered: bool = True) -> None:
        """Begin a section: its title is the sentence ``title.NAME``."""
        number = ""
        if numbered:
            self._counts["section"] += 1
            self._counts["part"] = 0
            number = self._section_number()
            self.found["anchor", name] = self.say.plain("label.section", number=number)
        self.blocks.append(Heading(self.say(f"title.{name}"), 1, number, name))

    def part(self, name: str, title: Runs = ()) -> None:
        """Begin a part of the section; its title is the one given, or the sentence ``title.NAME``."""
        self._counts["part"] += 1
        part = self.say.numerals.digits(str(self._counts["part"]))
        number = self.say.plain("label.part", section=self._section_number(), part=part)
        self.found["anchor", name] = self.say.plain("label.section", number=number)
        self.blocks.append(Heading(title or self.say(f"title.{name}"), 2, number, name))

    def appendices(self) -> None:
        """Sections from here on are appendices, with letters for numbers."""
        self._appendix = True
        self._counts["section"] = 0

    def _section_number(self) -> str:
        count = self._counts["section"]
        if self._appendix:
            return self.say.plain("label.letters").split()[count - 1]
        return self.say.numerals.digits(str(count))

    def paragraph(self, *keys: str, **values: Any) -> None:
        """A paragraph of one or more sentences."""
        self.runs(self.sentences(*keys, **values))

    def told(self, sentences: Sequence[Runs]) -> None:
        """A paragraph of sentences that were chosen already."""
        self.runs(joined(sentences))

    def runs(self, runs: Runs, role: Literal["body", "abstract", "missing", "note"] = "body") -> None:
        """A paragraph of what was put together already."""
        self.blocks.append(Paragraph(runs, role))

    def note(self, key: str, **values: Any) -> None:
        """How to read what stands above."""
        self.runs(self.say(key, **values), "note")

    def missing(self, key: str, **values: Any) -> None:
        """Something that the study lacks, set apart so that nobody overlooks it."""
        self.runs(self.say(key, **values), "missing")

    def bullets(self, items: Iterable[Runs]) -> None:
        """A list of short statements."""
        self.blocks.append(Bullets(tuple(items)))

    def code(self, text: str) -> None:
        """A line to be read or typed byte for byte."""
        self.blocks.append(Code(text))

    def formula(self, name: str) -> None:
        """A displayed formula with its number."""
        number = self._next("formula", name)
        self.blocks.append(Formula(name, number, name))

    def table(
        self,
        anchor: str,
        caption: Runs,
        columns: Sequence[Column],
        rows: Sequence[Sequence[Cell]],
        *,
        note: Runs = (),
        highlighted: Iterable[int] = (),
        published: Iterable[int] = (),
        long: bool = False,
    ) -> None:
        """A table with its number."""
        label = self.say("label.caption", label=self._label("table", anchor))
        self.blocks.append(
            Table(
                tuple(columns),
                tuple(map(tuple, rows)),
                caption,
                label,
                anchor,
                note,
                frozenset(highlighted),
                frozenset(published),
                long,
            )
        )

    def figure(self, anchor: str, spec: dict[str, Any], caption: Runs, alternative: str) -> None:
        """A chart with its number."""
        label = self.say("label.caption", label=self._label("figure", anchor))
        self.blocks.append(Figure(spec, caption, label, anchor, alternative))

    def example(self, title: Runs, lines: Iterable[tuple[Runs, Runs]]) -> None:
        """A question with its context and answers."""
        self.blocks.append(Example(title, tuple(lines)))

    # Words -----------------------------------------------------------------------------------------------------------

    def sentences(self, *keys: str, **values: Any) -> Runs:
        """Several sentences as one stretch."""
        return joined([self.say(key, **values) for key in keys])

    def column(self, key: str, *, align: Literal["start", "end"] = "end") -> Column:
        """A table's column with the title ``column.KEY``."""
        return Column(self.say(f"column.{key}"), align)

    def cell(self, value: float | None, style: str) -> Cell:
        """A cell with a figure."""
        return Cell((self.say.number(value, style),), value)

    def interval(self, ends: tuple[float, float]) -> Cell:
        """A cell with an interval in points."""
        return Cell(self.say.span(*ends), ends[0])

    def words(self, key: str, **values: Any) -> Cell:
        """A cell with words of the report."""
        runs = self.say(key, **values)
        return Cell(runs, "".join(run.text for run in runs))

    def _next(self, kind: str, anchor: str) -> str:
        self._counts[kind] += 1
        number = self.say.numerals.digits(str(self._counts[kind]))
        self.found["anchor", anchor] = self.say.plain(f"label.{kind}", number=number)
        return number

    def _label(self, kind: str, anchor: str) -> str:
        self._next(kind, anchor)
        return self.found["anchor", anchor]


def name(text: object) -> Run:
    """The name of a run, base or file, as data."""
    return Run(clipped(str(text), LONGEST_NAME), "data")


def quote(text: str, longest: int = LONGEST_TEXT) -> Run:
    """A question or an answer, as data."""
    return Run(clipped(text, longest), "data")


def text_cell(runs: Runs) -> Cell:
    """A cell with words, sorted by them."""
    return Cell(runs, "".join(run.text for run in runs))


def joined(sentences: Sequence[Runs]) -> Runs:
    """Sentences one after the other."""
    return tuple(run for place, one in enumerate(sentences) for run in (*((Run(" "),) if place else ()), *one))
