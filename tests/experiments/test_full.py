"""A run with ``--method full``: its folder has a checkpoint, and every verb for runs works on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from helpers import logits, reference_model
from squadron.errors import ConfigError, RunError
from squadron.experiments.ask import ask
from squadron.experiments.evaluate import evaluate
from squadron.experiments.export import export
from squadron.experiments.train import train
from squadron.model.checkpoint import load_base
from squadron.options.base import checked
from squadron.options.core import AskOptions, EvaluateOptions, ExportOptions, TrainOptions
from squadron.options.runs import RunsPromoteOptions
from squadron.runs.maintenance import promote
from squadron.tracking.progress import Reporter

SETTINGS = {"method": "full", "lr": 3e-3, "precision": "fp32", "epochs": 60, "order": "paragraph", "eval_questions": 9}


@pytest.fixture(scope="module")
def trained(
    byte_base_dir: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    run = tmp_path_factory.mktemp("full") / "run"
    options = {"base": str(byte_base_dir), "data": str(small_data), "out": str(run), **SETTINGS}
    return run, train(TrainOptions(**options))


def test_the_run_trains_all_weights_and_says_so(trained: tuple[Path, dict[str, Any]], byte_base_dir: Path) -> None:
    run, summary = trained
    model = load_base(str(byte_base_dir)).model
    assert summary["trainable_parameters"] == model.parameter_count
    assert summary["trainable_share"] == 1
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert summary["loss"] < 0.1 * lines[0]["loss"]
    record = json.loads((run / "run.json").read_text())
    assert record["config"]["method"] == "full"
    assert not {"rank", "alpha", "dropout", "scaling", "target_modules"} & record["config"].keys()
    assert {path.name for path in run.iterdir() if path.is_dir()} == {"model", "last"}


def test_transformers_opens_the_checkpoint_with_the_same_logits(trained: tuple[Path, dict[str, Any]]) -> None:
    run, _ = trained
    base = load_base(str(run / "model"))
    tokens = torch.arange(40)
    ours = logits(base.model, tokens, torch.arange(40), [(40, ())])[0]
    torch.testing.assert_close(ours, reference_model(run / "model")(tokens[None]).logits[0], rtol=1e-4, atol=1e-4)


def test_evaluate_answers_with_what_was_trained(trained: tuple[Path, dict[str, Any]], byte_base_dir: Path) -> None:
    run, _ = trained
    scores = evaluate(EvaluateOptions(run=str(run), split="train", precision="fp32"))
    assert scores["f1"] > 60
    written = json.loads((run / "scores.json").read_text())["splits"]["train"]
    assert written["base_sha256"] == load_base(str(byte_base_dir)).sha256
    assert written["adapter_sha256"] == load_base(str(run / "model")).sha256
    assert scores["base"] == str(byte_base_dir)


def test_ask_compares_a_full_run_with_its_base(
    trained: tuple[Path, dict[str, Any]], byte_base_dir: Path, tmp_path: Path
) -> None:
    run, _ = trained
    (tmp_path / "context.txt").write_text("Town00 lies on the River00. Its bridge was built in 1800.")
    options = {"question": "When?", "context": str(tmp_path / "context.txt"), "decoding": ("greedy",)}
    found = ask(AskOptions(**options, run=str(run), base=str(byte_base_dir), precision="fp32"))
    base, full = found["answers"]
    assert (base["model"], full["model"]) == (str(byte_base_dir), str(run))
    assert base["answer"] != full["answer"]


def test_a_promoted_copy_is_the_run(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    run, copy = trained[0], tmp_path / "best"
    promote(RunsPromoteOptions(folder=str(run), out=str(copy)))
    assert {path.name for path in copy.iterdir() if path.is_dir()} >= {"model"}
    assert not (copy / "last").exists()
    answers = []
    for place in (run, copy):
        out = tmp_path / f"{place.name}-answers"
        evaluate(EvaluateOptions(run=str(place), split="train", precision="fp32", out=str(out), limit=5))
        answers.append((out / "predictions" / "greedy.train.json").read_text())
    assert answers[0] == answers[1]
    export(ExportOptions(run=str(copy), out=str(tmp_path / "merged"), to="merged"))
    found, expected = (load_file(place / "model.safetensors") for place in (tmp_path / "merged", run / "model"))
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    with pytest.raises(RunError, match=r"inside': is within the run that is to be copied; choose another folder"):
        promote(RunsPromoteOptions(folder=str(copy), out=str(copy / "inside")))
    assert not (copy / "inside").exists()


def test_a_run_without_a_model_yet_is_not_taken_for_a_base(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``run/model`` looks like a hub id, which must not be requested from the hub."""
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    Path("run/run.json").write_bytes((trained[0] / "run.json").read_bytes())
    Path("context.txt").write_text("Town00 lies on the River00.")
    with pytest.raises(RunError, match=r"^run: has no model yet \(status: done\); train it to its end$"):
        ask(AskOptions(question="When?", context="context.txt", run="run"))


