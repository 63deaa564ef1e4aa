"""Full fine-tuning within a sweep: beside adapters, alone in its fleet, and scored with its own base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from squadron.errors import ConfigError
from squadron.experiments.evaluate import evaluate
from squadron.experiments.train import train
from squadron.options.core import EvaluateOptions, TrainOptions
from squadron.options.sweep import SweepOptions
from squadron.sweeps import dry_run
from squadron.sweeps.dry_run import preview
from squadron.sweeps.sweep import sweep

CONFIG = """
base: {epochs: 2, eval_questions: 0, alpha: 16}
runs:
  - {rank: 2, lr: 1.0e-2, name: small}
  - {method: full, lr: 1.0e-3, name: all}
  - {method: full, lr: 1.0e-2, name: all-fast}
  - {rank: 4, lr: 1.0e-2, name: larger}
evaluate: {max_new_tokens: 5}
best: {split: test, decoding: [greedy, span], max_new_tokens: 5}
"""


def options(tmp_path: Path, base: Path, data: Path, config: str) -> SweepOptions:
    path = tmp_path / "config.yaml"
    path.write_text(config)
    return SweepOptions(
        config=str(path), base=str(base), dataset=str(data), out=str(tmp_path / "sweep"), precision="fp32"
    )


def test_full_runs_run_alone_and_end_as_outside_a_sweep(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> None:
    chosen = options(tmp_path, byte_base_dir, small_data, CONFIG)
    planned = preview(chosen)
    assert sorted(map(sorted, (fleet["runs"] for fleet in planned["fleets"]))) == [
        ["all"],
        ["all-fast"],
        ["larger", "small"],
    ]
    trainable = {run["name"]: run["trainable_parameters"] for run in planned["runs"]}
    assert trainable["all"] == trainable["all-fast"] > trainable["larger"] == 2 * trainable["small"]

    result = sweep(chosen)
    tested = {
        run["name"]
        for run in result["runs"]
        if "test" in json.loads((tmp_path / "sweep" / "runs" / run["name"] / "scores.json").read_text())["splits"]
    }
    first = {"lora": None, "full": None}
    for run in reversed(result["runs"]):
        first["full" if run["name"].startswith("all") else "lora"] = run["name"]
    assert tested == set(first.values())  # the best adapter and the best of full fine-tuning, asked the same questions
    assert {run["name"]: run["status"] for run in result["runs"]} == dict.fromkeys(trainable, "done")
    assert {run["name"]: run["trainable_parameters"] for run in result["runs"]} == trainable
    for name in ("all", "all-fast"):
        folder = tmp_path / "sweep" / "runs" / name
        record = json.loads((folder / "run.json").read_text())
        assert not {"rank", "alpha", "target_modules"} & set(record["config"])
        alone = tmp_path / "alone" / name
        train(TrainOptions(**{**record["config"], "out": str(alone)}))
        own, other = (load_file(run / "model" / "model.safetensors") for run in (folder, alone))
        assert all(torch.equal(own[key], other[key]) for key in own)
        assert not (folder / "adapter").exists()
        scores = json.loads((folder / "scores.json").read_text())["splits"]["validation"]["decodings"]["greedy"]
        again = evaluate(
            EvaluateOptions(run=str(alone), max_new_tokens=5, precision="fp32", out=str(tmp_path / "again"))
        )
        assert (scores["f1"], scores["exact_match"]) == (again["f1"], again["exact_match"])
    one, two = (
        load_file(tmp_path / "sweep" / "runs" / name / "model" / "model.safetensors") for name in ("all", "all-fast")
    )
    assert any(
        not torch.equal(one[key], two[key]) for key in one
    )  # each began from the base, and was trained on its own


def test_a_preview_counts_the_final_evaluation_of_the_best_runs_and_the_base(
    byte_base_dir: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {"validation": 1.0, "test": 100.0}
    monkeypatch.setattr(dry_run, "answering_seconds", lambda _inputs, split, *_: seconds[split.name])
    monkeypatch.setattr(dry_run, "training_seconds", lambda *_: 0.0)
    for config, best in ((CONFIG, 300.0), (CONFIG.partition("best:")[0], 0.0)):  # an adapter, a full run, the base
        planned = preview(options(tmp_path, byte_base_dir, small_data, config))
        assert (planned["answering_seconds"], planned["best_seconds"], planned["seconds"]) == (5, best, 5 + best)


def test_the_best_run_can_be_a_full_run(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> None:
    config = CONFIG.replace("  - {rank: 2, lr: 1.0e-2, name: small}\n", "").replace(
        "  - {rank: 4, lr: 1.0e-2, name: larger}\n", ""
    )
    result = sweep(options(tmp_path, byte_base_dir, small_data, config))
    scores = json.loads((tmp_path / "sweep" / "runs" / result["best"] / "scores.json").read_text())
    assert set(scores["splits"]["test"]["decodings"]) == {"greedy", "span"}


def test_an_adapter_axis_of_full_runs_is_reported_before_anything_starts(
    byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    config = "grid: {method: [lora, full], rank: [2, 4]}"
    with pytest.raises(ConfigError, match=r"method full of 'r4-full': .*no adapter: leave rank out"):
        sweep(options(tmp_path, byte_base_dir, small_data, config))
    assert not (tmp_path / "sweep").exists()
