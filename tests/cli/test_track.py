"""``--track``: a tracker is chosen by name, opened when the run begins, and dropped if it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Squadron
from squadron.tracking.trackers import TRACKERS


def test_the_flag_of_train(
    squadron: Squadron, byte_base_dir: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("mlflow")
    for name in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(name, "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    flags = ["--base", byte_base_dir, "--data", small_data, "--out", tmp_path / "run", "--max-steps", 2]
    flags += ["--eval-questions", 0]
    unknown = squadron("train", *flags, "--track", "paper")
    assert unknown.code == 2
    assert "--track paper: unknown; trackers are tensorboard, mlflow, wandb" in unknown.err
    assert not (tmp_path / "run").exists()

    def refuse(*_: object, **_more: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(TRACKERS["tensorboard"], "begin", refuse)
    outcome = squadron("train", *flags, "--track", "tensorboard", "--track", "mlflow", "--json")
    assert (outcome.code, outcome.record["status"]) == (0, "done")
    assert outcome.err.count("TensorBoard failed and is dropped, the runs continue: OSError: no room") == 1
    assert (tmp_path / "run" / "mlruns").is_dir()
