"""One order of runs: `squadron runs`, the leaderboard, the reports and the playground agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from squadron.files import write_json
from squadron.options.runs import By, RunsListOptions
from squadron.runs.board import read_board
from squadron.runs.listing import list_runs
from squadron.runs.ranking import rank_key
from squadron.runs.study import read_study
from squadron.runs.sweep_folder import SweepFolder
from squadron.sweeps.leaderboard import rank_runs, write_leaderboard

ORDER = (
    "best",
    "tie-more-exact",
    "tie-lower-loss",
    "tie-a",
    "tie-b",
    "tie-no-loss",
    "zero",
    "done-unscored",
    "stopped-late",
    "stopped-early",
    "interrupted",  # its scores do not count, since it has not ended
    "running",
    "waiting",
    "broke",
    "crashed",
    "failed",
    "torn",
    "torn-scores",
)
"""Runs of every status in their expected order; the sweep lists them in another order."""
FAILURE = "the disk is full"


def make_run(sweep: Path, name: str, status: str, scores: tuple[float, float] | None = None, **record: Any) -> None:
    folder = sweep / "runs" / name
    content = {"schema": 1, "kind": "train", "status": status, "config": {"rank": 4}, "validation_loss": 1.0, **record}
    write_json(folder / "run.json", content)
    if scores is not None:
        f1, exact_match = scores
        own = {"f1": f1, "exact_match": exact_match, "questions": 9, "f1_interval": [0, 99]}
        decodings = {"greedy": {**own, "exact_match_interval": [0, 99]}}
        write_json(folder / "scores.json", {"schema": 1, "splits": {"validation": {"decodings": decodings}}})


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Make a sweep with runs of every status, with leaderboard and record as the coordinator writes them."""
    home = tmp_path / "sweep"
    make_run(home, "best", "done", (60.0, 10.0), validation_loss=9.0)
    make_run(home, "tie-more-exact", "done", (50.0, 41.0), validation_loss=9.0)
    make_run(home, "tie-lower-loss", "done", (50.0, 40.0), validation_loss=0.5)
    make_run(home, "tie-a", "done", (50.0, 40.0))
    make_run(home, "tie-b", "done", (50.0, 40.0))
    make_run(home, "tie-no-loss", "done", (50.0, 40.0), validation_loss=None)
    make_run(home, "zero", "done", (0.0, 0.0))
    make_run(home, "done-unscored", "done")
    make_run(home, "stopped-late", "stopped", validation_f1=30.0, validation_exact_match=20.0)
    make_run(home, "stopped-early", "stopped", validation_f1=20.0, validation_exact_match=20.0, validation_loss=0.1)
    make_run(home, "interrupted", "interrupted", (99.0, 99.0), validation_loss=None)
    make_run(home, "running", "running", validation_loss=None)
    make_run(home, "broke", "diverged", reason="loss nan", validation_loss=None)
    make_run(home, "crashed", "running", validation_loss=None)  # its fleet failed, and its record does not say so
    make_run(home, "torn", "done", (80.0, 80.0))
    (home / "runs" / "torn" / "run.json").write_text("{")
    make_run(home, "torn-scores", "done", (80.0, 80.0))
    (home / "runs" / "torn-scores" / "scores.json").write_text("{")
    changes: dict[str, dict[str, Any]] = {name: {"rank": 4} for name in sorted(ORDER, reverse=True)}
    failed = {"failed": FAILURE, "crashed": FAILURE}
    entries = rank_runs(SweepFolder(home, {}), changes, split="validation", decoding="greedy", failed=failed)
    write_leaderboard(home, {"split": "validation", "decoding": "greedy", "runs": entries})
    by_name = {entry["name"]: entry for entry in entries}
    planned = [
        {key: by_name[name][key] for key in ("name", "changes", "status", "reason") if key in by_name[name]}
        for name in changes
    ]
    write_json(home / "sweep.json", {"schema": 1, "kind": "sweep", "status": "failed", "config": {}, "runs": planned})
    return home


