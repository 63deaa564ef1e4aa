"""Make sentences from phrasings and values, with the places of their answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from squadron.pocket.tables import SLOTS, Fact, Kind
from squadron.pocket.values import Source, Value

Reference = Literal["full", "short", "noun", "pronoun"]
"""How a sentence first refers to its entity: as "Ada Brandel", "Brandel", "the bridge" or "she"."""

_TOKEN = re.compile(r"\{(\w+)\}|(\[)|(\])")


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing or person of the world, with its names and its first year."""

    kind: Kind
    full: str
    short: str
    first_year: int
    pronouns: tuple[str, str] = ("it", "its")

    @property
    def title(self) -> str:
        """The name as the title of an article."""
        name = self.full.removeprefix("the ")
        return name[0].upper() + name[1:]


@dataclass(frozen=True, slots=True)
class Claim:
    """A fact about one entity, with its value, before it is phrased."""

    entity: Entity
    fact: Fact
    value: Value


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence; ``golds`` are the places of its answers (the best first), ``mentions`` the values in it."""

    text: str
    template: str
    claim: Claim | None = None
    golds: tuple[tuple[int, int], ...] = ()
    mentions: tuple[Value, ...] = ()

    def shifted(self, by: int) -> Sentence:
        """Return the sentence with its answers' places moved by ``by`` characters."""
        return replace(self, golds=tuple((start + by, end + by) for start, end in self.golds))


def make_entity(kind: Kind, source: Source) -> Entity:
    """Make a new entity of a kind."""
    dice, namer = source.dice, source.namer
    female = dice.chance(50)

    def named(match: re.Match[str]) -> str:
        match match[1]:
            case "first":
                return namer.first_name(female)
            case "ship":
                return namer.ship()
            case sort:
                return namer.word(sort)

    pattern = dice.pick(kind.names)
    slots = dict.fromkeys(re.findall(r"\{\w+\}", pattern))
    filled = {slot: [named(m) for m in re.finditer(r"\{(\w+)\}", pattern) if m[0] == slot] for slot in slots}
    full, _, short = pattern.partition("|")
    for slot, values in filled.items():
        for value in values:
            full = full.replace(slot, value, 1)
        short = short.replace(slot, values[0])
    source.reserve(full)
    pronouns = (("she", "her") if female else ("he", "his")) if kind.sexes else ("it", "its")
    return Entity(kind, full, short or full, dice.between(*kind.era), pronouns)


def state(claim: Claim, template: str, reference: Reference, source: Source) -> Sentence:
    """Return the sentence that states a claim with the phrasing ``template``."""
    return _render(template, claim.entity, reference, source, claim)


def remark(template: str, entity: Entity, source: Source, *, companion: Entity | None = None) -> Sentence:
    """Return a sentence that no question asks about: an opening, an aside, or the introduction of a companion."""
    if companion is not None:
        template = template.replace("{c}", companion.full)
    return _render(template, entity, "full" if template.count("{name}") else "noun", source, None)


def ask(claim: Claim, template: str) -> str:
    """Return the question about a claim with the phrasing ``template``."""
    entity = claim.entity
    text = template.replace("{name}", entity.full).replace("{name_s}", possessive(entity.full))
    return capitalized(text.replace("{its}", entity.pronouns[1]).replace("{it}", entity.pronouns[0]))


def possessive(name: str) -> str:
    """Return the possessive form of a name."""
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def capitalized(text: str) -> str:
    """Return the text with its first letter capitalized."""
    return text[0].upper() + text[1:]


def _render(template: str, entity: Entity, reference: Reference, source: Source, claim: Claim | None) -> Sentence:
    parts: list[str] = []
    spans: dict[str, tuple[int, int]] = {}
    mentions: list[Value] = []
    referred = False
    end_of_last = 0

    def position() -> int:
        return sum(map(len, parts))

    for token in _TOKEN.finditer(template):
        parts.append(template[end_of_last : token.start()])
        end_of_last = token.end()
        if token[2]:
            spans["longer"] = (position(), -1)
        elif token[3]:
            spans["longer"] = (spans["longer"][0], position())
        elif token[1] in ("it", "its", "name", "name_s"):
            parts.append(_refer(token[1], entity, "pronoun" if referred and token[1] in ("it", "its") else reference))
            referred = True
        elif token[1] in ("v", "when"):
            assert claim is not None, template
            if token[1] == "when":
                parts.append(f"{claim.value.in_time} ")
            spans["value"] = (position(), position() + len(claim.value.text))
            mentions.append(claim.value)
            parts.append(claim.value.text)
        else:
            spec = claim.fact.spec if token[1] == "other" and claim else SLOTS.get(token[1])
            drawn = source.draw(spec, entity.first_year) if spec else source.slot(token[1], entity.first_year)
            mentions.append(drawn)
            parts.append(drawn.text)
    parts.append(template[end_of_last:])
    text = capitalized("".join(parts))
    return Sentence(text, template, claim, _golds(text, spans, claim.value) if claim else (), tuple(mentions))


def _refer(slot: str, entity: Entity, reference: Reference) -> str:
    subject, owner = entity.pronouns
    if reference == "pronoun" and slot in ("it", "its"):
        return subject if slot == "it" else owner
    if reference == "full":
        name = entity.full
    elif reference == "short" or entity.kind.sexes:
        name = entity.short
    else:
        name = f"the {entity.kind.noun}"
    return possessive(name) if slot in ("its", "name_s") else name


def _golds(text: str, spans: dict[str, tuple[int, int]], value: Value) -> tuple[tuple[int, int], ...]:
    """Return the places of up to three answers: the value, then the longer answer, then shorter forms."""
    start, end = spans["value"]
    found = [(start, end)]
    if "longer" in spans:
        found.append(spans["longer"])
    for shorter in value.shorter:
        at = text.index(shorter, start, end)
        found.append((at, at + len(shorter)))
    return tuple(dict.fromkeys(found))[:3]
