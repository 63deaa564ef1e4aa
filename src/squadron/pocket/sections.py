"""Read the world's text files, which consist of sections of settings and lines; see ``texts/README.md``.

A mistake in a file raises :class:`DataError` with the file and the line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files

from squadron.errors import DataError

_FOLDER = "texts"
_SETTING = re.compile(r"(\w+)\s*=\s*(.*)")
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, stripped of surrounding spaces."""

    file: str
    number: int
    text: str

    def error(self, problem: str) -> DataError:
        """Return an error about this line."""
        return DataError(f"{self.file}, line {self.number}: {problem}")

    def slots(self, known: Collection[str]) -> Counter[str]:
        """Count the line's slots by name. Raises :class:`DataError` for one that is not ``known``, or a stray brace."""
        found = Counter(_SLOT.findall(self.text))
        for name in found:
            if name not in known:
                raise self.error(f"no slot {{{name}}} here; there are {', '.join(sorted(known)) or 'none'}")
        if re.search(r"[{}]", _SLOT.sub("", self.text)):
            raise self.error("unbalanced brace; a slot is written {name}")
        return found

    def whole_numbers(self, count: int) -> tuple[int, ...]:
        """Return the line's numbers. Raises :class:`DataError` unless it has exactly ``count`` whole numbers."""
        words = self.text.split()
        if len(words) != count or not all(re.fullmatch("[0-9]+", word) for word in words):
            raise self.error(f"{self.text!r} is not {count} whole numbers")
        return tuple(map(int, words))


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its heading, the settings at its start (their values as lines), and its other lines."""

    heading: Line
    settings: dict[str, Line]
    lines: tuple[Line, ...]

    @property
    def sort(self) -> str:
        """The first word of the heading: ``fact`` of ``fact birth_date``."""
        return self.heading.text.partition(" ")[0]

    @property
    def name(self) -> str:
        """The rest of the heading: ``birth_date`` of ``fact birth_date``."""
        return self.heading.text.partition(" ")[2]

    def set_to(self, name: str) -> Line:
        """Return a setting's value. Raises :class:`DataError` if it is missing."""
        if name not in self.settings:
            raise self.heading.error(f"'== {self.heading.text}' lacks a line '{name} = ...'")
        return self.settings[name]

    def sets_only(self, *settings: str) -> None:
        """Raise :class:`DataError` for a setting with another name."""
        for name, line in self.settings.items():
            if name not in settings:
                raise line.error(f"no setting {name!r} here; there are {', '.join(settings) or 'none'}")

    def words(self) -> tuple[str, ...]:
        """Return the words of all lines. Raises :class:`DataError` for a setting."""
        self.sets_only()
        return tuple(word for line in self.lines for word in line.text.split())

    def texts(self) -> tuple[str, ...]:
        """Return the lines as texts."""
        return tuple(line.text for line in self.lines)


@dataclass(frozen=True, slots=True)
class Text:
    """A file as its sections, by heading and in order."""

    file: str
    sections: Mapping[str, Section]

    def section(self, heading: str) -> Section:
        """Return a section. Raises :class:`DataError` if the file lacks it."""
        if heading not in self.sections:
            raise DataError(f"{self.file}: lacks the section '== {heading}'")
        return self.sections[heading]

    def of_sort(self, sort: str) -> list[Section]:
        """Return the sections whose heading is this word and a name."""
        return [section for section in self.sections.values() if section.sort == sort and section.name]

    def has_only(self, headings: Collection[str], sorts: Collection[str] = ()) -> None:
        """Raise :class:`DataError` for a section with none of these headings and sorts."""
        known = [*headings, *(f"{sort} NAME" for sort in sorts)]
        for heading, section in self.sections.items():
            if heading not in headings and not (section.sort in sorts and section.name):
                raise section.heading.error(f"no section '== {heading}' here; there are {', '.join(known)}")


def read(file: str) -> Text:
    """Read a file of the package's folder ``texts``."""
    try:
        text = (files("squadron.pocket") / _FOLDER / file).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{_FOLDER}/{file}: missing; install Squadron again") from None
    return parse(text, f"{_FOLDER}/{file}")


def parse(text: str, file: str) -> Text:
    """Parse a text into sections; ``file`` names it in errors. Raises :class:`DataError` if it is malformed."""
    found: dict[str, Section] = {}
    settings: dict[str, Line] = {}
    lines: list[Line] = []
    heading: Line | None = None

    def close() -> None:
        if heading is None:
            return
        if not settings and not lines:
            raise heading.error(f"'== {heading.text}' has no lines")
        found[heading.text] = Section(heading, dict(settings), tuple(lines))
        settings.clear()
        lines.clear()

    for number, written in enumerate(text.splitlines(), 1):
        line = Line(file, number, written.strip())
        if not line.text or line.text.startswith("#"):
            continue
        setting = _SETTING.fullmatch(line.text)
        if line.text.startswith("=="):
            close()
            heading = Line(file, number, " ".join(line.text.removeprefix("==").split()))
            if not heading.text or heading.text in found:
                raise heading.error(f"'{line.text}' appears twice" if heading.text else "a section without a heading")
        elif heading is None:
            raise line.error(f"{line.text!r} is before the first section; a section starts with '== HEADING'")
        elif setting and not lines:
            if setting[1] in settings:
                raise line.error(f"{setting[1]!r} is set twice")
            settings[setting[1]] = Line(file, number, setting[2])
        else:
            lines.append(line)
    close()
    return Text(file, found)
