"""LoRA+ through the verbs: one run, resumed; an axis of a sweep, whose runs equal lone ones; reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from cli.conftest import Squadron
from squadron.languages import LANGUAGES

CONFIG = """
base: {epochs: 1, eval_questions: 0, lr: 1.0e-2}
grid: {rank: [2, 3], lora_plus_ratio: [1, 16]}
evaluate: {max_new_tokens: 4}
"""
NAMES = ["r2-plus1", "r2-plus16", "r3-plus1", "r3-plus16"]


@pytest.fixture
def train(squadron: Squadron, byte_base_dir: Path, small_data: Path, tmp_path: Path) -> Any:
    def call(name: str, *more: object) -> Path:
        out = tmp_path / name
        made = squadron(
            *("train", "--base", byte_base_dir, "--data", small_data, "--out", out, "--eval-questions", 0),
            *("--precision", "fp32", "--lr", 0.01, *more),
        )
        assert made.code == 0, made.err
        return out

    return call


def weights(run: Path, which: str = "last") -> dict[str, torch.Tensor]:
    return load_file(run / which / "adapter_model.safetensors")


def test_a_run_with_lora_plus_resumes_and_exports(squadron: Squadron, train: Any, tmp_path: Path) -> None:
    plus = ("--lora-plus-ratio", 16, "--epochs", 1)
    whole, plain = train("whole", *plus), train("plain", "--epochs", 1)
    train("parts", *plus, "--max-steps", 2)
    parts = train("parts", *plus, "--resume")
    found, other = weights(whole), weights(plain)
    assert all(torch.equal(found[name], value) for name, value in weights(parts).items())
    assert any(not torch.equal(found[name], value) for name, value in other.items())
    assert json.loads((whole / "run.json").read_text())["config"]["lora_plus_ratio"] == 16
    assert "lora_plus_ratio" not in json.loads((plain / "run.json").read_text())["config"]
    assert squadron("evaluate", whole, "--max-new-tokens", 4).code == 0
    assert squadron("export", whole, "--out", tmp_path / "peft").code == 0
    assert (tmp_path / "peft" / "adapter_config.json").is_file()


def test_it_is_of_adapters_alone(squadron: Squadron, tmp_path: Path) -> None:
    refused = squadron(
        *("train", "--base", "pocket", "--data", tmp_path, "--out", tmp_path / "run", "--method", "full"),
        *("--lora-plus-ratio", 16),
    )
    assert (refused.code, "leave out --lora-plus-ratio 16.0" in refused.err) == (2, True)


@pytest.mark.usefixtures("few_charts")
def test_a_sweep_over_it_trains_each_run_as_alone_and_reports_it(
    squadron: Squadron, train: Any, byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "grid.yaml").write_text(CONFIG)
    made = squadron(
        *("sweep", tmp_path / "grid.yaml", "--base", byte_base_dir, "--dataset", small_data),
        *("--out", tmp_path / "sweep", "--precision", "fp32", "--json"),
    )
    assert made.code == 0, made.err
    assert sorted(run["name"] for run in made.record["runs"]) == NAMES
    assert len(list((tmp_path / "sweep").glob("fleets/*.json"))) == 1  # they trained together
    for name in ("r3-plus1", "r3-plus16"):
        alone = train(name, "--rank", 3, "--lora-plus-ratio", name.split("plus")[1], "--epochs", 1)
        mine = weights(tmp_path / "sweep" / "runs" / name)
        for key, value in weights(alone).items():
            torch.testing.assert_close(mine[key], value, rtol=1e-4, atol=1e-5)
    for language, words in zip(LANGUAGES, ("LoRA+ ratio", "نسبت"), strict=True):
        told = squadron("report", tmp_path / "sweep", "--lang", language, "--json")
        assert told.code == 0, told.err
        text = Path(told.record["report"]).read_text("utf-8")
        assert words in text
    single = squadron("report", train("one", "--lora-plus-ratio", 4, "--epochs", 1), "--json")
    assert "LoRA+: learning rate of B over that of A" in Path(single.record["report"]).read_text("utf-8")
