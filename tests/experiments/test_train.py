"""A run's own promises: the best adapter is kept, a bad loss is told, what could not start leaves nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from squadron.data.encoding import encode_training
from squadron.data.prepared import load_split
from squadron.data.trees import grow_trees, pack
from squadron.errors import ConfigError, RunError
from squadron.experiments import training_job
from squadron.experiments.evaluate import evaluate
from squadron.experiments.train import train
from squadron.model.adapters import load_adapter
from squadron.model.checkpoint import load_base
from squadron.model.lora import Fleet
from squadron.model.tokenizer import load_tokenizer
from squadron.options.core import EvaluateOptions, TrainOptions
from squadron.tracking.progress import Reporter
from squadron.training import precision
from squadron.training.steps import mean_losses


@pytest.fixture
def options(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "base": str(byte_base_dir),
        "data": str(small_data),
        "out": str(tmp_path / "run"),
        "precision": "fp32",
        "eval_questions": 0,
    }


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_the_adapter_of_the_lowest_validation_loss_is_kept(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter([[3.0], [1.0], [2.0]])
    with monkeypatch.context() as patch:
        patch.setattr(training_job, "mean_losses", lambda *_: next(told))
        assert train(TrainOptions(**options, epochs=3))["best_step"] == 6
    train(TrainOptions(**{**options, "out": str(tmp_path / "short")}, epochs=3, max_steps=6))

    def weights(run: str, name: str) -> bytes:
        return (tmp_path / run / name / "adapter_model.safetensors").read_bytes()

    assert weights("run", "adapter") == weights("short", "last")
    assert weights("run", "adapter") != weights("run", "last")


def test_the_validation_loss_is_that_of_the_adapter_on_all_validation_questions(
    options: dict[str, Any], byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    train(TrainOptions(**options, epochs=2))
    losses = [line["validation_loss"] for line in lines(tmp_path / "run") if "validation_loss" in line]
    base = load_base(str(byte_base_dir))
    tokenizer = load_tokenizer(byte_base_dir)
    held_out, _ = encode_training(load_split(small_data, "validation").dataset, tokenizer, max_length=256)
    fleet = Fleet.from_weights(base.model.config, [load_adapter(tmp_path / "run" / "last", base.model.config)])
    assert mean_losses(base.model, fleet, [pack(grow_trees(held_out))])[0] == pytest.approx(losses[-1], rel=1e-5)
    assert losses[0] != pytest.approx(losses[-1], rel=1e-3)


def test_training_learns_and_evaluation_shows_it(options: dict[str, Any], tmp_path: Path) -> None:
    more = {"epochs": 100, "lr": 0.02, "rank": 16, "target_modules": ("all",), "eval_questions": 9}
    summary = train(TrainOptions(**{**options, **more}))
    run = tmp_path / "run"
    first = next(line["loss"] for line in lines(run) if "loss" in line)
    assert summary["loss"] < 0.6 * first
    assert summary["validation_questions"] == 9
    # What is told while training is what evaluate says of the last adapter, by the same route.
    (run / "adapter").rename(run / "best")
    (run / "last").rename(run / "adapter")
    record = json.loads((run / "run.json").read_text())
    record["weights_sha256"]["adapter"] = record["weights_sha256"]["last"]
    (run / "run.json").write_text(json.dumps(record))
    scores = evaluate(EvaluateOptions(run=str(run), precision="fp32"))
    assert scores["f1"] == pytest.approx(summary["validation_f1"])
    assert scores["f1"] > 30
    assert evaluate(EvaluateOptions(run=str(run), precision="fp32", split="train"))["f1"] > 80


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_adapter(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from squadron.training import optimizer

    step = optimizer.FleetAdamW.step

    def wild(self: Any, rates: Any, active: Any) -> None:
        step(self, [1e30 if self.steps[0] == 3 else rate for rate in rates], active)

    monkeypatch.setattr(optimizer.FleetAdamW, "step", wild)
    summary = train(TrainOptions(**options, epochs=4))
    assert summary["status"] == "diverged"
    assert "at step 4; lower the learning rate" in summary["reason"]
    for name in ("last", "adapter"):
        for tensor in load_file(tmp_path / "run" / name / "adapter_model.safetensors").values():
            assert torch.isfinite(tensor).all()
    assert [line["loss"] for line in lines(tmp_path / "run") if "loss" in line][-1] is None
    # Nothing goes on from there by itself, and asking again says the same.
    again = train(TrainOptions(**options, epochs=4), resume=True)
    assert (again["status"], again["steps"]) == ("diverged", summary["steps"])


def test_what_could_not_start_leaves_nothing_behind(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="positions"):
        train(TrainOptions(**options, max_length=1000))
    assert not (tmp_path / "run").exists()


def test_a_plain_file_trains_without_validation(options: dict[str, Any], small_squad: Path, tmp_path: Path) -> None:
    summary = train(TrainOptions(**{**options, "data": str(small_squad)}, max_steps=3))
    assert "validation_loss" not in summary
    assert summary["best_step"] is None  # three steps are no epoch here
    first = load_file(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    last = load_file(tmp_path / "run" / "last" / "adapter_model.safetensors")
    assert all(torch.equal(first[name], last[name]) for name in first)
    scores = evaluate(EvaluateOptions(run=str(tmp_path / "run"), data=str(small_squad), limit=4, max_new_tokens=4))
    assert scores["questions"] == 4
    with pytest.raises(ConfigError, match="was trained on a plain file, so name other questions"):
        evaluate(EvaluateOptions(run=str(tmp_path / "run")))


def test_evaluate_notices_another_base_and_a_run_without_adapter(
    options: dict[str, Any], tiny_base_dir: Path, tmp_path: Path
) -> None:
    train(TrainOptions(**options, max_steps=1))
    record = tmp_path / "run" / "run.json"
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "base": {**content["base"], "sha256": "0" * 64}}))
    with pytest.raises(RunError, match=r"was trained on another .*put the base back"):
        evaluate(EvaluateOptions(run=str(tmp_path / "run")))
    record.write_text(json.dumps({**content, "schema": 99}))
    with pytest.raises(RunError, match=r"run\.json: schema: 99 is not 1, .*; put the file back"):
        evaluate(EvaluateOptions(run=str(tmp_path / "run")))
    with pytest.raises(RunError, match="no such run folder"):
        evaluate(EvaluateOptions(run=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match="either a run folder, or base for"):
        evaluate(EvaluateOptions(run="a", base=str(tiny_base_dir)))
    with pytest.raises(ConfigError, match="data: missing"):
        evaluate(EvaluateOptions(base=str(tiny_base_dir)))


def test_logits_that_are_no_numbers_are_counted_and_told(options: dict[str, Any], tmp_path: Path) -> None:
    train(TrainOptions(**options, max_steps=1))
    weights = tmp_path / "run" / "adapter" / "adapter_model.safetensors"
    tensors = load_file(weights)
    save_file({name: torch.full_like(tensor, torch.nan) for name, tensor in tensors.items()}, weights)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    del record["weights_sha256"]  # else it is refused as damaged
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    notes: list[str] = []

    class Listener(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    scores = evaluate(EvaluateOptions(run=str(tmp_path / "run"), precision="fp32"), reporter=Listener())
    assert scores["decodings"]["greedy"]["nan_answers"] == scores["questions"] == 9
    assert notes == ["greedy: 9 answers ended at a logit that is no number"]
    assert scores["f1"] == 0


def test_stopped_early_and_gone_on_is_a_run_that_was_never_stopped(options: dict[str, Any], tmp_path: Path) -> None:
    """Also where the early stop is in the middle of an epoch."""
    whole = {**options, "out": str(tmp_path / "whole"), "lr": 0.2}
    train(TrainOptions(**whole, epochs=3))
    for steps in (1, 4, 6, 8):
        train(TrainOptions(**{**options, "lr": 0.2}, epochs=3, max_steps=steps), resume=True)
        assert (tmp_path / "run" / "adapter").is_dir()
    train(TrainOptions(**{**options, "lr": 0.2}, epochs=3), resume=True)
    for name in ("metrics.jsonl", "adapter/adapter_model.safetensors", "last/adapter_model.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.parametrize("with_validation", [True, False])
def test_a_last_update_that_breaks_the_adapter_is_noticed(
    options: dict[str, Any],
    small_squad: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    with_validation: bool,
) -> None:
    from squadron.training import optimizer

    step = optimizer.FleetAdamW.step

    def wild(self: Any, rates: Any, active: Any) -> None:
        step(self, [1e30 if self.steps[0] == 2 else rate for rate in rates], active)

    monkeypatch.setattr(optimizer.FleetAdamW, "step", wild)
    data = options["data"] if with_validation else str(small_squad)
    summary = train(TrainOptions(**{**options, "data": data}, epochs=1, max_steps=3))
    assert summary["status"] == "diverged"
    assert "after step 3; lower the learning rate" in summary["reason"]
    for name in ("last", "adapter"):
        for tensor in load_file(tmp_path / "run" / name / "adapter_model.safetensors").values():
            assert torch.isfinite(tensor).all()


def test_a_run_that_goes_on_by_auto_keeps_its_precision(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine, or what it measures, may be another one by then; the run is the same."""
    del options["precision"]

    def measured(bf16: float) -> None:
        monkeypatch.setattr(precision, "cpu_rates", lambda: {torch.float32: 1e9, torch.bfloat16: bf16})

    def begun() -> str:
        return str(json.loads((tmp_path / "run" / "run.json").read_text())["precision"])

    measured(bf16=9e9)
    train(TrainOptions(**options, epochs=2, max_steps=2))
    assert begun() == "bf16"
    measured(bf16=1e8)
    train(TrainOptions(**options, epochs=2), resume=True)
    assert begun() == "bf16"
    measured(bf16=9e9)
    train(TrainOptions(**{**options, "out": str(tmp_path / "whole")}, epochs=2))
    name = "last/adapter_model.safetensors"
    assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    measured(bf16=1e8)
    train(TrainOptions(**options, epochs=2), replace=True)
    assert begun() == "fp32"


