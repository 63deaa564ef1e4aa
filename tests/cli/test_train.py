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


def test_rows_left_out_or_cut_are_said_at_the_end(
    squadron: Any, small_squad: Path, byte_base_dir: Path, tmp_path: Path
) -> None:
    content = json.loads(small_squad.read_text())
    content["data"][0]["paragraphs"][0]["qas"][0]["question"] *= 30
    content["data"][0]["paragraphs"][0]["qas"][1]["answers"] = []
    (tmp_path / "data.json").write_text(json.dumps(content))
    arguments = ("--base", byte_base_dir, "--data", tmp_path / "data.json", "--out", tmp_path / "run")
    trained = squadron("train", *arguments, "--epochs", 1, "--rank", 1, "--max-length", 90)
    assert trained.code == 0, trained.err
    (line,) = [line for line in trained.err.splitlines() if line.startswith("training data: ")]
    assert "1 set aside, the first: " in line
    assert "of 35 questions: 1 too long even without context, left out ('0.0.0')" in line
    assert "tokens of context cut off" in line
