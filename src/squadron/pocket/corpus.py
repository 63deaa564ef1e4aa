"""The pre-training corpus: articles, lists, notes, dialogues and FAQ pages about the world; never the study's prompt.

It has its own names and uses the known phrasings, so nothing of the test split and nothing held out is in it. Most
documents restate a paragraph's facts in other words and ask about them; this enables a base of this size to learn
question answering from 2,000 examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count

from squadron.pocket.dice import Dice
from squadron.pocket.kinds import kinds
from squadron.pocket.names import Namer, word_lists
from squadron.pocket.passages import Passage, make_passage
from squadron.pocket.relations import open_kind
from squadron.pocket.telling import Claim, Entity, ask, capitalized, make_entity, state
from squadron.pocket.values import Source

RETOLD_PERCENT = 85
"""Per cent of documents that restate a paragraph's facts and ask about them."""
OPEN_PERCENT = 50
"""Per cent of these that are about open relations (:mod:`squadron.pocket.relations`) rather than the tables' facts."""

_OPENERS = ("Tell me,", "So,", "One more thing:", "And", "Just to be sure:", "I forgot:", "Let me ask:", "Now,")
_REPLIES = (
    "Good question.",
    "That is easy.",
    "Let me think.",
    "I looked it up.",
    "Everybody here knows that.",
    "Well.",
)
_FAQ_HEADS = ("Frequently asked questions about {}", "Visitors ask about {}", "{}: what people want to know")
_QUIZ_HEADS = ("Quiz: {}", "How well do you know {}?", "A short test on {}")
_NOTE_HEADS = ("Notes on {}", "{} in brief", "What to remember about {}", "Summary: {}")
_AGAIN_HEADS = ("In other words", "The same in short", "To sum up", "Told again", "As a student put it")
_SHEET_HEADS = ("Fact sheet: {}", "{} at a glance", "Catalogue card: {}")


def documents(*, seed: int = 0) -> Iterator[str]:
    """Yield documents endlessly, without trailing line breaks. Document *n* of a seed is always the same."""
    for index in count():
        yield document(index, seed=seed)


def document(index: int, *, seed: int = 0) -> str:
    """Return one document, by its index."""
    dice = Dice(seed, "pocket", "corpus", index)
    if dice.chance(RETOLD_PERCENT):
        kind = open_kind(dice) if dice.chance(OPEN_PERCENT) else None
        passage = make_passage("corpus", "known", dice, kind)
        shown = [sentence.claim for sentence in passage.sentences if sentence.claim is not None]
        return dice.pick(_RETELLINGS)(passage, dice.shuffled(shown), dice)
    return dice.pick(_PLAIN)(dice)


def _again(claim: Claim, passage: Passage, dice: Dice) -> str:
    """State the claim in another phrasing than the passage."""
    used = {sentence.template for sentence in passage.sentences if sentence.claim is claim}
    others = [template for template in claim.fact.said["known"] if template not in used]
    return state(claim, dice.pick(others), "full", passage.source).text


def _question(claim: Claim, dice: Dice) -> str:
    return ask(claim, dice.pick(claim.fact.asked["known"]))


def _short(claim: Claim) -> str:
    """Return the bare answer as a spoken sentence: "In 1902."."""
    value = claim.value
    text = f"{value.in_time} {value.text}" if value.tag == "time" else value.text
    if value.tag == "reason":
        text = f"because {text[0].lower()}{text[1:]}"
    return f"{capitalized(text)}."


def _framed(passage: Passage, talk: str, dice: Dice) -> str:
    """Join the paragraph and its restatement, sometimes in reverse order."""
    parts = [passage.text, talk]
    if dice.chance(50):
        parts.insert(0, passage.entity.title)
    return "\n\n".join(parts if dice.chance(85) else [*parts[:-2], talk, passage.text])


def _faq(passage: Passage, claims: Sequence[Claim], dice: Dice) -> str:
    lines = [dice.pick(_FAQ_HEADS).format(passage.entity.full)]
    full = dice.chance(50)
    marked = dice.chance(50)
    for claim in claims:
        reply = _again(claim, passage, dice) if full else _short(claim)
        lines.append(f"Q: {_question(claim, dice)}\nA: {reply}" if marked else f"{_question(claim, dice)}\n{reply}")
    return _framed(passage, "\n\n".join(map(capitalized, lines)), dice)


def _dialogue(passage: Passage, claims: Sequence[Claim], dice: Dice) -> str:
    one, two = dice.shuffled(word_lists()["speakers"])[:2]
    lines: list[str] = []
    for claim in claims:
        question = _question(claim, dice)
        if dice.chance(40):
            question = f"{dice.pick(_OPENERS)} {question[0].lower()}{question[1:]}"
        reply = _short(claim) if dice.chance(50) else _again(claim, passage, dice)
        if dice.chance(25):
            reply = f"{dice.pick(_REPLIES)} {reply}"
        if dice.chance(20):
            reply = f"{_short(claim)} {_again(claim, passage, dice)}"
        lines += [f"{one}: {question}", f"{two}: {reply}"]
    return _framed(passage, "\n".join(lines), dice)


