"""Open relations: facts about any part of any entity, in many phrasings. For the corpus only.

The facts of :mod:`squadron.pocket.kinds` are a closed list, and a model trained on nothing else memorizes their
sentences. Here, a relation (who built it, when it was closed, why it was lost) is stated about a part of an entity
("its old clock", "the northern gate of the museum"), drawn from thousands. Answering a question then requires reading:
the model must find the question's part in the text, and its verb or a synonym. A paragraph has several relations of one
part and one relation of several parts, so that matching either alone is not enough.

The relations are in ``texts/relations``, the parts in ``texts/parts.txt``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache

from squadron.pocket.dice import Dice
from squadron.pocket.kinds import kinds
from squadron.pocket.pools import pools
from squadron.pocket.sections import Section, read
from squadron.pocket.tables import Fact, Kind, Spec, person, read_asides, read_phrasings, read_spec

_ORDER = ("people", "times", "places", "things")
"""The files of ``texts/relations``, in the order in which relations are drawn."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation: its key, how its value is drawn, and its phrasings."""

    key: str
    spec: Spec
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenWorld:
    """The components of open facts. ``role`` are the phrasings about who has a role, ``{role}`` is its name."""

    relations: tuple[Relation, ...]
    qualities: tuple[str, ...]
    parts: tuple[str, ...]
    roles: tuple[str, ...]
    role: tuple[str, ...]
    asides: Mapping[str, tuple[str, ...]]


@cache
def open_world() -> OpenWorld:
    """Return the relations and their subjects. Raises :class:`DataError` if one of their files is invalid."""
    text = read("parts.txt")
    text.has_only(("qualities", "parts", "roles", "role"), ("aside",))
    qualities, parts, roles = (text.section(heading).words() for heading in ("qualities", "parts", "roles"))
    asides = read_asides(text, pools())
    text.section("role").sets_only()
    role = read_phrasings(text.section("role"), person(), pools(), "role")
    relations: list[Relation] = []
    for name in _ORDER:
        found = read(f"relations/{name}.txt")
        found.has_only((), ("relation",))
        relations += (_relation(section, asides) for section in found.of_sort("relation"))
    return OpenWorld(tuple(relations), qualities, parts, roles, role, asides)


def _relation(section: Section, asides: Collection[str]) -> Relation:
    section.sets_only("value")
    spec = read_spec(section.set_to("value"), pools(), asides)
    lines = read_phrasings(section, spec, pools(), "x")
    for line in section.lines:
        if line.text.startswith("*"):
            raise line.error("relations have no held-out phrasings: only the corpus uses them")
    return Relation(section.name, spec, lines)


def open_kind(dice: Dice) -> Kind:
    """Draw a kind of entity from the tables, with its facts replaced by some drawn from the open relations."""
    world = open_world()
    kind = dice.pick(kinds())
    parts = [
        f"{dice.pick(world.qualities)} {part}" if dice.chance(60) else part for part in dice.shuffled(world.parts)[:3]
    ]
    facts = [_fact(dice, part, relation) for part in parts for relation in dice.shuffled(world.relations)[:3]]
    common = dice.pick(world.relations)
    keys = {fact.key for fact in facts}
    facts += [_fact(dice, part, common) for part in parts if f"{part} {common.key}" not in keys]
    for role in dice.shuffled(world.roles)[: dice.below(4)]:
        lines = tuple(line.replace("{role}", role) for line in world.role)
        facts.append(Fact(f"{role} role", person(), role.capitalize(), lines))
    return replace(kind, facts=tuple(dice.shuffled(facts)), asides=world.asides)


def _fact(dice: Dice, part: str, relation: Relation) -> Fact:
    """Make a fact of one relation of one part. Statements may refer to the entity by pronoun, questions never do."""
    lines = []
    for line in relation.lines:
        of = dice.chance(50)
        whose = ("{name_s} " if line.endswith("?") else "{its} ") + part
        lines.append(line.replace("{x}", f"the {part} of {{name}}" if of else whose))
    label = f"{part.capitalize()} ({relation.key.replace('_', ' ')})"
    return Fact(f"{part} {relation.key}", relation.spec, label, tuple(lines))
