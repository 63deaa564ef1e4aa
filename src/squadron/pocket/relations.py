"""Open relations: what may be said of any part of anything, in many words. For the corpus alone.

The facts of :mod:`squadron.pocket.kinds` are a closed list; a reader who has met nothing else learns their sentences by
heart. Here a relation (who built it, when it was closed, why it was lost) is told of a part of an entity ("its old
clock", "the northern gate of the museum"), drawn from thousands. What is asked can then be found only by reading: the
question's part must be met again in the text, and its verb or a word that means the same. A paragraph has several
relations of one part and one relation of several parts, so that neither alone is enough.

They stand in ``texts/relations``; ``texts/parts.txt`` has the parts.
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
"""The files of ``texts/relations``, as the relations are counted when one is drawn."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation: its key, how its value is drawn, and its phrasings."""

    key: str
    spec: Spec
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenWorld:
    """All that open facts are made of. ``role`` are the phrasings of who has a role, ``{role}`` its name."""

    relations: tuple[Relation, ...]
    qualities: tuple[str, ...]
    parts: tuple[str, ...]
    roles: tuple[str, ...]
    role: tuple[str, ...]
    asides: Mapping[str, tuple[str, ...]]


@cache
def open_world() -> OpenWorld:
    """Return the relations and what they are told of. Raises :class:`DataError` where a file of theirs is wrong."""
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
            raise line.error("no relation has held-out phrasings: it is told in the corpus alone")
    return Relation(section.name, spec, lines)


def open_kind(dice: Dice) -> Kind:
    """A kind of entity as it stands in the tables, but with facts of its own drawn from the open relations."""
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
    """One relation of one part, which a statement may call by the entity's pronoun and a question never does."""
    lines = []
    for line in relation.lines:
        of = dice.chance(50)
        whose = ("{name_s} " if line.endswith("?") else "{its} ") + part
        lines.append(line.replace("{x}", f"the {part} of {{name}}" if of else whose))
    label = f"{part.capitalize()} ({relation.key.replace('_', ' ')})"
    return Fact(f"{part} {relation.key}", relation.spec, label, tuple(lines))
