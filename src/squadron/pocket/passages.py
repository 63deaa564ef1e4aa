"""Paragraphs: claims about an entity, with distractors, so that guessing by the answer's type does not suffice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from squadron.pocket.dice import Dice
from squadron.pocket.kinds import kinds
from squadron.pocket.names import Namer, Realm
from squadron.pocket.tables import Fact, Kind, Phrasing
from squadron.pocket.telling import Claim, Entity, Reference, Sentence, make_entity, remark, state
from squadron.pocket.values import Source

SHORTEST, LONGEST = 60, 160
"""Bounds on the words of a paragraph."""
FEWEST, MOST = 3, 6
"""Bounds on the questions of a paragraph."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph as sentences; ``source`` can draw more values for it."""

    entity: Entity
    sentences: tuple[Sentence, ...]
    source: Source

    @property
    def text(self) -> str:
        """The paragraph's text."""
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def names(self) -> frozenset[str]:
        """Every coined name that was drawn for it."""
        return frozenset(self.source.namer.coined)

    def askable(self) -> list[Sentence]:
        """Return the sentences that can be asked about, with answer places counted from the start of the paragraph.

        Each has a distractor: the paragraph has another value of the answer's type.
        """
        found: list[Sentence] = []
        start = 0
        for sentence in self.sentences:
            if sentence.claim is not None and self.distractors(sentence.claim):
                found.append(sentence.shifted(start))
            start += len(sentence.text) + 1
        return found

    def distractors(self, claim: Claim) -> list[str]:
        """Return the other values in the paragraph of the same type as this claim's."""
        return _others(self.sentences, claim)


def make_passage(realm: Realm, phrasing: Phrasing, dice: Dice, kind: Kind | None = None) -> Passage:
    """Make a paragraph about a new entity, with the names of one realm and one set of phrasings."""
    kind = kind or dice.pick(kinds())
    while True:
        passage = _attempt(kind, realm, phrasing, dice)
        words = len(passage.text.split())
        if SHORTEST <= words <= LONGEST and len(passage.askable()) >= FEWEST:
            return passage


def _attempt(kind: Kind, realm: Realm, phrasing: Phrasing, dice: Dice) -> Passage:
    source = Source(dice, Namer(realm, dice))
    entity = make_entity(kind, source)
    facts = dice.some(kind.facts, dice.between(4, 6))
    claims = _claims(entity, facts, source)
    if dice.chance(50):
        claims = dice.shuffled(claims)
    companion = make_entity(kind, source) if dice.chance(25) else None

    sentences: list[Sentence] = []
    if dice.chance(80):
        sentences.append(remark(dice.pick(kind.opening), entity, source))
    for claim in claims:
        reference = _reference(dice, sentences)
        sentences.append(state(claim, dice.pick(claim.fact.said[phrasing]), reference, source))
    sentences = _with_asides(sentences, entity, dice, source)
    if companion is not None:
        rivals = _claims(companion, dice.some(facts, dice.between(1, 2)), source)
        sentences.append(remark(dice.pick(kind.companion), entity, source, companion=companion))
        sentences += [state(claim, dice.pick(claim.fact.said[phrasing]), "full", source) for claim in rivals]
    return Passage(entity, tuple(sentences), source)


def _claims(entity: Entity, facts: Sequence[Fact], source: Source) -> list[Claim]:
    return [Claim(entity, fact, source.draw(fact.spec, entity.first_year)) for fact in facts]


def _reference(dice: Dice, before: Sequence[Sentence]) -> Reference:
    """Choose how to refer to the entity: first by full name, then mostly by pronoun or noun.

    This is unambiguous, since a companion is mentioned only later.
    """
    if not before:
        return "full"
    return dice.pick(("pronoun", "pronoun", "pronoun", "noun", "noun", "short"))


def _with_asides(sentences: list[Sentence], entity: Entity, dice: Dice, source: Source) -> list[Sentence]:
    """Insert asides among the sentences: one for each answer type without a distractor, and sometimes one more."""
    asides = {tag: dice.shuffled(templates) for tag, templates in entity.kind.asides.items()}
    wanted: list[str] = []
    for sentence in sentences:
        claim = sentence.claim
        if claim is not None and not _others(sentences, claim) and claim.value.tag not in wanted:
            wanted.append(claim.value.tag)
    spare = [tag for tag in asides if tag not in wanted]
    if spare and dice.chance(40):
        wanted.append(dice.pick(spare))
    found = list(sentences)
    for tag in wanted:
        found.insert(dice.between(1, len(found)), remark(asides[tag].pop(), entity, source))
    while sum(len(sentence.text.split()) for sentence in found) < SHORTEST:
        left = [tag for tag in asides if asides[tag]]
        found.insert(dice.between(1, len(found)), remark(asides[dice.pick(left)].pop(), entity, source))
    return found


def _others(sentences: Sequence[Sentence], claim: Claim) -> list[str]:
    return [
        mention.text
        for sentence in sentences
        for mention in sentence.mentions
        if mention.tag == claim.value.tag and mention.text != claim.value.text
    ]
