"""The question set: exact sizes, correct answers, paragraphs with distractors, and splits that share no names."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from functools import cache
from itertools import islice
from typing import get_args

import pytest

from squadron.data.sources import parse_data
from squadron.data.squad import Dataset
from squadron.errors import DataError
from squadron.pocket.corpus import documents
from squadron.pocket.kinds import kinds
from squadron.pocket.passages import Passage
from squadron.pocket.tables import Phrasing
from squadron.pocket.world import Split, make_dataset, make_splits, paragraph_of

PASSAGES = 150


@cache
def passages(split: Split, phrasing: Phrasing) -> list[tuple[object, Passage]]:
    return [paragraph_of(split, phrasing, index) for index in range(PASSAGES)]


@cache
def splits() -> dict[str, Dataset]:
    return make_splits()


def digest(dataset: Dataset) -> str:
    return hashlib.sha256(json.dumps(dataset.to_json()).encode()).hexdigest()


def test_splits_have_the_sizes_asked_for() -> None:
    assert {name: len(dataset) for name, dataset in splits().items()} == {"train": 2000, "validation": 200, "test": 500}
    for size in (1, 2, 7, 101):
        for split in get_args(Split):
            dataset = make_dataset(split, size)
            assert len(dataset) == size
            assert (dataset.version, dataset.source) == ("1.1", f"pocket ({split})")


def test_same_seed_same_bytes() -> None:
    digests = {split: digest(make_dataset(split, 211)) for split in get_args(Split)}
    assert digests == {split: digest(make_dataset(split, 211)) for split in get_args(Split)}
    others = {split: digest(make_dataset(split, 211, seed=1)) for split in get_args(Split)}
    assert len({*digests.values(), *others.values()}) == 6


def test_the_world_is_the_one_that_the_shipped_base_was_trained_on() -> None:
    """The corpus's hash was made at commit ebd9a42, on whose corpus the shipped base was trained."""
    told = [
        (
            paragraph.article,
            paragraph.context,
            question.id,
            question.text,
            [(a.text, a.start) for a in question.answers],
        )
        for split in get_args(Split)
        for paragraph, question in make_dataset(split, 211).questions()
    ]
    assert (
        hashlib.sha256(json.dumps(told).encode()).hexdigest()
        == "f28e91784466f9251ffce5a7124ba9d77f2f35d163d31072538d52a919b238ed"
    )
    corpus = "\0".join(islice(documents(), 500))
    assert (
        hashlib.sha256(corpus.encode()).hexdigest()
        == "a972c95bf19030139fac5606582c5323de09cc8b465e252d4130873895b6087b"
    )


def test_a_larger_set_starts_with_the_smaller_one() -> None:
    small = [question.id for _, question in make_dataset("train", 53).questions()]
    assert [question.id for _, question in make_dataset("train", 211).questions()][:53] == small


def test_half_of_validation_and_test_has_new_phrasings() -> None:
    parts = {name: Counter(q.part for _, q in dataset.questions()) for name, dataset in splits().items()}
    assert parts == {
        "train": {None: 2000},
        "validation": {"known": 100, "new": 100},
        "test": {"known": 250, "new": 250},
    }
    seven = make_dataset("test", 7).parts()
    assert {part: len(ids) for part, ids in seven.items()} == {"known": 4, "new": 3}
    assert all(name.startswith(f"{part}-test-") for part, ids in seven.items() for name in ids)


def test_bad_sizes_and_splits_are_refused() -> None:
    assert len(make_dataset("train", 0)) == 0
    with pytest.raises(DataError, match="pocket: -1 questions asked of train"):
        make_dataset("train", -1)
    with pytest.raises(DataError, match="no split 'dev'"):
        make_dataset("dev", 5)  # type: ignore[arg-type]


def test_every_answer_is_at_its_start() -> None:
    seen = 0
    for dataset in splits().values():
        for paragraph, question in dataset.questions():
            assert 1 <= len(question.answers) <= 3
            assert len({answer.text for answer in question.answers}) == len(question.answers)
            for answer in question.answers:
                assert paragraph.context.startswith(answer.text, answer.start), (question, answer)
                seen += 1
    assert seen > 3500


def test_loading_the_set_repairs_nothing() -> None:
    read = parse_data(json.dumps(splits()["test"].to_json()).encode(), "pocket")
    assert len(read) == 500
    assert (read.set_aside, read.repaired) == ((), ())
    assert read.paragraphs == splits()["test"].paragraphs


