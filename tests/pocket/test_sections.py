"""The text files: their format, and a clear error with file and line for every mistake."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from squadron.errors import DataError
from squadron.pocket.kinds import kinds, read_kind
from squadron.pocket.relations import _ORDER as RELATION_FILES
from squadron.pocket.sections import parse, read
from squadron.pocket.tables import DRAWERS, SLOTS, measure, year

LAKE = """\
# Lakes.
== kind
noun = lake
era = 1800 1900
pronouns = it
== names
the {surname} lake|the lake
== opening
{name} is a lake.
== companion
Near it lies {c}.

== fact depth
label = Depth
value = measure 3 90 metres

{it} is {v} deep.
  Its bottom lies [{v} down], and {name} is cold.
How deep is {name}?
* {it} goes down {v}.
* How far down does {name} go?
* {name} sinks by {v}.
* By how much does {name} sink?

== fact dam
label = Dam
value = year 1850 1900
{it} was dammed {when}, like the {river}.
When was {name_s} dam built?
* A dam has held {name} since {v}.
* Since when has a dam held {name}?
* {name} was tamed {when}.
* When was {name} tamed?
== aside number
It has {count} islands.
== aside time
It froze in {later}.
"""


def test_a_file_becomes_a_kind() -> None:
    kind = read_kind("lake", parse(LAKE, "lake.txt"))
    assert (kind.key, kind.noun, kind.era, kind.sexes) == ("lake", "lake", (1800, 1900), False)
    assert (kind.names, kind.opening) == (("the {surname} lake|the lake",), ("{name} is a lake.",))
    assert kind.companion == ("Near it lies {c}.",)
    assert kind.asides == {"number": ("It has {count} islands.",), "time": ("It froze in {later}.",)}
    depth, dam = kind.facts
    assert (depth.key, depth.label, depth.spec) == ("depth", "Depth", measure(3, 90, "metres"))
    assert (dam.key, dam.label, dam.spec) == ("dam", "Dam", year(1850, 1900))
    assert depth.said == {
        "known": ("{it} is {v} deep.", "Its bottom lies [{v} down], and {name} is cold."),
        "validation": ("{it} goes down {v}.",),
        "new": ("{name} sinks by {v}.",),
    }
    assert depth.asked == {
        "known": ("How deep is {name}?",),
        "validation": ("How far down does {name} go?",),
        "new": ("By how much does {name} sink?",),
    }
    assert read_kind("lake", parse(LAKE.replace("= it", "= he or she"), "lake.txt")).sexes


@pytest.mark.parametrize(
    ("before", "after", "line", "problem"),
    [
        ("# Lakes.", "Lakes.", 1, "'Lakes.' is before the first section"),
        ("== names\n", "== nicknames\n", 6, "no section '== nicknames' here; there are kind, names, opening"),
        ("== fact dam\n", "== fact\n", 25, "no section '== fact' here"),
        ("== fact dam\n", "== fact  depth\n", 25, "'== fact  depth' appears twice"),
        ("== fact dam\n", "==\n", 25, "a section without a heading"),
        ("== aside time\nIt froze in {later}.\n", "== aside time\n", 36, "'== aside time' has no lines"),
        ("noun = lake\n", "", 2, "'== kind' lacks a line 'noun = ...'"),
        ("noun = lake", "nuon = lake", 3, "no setting 'nuon' here; there are noun, era, pronouns"),
        ("noun = lake", "noun = lake\nnoun = pond", 4, "'noun' is set twice"),
        ("1800 1900", "1800", 4, "'1800' is not 2 whole numbers"),
        ("pronouns = it", "pronouns = they", 5, "'they'; write 'it' or 'he or she'"),
        ("{surname} lake", "{nickname} lake", 7, "no slot {nickname} here; there are first, peak, river, ship"),
        ("{name} is a lake.", "It is a lake.", 9, "'It is a lake.' must have {name} exactly once"),
        ("measure 3 90 metres", "size 3 90 metres", 15, "no drawer 'size'; there are person, place, river, year"),
        ("measure 3 90 metres", "measure 3 90", 15, "'measure 3 90' is not of the form: measure LOW HIGH UNIT"),
        ("measure 3 90 metres", "measure 3 few metres", 15, "'3 few' is not 2 whole numbers"),
        ("measure 3 90 metres", "count 90 3", 15, "90 is more than 3"),
        ("measure 3 90 metres", "person sometimes", 15, "'person sometimes' is not of the form: person"),
        ("measure 3 90 metres", "one_of fish", 15, "no pool 'fish'; there are goods, material"),
        ("measure 3 90 metres", "one_of dish", 15, "a dish needs asides with distractors"),
        ("{it} is {v} deep.", "{it} is {v} deep", 17, "'{it} is {v} deep' ends with neither a full stop nor"),
        ("{it} is {v} deep.", "{it} is {value} deep.", 17, "no slot {value} here; there are "),
        ("{it} is {v} deep.", "{it} is {v deep.", 17, "unbalanced brace"),
        ("{it} is {v} deep.", "{it} is deep.", 17, "'{it} is deep.' must have exactly one answer"),
        ("{it} is {v} deep.", "The lake is {v} deep.", 17, "'The lake is {v} deep.' does not name its subject"),
        ("{it} is {v} deep.", "{it} is {when} deep.", 17, "{when} is for dates and years, and this value is a number"),
        ("[{v} down]", "[{v} down", 18, "a longer answer must be between one [ and one ]"),
        ("How deep is {name}?", "How deep is {it}?", 19, "no slot {it} here; there are its, name, name_s"),
        ("How deep is {name}?", "How deep is it?", 19, "'How deep is it?' does not name its subject"),
        ("* {it} goes down {v}.\n", "", 13, "'== fact depth' lacks a validation statement or question"),
        ("{count} islands", "{countless} islands", 35, "no slot {countless} here"),
        ("It froze in {later}.", "It froze in {later}", 37, "'It froze in {later}' does not end with a full stop"),
    ],
)
def test_mistakes_are_reported_with_file_and_line(before: str, after: str, line: int, problem: str) -> None:
    text = LAKE.replace(before, after, 1)
    assert text != LAKE
    with pytest.raises(DataError, match=f"^{re.escape(f'lake.txt, line {line}: {problem}')}"):
        read_kind("lake", parse(text, "lake.txt"))


def test_a_missing_section_or_file_is_named() -> None:
    with pytest.raises(DataError, match=r"^lake\.txt: lacks the section '== companion'"):
        read_kind("lake", parse(LAKE.replace("== companion\nNear it lies {c}.\n", ""), "lake.txt"))
    with pytest.raises(DataError, match=r"^texts/kinds/pond\.txt: missing"):
        read("kinds/pond.txt")


def test_every_file_is_read() -> None:
    folder = files("squadron.pocket") / "texts"
    assert {f"{kind.key}.txt" for kind in kinds()} == {file.name for file in (folder / "kinds").iterdir()}
    assert {f"{name}.txt" for name in RELATION_FILES} == {file.name for file in (folder / "relations").iterdir()}


def test_the_description_of_the_format_is_complete() -> None:
    """The folder's README names every slot and drawer, and its example can be read."""
    told = (files("squadron.pocket") / "texts" / "README.md").read_text(encoding="utf-8")
    for name in SLOTS:
        assert f"`{{{name}}}`" in told, name
    for name, (_, form) in DRAWERS.items():
        assert f"`{name} {form}`".replace(" `", "`") in told, name
    example = [line.removeprefix("    ") for line in told.splitlines() if line.startswith("    ")]
    rest = LAKE[LAKE.index("== names") : LAKE.index("== fact depth")] + LAKE[LAKE.index("== aside number") :]
    kind = read_kind("river", parse("\n".join([*example, rest]), "README.md"))
    assert [(fact.key, len(fact.lines)) for fact in kind.facts] == [("length", 7)]