def _interview(passage: Passage, claims: Sequence[Claim], dice: Dice) -> str:
    expert = passage.source.slot("person", passage.entity.first_year).text
    lines = [f"{expert} has written about {passage.entity.full}. We put {len(claims)} questions."]
    lines += [f"{_question(claim, dice)}\n“{_again(claim, passage, dice)}”" for claim in claims]
    return _framed(passage, "\n\n".join(lines), dice)


def _quiz(passage: Passage, claims: Sequence[Claim], dice: Dice) -> str:
    head = capitalized(dice.pick(_QUIZ_HEADS).format(passage.entity.full))
    asked = [_question(claim, dice) for claim in claims]
    if dice.chance(50):
        lines = [f"{number}. {question}" for number, question in enumerate(asked, 1)]
        solved = [f"{number}. {claim.value.text}" for number, claim in enumerate(claims, 1)]
        return _framed(passage, "\n".join([head, *lines, "Solutions", *solved]), dice)
    cards = [f"{question} {_short(claim)}" for question, claim in zip(asked, claims, strict=True)]
    return _framed(passage, "\n".join([head, *cards]), dice)


def _notes(passage: Passage, claims: Sequence[Claim], dice: Dice) -> str:
    head = capitalized(dice.pick(_NOTE_HEADS).format(passage.entity.full))
    lines = [f"- {_again(claim, passage, dice)}" for claim in claims]
    asked = [f"- {_question(claim, dice)} {capitalized(claim.value.text)}" for claim in dice.shuffled(claims)[:3]]
    return _framed(passage, "\n".join([head, *lines, "Check yourself", *asked]), dice)


def _retold(passage: Passage, claims: Sequence[Claim], dice: Dice) -> str:
    told = " ".join(_again(claim, passage, dice) for claim in claims)
    asked = "\n".join(f"{_question(claim, dice)} {_short(claim)}" for claim in dice.shuffled(claims))
    return _framed(passage, f"{dice.pick(_AGAIN_HEADS)}: {told}\n\n{asked}", dice)


def _sheet_and_questions(passage: Passage, claims: Sequence[Claim], dice: Dice) -> str:
    """Make a fact sheet of the same facts, with a label for each instead of a phrasing."""
    by_entity: dict[str, list[Claim]] = {}
    for claim in claims:
        by_entity.setdefault(claim.entity.full, []).append(claim)
    blocks = [_sheet(found[0].entity, found, dice) for found in by_entity.values()]
    asked = [f"{_question(claim, dice)} – {claim.value.text}" for claim in dice.shuffled(claims)]
    return _framed(passage, "\n\n".join([*blocks, "\n".join(asked)]), dice)


def _sheet(entity: Entity, claims: Sequence[Claim], dice: Dice) -> str:
    head = capitalized(dice.pick(_SHEET_HEADS).format(entity.full))
    return "\n".join([head, *(f"{claim.fact.label}: {claim.value.text}" for claim in claims)])


def _article(dice: Dice) -> str:
    passage = make_passage("corpus", "known", dice)
    return f"{passage.entity.title}\n\n{passage.text}" if dice.chance(50) else passage.text


def _fact_sheets(dice: Dice) -> str:
    kind = dice.pick(kinds())
    source = Source(dice, Namer("corpus", dice))
    blocks: list[str] = []
    for _ in range(dice.between(1, 3)):
        entity = make_entity(kind, source)
        facts = dice.some(kind.facts, dice.between(4, 7))
        claims = [Claim(entity, fact, source.draw(fact.spec, entity.first_year)) for fact in facts]
        blocks.append(_sheet(entity, claims, dice))
    return "\n\n".join(blocks)


def _list(dice: Dice) -> str:
    """List several entities of one kind, with one fact each."""
    kind = dice.pick(kinds())
    source = Source(dice, Namer("corpus", dice))
    lines: list[str] = []
    for _ in range(dice.between(4, 8)):
        entity = make_entity(kind, source)
        fact = dice.pick(kind.facts)
        claim = Claim(entity, fact, source.draw(fact.spec, entity.first_year))
        told = state(claim, dice.pick(fact.said["known"]), "full", source).text
        lines.append(f"* {told}" if dice.chance(70) else f"* {entity.title} ({fact.label}: {claim.value.text})")
    return "\n".join([f"List: {kind.noun}", *lines])


def _guide(dice: Dice) -> str:
    """Make a guided tour past several entities, with two facts about each."""
    source = Source(dice, Namer("corpus", dice))
    speaker = dice.pick(word_lists()["speakers"])
    lines: list[str] = []
    for kind in dice.shuffled(kinds())[: dice.between(3, 6)]:
        entity = make_entity(kind, source)
        facts = dice.some(kind.facts, 2)
        first, second = [Claim(entity, fact, source.draw(fact.spec, entity.first_year)) for fact in facts]
        told = state(first, dice.pick(first.fact.said["known"]), "full", source).text
        more = state(second, dice.pick(second.fact.said["known"]), "pronoun", source).text
        lines.append(f"{speaker}: {told} {more}")
    return "\n".join(lines)


_RETELLINGS: tuple[Callable[[Passage, Sequence[Claim], Dice], str], ...] = (
    _faq,
    _faq,
    _dialogue,
    _dialogue,
    _interview,
    _quiz,
    _quiz,
    _notes,
    _retold,
    _retold,
    _sheet_and_questions,
)
_PLAIN: tuple[Callable[[Dice], str], ...] = (_article, _article, _article, _fact_sheets, _list, _guide)
