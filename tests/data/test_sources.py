"""Loading data: every layout and compression gives the same questions; errors name the place."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loopback_hub import Hub
from squadron.data.reading import read_data
from squadron.data.sources import load_data, load_file, parse_data
from squadron.data.squad import Dataset
from squadron.errors import DataError, option

CONTEXT = "The café by the Seine was opened in 1899 by Marie Dupont.\r\nIt closed in 1899 too."


def official(*qas: dict[str, Any], context: Any = CONTEXT, version: str = "1.1") -> dict[str, Any]:
    return {"version": version, "data": [{"title": "Café", "paragraphs": [{"context": context, "qas": list(qas)}]}]}


def qa(identity: str = "q1", question: Any = "When?", *answers: tuple[str, int]) -> dict[str, Any]:
    found = [{"text": text, "answer_start": start} for text, start in answers or (("1899", 36),)]
    return {"id": identity, "question": question, "answers": found}


def parse(data: Any, *, strict: bool = False) -> Dataset:
    return parse_data(json.dumps(data).encode(), "f.json", strict=strict)


def test_the_real_file_is_read_completely(shared_squad: Path) -> None:
    data = load_data(shared_squad)
    assert (len(data.paragraphs), len(data), len(data.set_aside)) == (1639, 8381, 0)
    assert len({paragraph.article for paragraph in data.paragraphs}) == 38
    raw = json.loads(lzma.decompress(shared_squad.read_bytes()))
    ids = [q["id"] for a in raw["data"] for p in a["paragraphs"] for q in p["qas"]]
    assert [question.id for _, question in data.questions()] == ids
    for paragraph, question in data.questions():
        assert all(paragraph.context.startswith(answer.text, answer.start) for answer in question.answers)
    assert hashlib.sha256(json.dumps(data.golds()).encode()).hexdigest() == (
        hashlib.sha256(
            json.dumps(
                {
                    q["id"]: [x["text"] for x in q["answers"]]
                    for a in raw["data"]
                    for p in a["paragraphs"]
                    for q in p["qas"]
                }
            ).encode()
        ).hexdigest()
    )


def test_every_layout_and_compression_gives_the_same(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    flat = [
        {
            "id": f"q{i}",
            "title": "Café",
            "context": CONTEXT,
            "question": f"When {i}?",
            "answers": {"text": ["1899"], "answer_start": [36]},
        }
        for i in range(3)
    ]
    whole = json.dumps(official(*(qa(row["id"], row["question"]) for row in flat))).encode()
    files = {
        "a.json": whole,
        "bom.json": b"\xef\xbb\xbf" + whole,
        "a.json.xz": lzma.compress(whole),
        "b.gz": gzip.compress(whole),
        "windows.json": json.dumps(json.loads(whole), indent=1).replace("\n", "\r\n").encode(),
        "rows.jsonl": "\n".join(map(json.dumps, flat)).encode(),
        "windows.jsonl": "\r\n".join(map(json.dumps, flat)).encode() + b"\r\n",
        "unescaped.jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in flat).encode(),
        "rows.json": json.dumps(flat).encode(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(flat), tmp_path / "rows.parquet")
    read = [load_data(tmp_path / name) for name in [*files, "rows.parquet"]]
    assert len(read) == 10
    for data in read:
        assert data.paragraphs == read[0].paragraphs, data.source
        assert not data.set_aside, data.source
    assert len(read[0]) == 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"not json", "not JSON .line 1, column 1"),
        (b'{"data": NaN}', "data is nan; a list is expected"),
        (b'{"data": [\x00]}', "not JSON"),
        (b'{"data": 3}', "data is 3; a list is expected"),
        (b'{"data": [{"title": "A"}]}', "article 'A': paragraphs: missing"),
        (b'{"data": [{"title": "A", "paragraphs": [{"context": "c"}]}]}', "paragraph 0: qas: missing"),
        (b"\xff\xfe{}", "not JSON"),
        (lzma.compress(b'{"data": []}' * 99)[:-30], "truncated or damaged"),
        (gzip.compress(b'{"data": []}' * 99, mtime=0)[:-30], "truncated or damaged"),
        (b"PAR1 and then nothing of the kind PAR1", "parquet file is truncated or damaged"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 2000 + b"]" * 2000 + b'\n{"id": "a", "context": "c"}', "line 1: line: JSON nested too deeply"),
        (b"[]", "holds no questions"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(data)
    with pytest.raises(DataError, match=words) as caught:
        load_data(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere.json", "./nowhere", "dir/sub/none", "something"])
def test_a_missing_source_is_an_error(name: str) -> None:
    with pytest.raises(DataError, match=f"^{name}: no such file; give a SQuAD file"):
        load_data(name)


@pytest.mark.parametrize(("name", "meant"), [("suqad", "squad"), ("SQuAD", "squad"), ("squad_v3", "squad_v2")])
def test_a_misspelt_name_of_a_data_set_is_corrected(name: str, meant: str) -> None:
    with pytest.raises(DataError, match=rf"^data='{name}': no such file \(did you mean {meant}\?\); give a SQuAD file"):
        load_data(name, subject=option("data", name))


@pytest.mark.parametrize("load", [load_file, read_data])
def test_a_file_that_cannot_be_opened_says_what_to_do(load: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\); make it readable, or give another"):
        load(tmp_path)


def test_a_data_set_that_is_not_in_the_cache_is_a_one_line_error_offline(hub: Hub) -> None:
    told = "^squad: no such file here, and squad is not .whole. in the local cache of the hub; run the same .* "
    with pytest.raises(DataError, match=told + "once without offline=True") as caught:
        load_data("squad", offline=True)
    assert "\n" not in str(caught.value)
    assert hub.log == []


@pytest.mark.parametrize(
    ("bad", "field", "words"),
    [
        (qa("bad", "  "), "question", "empty"),
        (qa("bad", "\ud800"), "question", r"U\+D800"),
        (qa("bad", None), "question", "missing; text is expected"),
        (qa("bad", "When?", ("1066", 3)), r"answers\[0\].text", "'1066' is not in the context"),
        (qa("bad", "When?", ("", 3)), r"answers\[0\].text", "empty"),
        ({"id": "bad", "question": "When?", "answers": []}, "answers", "empty; SQuAD v1.1 has an answer"),
        ({"id": "bad", "question": "When?", "answers": True}, "answers.text", "True; text"),
        ({"id": "bad", "question": "When?"}, "answers", "missing; a list"),
        ({"id": "\ud800", "question": "When?", "answers": "1899"}, "id", r"U\+D800"),
        (qa("good"), "id", "already used by article 'Café', paragraph 0, question 'good'"),
    ],
)
def test_a_bad_row_is_set_aside_and_the_others_are_kept(bad: dict[str, Any], field: str, words: str) -> None:
    data = official(qa("good"), bad, qa("after"))
    kept = parse(data)
    assert [question.id for _, question in kept.questions()] == ["good", "after"]
    assert len(kept.set_aside) == 1
    with pytest.raises(DataError, match=f"f.json: article 'Café', paragraph 0, question .*{field}: .*{words}"):
        parse(data, strict=True)


def test_a_megabyte_of_context_is_set_aside() -> None:
    data = official(qa(), context="1899 " * 210_000)
    data["data"].append(official(qa("q2"))["data"][0])
    kept = parse(data)
    assert [question.id for _, question in kept.questions()] == ["q2"]
    assert "1,050,000 characters; at most 100,000" in str(kept.set_aside[0])


def test_no_usable_question_is_an_error_with_the_first_reason() -> None:
    with pytest.raises(DataError, match=r"no usable question among 1; the first: .*question 'q1': question: empty"):
        parse(official(qa("q1", "")))


def test_a_wrong_start_is_repaired_to_the_nearest_occurrence() -> None:
    kept = parse(official(qa("q1", "When?", ("1899", 70))))
    (question,) = kept.paragraphs[0].questions
    assert question.answers[0].start == CONTEXT.rindex("1899") != CONTEXT.index("1899")
    assert "starts at" in str(kept.repaired[0])


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (unicodedata.normalize("NFD", "café"), "café"),
        ("Dupont.\nIt", "Dupont.\r\nIt"),
    ],
)
def test_answers_in_other_normal_forms_and_line_ends_are_rewritten_to_match_the_context(
    text: str, written: str
) -> None:
    assert text not in CONTEXT
    kept = parse(official(qa("q1", "What?", (text, 4))))
    (question,) = kept.paragraphs[0].questions
    assert question.answers[0].text == written
    assert CONTEXT.startswith(written, question.answers[0].start)
    assert len(kept.repaired) == 1


def test_version_2_allows_questions_without_answers() -> None:
    impossible = {"id": "q2", "question": "Why?", "answers": [], "is_impossible": True}
    unclear = {"id": "q3", "question": "Why?", "answers": [], "is_impossible": False}
    kept = parse(official(qa("q1"), impossible, unclear, version="v2.0"))
    assert kept.version == "2.0"
    assert [(q.id, q.impossible) for _, q in kept.questions()] == [("q1", False), ("q2", True)]
    assert "empty while is_impossible is not true" in str(kept.set_aside[0])
    assert parse(kept.to_json()).paragraphs == kept.paragraphs


def test_an_empty_list_of_answers_in_a_hub_row_means_unanswerable() -> None:
    empty = {"text": [], "answer_start": []}
    rows = [
        {"id": "a", "title": "t", "context": "Rome is big.", "question": "Where?", "answers": empty},
        {
            "id": "b",
            "title": "t",
            "context": "Rome is big.",
            "question": "What?",
            "answers": {"text": ["Rome"], "answer_start": [0]},
        },
    ]
    kept = parse(rows)
    assert kept.version == "2.0"
    assert [question.impossible for _, question in kept.questions()] == [True, False]
    assert parse(rows[1:]).version == "1.1"
    told = [{**rows[0], "is_impossible": False}, rows[1]]
    assert "answers: empty" in str(parse(told).set_aside[0])


def test_parts_are_read_and_written_and_listed_only_if_every_question_has_one() -> None:
    easy, hard = {**qa("q1"), "part": "easy"}, {**qa("q2"), "part": "hard"}
    kept = parse(official(easy, hard, {**qa("q3"), "part": "easy"}))
    assert kept.parts() == {"easy": ["q1", "q3"], "hard": ["q2"]}
    assert [q.get("part") for q in kept.to_json()["data"][0]["paragraphs"][0]["qas"]] == ["easy", "hard", "easy"]
    assert parse(kept.to_json()).paragraphs == kept.paragraphs
    rows = [
        {
            "id": q["id"],
            "title": "t",
            "context": CONTEXT,
            "question": "When?",
            "answers": q["answers"],
            "part": q["part"],
        }
        for q in (easy, hard)
    ]
    assert parse(rows).parts() == {"easy": ["q1"], "hard": ["q2"]}
    for other in (qa("q2"), {**qa("q2"), "part": 7}, {**qa("q2"), "part": ""}):
        mixed = parse(official(easy, other))
        assert (mixed.parts(), mixed.set_aside) == ({}, ())
        assert "part" not in mixed.to_json()["data"][0]["paragraphs"][0]["qas"][1]
