"""A sweep may be moved, and resumed from elsewhere, with its base and its data set in other places."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import RunError
from squadron.experiments.evaluate import evaluate
from squadron.options.core import EvaluateOptions
from squadron.options.runs import RunsCompareOptions
from squadron.options.sweep import SweepOptions
from squadron.runs.compare import compare_runs
from squadron.runs.study import read_study
from squadron.sweeps.sweep import sweep

CONFIG = """
base: {epochs: 1, eval_questions: 0, train_size: 8, val_size: 3, test_size: 3}
grid: {rank: [2, 3]}
evaluate: {max_new_tokens: 2}
"""


@pytest.fixture
def home(byte_base_dir: Path, small_squad: Path, small_data: Path, tmp_path: Path) -> Path:
    """A folder with a base, a data set, a prepared one and a configuration."""
    home = tmp_path / "home"
    shutil.copytree(byte_base_dir, home / "base")
    shutil.copytree(small_data, home / "prepared")
    shutil.copy(small_squad, home / "small.json")
    (home / "config.yaml").write_text(CONFIG)
    return home


def options(home: str = ".", **more: Any) -> SweepOptions:
    given = {"base": f"{home}/base", "dataset": f"{home}/small.json", "precision": "fp32", "fleet_size": 2, **more}
    return SweepOptions(**{"config": f"{home}/config.yaml", "out": "sweep", **given})


def test_a_moved_sweep_is_evaluated_compared_and_resumed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    sweep(options())
    config = json.loads(Path("sweep/sweep.json").read_text())["config"]
    assert (config["base"], config["dataset"]) == (str(home / "base"), str(home / "small.json"))
    run = json.loads(Path("sweep/runs/r2/run.json").read_text())["config"]
    assert (run["base"], run["data"]) == (str(home / "base"), str(home / "sweep" / "data"))
    Path("sweep").rename(tmp_path / "moved")
    Path("base").rename(tmp_path / "base")
    Path("small.json").rename(tmp_path / "small.json")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    again = {"run": "../moved/runs/r2", "base": "../base", "max_new_tokens": 2, "precision": "fp32"}
    scores = json.loads((tmp_path / "moved/runs/r2/scores.json").read_text())
    assert evaluate(EvaluateOptions(**again))["f1"] == scores["f1"]  # type: ignore[arg-type]
    assert (
        compare_runs(RunsCompareOptions(first="../moved/runs/r2", second="../moved/runs/r3"))["split"] == "validation"
    )
    assert read_study(tmp_path / "moved").data.path == tmp_path / "moved" / "data"
    shutil.rmtree(tmp_path / "moved" / "runs" / "r3")  # it is trained again
    places = {"config": str(home / "config.yaml"), "base": "../base", "dataset": "../small.json", "out": "../moved"}
    assert sweep(options(**places), resume=True)["status"] == "done"
    (tmp_path / "other.json").write_text((tmp_path / "small.json").read_text().replace("bridge", "tower"))
    with pytest.raises(RunError, match=r"dataset was '.*small\.json' and is now '.*other\.json'"):
        sweep(options(**{**places, "dataset": "../other.json"}), resume=True)


def test_a_resumed_sweep_compares_base_and_prepared_data_by_their_checksums(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    (home / "config.yaml").write_text(CONFIG.replace(", train_size: 8, val_size: 3, test_size: 3", ""))
    sweep(options(dataset="prepared"))
    record = json.loads(Path("sweep/sweep.json").read_text())
    record["config"] |= {"base": "./base", "dataset": "prepared"}  # as older versions wrote it
    Path("sweep/sweep.json").write_text(json.dumps(record))
    assert sweep(options(dataset="prepared"), resume=True)["status"] == "done"
    Path("prepared").rename(tmp_path / "elsewhere")
    assert sweep(options(dataset="../elsewhere"), resume=True)["status"] == "done"
    shutil.copytree(tmp_path / "elsewhere", "other")
    manifest = json.loads(Path("other/data.json").read_text())
    manifest["splits"]["train"] = {**manifest["splits"]["validation"]}
    Path("other/data.json").write_text(json.dumps(manifest))
    with pytest.raises(RunError, match="data: the sha256 of train was"):
        sweep(options(dataset="other"), resume=True)
