"""Open relations: they can be stated and asked about any entity, and have no held-out phrasing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import pytest

from squadron.pocket.dice import Dice
from squadron.pocket.kinds import kinds
from squadron.pocket.passages import make_passage
from squadron.pocket.relations import open_kind, open_world
from squadron.pocket.tables import SLOTS, Phrasing

WORLD = open_world()
LINES = [*((relation.key, relation.lines) for relation in WORLD.relations), ("role", WORLD.role)]


@pytest.mark.parametrize(("key", "lines"), LINES, ids=[key for key, _ in LINES])
def test_a_relation_has_many_statements_and_questions(key: str, lines: tuple[str, ...]) -> None:
    asked = [line for line in lines if line.endswith("?")]
    said = [line for line in lines if not line.endswith("?")]
    assert len(said) >= 4, key
    assert len(asked) >= 3, key
    assert max(Counter(lines).values()) == 1
    for line in said:
        assert line.endswith("."), line
        assert line.count("{v}") + line.count("{when}") == 1, line
        assert re.search(r"\{(x|it|its|name)\}", line), line
    for line in asked:
        assert re.search(r"\{(x|name|name_s)\}", line), line
        assert not re.search(r"\{(v|when)\}", line), line


def test_every_answer_type_has_asides_with_distractors() -> None:
    for relation in WORLD.relations:
        assert len(WORLD.asides[relation.spec.tag]) >= 2, relation.key
    for aside in (aside for own in WORLD.asides.values() for aside in own):
        assert set(re.findall(r"\{(\w+)\}", aside)) <= {*SLOTS, *WORLD.asides}, aside


def test_each_drawn_kind_has_new_facts() -> None:
    kinds = [open_kind(Dice(1, "open", number)) for number in range(200)]
    assert len({fact.key for kind in kinds for fact in kind.facts}) > 1000
    for kind in kinds:
        assert len({fact.key for fact in kind.facts}) == len(kind.facts) >= 9
    passage = make_passage("corpus", "known", Dice(2, "open"), kinds[0])
    assert len(passage.askable()) >= 3
    assert not re.search(r"[{}\[\]]", passage.text)


def held_out(lines: Mapping[Phrasing, tuple[str, ...]]) -> tuple[str, ...]:
    return (*lines["validation"], *lines["new"])


def test_no_held_out_phrasing_is_among_them() -> None:
    """Whatever fills the slots, no line equals a held-out phrasing of any fact."""
    patterns = []
    for kind in kinds():
        for fact in kind.facts:
            for template in (*held_out(fact.said), *held_out(fact.asked)):
                parts = [part.lower() for part in re.split(r"\{\w+\}|[\[\]]", template) if part.strip(" .,?")]
                patterns.append((template, re.compile(".+".join(map(re.escape, parts)))))
    assert len(patterns) >= 400
    checked = 0
    for _, lines in LINES:
        for line in lines:
            for part in ("the old part of name", "name's old part"):
                text = line.replace("{x}", part).replace("{when}", "in value").lower()
                text = re.sub(r"[\[\]]", "", re.sub(r"\{(\w+)\}", r"\1", text))
                assert not [template for template, pattern in patterns if pattern.search(text)], line
                checked += 1
    assert checked > 1000
