"""Kinds of wrong answers: an example and a near miss for each rule, arbitrary answers, and real questions."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.failure_records import CONTEXT, RECORDS, record
from squadron.data.sources import load_data
from squadron.data.squad import Dataset, Paragraph, Question
from squadron.errors import DataError
from squadron.scoring.answers import AnswerRecord
from squadron.scoring.failure_kinds import KINDS, Kind, classify, question_word
from squadron.scoring.failures import analyze_failures
from squadron.scoring.metrics import Version, exact_match
from squadron.scoring.wording import AnswerType, answer_type

DOC = Path(__file__).resolve().parents[2] / "docs" / "failures.md"
FIXED = settings(derandomize=True, deadline=None, max_examples=400)


def kind_of(one: AnswerRecord, version: Version = "1.1") -> Kind | None:
    found = classify(one, version=version)
    return None if found is None else found[0]


@pytest.mark.parametrize(
    ("prediction", "gold", "kind"),
    [
        ("the Denver Broncos!", "Denver Broncos", None),
        # Right up to wording.
        ("7", "seven", "wording"),
        ("Levi’s Stadium", "Levi's Stadium", "wording"),
        ("1.2 million dollars", "$1.2 million", "wording"),
        ("October the 16th, 2012", "October 16th 2012", None),
        ("on February 7, 2016", "February 7, 2016", "wording"),
        ("16 October 2012", "October 16, 2012", "wording"),
        ("well known judge", "well-known judges", "wording"),
        ("wellknown judges", "well known judges", "wording"),
        ("a small number of famous judges found guilty", "small number of judges found guilty", "wording"),
        ("2012 October 16", "October 16, 2012", "not_in_context"),  # the same numbers, in another order
        ("October 17, 2012", "October 16, 2012", "not_in_context"),
        ("not guilty", "guilty", "too_long"),
        ("a small number of judges not found guilty", "small number of judges found guilty", "not_in_context"),
        (
            "the Carolina Panthers football team champion",
            "the Denver Panthers football team champion",
            "not_in_context",
        ),
        ("2p − 1", "2p + 1", "not_in_context"),
        # Empty.
        ("", "seven", "empty"),
        ("the", "seven", "empty"),
        (" “…” ", "seven", "empty"),
        # Too long.
        ("Denver Broncos defeated the National Football Conference", "Denver Broncos", "too_long"),
        ("7 turnovers", "seven", "too_long"),
        ("$1.2 million", "$1.2", "too_long"),
        ("240", "24", "not_in_context"),
        ("the Panthers' turnovers", "Panther", "too_long"),
        # Too short.
        ("Broncos", "Denver Broncos", "too_short"),
        ("October 16", "October 16, 2012", "too_short"),
        ("Johann Lessing", "Johann Gerhard Lessing", "too_short"),
        ("of", "Duke of York", "wrong_place"),  # a filler alone is not a part
        ("$1.2", "$1.2 million", "too_short"),
        ("judges", "a small number of well-known judges from 15 clubs found the owner guilty", "wrong_place"),
        # Wrong boundaries.
        ("Johann Gerhard", "Gerhard Lessing", "wrong_boundaries"),
        ("Panthers 24–10", "champion Carolina Panthers", "wrong_boundaries"),
        ("Lessing Johann", "Gerhard Lessing", "not_in_context"),  # these do not overlap in the context
        # Other entity of the same type.
        ("Carolina Panthers", "Denver Broncos", "same_type"),
        ("Von Miller", "the Duke of York", "same_type"),
        ("October 16, 2012", "2016", "same_type"),
        ("24", "seven", "same_type"),
        ("New York Giants", "Denver Broncos", "not_in_context"),
        ("the Duke of York", "California", "wrong_place"),
        ("seven turnovers", "2016", "wrong_place"),
        # Copied context.
        ("kicker Graham Gano missed. It was announced on October 16", "Von Miller", "copied_context"),
        ("forced seven turnovers, which cost $1.2 million; kicker Gr", "Von Miller", "copied_context"),
        ("kicker Graham Gano missed. It was announced", "Von Miller", "wrong_place"),  # seven words
        (
            "kicker Graham Gano missed. It was announced on October 16",
            "Linebacker Von Miller was named MVP",
            "wrong_place",
        ),
        # Not in the context, and the rest.
        ("ice hockey", "natural grass", "not_in_context"),
        ("natural grass", "Von Miller", "wrong_place"),
        ("missed", "natural grass", "wrong_place"),
    ],
)
def test_kinds_and_near_misses(prediction: str, gold: str, kind: Kind | None) -> None:
    assert kind_of(record(prediction, gold)) == kind


def test_numbers_are_compared_in_order() -> None:
    assert kind_of(record("10–24", "24–10")) == "not_in_context"
    assert kind_of(record("24 to 10", "24–10")) == "wording"


def test_a_gold_that_was_cut_off_is_a_truncated_context() -> None:
    seen = CONTEXT[: CONTEXT.index("Linebacker")]
    cut = record("Graham Gano", "Von Miller", truncated=True, visible_context=seen)
    assert kind_of(cut) == "truncated_context"
    assert kind_of(replace(cut, prediction="")) == "truncated_context"
    assert kind_of(replace(cut, stopped=False)) == "truncated_context"
    assert kind_of(replace(cut, prediction="von-miller")) == "wording"  # a lucky guess still counts as right
    # Near misses: seen after all, another gold seen, in no part of the context, not cut.
    assert kind_of(replace(cut, visible_context=f"{seen} Von Miller")) == "same_type"
    assert kind_of(replace(cut, golds=("Von Miller", "Denver Broncos"))) == "same_type"
    assert kind_of(replace(cut, golds=("Tom Brady",))) == "same_type"
    assert kind_of(replace(cut, truncated=False)) == "same_type"
    # A half-visible gold counts as not seen.
    assert kind_of(replace(cut, visible_context=f"{seen} Linebacker Von Mil")) == "truncated_context"


def test_an_answer_without_eos_never_stopped() -> None:
    endless = record("Denver Broncos Denver Broncos Denver", "Denver Broncos", tokens=16, stopped=False)
    assert kind_of(endless) == "never_stopped"
    assert kind_of(replace(endless, stopped=True)) == "too_long"
    assert kind_of(replace(endless, prediction=" ")) == "never_stopped"
    assert kind_of(replace(endless, prediction="", tokens=0)) == "empty"  # a question that left no room for an answer
    assert kind_of(replace(endless, prediction="Denver Broncos")) is None
    assert kind_of(replace(endless, prediction="the Bronco Denver")) == "wording"


def test_v2_answers_to_unanswerable_questions() -> None:
    assert kind_of(record("the radio"), "2.0") == "answered_unanswerable"
    assert kind_of(record("the radio", ""), "2.0") == "answered_unanswerable"
    assert kind_of(record(""), "2.0") is None
    assert kind_of(record("", "Denver Broncos"), "2.0") == "empty"
    with pytest.raises(DataError, match="no gold answers"):
        classify(record("the radio"))


def test_any_gold_may_give_the_kind() -> None:
    assert kind_of(record("Broncos", "missed", "Denver Broncos")) == "too_short"
    assert kind_of(record("seven", "natural grass", "24")) == "same_type"


def test_the_question_distinguishes_years_from_counts() -> None:
    context = f"{CONTEXT} Of 1200 fans 350 came."
    asked = record("350", "1200", context=context, question="How many fans were there?")
    assert kind_of(asked) == "same_type"
    assert kind_of(replace(asked, question="When?")) == "wrong_place"


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Who won?", "who"),
        ("To whom did it go?", "who"),
        ("Whose idea was it?", "who"),
        ("What's the name?", "what"),
        ("In what year was it?", "what"),
        ("  When  was it?", "when"),
        ("Since when?", "when"),
        ("Where is it?", "where"),
        ("On which river?", "which"),
        ("Why?", "why"),
        ("How many turnovers?", "how many"),
        ("How  much money?", "how many"),
        ("How often?", "how"),
        ("The team who lost came from what city?", "what"),
        ("The man when young was who?", "when"),
        ("Did the one who lost say how many?", "how many"),
        ("Name the whole show.", "other"),
        ("", "other"),
    ],
)
def test_question_words(question: str, word: str) -> None:
    assert question_word(question) == word


@FIXED
@given(RECORDS, st.sampled_from(["1.1", "2.0"]))
def test_exactly_the_wrong_answers_have_a_kind(one: AnswerRecord, version: Version) -> None:
    found = classify(one, version=version)
    if exact_match(one.prediction, one.golds, version=version):
        assert found is None
    else:
        assert found is not None
        assert found[0] in KINDS
        assert found[1]


def test_the_doc_lists_every_type_with_true_examples() -> None:
    text = DOC.read_text(encoding="utf-8")
    section = text[text.index("## Types") : text.index("## Rates")]
    rows = re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", section, re.MULTILINE)
    assert [kind for kind, _ in rows] == list(get_args(AnswerType))
    for kind, examples in rows:
        found = re.findall("`([^`]+)`", examples)
        assert {answer_type(example) for example in found} == {kind}, examples


@pytest.fixture(scope="module")
def squad(shared_squad: Path) -> Dataset:
    return load_data(shared_squad)


def asked(dataset: Dataset, *, every: int = 3) -> Iterator[tuple[AnswerRecord, Paragraph, Question]]:
    """Yield every third question, of every paragraph with three, as a record with an empty prediction.

    Every ninth question shows the same in a third of the time, where each record's texts are its own.
    """
    for paragraph, question in itertools.islice(dataset.questions(), 0, None, every):
        golds = tuple(answer.text for answer in question.answers)
        place = question.answers[0].start
        seen = paragraph.context
        yield (
            AnswerRecord(question.id, question.text, seen, golds, "", 3, True, -1.0, False, seen, place),
            paragraph,
            question,
        )


def test_real_golds_are_right(squad: Dataset) -> None:
    records = [replace(one, prediction=one.golds[0]) for one, _, _ in asked(squad, every=1)]
    assert len(records) > 8000
    assert not any(map(classify, records))


def test_the_start_of_a_real_context_is_copied_or_too_long(squad: Dataset) -> None:
    records = [replace(one, prediction=" ".join(one.context.split()[:12])) for one, _, _ in asked(squad)]
    analysis = analyze_failures(records)
    shares = {kind: count / len(analysis.failures) for kind, count in analysis.kinds().items()}
    assert shares["copied_context"] > 0.75
    assert shares["copied_context"] + shares["too_long"] > 0.9
    assert shares["not_in_context"] == shares["empty"] == shares["never_stopped"] == 0


def test_half_a_real_gold_is_too_short(squad: Dataset) -> None:
    halves = []
    for one, _, _ in asked(squad):
        shortest = min(one.golds, key=lambda gold: len(gold.split())).split()
        if len(shortest) > 1:
            halves.append(replace(one, prediction=" ".join(shortest[: len(shortest) // 2])))
    assert len(halves) > 1000
    analysis = analyze_failures(halves)
    kinds = analysis.kinds()
    assert kinds["too_short"] > 0.8 * len(analysis.failures)
    assert kinds["wording"] < 0.03 * len(analysis.failures)


def test_a_real_gold_with_text_around_it_is_too_long(squad: Dataset) -> None:
    records = []
    for one, _, question in asked(squad):
        stop = question.answers[0].start + len(question.answers[0].text)
        records.append(replace(one, prediction=one.golds[0] + " " + " ".join(one.context[stop:].split()[:5])))
    analysis = analyze_failures(records)
    assert len(analysis.failures) > 2500
    assert analysis.kinds()["too_long"] > 0.9 * len(analysis.failures)


def test_other_real_golds_of_a_paragraph_are_of_their_types(squad: Dataset) -> None:
    records, years = [], []
    for one, paragraph, question in asked(squad):
        others = [other.answers[0].text for other in paragraph.questions if other is not question]
        if others:
            records.append(replace(one, prediction=others[len(one.question_id + one.question) % len(others)]))
    for one, _, _ in asked(squad, every=1):
        if re.fullmatch(r"1\d{3}", one.golds[0]):
            other_years = [text for text in re.findall(r"\b1\d{3}\b", one.context) if text not in " ".join(one.golds)]
            years += [replace(one, prediction=text) for text in other_years[:1]]
    analysis = analyze_failures(records)
    shares = {kind: count / len(analysis.failures) for kind, count in analysis.kinds().items()}
    assert shares["same_type"] + shares["wrong_place"] > 0.85
    assert 0.1 < shares["same_type"] < 0.5
    assert shares["wording"] < 0.01
    assert shares["not_in_context"] < 0.01
    rows = {row["value"]: row for row in analysis.table if row["dimension"] == "question_word"}
    alike = {word: row["kinds"]["same_type"] / sum(row["kinds"].values()) for word, row in rows.items()}
    assert alike["who"] > alike["what"] > alike["why"]
    assert len(years) > 100
    assert analyze_failures(years).kinds()["same_type"] > 0.9 * len(years)


def test_answers_of_other_real_paragraphs_are_not_in_the_context(squad: Dataset) -> None:
    records = [one for one, _, _ in asked(squad, every=9)]
    far = records[445:] + records[:445]
    swapped = [replace(one, prediction=other.golds[0]) for one, other in zip(records, far, strict=True)]
    analysis = analyze_failures(swapped)
    assert analysis.kinds()["not_in_context"] > 0.85 * len(analysis.failures)


def test_real_contexts_cut_before_the_answer_are_truncated(squad: Dataset) -> None:
    records = []
    for one, _, question in asked(squad, every=9):
        seen = one.context[: min(answer.start for answer in question.answers)]
        records.append(replace(one, prediction="I do not know that", truncated=True, visible_context=seen))
    analysis = analyze_failures(records)
    cut = analysis.kinds()["truncated_context"]
    assert cut > 0.8 * len(records)  # the others also have a gold earlier in the context
    rows = {row["value"]: row["questions"] for row in analysis.table if row["dimension"] == "truncation"}
    assert rows["cut, answer not seen"] == len(records) - rows["cut, answer seen"]
    assert cut >= 0.99 * rows["cut, answer not seen"]
