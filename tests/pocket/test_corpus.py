"""The corpus: facts restated in other words, and no study prompt, held-out phrasing or name of the test split."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from itertools import islice

from squadron.pocket.corpus import document, documents
from squadron.pocket.kinds import kinds
from squadron.pocket.names import realm_of
from squadron.pocket.world import make_dataset, paragraph_of

DOCUMENTS = 1200
HELD_OUT, VALIDATION = (
    sorted({one for kind in kinds() for fact in kind.facts for one in (*fact.said[own], *fact.asked[own])})
    for own in ("new", "validation")
)


@cache
def texts() -> tuple[str, ...]:
    return tuple(islice(documents(), DOCUMENTS))


def pieces(template: str) -> list[str]:
    """Return the literal words of a template, between its slots."""
    return [piece.lower() for piece in re.split(r"\{\w+\}|[\[\]]", template) if piece.strip(" .,?")]


def occurs(template: str, sentences: list[str], everything: str) -> bool:
    """Return True if a sentence has the template's words in order, whatever fills its slots."""
    parts = pieces(template)
    if max(parts, key=len) not in everything:
        return False
    pattern = re.compile(".+".join(map(re.escape, parts)))
    return any(pattern.search(sentence) for sentence in sentences)


def split_up(everything: list[str]) -> tuple[list[str], str]:
    sentences = [s.lower() for text in everything for s in re.split(r"(?<=[.?!”])\s+|\n", text)]
    return sentences, "\n".join(sentences)


def questions_and_sentences(split: str, size: int, phrasing: str) -> list[str]:
    dataset = make_dataset(split, size)  # type: ignore[arg-type]
    kept = [(p, q) for p, q in dataset.questions() if q.part in (None, phrasing)]
    return sorted({p.context for p, _ in kept} | {q.text for _, q in kept})


def test_held_out_phrasings_occur_only_in_the_new_half() -> None:
    new = split_up(questions_and_sentences("test", 3000, "new"))
    met = [template for template in HELD_OUT if occurs(template, *new)]
    assert min(len(HELD_OUT), len(VALIDATION)) >= 200
    assert len(met) / len(HELD_OUT) > 0.95  # the check can find them
    for name, found in (
        ("train", questions_and_sentences("train", 2000, "known")),
        ("validation", questions_and_sentences("validation", 500, "new")),
        ("known half of validation", questions_and_sentences("validation", 500, "known")),
        ("known half", questions_and_sentences("test", 1000, "known")),
        ("corpus", list(texts())),
    ):
        lines = split_up(found)
        assert not [template for template in HELD_OUT if occurs(template, *lines)], name
        if name != "validation":
            assert not [template for template in VALIDATION if occurs(template, *lines)], name


def test_the_studys_prompt_never_occurs() -> None:
    for text in texts():
        assert not re.search(r"\b(context|question|answer)\s*:", text, re.IGNORECASE), text


def test_same_seed_same_bytes() -> None:
    def digest(seed: int) -> str:
        return hashlib.sha256("\0".join(islice(documents(seed=seed), 60)).encode()).hexdigest()

    assert digest(0) == digest(0)
    assert len({digest(seed) for seed in range(4)}) == 4
    assert document(17) == texts()[17]


def test_documents_differ_and_are_complete() -> None:
    assert len(set(texts())) == DOCUMENTS
    for text in texts():
        assert text == text.strip()
        assert not re.search(r"[{}\[\]]|  |\n\n\n|<\|", text), text
        assert 40 < len(text) < 6000


def test_most_documents_have_questions() -> None:
    asking = sum("?" in text for text in texts()) / DOCUMENTS
    assert 0.8 < asking < 0.9


def test_many_formats_occur() -> None:
    marks = (r"^Q: ", r"^A: ", r"^[A-Z][a-z]+: ", r"^- ", r"^\* ", r"^1\. ", r"^“", r"^Solutions$", r"^Fact sheet: ")
    for mark in marks:
        assert sum(bool(re.search(mark, text, re.MULTILINE)) for text in texts()) >= DOCUMENTS // 60, mark
    labels = {f"{fact.label}: " for kind in kinds() for fact in kind.facts}
    assert sum(any(label in text for text in texts()) for label in labels) / len(labels) > 0.9


def test_no_name_of_the_test_split_occurs() -> None:
    words = set(re.findall(r"[A-Z][a-z]+", " ".join(texts())))
    pairs = set(re.findall(r"(?=\b([A-Z][a-z]+ [A-Z][a-z]+))", " ".join(texts())))
    for phrasing in ("known", "new"):
        for index in range(150):
            _, passage = paragraph_of("test", phrasing, index)  # type: ignore[arg-type]
            assert {realm_of(name) for name in passage.names} == {"test"}
            assert not passage.names & (words | pairs)
