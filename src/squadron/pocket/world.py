"""The question set ``pocket``: paragraphs of the synthetic world with their questions, generated on demand.

Training and half of the validation and test splits use the known phrasings. The other halves use phrasings that occur
nowhere else, in statements and in questions: validation its own, and test its own. The ``part`` of a validation or test
question is ``known`` or ``new``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Literal

from squadron.data.squad import Answer, Dataset, Paragraph, Question
from squadron.errors import DataError
from squadron.pocket.dice import Dice
from squadron.pocket.passages import FEWEST, MOST, Passage, make_passage
from squadron.pocket.tables import Phrasing
from squadron.pocket.telling import Sentence, ask

Split = Literal["train", "validation", "test"]
HELD_OUT: Mapping[Split, Phrasing] = {"validation": "validation", "test": "new"}
"""The phrasings that each split has for itself."""


def make_dataset(split: Split, questions: int, *, seed: int = 0) -> Dataset:
    """Make exactly ``questions`` questions of a split, cutting the last paragraph. Larger sets start with smaller ones.

    Raises :class:`DataError` for an unknown split or a negative number.
    """
    if split not in ("train", "validation", "test"):
        raise DataError(f"pocket has no split {split!r}; it has train, validation and test")
    if questions < 0:
        raise DataError(f"pocket: {questions} questions asked of {split}; ask for 0 or more")
    if split == "train":
        paragraphs = _first(split, "known", questions, seed)
    else:
        known = _first(split, "known", (questions + 1) // 2, seed)
        new = _first(split, HELD_OUT[split], questions // 2, seed)
        paragraphs = list(_alternating(known, new))
    return Dataset(tuple(paragraphs), "1.1", f"pocket ({split})")


def make_splits(*, train: int = 2000, validation: int = 200, test: int = 500, seed: int = 0) -> dict[str, Dataset]:
    """Make the three splits, by name."""
    return {
        "train": make_dataset("train", train, seed=seed),
        "validation": make_dataset("validation", validation, seed=seed),
        "test": make_dataset("test", test, seed=seed),
    }


def paragraph_of(split: Split, phrasing: Phrasing, index: int, *, seed: int = 0) -> tuple[Paragraph, Passage]:
    """Make one paragraph with all its questions, and return the passage that it is made from as well."""
    dice = Dice(seed, "pocket", split, phrasing, index)
    passage = make_passage(split, phrasing, dice)
    askable = passage.askable()
    chosen = dice.shuffled(askable)[: dice.between(FEWEST, MOST)]
    context = passage.text
    part = "known" if phrasing == "known" else "new"
    questions = tuple(
        _question(sentence, f"{part}-{split}-{index:05d}-{number}", context, phrasing, dice)
        for number, sentence in enumerate(chosen)
    )
    if split != "train":
        questions = tuple(replace(question, part=part) for question in questions)
    return Paragraph(passage.entity.title, context, questions), passage


def _question(sentence: Sentence, identity: str, context: str, phrasing: Phrasing, dice: Dice) -> Question:
    claim = sentence.claim
    assert claim is not None, sentence
    text = ask(claim, dice.pick(claim.fact.asked[phrasing]))
    golds = sentence.golds
    if claim.value.tag == "time" and re.search(r"\byear\b", text):
        golds = golds[::-1]  # a question for the year has the year as its first gold answer
    return Question(identity, text, tuple(Answer(context[start:end], start) for start, end in golds))


def _first(split: Split, phrasing: Phrasing, questions: int, seed: int) -> list[Paragraph]:
    found: list[Paragraph] = []
    left = questions
    for index in count():
        if left <= 0:
            break
        paragraph, _ = paragraph_of(split, phrasing, index, seed=seed)
        kept = paragraph.questions[:left]
        found.append(Paragraph(paragraph.article, paragraph.context, kept))
        left -= len(kept)
    return found


def _alternating(known: list[Paragraph], new: list[Paragraph]) -> Iterator[Paragraph]:
    for place in range(max(len(known), len(new))):
        yield from known[place : place + 1]
        yield from new[place : place + 1]
