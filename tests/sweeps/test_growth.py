"""A resumed sweep may get more runs, which alone are trained and scored; those that are there cannot go or change."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import InterruptedRunError, RunError
from squadron.experiments.train import train
from squadron.options.core import TrainOptions
from squadron.options.sweep import SweepOptions
from squadron.runs.study import read_study
from squadron.sweeps.setup import open_folder, read_plan
from squadron.sweeps.sweep import sweep
from squadron.tracking.events import Listener, RunScored, RunStarted

Options = Callable[..., SweepOptions]
BASE = "base: {epochs: 1, eval_questions: 2}\nevaluate: {max_new_tokens: 4}\n"
SEARCH = "search: {method: %s, trials: %d, batch: 2, space: {rank: [2, 3, 4, 5, 6, 7], lr: {low: 1.0e-4, high: 0.1}}}"


@pytest.fixture
def options(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> Options:
    """Return ``make(runs, **more)``, which makes the options of a sweep with these sections in its configuration."""

    def make(runs: str, **more: Any) -> SweepOptions:
        path = tmp_path / "config.yaml"
        path.write_text(BASE + runs)
        given = {"precision": "fp32", "fleet_size": 4, "out": str(tmp_path / "sweep"), **more}
        return SweepOptions(config=str(path), base=str(byte_base_dir), dataset=str(small_data), **given)

    return make


class Worked(Listener):
    """Keep the names of the runs that were started and scored, in order."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.scored: list[str] = []

    def run_started(self, event: RunStarted) -> None:
        self.started.append(event.run)

    def run_scored(self, event: RunScored) -> None:
        self.scored.append(event.run)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files by their paths in the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_the_new_runs_of_an_axis_are_trained_and_scored(options: Options, tmp_path: Path) -> None:
    home = tmp_path / "sweep"
    sweep(options("grid: {rank: [2, 5], seed: [0, 1]}"))
    old = {name: contents(home / name) for name in ("runs", "baseline", "fleets")}
    assert len([name for name in old["runs"] if name.endswith("scores.json")]) == 4
    worked = Worked()
    result = sweep(options("grid: {rank: [9, 2, 5], seed: [0, 1]}"), resume=True, listeners=[worked])
    new = ["r9-s0", "r9-s1"]
    assert sorted(worked.started) == sorted(worked.scored) == new
    every = sorted([*new, "r2-s0", "r2-s1", "r5-s0", "r5-s1"])
    assert {run["name"]: run["status"] for run in result["runs"]} == dict.fromkeys(every, "done")
    for name, files in old.items():
        after = contents(home / name)
        assert {path: after.get(path) for path in files} == files, name
    record = json.loads((home / "sweep.json").read_text())
    assert record["config"]["grid"] == {"rank": [9, 2, 5], "seed": [0, 1]}
    assert sorted(run["name"] for run in record["runs"]) == every
    fleets = [json.loads((home / "fleets" / f"{name}.json").read_text())["runs"] for name in record["fleets"]]
    assert fleets == [["r2-s0", "r5-s0"], ["r2-s1", "r5-s1"], ["r9-s0"], ["r9-s1"]]  # a fleet has one seed
    board = json.loads((home / "leaderboard.json").read_text())
    assert sorted(run["name"] for run in board["runs"]) == every
    assert len(board["settings"]) == 3
    assert sorted(run.name for run in read_study(home).scored) == every


def test_a_new_run_equals_the_same_run_by_train(options: Options, tmp_path: Path) -> None:
    """Also if the sweep was interrupted while it grew."""

    class Stop(Listener):
        def run_started(self, event: RunStarted) -> None:
            if event.run == "r3":
                raise KeyboardInterrupt

    sweep(options("grid: {rank: [2]}"))
    more = options("grid: {rank: [2, 3]}")
    with pytest.raises(InterruptedRunError, match="stopped with 1 of 2 runs done"):
        sweep(more, resume=True, listeners=[Stop()])
    sweep(more, resume=True)
    run = tmp_path / "sweep" / "runs" / "r3"
    config = json.loads((run / "run.json").read_text())["config"]
    train(TrainOptions(**{**config, "out": str(tmp_path / "alone")}))
    for name in ("metrics.jsonl", "adapter/adapter_model.safetensors", "last/adapter_model.safetensors"):
        assert (run / name).read_bytes() == (tmp_path / "alone" / name).read_bytes(), name