@pytest.mark.parametrize("phrasing", ["known", "new"])
def test_paragraphs_have_bounded_sizes_and_a_distractor_for_every_question(phrasing: Phrasing) -> None:
    for paragraph, passage in passages("test", phrasing):
        assert 60 <= len(passage.text.split()) <= 160
        assert 3 <= len(paragraph.questions) <= 6
        assert len({question.text for question in paragraph.questions}) == len(paragraph.questions)
        told = {sentence.golds: sentence for sentence in passage.askable()}
        for question in paragraph.questions:
            starts = {(answer.start, answer.start + len(answer.text)) for answer in question.answers}
            claim = next(sentence.claim for golds, sentence in told.items() if set(golds) == starts)
            others = passage.distractors(claim)
            assert others, question
            assert all(other in passage.text or other[0].upper() + other[1:] in passage.text for other in others)
            assert claim.entity.full in question.text


@pytest.mark.parametrize("phrasing", ["known", "new"])
def test_paragraphs_are_well_formed(phrasing: Phrasing) -> None:
    for paragraph, passage in passages("test", phrasing):
        texts = [sentence.text for sentence in passage.sentences] + [question.text for question in paragraph.questions]
        for text in texts:
            assert text[0].isupper(), text
            assert text[-1] in ".?", text
            assert not re.search(r"[{}\[\]_]|  | [.,?]|\.\.|,,|\bits's|\b(in|on) (in|on)\b", text), text
            assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n (?!hour)[^aeiouAEIOU]|\b(the|a) (the|a)\b", text), text
            assert not re.search(r"\bon \d{4}\b|\bin \d{1,2} [A-Z]", text), text
            assert text.isascii() or "café" in text, text


def test_every_kind_and_question_word_occurs() -> None:
    contexts = [passage for phrasing in get_args(Phrasing) for _, passage in passages("test", phrasing)]
    assert {passage.entity.kind.key for passage in contexts} == {kind.key for kind in kinds()}
    for dataset in (splits()["train"], splits()["test"]):
        asked = [question.text.lower() for _, question in dataset.questions()]
        for word in ("who", "what", "when", "where", "how many", "how", "which", "why"):
            share = sum(bool(re.search(rf"\b{word}\b", text)) for text in asked) / len(asked)
            assert share >= 0.02, (word, share)
        assert sum(text.startswith("what") for text in asked) / len(asked) < 0.4


def test_some_questions_have_several_gold_answers() -> None:
    golds = [len(question.answers) for _, question in splits()["train"].questions()]
    assert sum(n > 1 for n in golds) / len(golds) > 0.3
    dated = [
        q for _, q in splits()["train"].questions() if any(re.search("[a-z] [0-9]{4}$", a.text) for a in q.answers)
    ]
    assert len(dated) > 100
    for question in dated:  # a question for the year has the year first
        assert question.answers[0].text.isdigit() == bool(re.search(r"\byear\b", question.text)), question


HALVES: dict[Split, tuple[Phrasing, ...]] = {
    "train": ("known",),
    "validation": ("known", "validation"),
    "test": ("known", "new"),
}


def test_no_entity_of_one_split_occurs_in_another() -> None:
    names = {
        split: set().union(*(passage.names for phrasing in phrasings for _, passage in passages(split, phrasing)))
        for split, phrasings in (
            ("train", ("known",)),
            ("validation", ("known", "validation")),
            ("test", ("known", "new")),
        )
    }
    assert min(map(len, names.values())) > 500
    assert sum(map(len, names.values())) == len(set().union(*names.values()))
    text = " ".join(paragraph.context for paragraph in splits()["train"].paragraphs)
    capitalized = set(re.findall(r"[A-Z][a-z]+", text))
    pairs = set(re.findall(r"(?=\b([A-Z][a-z]+ [A-Z][a-z]+))", text))
    assert len(names["train"] & capitalized) > 500
    assert not names["test"] & (capitalized | pairs)
    assert not names["validation"] & (capitalized | pairs)


def test_validation_and_test_have_held_out_phrasings_of_their_own() -> None:
    own = {
        phrasing: {
            line for kind in kinds() for fact in kind.facts for line in (*fact.said[phrasing], *fact.asked[phrasing])
        }
        for phrasing in get_args(Phrasing)
    }
    assert min(len(lines) for lines in own.values()) >= 200
    assert sum(map(len, own.values())) == len(set().union(*own.values()))
    for split, phrasing in (("validation", "validation"), ("test", "new")):
        told = {
            sentence.template
            for index in range(PASSAGES)
            for sentence in paragraph_of(split, phrasing, index)[1].sentences  # type: ignore[arg-type]
            if sentence.claim is not None
        }
        assert told <= own[phrasing]
        parts = {question.id.split("-")[0]: question.part for _, question in make_dataset(split, 40).questions()}  # type: ignore[arg-type]
        assert parts == {"known": "known", "new": "new"}
