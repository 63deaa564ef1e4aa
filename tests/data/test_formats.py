"""Layouts of data files: each is recognised by its keys and gives the same questions, or the error says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from squadron.data.sources import load_data, parse_data
from squadron.data.squad import Dataset
from squadron.errors import DataError

CONTEXT = "The mill of Virr was built in 1802 by Ole Brand."
QUESTIONS = (("When was it built?", "1802", 30), ("Who built it?", "Ole Brand", 38))


def qas(key: str = "id") -> list[dict[str, Any]]:
    return [
        {key: f"q{k}", "question": question, "answers": [{"text": text, "answer_start": start}]}
        for k, (question, text, start) in enumerate(QUESTIONS)
    ]


def articles() -> list[dict[str, Any]]:
    return [{"title": "Mill", "paragraphs": [{"context": CONTEXT, "qas": [qa]}]} for qa in qas()]


def rows() -> list[dict[str, Any]]:
    return [{**qa, "title": "Mill", "context": CONTEXT} for qa in qas()]


def parse(data: Any, **how: Any) -> Dataset:
    return parse_data((data if isinstance(data, str) else json.dumps(data)).encode(), "f.json", **how)


def lines(items: list[Any]) -> str:
    return "\n".join(json.dumps(item, ensure_ascii=False) for item in items)


def plain(data: Dataset) -> list[tuple[str, str, str, int]]:
    return [(p.context, q.text, a.text, a.start) for p, q in data.questions() for a in q.answers]


EXPECTED = [(CONTEXT, *one) for one in QUESTIONS]


@pytest.mark.parametrize(
    "data",
    [
        {"version": "1.1", "data": articles()},
        articles(),
        lines(articles()),
        [{"version": "1.1", "data": [article]} for article in articles()],
        {"data": rows()},
        {"rows": [{"row_idx": k, "row": row} for k, row in enumerate(rows())]},
        {key: [row[key] for row in rows()] for key in rows()[0]},
        {key: {str(k): row[key] for k, row in enumerate(rows())} for key in rows()[0]},
        {"data": [{"title": "Mill", "context": CONTEXT, "qas": qas()}]},
        lines([{"header": {"dataset": "x"}}, {"id": "", "context": CONTEXT, "qas": qas("qid")}]),
    ],
)
def test_every_layout_gives_the_same_questions(data: Any) -> None:
    found = parse(data)
    assert plain(found) == EXPECTED
    assert [question.id for _, question in found.questions()] == ["q0", "q1"]
    assert (found.set_aside, found.repaired, found.version) == ((), (), "1.1")


def test_one_article_is_a_file_of_one() -> None:
    assert plain(parse(articles()[0])) == EXPECTED[:1]


@pytest.mark.parametrize("key", ["guid", "qid", "question_id", "_id"])
def test_ids_under_other_known_names_are_taken(key: str) -> None:
    found = parse({"data": [{"paragraphs": [{"context": CONTEXT, "qas": qas(key)}]}]})
    assert [question.id for _, question in found.questions()] == ["q0", "q1"]
    assert found.repaired == ()


def test_the_spans_of_mrqa_place_its_answers() -> None:
    context = "Virr is near Virr."
    detected = [{"text": "virr", "char_spans": [[13, 16]]}]
    entry = {"qid": "m", "question": "Near what?", "answers": ["Virr", "the town"], "detected_answers": detected}
    found = parse(lines([{"header": {}}, {"context": context, "qas": [entry]}]))
    assert plain(found) == [(context, "Near what?", "Virr", 13)]  # as the context has it, at its second place


def label_studio(**changes: Any) -> dict[str, Any]:
    value = {"start": 30, "end": 34, "text": "1802", "labels": ["Answer"]}
    result = [{"from_name": "answer", "to_name": "text", "type": "labels", "value": value}]
    data = {"text": CONTEXT, "question": QUESTIONS[0][0]}
    return {"id": 1, "data": data, "annotations": [{"id": 9, "result": result}], **changes}


def test_label_studios_tasks_are_read_and_unlabelled_ones_set_aside() -> None:
    cancelled = label_studio(id=3)
    cancelled["annotations"][0]["was_cancelled"] = True
    found = parse([label_studio(), label_studio(id=2, annotations=[]), cancelled])
    assert plain(found) == EXPECTED[:1]
    assert [question.id for _, question in found.questions()] == ["1"]
    assert [finding.field for finding in found.set_aside] == ["annotations", "annotations"]


def test_the_short_export_of_label_studio_is_read() -> None:
    row = {"text": CONTEXT, "question": QUESTIONS[0][0], "id": 1, "annotation_id": 7, "annotator": 1}
    assert plain(parse([{**row, "answer": [{"start": 30, "end": 34, "text": "1802"}]}])) == EXPECTED[:1]


@pytest.mark.parametrize(
    "spans",
    [
        {"label": [[start, start + len(text), question] for question, text, start in QUESTIONS]},
        {
            "entities": [
                {"start_offset": start, "end_offset": start + len(text), "label": question}
                for question, text, start in QUESTIONS
            ]
        },
    ],
)
def test_doccanos_labels_are_questions(spans: dict[str, Any]) -> None:
    found = parse(lines([{"id": 5, "text": CONTEXT, **spans}, {"id": 6, "text": CONTEXT, "label": []}]))
    assert plain(found) == EXPECTED
    assert [question.id for _, question in found.questions()] == ["5-0", "5-1"]
    assert [finding.field for finding in found.set_aside] == ["label"]


def test_a_label_that_only_says_answer_is_no_question() -> None:
    good = {"id": 1, "text": CONTEXT, "label": [[30, 34, QUESTIONS[0][0]]]}
    span = {"id": 2, "text": CONTEXT, "label": [[30, 34, "ANSWER"]]}
    found = parse(lines([good, span, {**span, "id": 3, "question": QUESTIONS[0][0]}]))
    assert plain(found) == [EXPECTED[0], EXPECTED[0]]
    assert "use the question as the label" in str(found.set_aside[0])


def test_of_a_file_with_splits_one_is_read_and_named() -> None:
    found = parse({"train": rows()[:1], "validation": rows()[1:]})
    assert plain(found) == EXPECTED[:1]
    assert "'train' of train, validation" in found.summary() + str(found.repaired[0])
    assert plain(parse({"train": rows()[:1], "validation": rows()[1:]}, split="validation")) == EXPECTED[1:]
    with pytest.raises(DataError, match="has the splits train, validation; name one by hub_split"):
        parse({"train": rows(), "validation": rows()}, split="other")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"id,context,question,text\n1,c,q,t\n", "looks like CSV with the columns id, context.*pandas.read_csv"),
        (b"id\tcontext\n1\tc\n", r"looks like TSV.*sep='\\t'"),
        (b"<html><p>x</p></html>", "looks like XML or HTML"),
        (b"PK\x03\x04 and so on", "looks like a zip archive or a spreadsheet"),
        (b"ARROW1 and so on", "looks like an Arrow file"),
        (b"\x80\x04\x95 and so on", "a pickle, which is never opened"),
        (
            b'[{"query": "q", "passage": "p"}]',
            "objects with query, passage, which is no known layout; say which are context",
        ),
        (b'{"data": [{"context": "<p>c</p>", "raw_html": "", "qas": []}]}', "looks like KorQuAD 2.*strip the tags"),
        (b"3", "3 is not a data set"),
    ],
)
def test_a_layout_that_is_not_read_is_named_with_the_way_to_convert_it(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(data)
    with pytest.raises(DataError, match=words) as caught:
        load_data(path)
    assert "\n" not in str(caught.value)
    assert "Label Studio" in str(caught.value)  # what is read


def test_a_converted_table_is_read() -> None:
    table = [{"context": CONTEXT, "question": q, "answer_text": text, "answer_start": s} for q, text, s in QUESTIONS]
    assert plain(parse(lines(table))) == EXPECTED
    assert plain(parse(lines([{**row, "text": row.pop("answer_text")} for row in table]))) == EXPECTED


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x1c"])
def test_lines_end_at_line_feeds_alone(character: str) -> None:
    found = [{**row, "context": f"{CONTEXT} x{character}y"} for row in rows()]
    text = lines(found).replace("\\u001c", "\x1c") if character != "\x1c" else lines(found)
    assert len(parse(text)) == 2


@pytest.mark.parametrize(
    ("damaged", "problem"),
    [
        ('{"id": ', "line 2: line: not JSON (column 8: Expecting value); is the file whole?"),
        ("[" * 2000 + "]" * 2000, "line 2: line: JSON nested too deeply"),
        ("7" * 5000, "line 2: line: not JSON (Exceeds the limit"),
    ],
)
def test_a_damaged_line_costs_its_row_alone(damaged: str, problem: str) -> None:
    first, second = (json.dumps(row) for row in rows())
    found = parse("\n".join((first, damaged, second)))
    assert plain(found) == EXPECTED
    assert problem in str(found.set_aside[0])
    assert plain(parse("\n".join((damaged, first, second)))) == EXPECTED
    with pytest.raises(DataError, match="stops at the first bad row"):
        parse("\n".join((first, damaged, second)), strict=True)


def test_joined_files_and_objects_that_stand_one_after_another_are_read() -> None:
    first, second = (json.dumps(row) for row in rows())
    assert plain(parse(f"\ufeff{first}\n\ufeff{second}\n")) == EXPECTED
    printed = "\n".join(json.dumps(article, indent=2) for article in articles())
    assert plain(parse(printed)) == EXPECTED
    with pytest.raises(DataError, match=r"not JSON .*is the file whole\?"):
        parse(printed[:-3])


@pytest.mark.parametrize("name", ["val", "eval", "development"])
def test_splits_have_many_names_and_may_stand_under_data(name: str) -> None:
    for data in ({"train": rows(), name: rows()[:1]}, {"data": {"train": articles(), name: articles()[:1]}}):
        assert plain(parse(data)) == EXPECTED
        assert plain(parse(data, split=name)) == EXPECTED[:1]


@pytest.mark.parametrize(
    "data",
    [
        {"data": {"title": "Mill", "paragraphs": {"context": CONTEXT, "qas": qas()}}},
        {"data": [{"title": "Mill", "paragraphs": [{"context": CONTEXT, "qas": qas()[0]}]}]},
        {"title": "Mill", "paragraphs": {"context": CONTEXT, "qas": qas()}},
    ],
)
def test_one_object_where_a_list_is_expected_is_a_list_of_one(data: Any) -> None:
    found = plain(parse(data))
    assert found == EXPECTED[: len(found)] != []


def test_pythons_text_of_a_row_is_named() -> None:
    with pytest.raises(DataError, match=r"looks like Python's text of an object, not JSON; write it with json\.dump"):
        parse(str(rows()))


def test_typed_answers_of_label_studio_are_read() -> None:
    value = {"text": [QUESTIONS[0][1]]}
    typed = label_studio(annotations=[{"result": [{"from_name": "a", "type": "textarea", "value": value}]}])
    assert plain(parse([typed])) == EXPECTED[:1]


@pytest.mark.parametrize("key", ["qas_id", "example_id", "uuid", "ID"])
def test_more_names_of_ids_are_taken(key: str) -> None:
    found = parse({"data": [{"paragraphs": [{"context": CONTEXT, "qas": qas(key)}]}]})
    assert ([question.id for _, question in found.questions()], found.repaired) == (["q0", "q1"], ())


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        ({"data": [{"paragraphs": [[{"context": CONTEXT, "qas": qas()}]]}]}, "an object with context and qas"),
        (
            lines([{"context": CONTEXT, "qas": [{**qas("qid")[0], "detected_answers": [], "answers": [{"a": 1}]}]}]),
            "text",
        ),
        ({"id": 1, "text": CONTEXT, "question": {"a": 1}, "label": [[30, 34, "x"]]}, "neither a key nor the label"),
        ({"data": {"text": CONTEXT, "question": "When?"}, "annotations": 5, "completions": []}, "no labelled span"),
    ],
)
def test_a_value_of_another_type_sets_its_row_aside(damaged: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        parse(damaged, strict=True)
    with pytest.raises(DataError, match="no usable question"):
        parse(damaged)