def begin(options: SweepOptions) -> None:
    """Make the folder of a sweep as it is before its first run."""
    folder = open_folder(options, read_plan(options), resume=False, replace=False, join=False)
    folder.update(status="interrupted")
    folder.release()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("grid: {rank: [2, 3], lr: [0.1]}", "grid: {lr: [0.1, 0.01], rank: [4, 3, 2]}"),
        ("grid: {targets: [attention]}", "grid: {targets: [mlp.c_fc, attention, [attn.q, attn.v]]}"),
        ("tied: {rank: [2, 3], alpha: [4, 6]}", "tied: {rank: [2, 3, 4], alpha: [4, 6, 8]}"),
        ("grid: {rank: [2, 3]}\nexclude: [{rank: 3}]", "grid: {rank: [2, 3]}"),
        ("grid: {rank: [2]}", "grid: {rank: [2]}\nruns: [{rank: 8, name: large}]"),
        ("grid: {rank: [2]}\nseeds: [3]", "grid: {rank: [2]}\nseeds: [1, 3]"),
        (SEARCH % ("random", 2), SEARCH % ("random", 5)),
    ],
)
def test_each_section_that_makes_runs_may_have_more(options: Options, before: str, after: str) -> None:
    begin(options(before))
    more = options(after)
    folder = open_folder(more, read_plan(more), resume=True, replace=False, join=False)
    assert folder.record["status"] == "interrupted"  # the old record, not a new one
    folder.release()


@pytest.mark.parametrize(
    ("before", "after", "more", "reason"),
    [
        ("grid: {rank: [2, 3]}", "grid: {rank: [3, 4]}", {}, "grid was .* and is now .*, so run r2 would be gone; a"),
        ("grid: {rank: [2]}", "grid: {rank: [2], lr: [0.1]}", {}, "so run r2 would be gone"),
        ("grid: {rank: [2]}", "grid: {rank: [2]}\nseeds: 2", {}, "seeds was .* so run r2 would be gone"),
        (
            "runs: [{rank: 8, name: large}]",
            "runs: [{rank: 9, name: large}, {rank: 2}]",
            {},
            "runs was .* so run large would change: rank was 8 and is now 9; a sweep can get more runs but keeps",
        ),
        (
            "grid: {rank: [2]}",
            "grid: {rank: [2, 3]}",
            {"epochs": 2},
            r"base_options was \{'epochs': 1.* and is now \{'epochs': 2",
        ),
        (
            "grid: {rank: [2, 3], epochs: [4]}",
            "grid: {rank: [2, 3, 5], epochs: [4]}",
            {"halving": 2},
            "but halving=2 chose among all runs that there were, so the sweep cannot grow",
        ),
        pytest.param(
            SEARCH % ("optuna", 2),
            SEARCH % ("optuna", 4),
            {},
            "search was .* but an Optuna study .* cannot grow",
            marks=pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason="optuna is not installed"),
        ),
    ],
)
def test_a_run_that_is_there_cannot_go_or_change(
    options: Options, tmp_path: Path, before: str, after: str, more: dict[str, Any], reason: str
) -> None:
    begin(options(before, **{**more, "epochs": None}))
    files = contents(tmp_path / "sweep")
    other = options(after, **more)
    with pytest.raises(RunError, match=reason):
        open_folder(other, read_plan(other), resume=True, replace=False, join=False)
    assert contents(tmp_path / "sweep") == files


def test_a_record_that_cannot_be_planned_again_is_refused_for_the_difference(options: Options, tmp_path: Path) -> None:
    begin(options("grid: {rank: [2]}"))
    path = tmp_path / "sweep" / "sweep.json"
    record = json.loads(path.read_text())
    record["config"]["grid"] = {"rank": "two"}
    path.write_text(json.dumps(record))
    more = options("grid: {rank: [2, 3]}")
    with pytest.raises(RunError, match=r"grid was \{'rank': 'two'\} and is now"):
        open_folder(more, read_plan(more), resume=True, replace=False, join=False)
