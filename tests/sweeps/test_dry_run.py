"""Previews: the fleets and the seconds of the sweep that would run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from squadron.options.sweep import SweepOptions
from squadron.runs.sweep_folder import SweepFolder
from squadron.sweeps import dry_run, sweep
from squadron.sweeps.dry_run import preview
from squadron.sweeps.sweep import open_engine

CONFIG = """
base: {max_steps: 1, eval_questions: 0}
grid: {rank: [2, 3, 4, 5]}
evaluate: {max_new_tokens: 2}
"""


@pytest.fixture
def options(byte_base_dir: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepOptions:
    """The options of a sweep whose runs train for 2 s each, and answer for 1 s, as the base does."""
    monkeypatch.setattr(dry_run, "answering_seconds", lambda *_: 1.0)
    monkeypatch.setattr(dry_run, "training_seconds", lambda _inputs, runs, _trial: 2.0 * len(runs))
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    own = {"config": str(path), "base": str(byte_base_dir), "dataset": str(small_data), "precision": "fp32"}
    return SweepOptions(**own, out=str(tmp_path / "sweep"))


def fleets(planned: dict[str, Any]) -> list[list[str]]:
    return [fleet["runs"] for fleet in planned["fleets"]]


@pytest.mark.parametrize(
    ("gpus", "planned", "training", "answering"),
    [
        (0, [["r2", "r3", "r4", "r5"]], 8, 5),
        (2, [["r2", "r3"], ["r4", "r5"]], 4, 3),
        (9, [["r2"], ["r3"], ["r4"], ["r5"]], 2, 2),
    ],
)
def test_a_preview_uses_every_gpu_as_the_sweep_does(
    options: SweepOptions,
    monkeypatch: pytest.MonkeyPatch,
    gpus: int,
    planned: list[list[str]],
    training: float,
    answering: float,
) -> None:
    monkeypatch.setattr(sweep, "gpus", lambda: [f"cuda:{number}" for number in range(gpus)])
    found = preview(options)
    assert (fleets(found), found["fleets_at_once"]) == (planned, len(planned))
    assert (found["training_seconds"], found["answering_seconds"]) == (training, answering)
    assert found["seconds"] == training + answering


def test_a_preview_plans_the_fleets_of_the_sweep(options: SweepOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers are those of a cluster; none is started."""
    closed: list[int] = []

    def three(*given: Any, **how: Any) -> Any:
        engine = open_engine(*given, **how)
        monkeypatch.setattr(engine, "workers", 3)
        monkeypatch.setattr(engine, "close", lambda: closed.append(1))
        return engine

    monkeypatch.setattr(dry_run, "open_engine", three)
    planned = preview(options)
    assert closed == [1]
    engine = three(options)
    sweep.sweep(options, engine=engine)
    folder = SweepFolder.open(Path(options.out))
    assert fleets(planned) == [folder.runs_of(fleet) for fleet in folder.record["fleets"]]
    assert len(fleets(planned)) == 3


def test_only_workers_with_a_gpu_of_their_own_divide_the_time(options: SweepOptions) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    shared, whole = (options.model_copy(update={"engine": "ray", "gpus_per_fleet": one}) for one in (0.25, None))
    assert dry_run._undisturbed(whole, 8, cpu) == 1
    assert dry_run._undisturbed(whole, 8, gpu) == 8
    assert dry_run._undisturbed(shared, 8, gpu) == 2
    assert dry_run._undisturbed(shared, 1, gpu) == 1