def test_every_reader_ranks_runs_in_the_same_order(sweep: Path) -> None:
    board = json.loads((sweep / "leaderboard.json").read_text())["runs"]
    listed = list_runs(RunsListOptions(folder=str(sweep)))["runs"]
    orders = {
        "leaderboard": [entry["name"] for entry in board],
        "runs": [row["name"] for row in listed],
        "study": [run.name for run in read_study(sweep).runs],
        "playground": [row.name for row in read_board(sweep, []).rows],
    }
    assert orders == {reader: list(ORDER) for reader in orders}
    states = {entry["name"]: entry["status"] for entry in board}
    assert {row["name"]: row["status"] for row in listed} == states
    assert states["crashed"] == states["failed"] == "failed"
    assert {row["reason"] for row in listed if row["name"] in ("crashed", "failed")} == {FAILURE}
    told = {run.name: run.status for run in read_study(sweep).runs}
    assert told == {**states, "torn": "failed", "torn-scores": "failed"}  # what a report calls them


def test_the_order_does_not_depend_on_the_leaderboards_file(sweep: Path) -> None:
    board = json.loads((sweep / "leaderboard.json").read_text())
    write_json(sweep / "leaderboard.json", {**board, "runs": board["runs"][::-1]})
    assert [row.name for row in read_board(sweep, []).rows] == list(ORDER)
    assert [run.name for run in read_study(sweep).runs] == list(ORDER)


@pytest.mark.parametrize(("by", "best"), [("f1", "a"), ("exact_match", "b")])
def test_runs_are_ranked_by_the_requested_metric(by: By, best: str) -> None:
    keys = {"a": rank_key("a", "done", 50.0, 10.0, by=by), "b": rank_key("b", "done", 40.0, 20.0, by=by)}
    assert min(keys, key=lambda name: keys[name]) == best


@pytest.mark.parametrize(("by", "order"), [("f1", "dcab"), ("exact_match", "dacb"), ("p_gold", "bcad")])
def test_the_metric_decides_and_another_one_between_equals(by: By, order: str) -> None:
    """F1, EM and P(gold), which a run from before there was P(gold) does not have."""
    scores = {"a": (50.0, 41.0, 30.0), "b": (50.0, 40.0, 90.0), "c": (60.0, 40.0, 30.0), "d": (70.0, 70.0, None)}
    keys = {name: rank_key(name, "done", f1, em, 1.0, gold, by=by) for name, (f1, em, gold) in scores.items()}
    assert "".join(sorted(keys, key=lambda name: keys[name])) == order


def test_every_reader_ranks_by_the_sweeps_metric(tmp_path: Path) -> None:
    """F1 and P(gold) give opposite orders; of a stopped run, those at the time when it was stopped count."""
    home = tmp_path / "sweep"
    for name, f1 in (("a", 10.0), ("b", 20.0), ("c", 30.0)):
        make_run(home, name, "done", (f1, 5.0))
        path = home / "runs" / name / "scores.json"
        scores = json.loads(path.read_text())
        scores["splits"]["validation"]["decodings"]["greedy"] |= {"p_gold": 50.0 - f1, "p_gold_interval": [0, 99]}
        write_json(path, scores)
    for name, f1 in (("d", 40.0), ("e", 45.0)):
        figures = {"validation_f1": f1, "validation_exact_match": 1.0, "validation_p_gold": 50.0 - f1}
        make_run(home, name, "stopped", **figures)
    changes: dict[str, dict[str, Any]] = {name: {"rank": 4} for name in "edcba"}
    entries = rank_runs(SweepFolder(home, {}), changes, split="validation", decoding="greedy", failed={}, by="p_gold")
    assert [entry["p_gold"] for entry in entries] == [40.0, 30.0, 20.0, 10.0, 5.0]
    write_leaderboard(home, {"split": "validation", "decoding": "greedy", "by": "p_gold", "runs": entries})
    write_json(home / "sweep.json", {"schema": 1, "kind": "sweep", "status": "done", "config": {}, "runs": []})
    listed = list_runs(RunsListOptions(folder=str(home)))
    assert listed["by"] == "p_gold"
    orders = {
        "leaderboard": [entry["name"] for entry in entries],
        "runs": [row["name"] for row in listed["runs"]],
        "study": [run.name for run in read_study(home).runs],
        "playground": [row.name for row in read_board(home, []).rows],
    }
    assert orders == {reader: list("abcde") for reader in orders}
    by_f1 = list_runs(RunsListOptions(folder=str(home), by="f1"))["runs"]
    assert [row["name"] for row in by_f1] == list("cbaed")
