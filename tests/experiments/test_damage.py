"""One flipped bit in trained weights: the error names the file, and no verb uses them."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import InterruptedRunError, RunError
from squadron.experiments.ask import ask
from squadron.experiments.evaluate import evaluate
from squadron.experiments.export import export
from squadron.experiments.train import train
from squadron.experiments.training_job import FleetJob
from squadron.files import sha256_file
from squadron.options.core import AskOptions, EvaluateOptions, ExportOptions, TrainOptions
from squadron.options.runs import RunsPromoteOptions
from squadron.options.sweep import SweepOptions
from squadron.runs.maintenance import promote
from squadron.sweeps.sweep import sweep
from squadron.training.checkpoint import load_checkpoint, save_checkpoint

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def run(byte_base_dir: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("damage") / "run"
    train(TrainOptions(**options(byte_base_dir, small_data, out), epochs=2, max_steps=4))
    return out


def options(base: Path, data: Path, out: Path) -> dict[str, Any]:
    return {"base": str(base), "data": str(data), "out": str(out), "precision": "fp32", "eval_questions": 0}


def flip(path: Path, seed: int) -> None:
    """Flip one bit in the second half of the file, which has only weights."""
    data = bytearray(path.read_bytes())
    bit = random.Random(seed).randrange(4 * len(data), 8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_a_run_does_not_resume_from_a_damaged_checkpoint(run: Path, tmp_path: Path) -> None:
    config = json.loads((run / "run.json").read_text())["config"]
    out = shutil.copytree(run, tmp_path / "run")
    more = TrainOptions(**{**config, "out": str(out), "max_steps": None})
    flip(out / "checkpoint.safetensors", seed=1)
    with pytest.raises(
        RunError, match=r"run/checkpoint\.safetensors: damaged: .*; put a copy of it back, or remove it"
    ):
        train(more, resume=True)
    assert (out / "adapter" / WEIGHTS).read_bytes() == (run / "adapter" / WEIGHTS).read_bytes()
    shutil.copy(run / "checkpoint.safetensors", out)  # as the error says
    assert train(more, resume=True)["status"] == "done"


@pytest.mark.parametrize("which", ["adapter", "last"])
def test_a_damaged_adapter_is_refused(run: Path, tmp_path: Path, which: str) -> None:
    out = shutil.copytree(run, tmp_path / "run")
    weights = out / which / WEIGHTS
    assert json.loads((out / "run.json").read_text())["weights_sha256"][which] == sha256_file(weights)
    flip(weights, seed=2)
    (tmp_path / "context").write_text("Town00 lies on the River00.")
    question = {"question": "Which town?", "context": str(tmp_path / "context"), "max_new_tokens": 3}
    calls: list[Callable[[], Any]] = [
        lambda: export(ExportOptions(run=str(out), out=str(tmp_path / "out"), which=which))  # type: ignore[arg-type]
    ]
    if which == "adapter":
        calls += [lambda: evaluate(EvaluateOptions(run=str(out), precision="fp32"))]
        calls += [lambda: ask(AskOptions(run=str(out), **question))]
        calls += [lambda: promote(RunsPromoteOptions(folder=str(out), out=str(tmp_path / "best")))]
    for call in calls:
        with pytest.raises(RunError, match=rf"{which}/{WEIGHTS}: damaged or replaced since the run ended"):
            call()
    # Records from before weights had checksums are not verified.
    record = json.loads((out / "run.json").read_text())
    del record["weights_sha256"]
    (out / "run.json").write_text(json.dumps(record))
    for call in calls:
        call()


def test_a_resumed_run_drops_the_checksums_of_its_older_weights(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shutil.copytree(run, tmp_path / "run")
    before = json.loads((out / "run.json").read_text())
    more = TrainOptions(**{**before["config"], "out": str(out), "max_steps": None})
    with monkeypatch.context() as patch:

        def killed(_: FleetJob) -> Any:
            raise InterruptedRunError("after the last step, before the end is written")

        patch.setattr(FleetJob, "finish", killed)
        with pytest.raises(InterruptedRunError):
            train(more, resume=True)
    assert "weights_sha256" not in json.loads((out / "run.json").read_text())
    evaluate(EvaluateOptions(run=str(out), precision="fp32", limit=1, max_new_tokens=2))
    train(more, resume=True)
    after = json.loads((out / "run.json").read_text())["weights_sha256"]
    assert after["last"] != before["weights_sha256"]["last"]
    assert after == {which: sha256_file(out / which / WEIGHTS) for which in ("adapter", "last")}


def test_a_fleet_with_a_damaged_checkpoint_fails_by_name_and_the_others_continue(
    byte_base_dir: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("base: {epochs: 2, eval_questions: 0}\ngrid: {rank: [2, 3]}\nevaluate: {max_new_tokens: 3}\n")
    asked = SweepOptions(
        config=str(config),
        base=str(byte_base_dir),
        dataset=str(small_data),
        out=str(tmp_path / "sweep"),
        precision="fp32",
        fleet_size=1,
    )
    with monkeypatch.context() as patch:

        def stopped(_: FleetJob) -> Any:
            raise InterruptedRunError("before the end is written")

        patch.setattr(FleetJob, "finish", stopped)
        with pytest.raises(InterruptedRunError):
            sweep(asked)
    checkpoint = tmp_path / "sweep" / "fleets" / "01.safetensors"
    whole = checkpoint.read_bytes()
    flip(checkpoint, seed=3)
    result = sweep(asked, resume=True)
    assert sorted(run["status"] for run in result["runs"]) == ["done", "failed"]
    (reason,) = (run["reason"] for run in result["runs"] if run["status"] == "failed")
    assert "fleets/01.safetensors: damaged" in reason
    assert "\n" not in reason
    checkpoint.write_bytes(whole)
    assert {run["status"] for run in sweep(asked, resume=True)["runs"]} == {"done"}


def resealed(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Write a checkpoint again, with another state or other tensors and a checksum that fits."""
    tensors, state = load_checkpoint(path)
    change(tensors, state)
    save_checkpoint(path, tensors, state)


