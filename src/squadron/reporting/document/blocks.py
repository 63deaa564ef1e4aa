"""What a report is made of, before it is HTML or PDF: blocks, and the runs of text within them.

Every figure is already written out in the report's language here, so the renderers cannot tell different ones.

Runs of a paragraph differ in where they come from, which decides how they are set:

- ``text`` is the report's own language;
- ``foreign`` is an English term in it, left to right whatever surrounds it;
- ``number`` is digits with their signs, left to right in both languages;
- ``code`` is an option, a module or a file's name, left to right;
- ``data`` is quoted from the study's files: in its own direction, and never markup;
- ``strong`` and ``emphasis`` are the report's language, stressed;
- ``marked`` is data, too: an answer within its context;
- ``math`` names one of :data:`squadron.reporting.document.formulas.SYMBOLS`;
- ``cite`` and ``reference`` lead to a source, or to a table, figure or section.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

TextRunKind = Literal[
    "text", "foreign", "number", "code", "data", "strong", "emphasis", "math", "cite", "reference", "marked"
]
Align = Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class TextRun:
    """A stretch of text of one kind. ``target`` is the anchor that a ``cite`` or ``reference`` leads to."""

    text: str
    kind: TextRunKind = "text"
    target: str = ""


RichText = tuple[TextRun, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's title; ``level`` 1 is a section, 2 a part of it. ``number`` is written out, or empty."""

    runs: RichText
    level: int
    number: str
    anchor: str


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Running text. A ``missing`` one says what the study lacks, a ``note`` how to read what stands above."""

    runs: RichText
    role: Literal["body", "abstract", "missing", "note"] = "body"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of short statements."""

    items: tuple[RichText, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A line to be read or typed byte for byte."""

    text: str


@dataclass(frozen=True, slots=True)
class Formula:
    """A displayed formula: one of :data:`squadron.reporting.document.formulas.FORMULAS`."""

    name: str
    number: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell, and what it sorts by (``None`` sorts last)."""

    runs: RichText
    key: float | str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column. Numbers stand at the end of their column, words at its start."""

    runs: RichText
    align: Align = "end"


@dataclass(frozen=True, slots=True)
class TableBlock:
    """Columns, rows, and a caption that says what was measured on how many questions."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: RichText
    label: RichText
    anchor: str
    note: RichText = ()
    highlighted: frozenset[int] = frozenset()
    published: frozenset[int] = frozenset()
    long: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row) == len(self.columns), (self.anchor, len(row), len(self.columns))


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart, as a Vega-Lite specification, with a caption and what it shows in words."""

    spec: dict[str, Any]
    caption: RichText
    label: RichText
    anchor: str
    alternative: str


@dataclass(frozen=True, slots=True)
class ExampleBlock:
    """A question with its context and answers, as labelled lines. Each line is set in the direction of its own text."""

    title: RichText
    lines: tuple[tuple[RichText, RichText], ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of the references: always left to right."""

    number: str
    anchor: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class References:
    """The sources, in the order in which they are first cited."""

    sources: tuple[Reference, ...]


Block = Heading | TextBlock | Bullets | Code | Formula | TableBlock | Figure | ExampleBlock | References


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. ``day`` is its date, ``words`` what the renderers themselves say: buttons, titles of lists."""

    language: Literal["en", "fa"]
    direction: Literal["ltr", "rtl"]
    title: RichText
    subtitle: RichText
    date: RichText
    day: datetime.date
    abstract: tuple[TextBlock, ...]
    blocks: tuple[Block, ...]
    words: dict[str, str]


def plain(runs: Sequence[TextRun]) -> str:
    """The text of runs, without their kinds."""
    return "".join(run.text for run in runs)


def texts(report: Report) -> Iterator[str]:
    """Every stretch of text of a report, in order, but for what stands in charts and formulas."""
    yield from (plain(report.title), plain(report.subtitle), plain(report.date))
    for block in (*report.abstract, *report.blocks):
        yield from _texts(block)


def _texts(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            yield f"{block.number} {plain(block.runs)}"
        case TextBlock():
            yield plain(block.runs)
        case Bullets():
            yield from map(plain, block.items)
        case Code():
            yield block.text
        case Formula():
            yield block.number
        case TableBlock():
            yield f"{plain(block.label)} {plain(block.caption)}"
            yield from (plain(column.runs) for column in block.columns)
            yield from (plain(cell.runs) for row in block.rows for cell in row)
            yield plain(block.note)
        case Figure():
            yield f"{plain(block.label)} {plain(block.caption)}"
        case ExampleBlock():
            yield plain(block.title)
            for label, value in block.lines:
                yield f"{plain(label)} {plain(value)}"
        case References():
            for source in block.sources:
                yield f"{source.number} {source.text}"
