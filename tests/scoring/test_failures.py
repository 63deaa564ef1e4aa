"""Failure analysis: the table of rates, samples and the file."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.failure_records import CONTEXT, RECORDS, record
from squadron.errors import ConfigError, DataError
from squadron.scoring.answers import AnswerRecord
from squadron.scoring.failure_kinds import KINDS
from squadron.scoring.failures import FailureAnalysis, analyze_failures, sample_failures, write_failures

DOC = Path(__file__).resolve().parents[2] / "docs" / "failures.md"
FIXED = settings(derandomize=True, deadline=None, max_examples=400)


@settings(FIXED, max_examples=30)
@given(st.lists(RECORDS, min_size=1, max_size=12, unique_by=lambda one: one.question_id))
def test_every_dimension_counts_every_question_once(records: list[AnswerRecord]) -> None:
    analysis = analyze_failures(records)
    assert sum(analysis.kinds().values()) == len(analysis.failures)
    for dimension, rows in by_dimension(analysis).items():
        assert sum(row["questions"] for row in rows) == len(records), dimension
        kinds = Counter[str]()
        for row in rows:
            kinds.update(row["kinds"])
        assert kinds == Counter(analysis.kinds()), dimension
    json.dumps(analysis.table, allow_nan=False)


def by_dimension(analysis: FailureAnalysis) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in analysis.table:
        rows.setdefault(row["dimension"], []).append(row)
    return rows


def some_records() -> list[AnswerRecord]:
    """Return records: five right, thirty with another entity, three empty, one truncated."""
    golds = ("Denver Broncos",)
    rows = [record("Denver Broncos", *golds, question_id=f"right-{i}") for i in range(5)]
    rows += [record("Carolina Panthers", *golds, question_id=f"other-{i:02}") for i in range(30)]
    rows += [record("", *golds, question_id=f"empty-{i}", question="When?", tokens=0) for i in range(3)]
    return [*rows, record("NFC", "Von Miller", question_id="cut", truncated=True, visible_context=CONTEXT[:99])]


def test_the_table_by_hand() -> None:
    analysis = analyze_failures(some_records())
    assert (analysis.questions, len(analysis.failures)) == (39, 34)
    assert {kind: count for kind, count in analysis.kinds().items() if count} == {
        "truncated_context": 1,
        "empty": 3,
        "same_type": 30,
    }
    rows = {(row["dimension"], row["value"]): row for row in analysis.table}
    everything = rows["all", "all"]
    assert (everything["questions"], everything["exact_match"]) == (39, pytest.approx(100 * 5 / 39))
    low, high = everything["exact_match_interval"]
    assert 0 <= low < 100 * 5 / 39 < high <= 100
    assert rows["question_word", "when"]["kinds"] == {kind: 3 if kind == "empty" else 0 for kind in KINDS}
    assert rows["question_word", "who"]["questions"] == 36
    assert rows["answer_words", "2"]["questions"] == 39
    assert rows["answer_position", "first fifth"]["questions"] == 38
    assert rows["answer_position", "third fifth"]["questions"] == 1
    assert rows["context_words", "80-119"]["questions"] == 39
    assert rows["truncation", "whole"]["questions"] == 38
    assert rows["truncation", "cut, answer not seen"]["f1"] == 0
    assert all(row["questions"] for row in analysis.table)


def test_the_table_of_questions_without_answers() -> None:
    analysis = analyze_failures([record("x"), record("", truncated=True, question_id="r")], version="2.0")
    rows = {(row["dimension"], row["value"]): row["questions"] for row in analysis.table}
    assert rows["answer_words", "no answer"] == rows["answer_position", "no answer"] == 2
    assert rows["truncation", "cut, no answer"] == 1


def test_the_start_of_an_answer_is_given_or_searched() -> None:
    def position(one: AnswerRecord) -> str:
        [row] = by_dimension(analyze_failures([one]))["answer_position"]
        return str(row["value"])

    found = record("x", "guilty")
    assert position(found) == position(replace(found, answer_start=len(CONTEXT) - 7)) == "last fifth"
    assert position(replace(found, answer_start=0)) == "first fifth"
    assert position(record("x", "Tom Brady", "Denver Broncos")) == "first fifth"
    assert position(record("x", "Tom Brady")) == "not found"


def test_samples_cover_each_kind() -> None:
    failures = analyze_failures(some_records()).failures
    drawn = sample_failures(failures)
    assert {kind: len(found) for kind, found in drawn.items()} == {"truncated_context": 1, "empty": 3, "same_type": 20}
    assert all(one.kind == kind for kind, found in drawn.items() for one in found)
    assert drawn == sample_failures(failures[::-1])
    assert drawn != sample_failures(failures, seed=1)
    few = sample_failures(failures, per_kind=4)["same_type"]
    assert len({one.question_id for one in few}) == 4
    with pytest.raises(ConfigError, match="per kind 0"):
        sample_failures(failures, per_kind=0)


def test_the_file_holds_the_whole_analysis(tmp_path: Path) -> None:
    path = tmp_path / "failures" / "greedy.json"
    analysis = write_failures(path, some_records(), per_kind=2, about={"run": "r4", "decoding": "greedy"})
    content = json.loads(path.read_text(encoding="utf-8"))
    assert (content["schema"], content["about"]["run"], content["questions"], content["wrong"]) == (1, "r4", 39, 34)
    assert [row["kind"] for row in content["kinds"]] == list(KINDS)
    assert sum(row["share"] for row in content["kinds"]) == pytest.approx(1)
    assert content["statistics"]["questions"] == content["calibration"]["questions"] == 39
    assert content["table"] == list(analysis.table)
    assert [len(found) for found in content["samples"].values()] == [1, 2, 2]
    assert content["samples"]["empty"][0]["context"] == CONTEXT
    assert len(content["failures"]) == 34
    assert "context" not in content["failures"][0]
    assert content["failures"][0]["reason"] == "name for name 'Denver Broncos'"


def test_a_run_without_failures_is_written(tmp_path: Path) -> None:
    write_failures(tmp_path / "f.json", [record("Denver Broncos", "Denver Broncos", log_probability=None)])
    content = json.loads((tmp_path / "f.json").read_text())
    assert (content["wrong"], content["failures"], content["samples"], content["calibration"]) == (0, [], {}, None)
    assert {row["share"] for row in content["kinds"]} == {0}


def test_invalid_records_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no answers"):
        analyze_failures([])
    with pytest.raises(DataError, match="'q': answered 2 times"):
        analyze_failures([record("x", "y"), record("z", "y")])
    with pytest.raises(DataError, match="half a character"):
        write_failures(tmp_path / "f.json", [record("\ud800", "y")])
    assert not (tmp_path / "f.json").exists()


def test_the_doc_lists_every_kind_in_order_and_every_value() -> None:
    text = DOC.read_text(encoding="utf-8")
    section = text[text.index("## The kinds") : text.index("## Types")]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(KINDS)
    for dimension in by_dimension(analyze_failures(some_records())):
        assert dimension == "all" or f"| `{dimension}` |" in text
