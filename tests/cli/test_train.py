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
