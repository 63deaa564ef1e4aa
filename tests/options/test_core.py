"""Every option changes something; those that must not change a result are listed with what they do instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from squadron.errors import ConfigError
from squadron.experiments.evaluate import evaluate
from squadron.experiments.prepare import prepare
from squadron.experiments.train import train
from squadron.options.base import checked
from squadron.options.core import EvaluateOptions, PrepareOptions, TrainOptions
from squadron.options.sweep import SweepOptions

TRAIN = {
    "seed": 1,
    "precision": "bf16",
    "method": "full",
    "rank": 3,
    "alpha": 8.0,
    "dropout": 0.3,
    "scaling": "alpha/sqrt(r)",
    "target_modules": ("all",),
    "lora_plus_ratio": 4.0,
    "lr": 0.01,
    "weight_decay": 0.9,
    "schedule": "linear",
    "warmup_steps": 2,
    "gradient_clipping": 0.01,
    "epochs": 1,
    "max_steps": 2,
    "batch_size": 2,
    "gradient_accumulation": 1,
    "max_length": 60,
    "loss": "full",
    "order": "paragraph",
    "eval_questions": 3,
}
WITH_THE_WEIGHTS = {"loss", "max_length", "precision"}
"""Options that also change the validation of the same weights."""
VALIDATION_ALONE = {"eval_questions"}
"""Options that change the validation, but neither steps nor weights."""
TRAIN_ELSEWHERE = {"base", "data", "out", "device", "offline", "checkpoint_seconds", "normalize"}
"""Options for paths, devices, the frequency of checkpoints, scores: tested with the verbs and with resuming."""

EVALUATE = {
    "precision": "bf16",
    "decoding": ("nucleus",),
    "max_new_tokens": 3,
    "max_length": 60,
    "limit": 2,
    "suppress_eos": True,
}
EVALUATE_STOCHASTIC = {
    "seed": ("nucleus", 1),
    "samples": ("nucleus", 3),
    "top_k": ("top-k", 2),
    "top_p": ("nucleus", 0.2),
    "min_p": ("min-p", 0.9),
    "temperature": ("temperature", 9.0),
}
EVALUATE_SEARCH = {"beams": ("beam", 2)}
EVALUATE_ELSEWHERE = {"run", "base", "adapter", "data", "split", "normalize", "out", "device", "offline"}
"""Options for paths and devices, and of scores alone: tested with the verb."""

PREPARE = {"seed": 1, "train_size": 9, "val_size": 4, "test_size": 2, "split_by": "article"}
PREPARE_ELSEWHERE = {
    "dataset",
    "out",
    "strict",
    "replace",
    "hub_split",
    "hub_config",
    "columns",
    "test_split",
    "split_contexts",
    "offline",
    "device",
    "precision",
    "max_bytes",
}


def trained(out: Path, base: Path, data: Path, **options: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"precision": "fp32", "epochs": 2, "eval_questions": 0, **options}
    train(checked(TrainOptions, {"base": str(base), "data": str(data), "out": str(out), **settings}))
    (weights,) = (out / "last").glob("*.safetensors")
    lines = (out / "metrics.jsonl").read_text().splitlines()
    return {
        "steps": [line for line in lines if "validation_loss" not in line],
        "validations": [line for line in lines if "validation_loss" in line],
        "weights": weights.read_bytes(),
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, byte_base_dir: Path, small_data: Path) -> tuple[Path, Any]:
    run = tmp_path_factory.mktemp("plain") / "run"
    return run, trained(run, byte_base_dir, small_data)


def test_every_option_is_accounted_for() -> None:
    assert TRAIN.keys() | TRAIN_ELSEWHERE == TrainOptions.model_fields.keys()
    assert (
        EVALUATE.keys() | EVALUATE_STOCHASTIC.keys() | EVALUATE_SEARCH.keys() | EVALUATE_ELSEWHERE
        == EvaluateOptions.model_fields.keys()
    )
    assert PREPARE.keys() | PREPARE_ELSEWHERE == PrepareOptions.model_fields.keys()
    for model in (TrainOptions, EvaluateOptions, PrepareOptions):
        assert all(field.description for field in model.model_fields.values())


@pytest.mark.parametrize("name", TRAIN)
def test_an_option_of_train_changes_the_run(
    name: str, plain: tuple[Path, Any], byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    """Options of training must change the weights, options of validation the metrics."""
    default = TrainOptions.model_fields[name].default
    assert TRAIN[name] != default
    found = trained(tmp_path / "run", byte_base_dir, small_data, **{name: TRAIN[name]})
    changed = {what for what, own in found.items() if own != plain[1][what]}
    assert changed == ({"validations"} if name in VALIDATION_ALONE else {"steps", "validations", "weights"})


@pytest.mark.parametrize("name", sorted(WITH_THE_WEIGHTS))
def test_an_option_of_validation_changes_the_metrics_of_the_same_weights(
    name: str, byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    """The learning rate is so small that no weight changes, so that training cannot make the difference."""
    still = {"lr": 1e-30, "weight_decay": 0.0, "epochs": 1}
    before = trained(tmp_path / "before", byte_base_dir, small_data, **still)
    after = trained(tmp_path / "after", byte_base_dir, small_data, **still, **{name: TRAIN[name]})
    own, other = load(before["weights"]), load(after["weights"])
    assert all(torch.allclose(own[name], other[name], rtol=0, atol=1e-25) for name in own)
    assert before["validations"] != after["validations"]


def test_the_same_options_give_the_same_run(
    plain: tuple[Path, Any], byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    """Law 9; also, the tests above can fail: the frequency of checkpoints changes nothing."""
    assert trained(tmp_path / "run", byte_base_dir, small_data, checkpoint_seconds=0.0) == plain[1]


def answered(run: Path, out: Path, **options: Any) -> str:
    """Return the answers with their log-probabilities."""
    settings = {"run": str(run), "out": str(out), "precision": "fp32", "max_new_tokens": 6, **options}
    record = evaluate(checked(EvaluateOptions, settings))
    files = sorted((out / "predictions").glob("*.details.json"))
    assert len(files) == 1
    assert files[0].name.startswith(f"{next(iter(record['decodings']))}.")
    return files[0].read_text()


@pytest.mark.parametrize("name", EVALUATE)
def test_an_option_of_evaluate_changes_the_answers(name: str, plain: tuple[Path, Any], tmp_path: Path) -> None:
    before = answered(plain[0], tmp_path / "before")
    assert answered(plain[0], tmp_path / "again") == before
    assert answered(plain[0], tmp_path / "after", **{name: EVALUATE[name]}) != before


@pytest.mark.parametrize("name", [*EVALUATE_STOCHASTIC, *EVALUATE_SEARCH])
def test_an_option_of_a_strategy_changes_the_answers(name: str, plain: tuple[Path, Any], tmp_path: Path) -> None:
    strategy, value = (EVALUATE_STOCHASTIC | EVALUATE_SEARCH)[name]
    before = answered(plain[0], tmp_path / "before", decoding=(strategy,))
    assert answered(plain[0], tmp_path / "again", decoding=(strategy,)) == before
    assert answered(plain[0], tmp_path / "after", decoding=(strategy,), **{name: value}) != before


def test_samples_without_a_sampling_strategy_are_refused(plain: tuple[Path, Any], tmp_path: Path) -> None:
    options = {"run": str(plain[0]), "out": str(tmp_path / "out"), "decoding": ("greedy", "span"), "samples": 3}
    with pytest.raises(ConfigError, match="samples=3: no chosen strategy samples; add decoding='top-k' or nucleus"):
        evaluate(EvaluateOptions(**options))


@pytest.mark.parametrize("name", PREPARE)
def test_an_option_of_prepare_changes_the_splits(name: str, small_squad: Path, tmp_path: Path) -> None:
    found = []
    for number, more in enumerate(({}, {name: PREPARE[name]})):
        out = tmp_path / str(number)
        sizes = {"train_size": 12, "val_size": 5, "test_size": 3}
        prepare(checked(PrepareOptions, {"dataset": str(small_squad), "out": str(out), **sizes, **more}))
        found.append([(out / f"{split}.json").read_text() for split in ("train", "validation", "test")])
    assert found[0] != found[1]


def test_all_problems_are_reported_at_once_with_option_and_value() -> None:
    with pytest.raises(ConfigError) as caught:
        checked(TrainOptions, {"rank": 0, "lr": float("inf"), "dropout": 1.5, "lorra": 3, "data": "d", "out": "o"})
    text = str(caught.value)
    for words in ("rank=0: ", "lr=inf: ", "dropout=1.5: ", "lorra: unknown", "base: missing; give base"):
        assert words in text
    assert "\n" not in text
    assert "--" not in text
    typed = caught.value.for_command_line()
    for words in ("--rank 0: ", "--lr inf: ", "--dropout 1.5: ", "--lorra: unknown", "--base: missing; give base"):
        assert words in typed


def test_the_help_in_an_error_names_options_for_its_reader() -> None:
    with pytest.raises(ConfigError) as caught:
        checked(SweepOptions, {"base": "b", "config": "c\0", "out": "o"})
    assert "config='c\\x00': holds the character U+0000" in str(caught.value)
    assert "dataset: missing; give data set: a folder that `prepare` made, or pocket, squad" in str(caught.value)
    assert "a file to prepare in out; config=" in str(caught.value)
    typed = caught.value.for_command_line()
    assert "CONFIG c\\x00: holds the character U+0000" in typed
    assert "a file to prepare in --out; CONFIG" in typed


def test_a_long_value_is_cut_in_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        checked(TrainOptions, {"base": "b", "data": "d", "out": "o" * 9_999 + "\0"})
    assert str(caught.value).startswith(f"out='{'o' * 197}...': holds")
    assert caught.value.for_command_line().startswith(f"--out {'o' * 197}...: holds")


def test_metrics_have_no_value_that_json_lacks(plain: tuple[Path, Any]) -> None:
    lines = (plain[0] / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 8  # 20 questions, 8 per step: 3 steps and a validation, twice
    assert all(isinstance(json.loads(line)["step"], int) for line in lines)
