"""Rows that differ from SQuAD's in a trifle are kept, and what was read differently is counted."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from squadron.data.prepared import load_split
from squadron.data.sources import load_data, parse_data
from squadron.data.squad import Dataset
from squadron.data.validation import pieces
from squadron.errors import DataError

CONTEXT = "Ann met Bob in Rome. Bob left Rome in May."


def parse(data: Any, **how: Any) -> Dataset:
    return parse_data(json.dumps(data).encode(), "f.json", **how)


def qa(identity: Any = "a", answers: Any = None, **more: Any) -> dict[str, Any]:
    given = [{"text": "Ann", "answer_start": 0}] if answers is None else answers
    return {"id": identity, "question": "Who?", "answers": given, **more}


def official(
    *entries: dict[str, Any], context: Any = CONTEXT, version: Any = "1.1", title: Any = "t"
) -> dict[str, Any]:
    article = {"title": title, "paragraphs": [{"context": context, "qas": list(entries)}]}
    return {"version": version, "data": [article]}


def ids(data: Dataset) -> list[str]:
    return [question.id for _, question in data.questions()]


def answers(data: Dataset) -> list[list[tuple[str, int]]]:
    return [[(answer.text, answer.start) for answer in question.answers] for _, question in data.questions()]


def kinds(data: Dataset) -> list[str]:
    return [finding.kind for finding in data.repaired]


def test_numbers_as_ids_are_text_and_equal_ones_are_reported() -> None:
    found = parse(official(qa(7), qa(8.0), qa("7")))
    assert ids(found) == ["7", "8"]
    assert kinds(found) == ["id taken as text"] * 2
    assert "already used by article 't', paragraph 0, question 7" in str(found.set_aside[0])
    assert "(7 as text) already used" in str(parse(official(qa("7"), qa(7))).set_aside[0])


def test_missing_ids_are_made_from_the_place_and_differ_from_the_given() -> None:
    found = parse(official(qa("0-0-1"), qa(None), {k: v for k, v in qa().items() if k != "id"}))
    assert ids(found) == ["0-0-1", "0-0-1-made", "0-0-2"]
    assert kinds(found) == ["id made from the question's place"] * 2
    assert ids(parse([{**qa(""), "context": CONTEXT}])) == ["row-1"]


@pytest.mark.parametrize(
    "document",
    [
        {"title": "u"},
        {"title": "u", "paragraphs": None},
        {"title": "u", "paragraphs": []},
        {"title": "u", "paragraphs": [{"context": "c"}]},
        {"title": "u", "paragraphs": [{"context": "c", "qas": None}]},
        {"title": "u", "paragraphs": ["c"]},
        {"title": "u", "paragraphs": [{"context": "c", "qas": ["?"]}]},
        "u",
        None,
    ],
)
def test_a_document_without_labels_is_set_aside_alone(document: Any) -> None:
    data = official(qa())
    data["data"].insert(0, document)
    found = parse(data)
    assert ids(found) == ["a"]
    assert len(found.set_aside) == 1
    with pytest.raises(DataError, match="stops at the first bad row"):
        parse(data, strict=True)


@pytest.mark.parametrize(
    ("title", "read"),
    [(None, ""), (100, "100"), (" ", ""), ([], ""), ({"a": 1}, ""), (float("nan"), ""), ("x" * 10_001, "")],
)
def test_a_title_is_no_reason_to_lose_a_row(title: Any, read: str) -> None:
    for data in (official(qa(), title=title), [{**qa(), "title": title, "context": CONTEXT}]):
        found = parse(data)
        assert (found.paragraphs[0].article, found.set_aside) == (read, ())


@pytest.mark.parametrize(
    ("given", "impossible"),
    [(None, False), (0, False), (1, True), ("true", True), ("False", False), (1.0, True), (float("nan"), False)],
)
def test_shapes_of_is_impossible(given: Any, impossible: bool) -> None:
    found = parse(official(qa(is_impossible=given, answers=[] if impossible else None), version="v2.0"))
    assert [question.impossible for _, question in found.questions()] == [impossible]
    assert len(found.repaired) == (given is not None and given == given)


def test_other_values_of_is_impossible_cost_their_row() -> None:
    found = parse(official(qa("a"), qa("b", is_impossible="perhaps"), version="v2.0"))
    assert (ids(found), found.set_aside[0].field) == (["a"], "is_impossible")


def test_rows_that_say_impossible_make_the_version_2() -> None:
    found = parse(official(qa("a"), qa("b", [], is_impossible=True), version="1.1"))
    assert (found.version, ids(found), found.set_aside) == ("2.0", ["a", "b"], ())


def test_no_answers_and_no_flag_mean_unanswerable_in_version_2() -> None:
    found = parse(official(qa("a"), qa("b", []), version="v2.0"))
    assert answers(found) == [[("Ann", 0)], []]
    assert kinds(found) == ["missing is_impossible read as true"]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("Ann", "start found"),
        (["Ann"], "start found"),
        ({"text": "Ann", "answer_start": 0}, ""),
        ({"text": ["Ann"], "answer_start": 0}, ""),
        ({"text": "Ann", "answer_start": [0]}, ""),
        ({"text": ["Ann"]}, "start found"),
        ({"text": ["Ann"], "answer_start": []}, "start found"),
        ([{"text": "Ann"}], "start found"),
        ([{"text": "Ann", "answer_start": None}], "start found"),
        ([{"text": "Ann", "answer_start": -1}], "start found"),
        ([{"text": "Ann", "answer_start": 0.0}], "start read as a whole number"),
        ([{"text": "Ann", "answer_start": "0"}], "start read as a whole number"),
        ([{"text": "Ann", "answer_start": "here"}], "start found"),
    ],
)
def test_shapes_of_answers(given: Any, kind: str) -> None:
    for data in (official(qa(answers=given)), [{**qa(answers=given), "context": CONTEXT}]):
        found = parse(data)
        assert answers(found) == [[("Ann", 0)]]
        assert kinds(found) == ([kind] if kind else [])


def test_an_answer_under_the_singular_key_and_one_that_is_a_number() -> None:
    entry = {"id": "a", "question": "When?", "answer": {"text": 1802, "answer_start": 9}}
    assert answers(parse(official(entry, context="Built in 1802."))) == [[("1802", 9)]]


def test_a_missing_start_with_several_places_is_reported() -> None:
    found = parse(official(qa(answers=["Bob"])))
    assert answers(found) == [[("Bob", 8)]]
    assert "the first of 2 places, 8" in str(found.repaired[0])


def test_of_several_answers_only_the_bad_one_is_dropped() -> None:
    given = [{"text": "Zoe", "answer_start": 0}, {"text": "Bob", "answer_start": 8}, {"text": "", "answer_start": 0}]
    found = parse(official(qa(answers=given)))
    assert answers(found) == [[("Bob", 8)]]
    assert kinds(found) == ["bad alternative answer dropped"] * 2
    assert "'Zoe' is not in the context" in str(found.repaired[0])
    assert parse(official(qa("a"), qa("b", given[:1]))).set_aside[0].field == "answers[0].text"


@pytest.mark.parametrize(
    ("context", "text", "right", "given", "unit"),
    [
        ("\U0001f989\U0001f989 ab ab", "ab", 6, 8, "UTF-16 units"),
        ("\u00e9\u00e9\u00e9\u00e9 ab ab", "ab", 5, 9, "bytes"),
        ("x\r\nx\r\n ab ab", "ab", 10, 8, "characters with line ends as one"),
    ],
)
def test_starts_in_other_units_are_converted_before_the_nearest_is_taken(
    context: str, text: str, right: int, given: int, unit: str
) -> None:
    assert context.startswith(text, right)
    assert not context.startswith(text, given)
    found = parse(official(qa(answers=[{"text": text, "answer_start": given}]), context=context))
    assert answers(found) == [[(text, right)]]
    assert kinds(found) == [f"start counted in {unit}"]


@pytest.mark.parametrize("character", ["\f", "\v", "\x00", "\x1f", "\x7f"])
def test_control_characters_are_spaces(character: str) -> None:
    context = f"Ann met{character}Bob."
    given = [{"text": f"met{character}Bob", "answer_start": 4}]
    found = parse(official(qa(answers=given), context=context, title=f"a{character}b"))
    assert (found.paragraphs[0].context, found.paragraphs[0].article) == ("Ann met Bob.", "a b")
    assert answers(found) == [[("met Bob", 4)]]
    assert set(kinds(found)) == {"text with control characters, read as spaces"}


@pytest.mark.parametrize("field", ["question", "context"])
def test_nan_in_place_of_a_text_costs_its_row(field: str) -> None:
    rows = [{**qa("a"), "context": CONTEXT}, {**qa("b"), "context": CONTEXT, field: float("nan")}]
    found = parse(rows)
    assert (ids(found), found.set_aside[0].field) == (["a"], field)


def test_a_long_context_is_cut_at_ends_of_paragraphs_if_asked() -> None:
    filler = "word " * 8_000 + "end.\n\n"
    context = filler * 2 + "The rent is 900 kr.\n\n" + filler * 2
    given = [{"text": "900", "answer_start": context.index("900")}, {"text": "word", "answer_start": 0}]
    data = official(qa("a", given), qa("b", [{"text": "end", "answer_start": 40_000}]), context=context)
    with pytest.raises(DataError, match=r"at most 100,000 are allowed, split it, .*squadron prepare --split-contexts$"):
        parse(data)
    found = parse(data, split_contexts=True)
    assert (ids(found), found.set_aside) == (["a", "b"], ())
    for paragraph, question in found.questions():
        assert len(paragraph.context) <= 100_000
        assert all(paragraph.context.startswith(one.text, one.start) for one in question.answers)
    assert kinds(found) == ["long context cut"] * 2
    spans = pieces(context)
    assert "".join(context[start:stop] for start, stop in spans) == context
    assert all(context[:stop].endswith("\n\n") for _, stop in spans)


def test_scoring_reads_the_texts_of_golds_alone() -> None:
    bad = qa("a", [{"text": "roughly Ann"}, {"text": None}, {"text": "Zoe", "answer_start": "x"}])
    bare = {"id": "b", "answers": [{"text": "Bob"}]}
    contradiction = qa("c", is_impossible=True)
    data = official(bad, bare, contradiction, qa("d", [], is_impossible=True), version="v2.0")
    found = parse(data, texts_only=True)
    assert found.golds() == {"a": ["roughly Ann", "Zoe"], "b": ["Bob"], "c": ["Ann"], "d": []}
    assert kinds(found) == ["bad alternative answer dropped", "impossible question with answers"]
    assert parse(data).golds() == {"c": [], "d": []}  # training keeps is_impossible, and says so
    assert kinds(parse(data)) == ["impossible question with answers"]


def test_the_summary_counts_by_kind(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(official(qa(7), qa(8), qa(9, ["Zoe"]))))
    summary = load_data(path).summary()
    assert summary.startswith("1 set aside, the first: ")
    assert summary.endswith("2 read differently than written (id taken as text: 2)")
    assert parse(official(qa())).summary() == ""


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    content = json.dumps(official(qa())).encode()
    for read in (load_data, lambda path: load_split(path, "train").dataset):
        reader, writer = os.pipe()
        os.write(writer, content)
        os.close(writer)
        assert ids(read(Path(f"/dev/fd/{reader}"))) == ["a"]
        os.close(reader)
    (tmp_path / "data.json").write_bytes(content)
    assert load_split(tmp_path / "data.json", "train").sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("given", "read"),
    [(1.5, "1.5"), (True, "0-0-0"), (" ", "0-0-0"), ([1], "0-0-0"), ({}, "0-0-0"), (float("nan"), "0-0-0")],
)
def test_an_id_of_another_type_costs_nothing(given: Any, read: str) -> None:
    found = parse(official(qa(given)))
    assert (ids(found), len(found.repaired)) == ([read], 1)


@pytest.mark.parametrize(
    ("given", "impossible"), [("yes", True), ("No", False), ("t", True), ("", False), ("None", False)]
)
def test_more_words_for_is_impossible(given: str, impossible: bool) -> None:
    found = parse(official(qa(is_impossible=given, answers=[] if impossible else None), version="v2.0"))
    assert [question.impossible for _, question in found.questions()] == [impossible]


@pytest.mark.parametrize(
    "given",
    [
        '{"text": ["Bob"], "answer_start": [21]}',
        '[{"text": "Bob", "answer_start": 21}]',
        [{"text": ["Bob"], "answer_start": [21]}],
        [{"text": "Bob", "start": 21}],
        [{"answer": "Bob", "answer_start": 21}],
        {"text": ["Bob"], "start": [21]},
    ],
)
def test_more_shapes_of_answers(given: Any) -> None:
    assert answers(parse(official(qa(answers=given)))) == [[("Bob", 21)]]


def test_a_text_that_only_looks_like_json_stays_an_answer() -> None:
    for text in ("[1]", "{see", "{}"):
        found = parse(official(qa(answers=text), context=f"Ann came {text} and left."))
        assert answers(found) == [[(text, 9)]]


@pytest.mark.parametrize(
    ("given", "start", "read"),
    [
        ("40 000 kr", 6, "40\u00a0000 kr"),
        ("Rome ", 21, "Rome"),
        (" two\nlines", None, "two  lines"),
        ("Tom's -", 45, "Tom\u2019s \u2013"),
        ("rome", 17, "Rome"),
        ("rome", 18, None),
        ("a b", 0, None),
    ],
)
def test_an_answer_with_other_white_space_or_typography_is_written_as_the_context_has_it(
    given: str, start: int | None, read: str | None
) -> None:
    context = "Paid: 40\u00a0000 kr; Rome. two  lines in Rome. Tom\u2019s \u2013 x"
    found = parse(official(qa("x", [{"text": given, "answer_start": start}]), qa("y", "Paid"), context=context))
    assert len(found.set_aside) == (read is None)
    if read is not None:
        assert answers(found)[0] == [(read, context.index(read))]
        assert kinds(found)[0] == "answer written as the context has it"
