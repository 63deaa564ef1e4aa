"""The whole study by one command, small: every part of it is done and reported, and a stopped study is resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import InterruptedRunError, RunError
from squadron.options.core import DemoOptions
from squadron.options.sweep import ReproduceOptions
from squadron.sweeps import reproduce as module
from squadron.sweeps.grid import read_sweep
from squadron.sweeps.reproduce import demo, reproduce
from squadron.tracking.events import Listener, Stepped


class Counting(Listener):
    """Count steps; interrupt the study, as a person would, after step ``last``."""

    def __init__(self, last: int | None = None) -> None:
        self.steps, self._last = 0, last

    def stepped(self, event: Stepped) -> None:  # noqa: ARG002 (it is the steps that count)
        self.steps += 1
        if self.steps == self._last:
            raise KeyboardInterrupt


def test_the_study_is_done_and_reported(tmp_path: Path) -> None:
    """On the shipped base, which learns."""
    out = tmp_path / "study"
    sizes = {"train_size": 64, "val_size": 8, "test_size": 12, "epochs": 2}
    record = reproduce(ReproduceOptions(base="pocket", dataset="pocket", out=str(out), precision="fp32", **sizes))
    assert record["status"] == "done"
    assert len(record["runs"]) == len(read_sweep("quick").runs) == 3
    assert list(record["baseline"]) == list(record["tuned"]) == ["greedy", "span", "top-k", "nucleus", "temperature"]
    greedy = record["tuned"]["greedy"]
    assert {name: part["questions"] for name, part in greedy["parts"].items()} == {"known": 6, "new": 6}
    # Sixteen steps are enough for an adapter to learn to stop after some answers; the base never stops.
    assert record["baseline"]["greedy"]["eos_rate"] < greedy["eos_rate"]
    reports = {(report["lang"], report["format"]): Path(report["path"]) for report in record["reports"]}
    assert set(reports) == {("en", "html"), ("en", "pdf"), ("fa", "html"), ("fa", "pdf")}
    assert all(path.is_relative_to(out) and path.stat().st_size > 10_000 for path in reports.values())
    assert reports["en", "pdf"].read_bytes().startswith(b"%PDF")
    for path in (out / "baseline" / "failures" / "greedy.test.json", out / "leaderboard.csv"):
        assert path.is_file()
    assert (out / "runs" / record["best"] / "failures" / "span.test.json").is_file()


@pytest.fixture
def small(byte_base_dir: Path, small_squad: Path, tmp_path: Path) -> dict[str, Any]:
    """Options of a very short study without reports."""
    sizes = {"train_size": 8, "val_size": 4, "test_size": 3, "epochs": 2}
    given = {"base": str(byte_base_dir), "dataset": str(small_squad), "out": str(tmp_path / "study")}
    return {**given, **sizes, "precision": "fp32", "formats": ()}


def test_the_same_command_resumes_a_stopped_study(small: dict[str, Any], tmp_path: Path) -> None:
    whole = reproduce(ReproduceOptions(**{**small, "out": str(tmp_path / "whole")}))
    with pytest.raises(InterruptedRunError, match="run the same command again, without replace"):
        reproduce(ReproduceOptions(**small), listeners=[Counting(last=5)])
    stopped = json.loads((tmp_path / "study" / "sweep.json").read_text())
    assert stopped["status"] == "interrupted"
    again = Counting()
    record = reproduce(ReproduceOptions(**small), listeners=[again])
    assert again.steps > 0
    assert [(run["name"], run["f1"], run["loss"]) for run in record["runs"]] == [
        (run["name"], run["f1"], run["loss"]) for run in whole["runs"]
    ]
    nothing = Counting()
    assert reproduce(ReproduceOptions(**small), listeners=[nothing])["tuned"] == record["tuned"]
    assert nothing.steps == 0
    with pytest.raises(RunError, match="base_options was"):
        reproduce(ReproduceOptions(**{**small, "epochs": 3}))
    reproduce(ReproduceOptions(**{**small, "epochs": 1}), replace=True, listeners=[nothing])
    assert nothing.steps == len(record["runs"])


def test_a_folder_that_is_not_a_study_is_kept(small: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.txt").write_text("years of work")
    for replace in (False, True):
        with pytest.raises(RunError, match="choose another"):
            reproduce(ReproduceOptions(**small), replace=replace)
    assert (tmp_path / "study" / "thesis.txt").exists()


def test_the_demo_is_the_quick_study_of_the_pocket_base(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(module, "reproduce", lambda options, **more: asked.append((options, more)) or {})
    demo(DemoOptions(out="somewhere", seed=3, replace=True))
    (options, more), *_ = asked
    wanted = {"preset": "quick", "base": "pocket", "dataset": "pocket", "out": "somewhere", "seed": 3}
    assert options.model_dump(include=set(wanted)) == wanted
    assert more["replace"] is True


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_presets_compare_decoding_on_the_test_split(preset: str) -> None:
    config = read_sweep(preset).config
    assert config.best is not None
    assert config.best.split == "test"
    assert config.best.decoding[0] in ("all", "greedy")
    assert config.evaluate.split == "validation"  # the best is never chosen by the questions it is tested on