HOSTILE: list[tuple[Callable[[dict[str, Any], dict[str, Any]], object], str]] = [
    (lambda _, state: state.pop("trainer"), "trainer: missing"),
    (lambda _, state: state.update(members=5), "members: 5 is not a valid list"),
    (lambda _, state: state["members"][0].update(best_step=-1), r"best_step: -1 is not greater"),
    (lambda _, state: state["trainer"].update(step="x"), "trainer.step: 'x' is not a valid integer"),
    (lambda _, state: state["trainer"].update(stopped={"7": "x"}), "trainer.stopped: '7' is not a run of the fleet"),
    (lambda _, state: state["trainer"].update(good_steps=[0, 0]), "trainer.good_steps: 2 values for 1 runs"),
    (lambda _, state: state.update(members=state["members"] * 2), "values for 2 runs"),
    (lambda tensors, _: tensors.pop("mean"), "tensor mean is none, this run's is "),
    (lambda tensors, _: tensors.update(values=tensors["values"][:, 1:]), "tensor values is .* of another run"),
    (lambda tensors, _: tensors.update(values=tensors["values"].double()), "tensor values is .* torch.float64"),
]


@pytest.mark.parametrize(("change", "words"), HOSTILE)
def test_a_checkpoint_whose_checksum_fits_is_checked_too(
    run: Path, tmp_path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object], words: str
) -> None:
    config = json.loads((run / "run.json").read_text())["config"]
    out = shutil.copytree(run, tmp_path / "run")
    resealed(out / "checkpoint.safetensors", change)
    with pytest.raises(RunError, match=words) as refused:
        train(TrainOptions(**{**config, "out": str(out), "max_steps": None}), resume=True)
    assert "checkpoint.safetensors" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("key", "words"), [("data", "the sha256 of train was None, is "), ("base", "its sha256 was None, is ")]
)
def test_a_record_without_its_inputs_is_not_resumed(run: Path, tmp_path: Path, key: str, words: str) -> None:
    out = shutil.copytree(run, tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**record, key: None}))
    with pytest.raises(RunError, match=words):
        train(TrainOptions(**{**record["config"], "out": str(out), "max_steps": None}), resume=True)
