"""Law 6: exact match and F1 equal the official evaluation, on any predictions."""

from __future__ import annotations

import json
import lzma
import random
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import official
from squadron.errors import DataError
from squadron.scoring.metrics import answer_scores, exact_match, f1, gold_candidates, normalize_answer, normalize_gold

# Pieces that normalization treats differently, so that equal and nearly equal answers are frequent.
PIECES = ["a", "an", "the", "The", "A.", "cat", "Cat", "dogs", "1,000", "1000", "%", "é", "ß", "İ", "’", "“", "'", '"']
PIECES += ["-", "–", "_", ".", " ", "  ", "\t", "\n", "\u00a0", "\u3000", "\u0301", "۱۲", "است", "東京", "𝔸"]
ANSWERS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), st.text(max_size=12))
FIXED = settings(derandomize=True, deadline=None, max_examples=400)


@FIXED
@given(ANSWERS)
def test_normalization_matches_the_official_one(text: str) -> None:
    assert normalize_answer(text) == normalize_gold(text) == official.normalize(text)


@FIXED
@given(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=4))
def test_v1_matches_the_official_evaluation(prediction: str, golds: list[str]) -> None:
    assert answer_scores(prediction, golds) == official.answer_v1(prediction, golds)
    assert (exact_match(prediction, golds), f1(prediction, golds)) == official.answer_v1(prediction, golds)


@FIXED
@given(ANSWERS, st.lists(ANSWERS, max_size=4))
def test_v2_matches_the_official_evaluation(prediction: str, golds: list[str]) -> None:
    assert answer_scores(prediction, golds, version="2.0") == official.answer_v2(prediction, golds)


@pytest.mark.parametrize(
    ("prediction", "golds", "expected"),
    [
        ("the Denver Broncos!", ["Denver Broncos"], (1, 1.0)),
        ("Broncos", ["Denver Broncos"], (0, 2 / 3)),
        ("Denver Broncos won", ["Denver", "Denver Broncos"], (0, 0.8)),  # the best gold: 2 * (2/3 * 1) / (2/3 + 1)
        ("cat cat dog", ["cat dog dog"], (0, 2 / 3)),  # a bag: one cat and one dog are shared
        ("1,000", ["1000"], (1, 1.0)),
        ("3.5", ["35"], (1, 1.0)),
        ("10 000", ["10000"], (0, 0.0)),
        ("well-known", ["wellknown"], (1, 1.0)),
        ("“Rock”", ["Rock"], (0, 0.0)),  # the official scripts keep Unicode quotes
        ('"Rock"', ["Rock"], (1, 1.0)),
        ("Jackson’s", ["Jackson's"], (0, 0.0)),
        ("two\u00a0 words\n", ["two words"], (1, 1.0)),
        ("", ["x"], (0, 0.0)),
        ("theatre", ["atre"], (0, 0.0)),  # an article is a whole word
        ("the–theatre", ["–theatre"], (1, 1.0)),  # a Unicode dash stays, and ends the word before it
        ("“the cat”", ["“cat”"], (0, 0.0)),  # the article leaves a space: “ cat”
    ],
)
def test_v1_by_hand(prediction: str, golds: list[str], expected: tuple[int, float]) -> None:
    assert answer_scores(prediction, golds) == (expected[0], pytest.approx(expected[1]))


def test_normalization_by_hand() -> None:
    assert normalize_answer("a.") == normalize_answer("The, an A") == ""
    assert normalize_answer("l'a") == "la"
    assert normalize_answer("U.S.A. the  Great") == "usa great"


def test_the_versions_differ_for_answers_that_normalize_to_nothing() -> None:
    assert answer_scores("", ["The"], version="1.1") == (1, 0.0)
    assert answer_scores("", ["The"], version="2.0") == (1, 1.0)
    assert answer_scores("a.", ["The", "cat"], version="1.1") == (1, 0.0)
    assert answer_scores("a.", ["The", "cat"], version="2.0") == (0, 0.0)
    assert answer_scores("cat", [], version="2.0") == (0, 0.0)
    assert answer_scores("", [], version="2.0") == (1, 1.0)
    assert gold_candidates(["The", "cat", "a cat"], version="2.0") == ["cat"]
    assert gold_candidates(["The", "cat", "a cat"]) == ["", "cat"]


def test_v1_requires_a_gold() -> None:
    with pytest.raises(DataError, match=r"no gold answers.*version 2\.0"):
        answer_scores("cat", [])


def test_long_golds_are_scored_without_the_cache() -> None:
    long = "The word. " * 200
    assert normalize_gold(long) == normalize_answer(long) == " ".join(["word"] * 200)


def real_answers(path: Path) -> dict[str, list[str]]:
    with lzma.open(path, "rt", encoding="utf-8") as stream:
        articles = json.load(stream)["data"]
    questions = [qa for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    return {qa["id"]: [answer["text"] for answer in qa["answers"]] for qa in questions}


def spoiled(text: str, generator: random.Random) -> str:
    """Return a prediction that is right, nearly right or wrong, and not empty after normalization."""
    words = text.split()
    return generator.choice([text, text.upper(), f"the {text}.", words[0], f"{text} {words[-1]} x", "nothing like it"])


def test_real_answers_score_as_in_the_official_evaluation_and_torchmetrics(shared_squad: Path) -> None:
    with warnings.catch_warnings():
        # Importing torchmetrics warns about optional packages and about deprecated names in torch.
        warnings.simplefilter("ignore")
        from torchmetrics.functional.text import squad
    golds = real_answers(shared_squad)
    generator = random.Random(5)
    predictions = {question: spoiled(generator.choice(answers), generator) for question, answers in golds.items()}
    assert len(golds) == 8381
    pairs = [answer_scores(predictions[question], golds[question]) for question in golds]
    assert pairs == [official.answer_v1(predictions[question], golds[question]) for question in golds]
    theirs = squad(
        [{"prediction_text": text, "id": question} for question, text in predictions.items()],
        [{"answers": {"answer_start": [0], "text": answers}, "id": question} for question, answers in golds.items()],
    )
    exact, overlap = (100 * sum(column) / len(golds) for column in zip(*pairs, strict=True))
    assert 30 < exact < overlap < 90
    # torchmetrics sums in single precision.
    assert (exact, overlap) == (
        pytest.approx(float(theirs["exact_match"]), abs=0.01),
        pytest.approx(float(theirs["f1"]), abs=0.01),
    )
