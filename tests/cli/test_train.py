"""``train``: its exit code says what became of the run, and its output what was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from squadron.training import optimizer


@pytest.fixture
def arguments(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> tuple[object, ...]:
    where = ("--base", byte_base_dir, "--data", small_data, "--out", tmp_path / "run")
    return ("train", *where, "--precision", "fp32", "--eval-questions", 0, "--max-steps", 2)


def test_a_run_that_ends_well_exits_0(squadron: Any, arguments: tuple[object, ...], tmp_path: Path) -> None:
    done = squadron(*arguments, "--json")
    assert (done.code, done.record["status"]) == (0, "done")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "done"


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_run_that_diverged_exits_1_and_says_why(
    squadron: Any,
    arguments: tuple[object, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: tuple[str, ...],
) -> None:
    step = optimizer.FleetAdamW.step

    def wild(self: Any, rates: Any, active: Any) -> None:
        step(self, [1e30 for _ in rates], active)

    monkeypatch.setattr(optimizer.FleetAdamW, "step", wild)
    ended = squadron(*arguments, *more)
    assert ended.code == 1
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["status"] == "diverged"
    if more:
        assert (ended.record["status"], ended.record["reason"]) == ("diverged", record["reason"])
    else:
        assert f"diverged: {record['reason']}" in " ".join(ended.out.split())
    monkeypatch.undo()
    assert squadron(*arguments, "--resume", *more).code == 1  # asked again, it says the same


def faulty(small_squad: Path, path: Path) -> Path:
    """Write the small SQuAD with a question that is too long, one without answers, and an id that is a number."""
    content = json.loads(small_squad.read_text())
    questions = content["data"][0]["paragraphs"][0]["qas"]
    questions[0]["question"] *= 30
    questions[1]["answers"] = []
    questions[2]["id"] = 7
    path.write_text(json.dumps(content))
    return path


def test_rows_left_out_or_cut_are_said_at_the_end(
    squadron: Any, small_squad: Path, byte_base_dir: Path, tmp_path: Path
) -> None:
    data = faulty(small_squad, tmp_path / "data.json")
    arguments = ("--base", byte_base_dir, "--data", data, "--out", tmp_path / "run")
    trained = squadron("train", *arguments, "--epochs", 1, "--rank", 1, "--max-length", 90)
    assert trained.code == 0, trained.err
    (line,) = [line for line in trained.err.splitlines() if line.startswith("training data: ")]
    assert "1 set aside, the first: " in line
    assert "1 read differently than written (id taken as text: 1)" in line
    assert "of 35 questions: 1 too long even without context, left out ('0.0.0')" in line
    assert "tokens of context cut off" in line
    assert line.count("set aside") == trained.err.count("set aside")


def test_an_evaluation_says_so_too(squadron: Any, small_squad: Path, byte_base_dir: Path, tmp_path: Path) -> None:
    data = faulty(small_squad, tmp_path / "data.json")
    arguments = ("--base", byte_base_dir, "--data", data, "--max-length", 90, "--max-new-tokens", 2)
    evaluated = squadron("evaluate", *arguments, "--decoding", "greedy", "span", "--json")
    assert evaluated.code == 0, evaluated.err
    (line,) = [line for line in evaluated.err.splitlines() if "set aside" in line]
    assert line.startswith("evaluation data: 1 set aside, the first: ")
    assert "1 read differently than written (id taken as text: 1)" in line
    assert "of 35 questions: 1 too long even without context, left out ('0.0.0')" in line
    assert "tokens of context cut off" in line


def test_a_sweep_says_so_too(squadron: Any, small_squad: Path, byte_base_dir: Path, tmp_path: Path) -> None:
    data = faulty(small_squad, tmp_path / "data.json")
    (tmp_path / "grid.yaml").write_text(
        "base: {epochs: 1, rank: 1, max_length: 60, train_size: 20, val_size: 5, test_size: 5}\n"
        "grid: {lr: [0.001, 0.002]}\nevaluate: {split: validation, max_new_tokens: 2}\n"
    )
    command = ("sweep", tmp_path / "grid.yaml", "--base", byte_base_dir, "--dataset", data, "--out", tmp_path / "sweep")
    swept = squadron(*command)
    assert swept.code == 0, swept.err
    (line,) = [line for line in swept.err.splitlines() if line.startswith("data: ")]
    assert line.startswith("data: 1 set aside, the first: ")
    assert "1 read differently than written (id taken as text: 1); training data: of 20 questions: " in line
    assert "; validation data: of 5 questions: " in line
    assert line.count("set aside") == swept.err.count("set aside")