def test_export_writes_the_checkpoint_and_refuses_peft(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    run, _ = trained
    best, last = (load_file(run / name / "model.safetensors") for name in ("model", "last"))
    assert not torch.equal(best["wte.weight"], last["wte.weight"])
    for which, expected in (("adapter", best), ("last", last)):
        export(ExportOptions(run=str(run), out=str(tmp_path / which), to="merged", which=which))
        found = load_file(tmp_path / which / "model.safetensors")
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in found)
        assert (tmp_path / which / "tokenizer.json").is_file()
    with pytest.raises(RunError, match=r"to='peft': .* has no adapter \(method='full'\); use to='merged'"):
        export(ExportOptions(run=str(run), out=str(tmp_path / "peft")))
    assert not (tmp_path / "peft").exists()


def test_stopped_and_resumed_ends_with_the_same_bytes(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> None:
    """Law 7, through the run folder."""

    def options(name: str, **more: Any) -> TrainOptions:
        common = {**SETTINGS, "epochs": 3, "eval_questions": 0, "precision": "bf16", "schedule": "cosine"}
        return TrainOptions(
            **{"base": str(byte_base_dir), "data": str(small_data), "out": str(tmp_path / name), **common, **more}
        )

    train(options("whole"))
    for steps in (1, 4, 9):
        train(options("parts", max_steps=steps), resume=steps > 1)
    for name in ("metrics.jsonl", "model/model.safetensors", "last/model.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes(), name
    with pytest.raises(RunError, match="method was 'full' and is now 'lora'"):
        train(options("parts", method="lora"), resume=True)


@pytest.mark.parametrize("given", [{}, {"lr": 1e-3}])
def test_a_default_learning_rate_is_noted(
    byte_base_dir: Path, small_data: Path, tmp_path: Path, given: dict[str, float]
) -> None:
    notes: list[str] = []

    class Listener(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    options = {"base": str(byte_base_dir), "data": str(small_data), "out": str(tmp_path / "run"), "max_steps": 1}
    train(TrainOptions(**options, **given, method="full"), reporter=Listener())
    assert notes == ([] if given else ["lr 0.001 is usual for adapters; for method full, 1e-5 to 1e-4 is usual"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rank": 4}, "leave out rank=4$"),  # the default, but someone asked for it
        (
            {"target_modules": ["attention", "mlp.c_fc"], "dropout": 0.1},
            r"dropout=0.1, target_modules=\['attention', 'mlp",
        ),
        ({"alpha": 8, "scaling": "alpha/r"}, "alpha=8.0, scaling='alpha/r'$"),
    ],
)
def test_options_of_an_adapter_are_refused(given: dict[str, Any], words: str) -> None:
    options = {"base": "b", "data": "d", "out": "o", "method": "full"}
    assert checked(TrainOptions, options).method == "full"
    with pytest.raises(ConfigError, match=f"method='full': trains all weights and has no adapter; .*{words}"):
        checked(TrainOptions, {**options, **given})
