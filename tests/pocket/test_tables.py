"""The tables: enough kinds, facts and phrasings, and templates that can be filled."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from squadron.pocket.kinds import kinds
from squadron.pocket.pools import pools
from squadron.pocket.tables import SLOTS, Fact, Kind

KINDS = kinds()
FACTS = [(kind, fact) for kind in KINDS for fact in kind.facts]
NAMES = [f"{kind.key}.{fact.key}" for kind, fact in FACTS]
STOP = set(
    re.findall(
        r"\w+",
        "a an and as at be been by did do does for from had has have how in into is it its long many much of on one "
        "out that the to was were what when where which who whom whose why with",
    )
)
each_fact = pytest.mark.parametrize(("kind", "fact"), FACTS, ids=NAMES)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.key for kind in KINDS])


def words(*templates: str) -> set[str]:
    return {word for text in templates for word in re.findall(r"[a-z]+", re.sub(r"\{\w+\}", " ", text.lower()))} - STOP


def test_there_are_enough_kinds_and_facts() -> None:
    assert len(KINDS) >= 14
    assert len(FACTS) >= 100
    assert len(set(NAMES)) == len(NAMES)
    assert len({kind.key for kind in KINDS}) == len(KINDS)


@each_fact
def test_a_fact_has_enough_phrasings(kind: Kind, fact: Fact) -> None:
    del kind
    assert len(fact.said["known"]) >= 10
    assert len(fact.asked["known"]) >= 10
    assert len(fact.said["new"]) == len(fact.said["validation"]) >= 1
    assert len(fact.asked["new"]) == len(fact.asked["validation"]) >= 1


def test_no_phrasing_is_written_twice() -> None:
    for kind in KINDS:
        found = Counter(line.removeprefix("* ") for fact in kind.facts for line in fact.lines)
        assert max(found.values()) == 1, (kind.key, found.most_common(3))


@each_fact
def test_a_held_out_phrasing_has_a_word_that_no_known_one_has(kind: Kind, fact: Fact) -> None:
    del kind
    known = words(*fact.said["known"], *fact.asked["known"])
    for template in (line for key in ("validation", "new") for line in (*fact.said[key], *fact.asked[key])):
        assert words(template) - known, template


@each_fact
def test_statements_name_the_entity_and_the_answer_once(kind: Kind, fact: Fact) -> None:
    slots = {"it", "its", "name", "v", "when", "other", *SLOTS, *pools()}
    for template in (line for own in fact.said.values() for line in own):
        found = Counter(re.findall(r"\{(\w+)\}", template))
        assert found["v"] + found["when"] == 1, template
        assert found["it"] + found["its"] + found["name"] >= 1, template
        assert set(found) <= slots, template
        assert template.endswith("."), template
        assert template.count("[") == template.count("]") <= 1, template
        assert found["when"] == 0 or fact.spec.tag == "time", template
    del kind


@each_fact
def test_questions_name_the_entity_and_nothing_else(kind: Kind, fact: Fact) -> None:
    del kind
    for template in (line for own in fact.asked.values() for line in own):
        found = re.findall(r"\{(\w+)\}", template)
        assert {"name", "name_s"} & set(found), template
        assert set(found) <= {"name", "name_s", "its"}, template
        assert template.endswith("?"), template


@each_kind
def test_every_answer_type_has_asides_with_distractors(kind: Kind) -> None:
    for fact in kind.facts:
        assert len(kind.asides[fact.spec.tag]) >= 2, (kind.key, fact.spec.tag)
    for templates in kind.asides.values():
        for template in templates:
            assert set(re.findall(r"\{(\w+)\}", template)) <= {"name", *SLOTS, *pools()}, template


@each_kind
def test_openings_and_companions_can_be_filled(kind: Kind) -> None:
    assert len(kind.opening) >= 4
    assert len(kind.companion) >= 3
    assert all(template.count("{name}") == 1 for template in kind.opening)
    assert all(template.count("{c}") == 1 for template in kind.companion)


def test_pools_are_large_and_have_no_duplicate_entries() -> None:
    for name, columns in pools().items():
        size = 1
        for column in columns:
            assert len(set(column)) == len(column), name
            size *= len(column)
        assert size >= 7, name
    assert {fact.spec.tag for _, fact in FACTS} >= {"person", "place", "time", "number", "reason", "river"}
