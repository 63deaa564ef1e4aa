"""A sweep on a real local Ray cluster: a worker is killed within a fleet, and every result is reported once."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from squadron.errors import DeviceError
from squadron.options.sweep import SweepOptions
from squadron.sweeps import ray_engine
from squadron.sweeps.ray_worker import FleetTask, Message, SweepPayload, run_task
from squadron.sweeps.sweep import sweep
from squadron.tracking.events import Listener, RunEnded, RunScored, Stepped
from squadron.tracking.progress import Reporter

CONFIG = """
base: {epochs: 12, eval_questions: 0, checkpoint_seconds: 0}
grid: {rank: [2, 5], lr: [2.0e-3, 1.0e-2]}
evaluate: {max_new_tokens: 5}
"""
pytestmark = [
    # Ray's own warnings, about sockets and files that it leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR", _node_ip_address="127.0.0.1"
    )
    # The workers cannot import this file.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the workers: rounding of sums depends on the number of threads
    yield ray
    torch.set_num_threads(threads)
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    ray.shutdown()


def with_process_id(payload: SweepPayload, task: FleetTask) -> Iterator[Message]:
    """Run ``run_task`` and first send the worker's process id."""
    yield "note", f"pid {os.getpid()} {task.fleet}"
    yield from run_task(payload, task)


@pytest.mark.timeout(200)
@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_loses_and_repeats_no_result(
    byte_base_dir: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)

    def options(out: str, **more: Any) -> SweepOptions:
        given = {"config": str(tmp_path / "config.yaml"), "base": str(byte_base_dir), "dataset": str(small_data)}
        return SweepOptions(**given, out=str(tmp_path / out), fleet_size=2, precision="fp32", **more)

    notes: list[str] = []
    ended: Counter[str] = Counter()
    steps: Counter[tuple[str, int]] = Counter()
    killed: list[int] = []

    class Notes(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    class Killer(Listener):
        def stepped(self, event: Stepped) -> None:
            steps[event.run, event.step] += 1
            if event.step >= 8 and not killed and event.run.startswith("r5"):
                killed.append(next(int(note.split()[1]) for note in notes if note.endswith(" 02")))
                os.kill(killed[0], signal.SIGKILL)

        def run_ended(self, event: RunEnded) -> None:
            ended[f"{event.run} {event.status}"] += 1

        def run_scored(self, event: RunScored) -> None:
            ended[f"{event.run} scored"] += 1

    local = sweep(options("local"))
    monkeypatch.setattr(ray_engine, "run_task", with_process_id)
    result = sweep(options("ray", engine="ray", cpus_per_fleet=1), reporter=Notes(), listeners=[Killer()])
    assert killed
    assert sum("fleet 02: its worker was lost" in note for note in notes) == 1
    assert {note.split()[2] for note in notes if note.startswith("pid ")} == {"01", "02"}
    assert sum(note.startswith("pid ") for note in notes) == 3
    names = [run["name"] for run in result["runs"]]
    assert len(names) == 4
    assert ended == Counter({f"{name} {what}": 1 for name in names for what in ("done", "scored")})
    # It resumed from its last checkpoint, not from the start.
    again = [step for (run, step), count in steps.items() if count > 1]
    assert 1 not in again
    for run, other in zip(result["runs"], local["runs"], strict=True):
        assert (run["name"], run["f1"], run["exact_match"]) == (other["name"], other["f1"], other["exact_match"])
        folders = [tmp_path / out / "runs" / run["name"] for out in ("ray", "local")]
        files = [sorted(path.relative_to(one) for path in one.rglob("*.json")) for one in folders]
        assert files[0] == files[1]
        answers = [(one / "predictions" / "greedy.json").read_bytes() for one in folders]
        assert answers[0] == answers[1]
        a, b = (load_file(one / "last" / "adapter_model.safetensors") for one in folders)
        assert all(torch.equal(a[name], b[name]) for name in b)
    assert not list((tmp_path / "ray" / "fleets").glob("*.safetensors"))
    with pytest.raises(DeviceError, match=r"cpus_per_fleet=3, .* the cluster has 2 CPUs"):
        sweep(options("none", engine="ray", cpus_per_fleet=3))
    assert not (tmp_path / "none").exists()
