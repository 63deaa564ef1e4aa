"""Building blocks of a report, common to HTML and PDF, and the text runs within them.

Numbers are already formatted in the report's language, so that both renderers print the same ones.

The kind of a text run gives its origin and decides how it is typeset:

- ``text`` is the report's own language;
- ``foreign`` is an English term within it, always left to right;
- ``number`` is digits with their signs, left to right in both languages;
- ``code`` is an option, a module or a file name, left to right;
- ``data`` is quoted from the study's files: in its own direction, and never markup;
- ``strong`` and ``emphasis`` are the report's language, emphasized;
- ``marked`` is also data: an answer within its context;
- ``math`` names one of :data:`squadron.reporting.document.formulas.SYMBOLS`;
- ``cite`` and ``reference`` link to a source, or to a table, figure or section.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from squadron.languages import Language

TextRunKind = Literal[
    "text", "foreign", "number", "code", "data", "strong", "emphasis", "math", "cite", "reference", "marked"
]
Align = Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class TextRun:
    """A piece of text of one kind. ``target`` is the anchor that a ``cite`` or ``reference`` links to.

    ``bold``: it stands within strong words, as a foreign term or a number does.
    """

    text: str
    kind: TextRunKind = "text"
    target: str = ""
    bold: bool = False


RichText = tuple[TextRun, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; ``level`` 1 is a section, 2 a subsection. ``number`` is formatted, or empty."""

    runs: RichText
    level: int
    number: str
    anchor: str


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A paragraph. Role ``missing`` says what the study lacks, ``note`` how to read the block above."""

    runs: RichText
    role: Literal["body", "abstract", "missing", "note"] = "body"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of short statements."""

    items: tuple[RichText, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A verbatim line."""

    text: str


@dataclass(frozen=True, slots=True)
class Formula:
    """A displayed formula: one of :data:`squadron.reporting.document.formulas.FORMULAS`."""

    name: str
    number: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell with its sort key (``None`` sorts last).

    ``pad`` is set after its number and not shown, so that the decimal points of a column stand under one another.
    """

    runs: RichText
    key: float | str | None = None
    pad: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A table column: of words (``start``), or of numbers (``end``), which are set to the right in every language."""

    runs: RichText
    align: Align = "end"


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table with a caption that says what was measured on how many questions."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: RichText
    label: RichText
    anchor: str
    note: RichText = ()
    highlighted: frozenset[int] = frozenset()
    published: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row) == len(self.columns), (self.anchor, len(row), len(self.columns))


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart, as a Vega-Lite specification, with a caption and a text alternative.

    ``narrow`` is the same chart for a screen as narrow as a phone's.
    """

    spec: dict[str, Any]
    narrow: dict[str, Any]
    caption: RichText
    label: RichText
    anchor: str
    alternative: str


@dataclass(frozen=True, slots=True)
class ExampleBlock:
    """A question with its context and answers, as labelled lines, each in the direction of its own text."""

    title: RichText
    lines: tuple[tuple[RichText, RichText], ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of the references, always left to right."""

    number: str
    anchor: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class References:
    """The references, in the order of their first citation."""

    sources: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Particular:
    """A line of the cover: its label, and what the user gave, as data."""

    label: RichText
    value: RichText


@dataclass(frozen=True, slots=True)
class Summary:
    """The abstract in another language, which stands at the end."""

    language: Language
    direction: Literal["ltr", "rtl"]
    title: RichText
    heading: str
    paragraphs: tuple[TextBlock, ...]
    keywords_label: str
    keywords: tuple[str, ...]


Block = Heading | TextBlock | Bullets | Code | Formula | TableBlock | Figure | ExampleBlock | References


@dataclass(frozen=True, slots=True)
class Report:
    """A report. ``day`` is the date of its study, ``words`` are the renderers' own texts: buttons, titles of lists.

    ``cover`` has what was given of author, student_id, supervisor, university, course and term; ``running`` is the
    title above the pages, and ``summary`` the abstract in another language.
    """

    language: Language
    direction: Literal["ltr", "rtl"]
    title: RichText
    subtitle: RichText
    date: RichText
    day: datetime.date
    abstract: tuple[TextBlock, ...]
    blocks: tuple[Block, ...]
    words: dict[str, str]
    running: RichText = ()
    cover: Mapping[str, Particular] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    summary: Summary | None = None


def plain(runs: Sequence[TextRun]) -> str:
    """Return the text of runs, without their kinds."""
    return "".join(run.text for run in runs)


def texts(report: Report) -> Iterator[str]:
    """Yield every text of a report, in order, without those in charts and formulas."""
    yield from (plain(report.title), plain(report.subtitle), plain(report.date))
    for one in report.cover.values():
        yield f"{plain(one.label)} {plain(one.value)}"
    yield from report.keywords
    for block in (*report.abstract, *report.blocks):
        yield from _texts(block)
    if report.summary is not None:
        yield plain(report.summary.title)
        yield from (plain(one.runs) for one in report.summary.paragraphs)
        yield from report.summary.keywords


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
