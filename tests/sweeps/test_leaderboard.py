"""The leaderboard: order, flat table, settings; also for a folder of a thousand runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from squadron import file_records
from squadron.data.sources import load_data
from squadron.files import write_json
from squadron.runs.sweep_folder import SweepFolder
from squadron.sweeps.leaderboard import Known, compare_settings, rank_runs, write_leaderboard

BEGUN = {"schema": 1, "kind": "train", "config": {}}


def made_run(folder: Path, name: str, status: str = "done", f1: float | None = None, **record: Any) -> None:
    path = folder / "runs" / name
    figures = {"loss": 0.5, "validation_loss": 1.0, "seconds": 2.0, **record}
    write_json(path / "run.json", {**BEGUN, "status": status, **figures})
    if f1 is not None:
        interval = [f1 - 1, f1 + 1]
        scores = {"exact_match": f1 / 2, "f1": f1, "questions": 9, "f1_interval": interval}
        own = {"greedy": {**scores, "exact_match_interval": interval}}
        write_json(path / "scores.json", {"schema": 1, "splits": {"validation": {"decodings": own}}})


def ranked(folder: Path, names: list[str], known: Known | None = None, **failed: str) -> list[dict[str, Any]]:
    changes = {name: {"rank": number, "targets": ["attn.q", "attn.v"]} for number, name in enumerate(names)}
    return rank_runs(
        SweepFolder(folder, {}), changes, split="validation", decoding="greedy", failed=failed, known=known
    )


def test_the_best_run_comes_first_and_failed_runs_last(tmp_path: Path) -> None:
    made_run(tmp_path, "low", f1=20.0)
    made_run(tmp_path, "high", f1=40.0)
    made_run(tmp_path, "tie", f1=40.0, validation_loss=0.9)
    made_run(tmp_path, "broke", "diverged", reason="loss nan at step 3; lower --lr")
    made_run(tmp_path, "gone", "running")
    made_run(tmp_path, "cut", "stopped", validation_f1=50.0, validation_exact_match=30.0, reason="dropped")
    made_run(tmp_path, "torn", "done", f1=60.0)
    (tmp_path / "runs" / "torn" / "run.json").write_text("{")
    made_run(tmp_path, "stale", "done", reason="of an earlier try", f1=1.0)
    board = ranked(
        tmp_path, ["gone", "broke", "low", "high", "tie", "cut", "new", "stale", "torn"], gone="the disk is full"
    )
    assert [run["name"] for run in board] == ["tie", "high", "low", "stale", "cut", "new", "broke", "gone", "torn"]
    assert [run["rank"] for run in board] == list(range(1, 10))
    by_name = {run["name"]: run for run in board}
    assert (by_name["gone"]["status"], by_name["gone"]["reason"]) == ("failed", "the disk is full")
    assert by_name["new"]["status"] == "waiting"
    assert (by_name["cut"]["f1"], by_name["cut"]["f1_interval"]) == (50.0, None)
    assert "reason" not in by_name["stale"]
    write_leaderboard(tmp_path, {"split": "validation", "decoding": "greedy", "runs": board})
    assert json.loads((tmp_path / "leaderboard.json").read_text())["runs"] == board
    rows = list(csv.DictReader((tmp_path / "leaderboard.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == [run["name"] for run in board]
    assert (rows[0]["rank"], rows[0]["changes.rank"], rows[0]["changes.targets"]) == ("1", "4", "attn.q attn.v")
    assert (rows[0]["f1"], rows[0]["f1_low"], rows[0]["f1_high"]) == ("40.0", "39.0", "41.0")
    assert rows[-2]["reason"] == "the disk is full"
    assert rows[-1]["status"] == "unreadable"
    assert "torn/run.json: not JSON" in rows[-1]["reason"]


@pytest.mark.parametrize(
    ("reason", "cell"), [("=1", "'=1"), (" =1", "'=1"), ("\u202e=1", "[U+202E]=1"), ("a\x1bb", "a[U+001B]b")]
)
def test_no_reason_is_a_formula_or_has_invisible_characters(tmp_path: Path, reason: str, cell: str) -> None:
    made_run(tmp_path, "broke", "diverged", reason=reason)
    write_leaderboard(tmp_path, {"runs": ranked(tmp_path, ["broke"])})
    (row,) = csv.DictReader((tmp_path / "leaderboard.csv").read_text().splitlines())
    assert row["reason"] == cell


def test_a_thousand_runs_are_read_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"r{number}" for number in range(1000)]
    for number, name in enumerate(names):
        path = tmp_path / "runs" / name
        path.mkdir(parents=True)
        (path / "run.json").write_text(json.dumps({**BEGUN, "status": "done", "validation_loss": 1.0}))
        own = {"exact_match": 1.0, "f1": number / 10, "questions": 9, "f1_interval": [0, 1]}
        scores = {"greedy": {**own, "exact_match_interval": [0, 1]}}
        (path / "scores.json").write_text(json.dumps({"schema": 1, "splits": {"validation": {"decodings": scores}}}))
    read: list[Path] = []
    real = file_records.read_json
    monkeypatch.setattr(file_records, "read_json", lambda path, **more: (read.append(path), real(path, **more))[1])
    known: Known = {}
    board = ranked(tmp_path, names, known)
    assert [run["name"] for run in board[:2]] == ["r999", "r998"]
    assert len(read) == len(set(read)) == 2000
    # Once more, only those that changed, or are not done, are read.
    made_run(tmp_path, "r7", f1=99.95)
    made_run(tmp_path, "r8", "running", f1=100.0)
    for again in (3, 1):
        read.clear()
        anew = ranked(tmp_path, names, known, r8="gone")
        assert len(read) == again
    assert [(run["name"], run["f1"]) for run in anew[:3]] == [("r7", 99.95), ("r999", 99.9), ("r998", 99.8)]
    assert (anew[-1]["name"], anew[-1]["status"]) == ("r8", "failed")
    assert anew == ranked(tmp_path, names, r8="gone")


def test_a_winner_is_significant_only_if_the_questions_show_it(tmp_path: Path, small_squad: Path) -> None:
    dataset = load_data(small_squad)
    golds = {name: own[0] for name, own in dataset.golds().items()}
    wrong = dict.fromkeys(golds, "nothing of it")
    half = {name: text if number % 2 else "nothing of it" for number, (name, text) in enumerate(golds.items())}
    one_more = {**half, next(iter(golds)): golds[next(iter(golds))]}

    def compared(**predictions: dict[str, str]) -> Any:
        runs = []
        for name, own in predictions.items():
            write_json(tmp_path / "runs" / name / "predictions" / "greedy.json", own)
            right = 100 * sum(own[key] == golds[key] for key in golds) / len(golds)
            setting, seed = name.split("_")
            changes = {"rank": setting, "seed": int(seed)}
            runs.append({"name": name, "status": "done", "f1": right, "exact_match": right, "changes": changes})
        return compare_settings(SweepFolder(tmp_path, {}), runs, dataset, "greedy", "greedy")

    settings, winner = compared(a_0=golds, a_1=half, b_0=wrong, b_1=wrong)
    assert [setting["changes"] for setting in settings] == [{"rank": "a"}, {"rank": "b"}]
    assert (settings[0]["f1_mean"], settings[1]["f1_deviation"]) == (pytest.approx(75.0), 0.0)
    assert winner["f1_difference"] == pytest.approx(75.0)
    # Training again counts: a gain of 100 and of 50 points with two seeds is no evidence of one with another.
    assert not winner["significant"]
    assert winner["p_value"] > 0.05
    _, sure = compared(a_0=golds, a_1=golds, b_0=wrong, b_1=wrong)
    assert sure["significant"]
    _, single = compared(a_0=half, b_0=wrong)
    assert single["significant"]
    _, close = compared(c_0=one_more, d_0=half)
    assert close["f1_difference"] == pytest.approx(100 / 36)
    assert not close["significant"]
    assert compared(e_0=half)[1] is None