def test_scores_of_another_adapter_are_not_kept_beside(options: dict[str, Any], tmp_path: Path) -> None:
    def decodings() -> list[str]:
        return list(json.loads((tmp_path / "run" / "scores.json").read_text())["splits"]["validation"]["decodings"])

    run = str(tmp_path / "run")
    train(TrainOptions(**options, epochs=2, max_steps=1))
    evaluate(EvaluateOptions(run=run, max_new_tokens=3))
    evaluate(EvaluateOptions(run=run, max_new_tokens=3, decoding=("span",)))
    assert decodings() == ["greedy", "span"]
    train(TrainOptions(**options, epochs=2), resume=True)
    evaluate(EvaluateOptions(run=run, max_new_tokens=3, decoding=("span",)))
    assert decodings() == ["span"]


def test_no_question_that_fits_is_no_crash(options: dict[str, Any], tmp_path: Path) -> None:
    train(TrainOptions(**options, max_steps=1))
    scores = evaluate(EvaluateOptions(run=str(tmp_path / "run"), max_length=3))
    assert scores["f1"] == 0
    assert len(scores["decodings"]["greedy"]["truncation"]["too_long"]) == 9
    with pytest.raises(ConfigError, match="max_length=9999: this base has 512 positions"):
        evaluate(EvaluateOptions(run=str(tmp_path / "run"), max_length=9999))
