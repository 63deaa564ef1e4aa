"""Which machine has to have room for the runs of a sweep: each plans its own memory before it loads the base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from squadron.experiments import room
from squadron.options.core import EvaluateOptions, TrainOptions
from squadron.options.sweep import SweepOptions
from squadron.runs.sweep_folder import SweepFolder
from squadron.sweeps.grid import read_sweep
from squadron.sweeps.ray_worker import FleetTask, SweepPayload, run_task
from squadron.sweeps.sweep import _runs_to_train


def planned(out: Path, record: dict[str, Any], **more: Any) -> list[str]:
    """Return the runs of a sweep that this machine plans the memory of."""
    config = out.parent / "config.yaml"
    config.write_text("grid: {rank: [2, 3, 5]}\n")
    options = SweepOptions(config=str(config), base="pocket", dataset="pocket", out=str(out), **more)
    return list(_runs_to_train(options, read_sweep(config), SweepFolder(out, record), "data"))


def test_runs_that_have_ended_need_no_room_and_those_of_a_cluster_none_here(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert planned(out, {}) == ["r2", "r3", "r5"]
    record = {"runs": [{"name": "r2", "status": "done"}, {"name": "r3", "status": "failed"}, None]}
    assert planned(out, record) == ["r3", "r5"]
    assert planned(out, record, engine="ray") == []


def test_a_worker_plans_its_memory_before_it_loads_the_base(
    byte_base_dir: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TrainOptions(base="me/large", data="data", out="out", rank=7)
    payload = SweepPayload(
        key="large",
        name="me/large",
        base={"config.json": (byte_base_dir / "config.json").read_bytes()},  # without weights: they are not read
        data={path.name: path.read_bytes() for path in small_data.glob("*.json")},
        device="cpu",
        precision="fp32",
        evaluation=EvaluateOptions(run="out"),
        split="validation",
        rungs=(),
        by="f1",
    )
    files = {"fleets/01.json": b'{"runs": ["r7"]}'}
    monkeypatch.setattr(room, "free_bytes", lambda _: 1000)
    told = list(run_task(payload, FleetTask("01", None, files, {"r7": run.settings()}, threads=1)))
    ((kind, line),) = told
    assert (kind, line[:37]) == ("failed", "--base me/large: run r7 needs 0.0 GB ")
    monkeypatch.setattr(room, "free_bytes", lambda _: None)
    (kind, line), *_ = run_task(payload, FleetTask("01", None, files, {"r7": run.settings()}, threads=1))
    assert "model.safetensors" in line
