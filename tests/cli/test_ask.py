"""``ask``: an answer with its place and probability; strategies and adapters side by side."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

CONTEXT = "Town00 lies on the River00. Its bridge was built in 1800. <script>alert(1)</script>"


@pytest.fixture
def runs(squadron: Any, byte_base_dir: Path, small_data: Path, tmp_path: Path) -> list[Path]:
    made = []
    for name, rate in (("a", 0.05), ("b", 0.5)):
        out = tmp_path / name
        trained = squadron(
            *("train", "--base", byte_base_dir, "--data", small_data, "--out", out, "--max-steps", 3, "--lr", rate),
            *("--precision", "fp32", "--eval-questions", 0),
        )
        assert trained.code == 0, trained.err
        made.append(out)
    return made


def test_strategies_and_adapters_are_shown_side_by_side(
    squadron: Any, runs: list[Path], byte_base_dir: Path, tmp_path: Path
) -> None:
    text = tmp_path / "context.txt"
    text.write_text(CONTEXT)
    arguments = ("ask", "--context", text, "--max-new-tokens", 6, "--precision", "fp32", "When?")
    together = squadron(*arguments, "--base", byte_base_dir, "--run", runs[0], "--compare", runs[1], "--json")
    assert together.code == 0, together.err
    answers = together.record["answers"]
    assert len(answers) == 3 * 5
    assert {answer["model"] for answer in answers} == {str(byte_base_dir), *map(str, runs)}
    spans = [answer for answer in answers if answer["decoding"] == "span"]
    assert len(spans) == 3
    for answer in spans:
        start, stop = answer["place"]
        assert CONTEXT[start:stop] == answer["answer"] != ""
    assert all(0 <= answer["probability"] <= 1 for answer in answers)
    # An adapter gives the same answers in a fleet as alone.
    alone = squadron(*arguments, "--run", runs[1], "--json").record["answers"]
    mine = [answer for answer in answers if answer["model"] == str(runs[1])]
    assert [(one["decoding"], one["answer"]) for one in alone] == [(one["decoding"], one["answer"]) for one in mine]
    shown = squadron(*arguments, "--run", runs[0])
    assert "probability" in shown.out
    assert "greedy" in shown.out


def test_the_context_may_come_from_standard_input(
    squadron: Any, byte_base_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONTEXT.encode())))
    asked = squadron(
        *("ask", "--context", "-", "--base", byte_base_dir, "Which town?", "--decoding", "span"),
        *("--max-new-tokens", 4, "--json"),
    )
    assert asked.record["context"] == CONTEXT
    (answer,) = asked.record["answers"]
    assert answer["answer"] in CONTEXT


def test_an_answer_that_is_too_long_is_refused(squadron: Any, byte_base_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "context.txt").write_text(CONTEXT)
    asked = squadron(
        *("ask", "--context", tmp_path / "context.txt", "--base", byte_base_dir, "Which?", "--max-new-tokens", 512)
    )
    assert (asked.code, "--max-new-tokens 512: this base has 512 positions; lower it" in asked.err) == (2, True)


@pytest.mark.parametrize(
    ("content", "question", "words"),
    [
        (b"", "When?", "empty; give the text to answer from"),
        (b"\xff\xfe", "When?", "empty; give the text to answer from"),
        (b"Caf\xe9.", "When?", "byte 3 is not UTF-8; it looks like Latin-1"),
        (b"x" * 200_000, "When?", "200,000 characters; at most 100,000"),
        (b"Some text.", " ", "the question is empty"),
        (b"Some text.", "", "the question is empty"),
        (b" \n", "When?", "empty; give the text to answer from"),
        (b"Some text.", "x" * 20_000, "the question has 20,000 characters; at most 10,000"),
        (b"Some text.", "When? " * 200, "does not fit the model; shorten it"),
    ],
)
def test_questions_that_cannot_be_asked_are_refused(
    squadron: Any, byte_base_dir: Path, tmp_path: Path, content: bytes, question: str, words: str
) -> None:
    text = tmp_path / "context.txt"
    text.write_bytes(content)
    outcome = squadron("ask", "--context", text, "--base", byte_base_dir, question)
    assert (outcome.code, words in outcome.err) == (2, True), outcome.err
    missing = squadron("ask", "--context", tmp_path / "none", "--base", byte_base_dir, "When?")
    assert "cannot be read (No such file or directory); give a text file, or - for standard input" in missing.err
    nobody = squadron("ask", "--context", text, "When?")
    assert "give --run for an adapter, or --base" in nobody.err
