"""Trackers log a run's events, continue when a run resumes, and cannot break a run. No network is used."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import ConfigError
from squadron.experiments.train import train
from squadron.options.base import checked
from squadron.options.core import TrainOptions
from squadron.tracking.events import Listener, RunEnded, RunScored, RunStarted, Stepped, Stream
from squadron.tracking.trackers import TRACKERS, Tracker, open_trackers


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make connections to other machines fail the test; local services are allowed."""
    plain = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
            pytest.fail(f"a tracker asked the network: {address}")
        plain(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "WANDB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


@pytest.fixture
def settings(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> dict[str, Any]:
    common = {"base": str(byte_base_dir), "data": str(small_data), "out": str(tmp_path / "run")}
    return {**common, "epochs": 2, "eval_questions": 0, "precision": "fp32", "checkpoint_seconds": 0.0}


def trained(settings: dict[str, Any], names: list[str], **more: Any) -> dict[str, Any]:
    listeners = open_trackers(names, Path(settings["out"]))
    return train(checked(TrainOptions, settings), listeners=listeners, **more)


def losses(folder: Path) -> dict[int, float]:
    """Return the losses that TensorBoard's own reader finds, by step."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator(str(folder))
    reader.Reload()
    return {event.step: event.value for event in reader.Scalars("train/loss")}


def test_tensorboard_has_every_step_once_though_the_run_was_resumed(settings: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    trained({**settings, "max_steps": 4}, ["tensorboard"])
    folder = tmp_path / "run" / "tensorboard" / "run"
    assert list(losses(folder)) == [1, 2, 3, 4]
    summary = trained(settings, ["tensorboard"], resume=True)
    found = losses(folder)
    assert list(found) == [1, 2, 3, 4, 5, 6]
    assert found[6] == pytest.approx(summary["loss"])


def test_mlflow_has_one_run_with_its_options_and_figures(settings: dict[str, Any], tmp_path: Path) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    trained({**settings, "max_steps": 4}, ["mlflow"])
    summary = trained(settings, ["mlflow"], resume=True)
    client = tracking.MlflowClient((tmp_path / "run" / "mlruns").as_uri())
    experiment = client.get_experiment_by_name(str(tmp_path / "run"))
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("run", "FINISHED")
    assert run.data.params["rank"] == "4"
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert sorted(one.step for one in history) == [1, 2, 3, 4, 5, 6]
    assert run.data.metrics["train/loss"] == pytest.approx(summary["loss"])
    assert run.data.metrics["validation/loss"] == pytest.approx(summary["validation_loss"])


def test_wandb_works_offline(settings: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    trained({**settings, "max_steps": 2}, ["wandb"])
    (made,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    deadline = time.monotonic() + 30  # wandb's own process writes later
    while b"train/loss" not in made.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert b"train/loss" in made.read_bytes()


@pytest.mark.parametrize("name", TRACKERS)
def test_runs_of_a_fleet_take_turns_and_scores_come_late(name: str, tmp_path: Path) -> None:
    """Two runs of a fleet, then another: the first two are closed, and a late score reopens one."""
    pytest.importorskip("mlflow" if name == "mlflow" else name)
    (tracker,) = open_trackers([name], tmp_path)

    def start(run: str) -> None:
        tracker.run_started(RunStarted(run, str(tmp_path / run), {"rank": 4}, 9, 0, 5))

    start("one")
    start("two")
    for step in (1, 2):
        for run in ("one", "two"):
            tracker.stepped(Stepped(run, step, {"epoch": 1, "loss": 1.0 / step, "gradient_norm": None}))
    tracker.run_scored(RunScored("elsewhere", "validation", "greedy", {"exact_match": 0.0, "f1": 1.0}))
    assert set(tracker._open) == {"one", "two"}  # type: ignore[attr-defined]
    for run in ("one", "two"):
        tracker.run_ended(RunEnded(run, "done", {"loss": 0.5}))
    start("three")
    assert set(tracker._open) == {"three"}  # type: ignore[attr-defined]
    tracker.run_scored(RunScored("one", "test", "greedy", {"exact_match": 0.0, "f1": 12.5}))
    tracker.run_ended(RunEnded("never-began", "failed", {"reason": "no memory"}))
    tracker.close()
    assert not tracker._open  # type: ignore[attr-defined]
    if name == "tensorboard":  # figures logged before it was reopened are still there
        assert losses(tmp_path / "tensorboard" / "one") == {1: 1.0, 2: 0.5}
    if name == "mlflow":
        client = pytest.importorskip("mlflow.tracking").MlflowClient((tmp_path / "mlruns").as_uri())
        found = {run.info.run_name: run for run in client.search_runs(["0", tracker._experiment])}  # type: ignore[attr-defined]
        assert sorted(found) == ["one", "three", "two"]
        assert found["one"].data.metrics["test/greedy/f1"] == 12.5


def test_a_tracker_that_raises_is_dropped_and_the_run_is_the_same(settings: dict[str, Any], tmp_path: Path) -> None:
    class Broken(Listener):
        steps = 0

        def stepped(self, event: Stepped) -> None:
            self.steps += 1
            raise OSError(f"no room for step {event.step}")

    plain = train(checked(TrainOptions, settings))
    broken = Broken()
    out = tmp_path / "tracked"
    tracked = train(checked(TrainOptions, {**settings, "out": str(out)}), listeners=[broken])
    assert (broken.steps, tracked["status"]) == (1, "done")
    weights = [(Path(run["run"]) / "adapter" / "adapter_model.safetensors").read_bytes() for run in (plain, tracked)]
    assert weights[0] == weights[1]


class Failing(Tracker):
    """Cannot log steps of ``two``, nor end ``one`` and ``three``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.closed: list[str] = []

    def begin(self, event: RunStarted, *, again: bool) -> str:  # noqa: ARG002
        return event.run

    def log(self, run: str, step: int, figures: Mapping[str, float]) -> None:  # noqa: ARG002
        if run == "two":
            raise OSError("no room")

    def conclude(self, run: str, status: str, summary: Mapping[str, Any]) -> None:
        """Log nothing."""

    def end(self, run: str) -> None:
        self.closed.append(run)
        if run != "two":
            raise OSError(f"{run} is gone")


RUNS = ["one", "two", "three"]


def test_a_run_that_cannot_be_closed_leaves_no_other_open(tmp_path: Path) -> None:
    tracker = Failing(tmp_path)
    for run in RUNS:
        tracker.run_started(RunStarted(run, str(tmp_path / run), {}, 9, 0, 5))
    with pytest.raises(OSError, match="one is gone"):
        tracker.close()
    assert tracker.closed == RUNS
    tracker.close()
    assert tracker.closed == RUNS


def test_a_tracker_that_is_dropped_is_closed(tmp_path: Path) -> None:
    notes: list[str] = []
    tracker = Failing(tmp_path)
    stream = Stream([tracker], note=notes.append)
    for run in RUNS:
        stream.send(RunStarted(run, str(tmp_path / run), {}, 9, 0, 5))
    stream.send(Stepped("two", 1, {"loss": 1.0}))
    assert tracker.closed == RUNS
    stream.close()
    assert tracker.closed == RUNS
    assert notes == ["Failing failed and is dropped, the runs continue: OSError: no room"]


def test_a_missing_library_is_named_with_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"track='wandb': its library is not installed .*squadron\[trackers\]"):
        open_trackers(["wandb"], tmp_path)
