"""The real questions through every verb, at GPT-2's real shape with seeded random weights."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from squadron.cli.main import main
from squadron.data.sources import load_data
from squadron.model.lora import LoraSpec
from squadron.scoring.evaluation import score


def squadron(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--json"])
    captured = capsys.readouterr()
    assert ended.value.code == 0, captured.err
    record: dict[str, Any] = json.loads(captured.out)
    return record


def test_the_study_on_real_questions(
    shared_squad: Path, gpt2_real_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    prepared = squadron(capsys, "prepare", "--dataset", shared_squad, "--out", data, "--val-size", 4)
    assert {name: split["questions"] for name, split in prepared["splits"].items()} == {
        "train": 2000,
        "validation": 4,
        "test": 5,
    }
    original = json.loads(lzma.decompress(shared_squad.read_bytes()))
    contexts = {p["context"] for article in original["data"] for p in article["paragraphs"]}
    for name in prepared["splits"]:
        split = load_data(data / f"{name}.json")
        assert {paragraph.context for paragraph in split.paragraphs} <= contexts
        contexts -= {paragraph.context for paragraph in split.paragraphs}  # so no split shares a context with another

    trained = squadron(
        capsys,
        *(
            "train",
            "--base",
            gpt2_real_dir,
            "--data",
            data,
            "--out",
            run,
            "--rank",
            4,
            "--max-steps",
            2,
            "--batch-size",
            1,
        ),
        *("--target-modules", "attn.c_attn", "attn.c_proj", "--eval-questions", 0),
    )
    assert trained["trainable_parameters"] == 221_184
    assert round(100 * trained["trainable_share"], 2) == 0.18
    assert trained["steps"] == 2
    record = json.loads((run / "run.json").read_text())
    assert record["trainable_parameters"] == 221_184
    assert record["truncation"]["questions"] == 2000
    assert 200 < record["truncation"]["truncated"] < 350  # 13.5 % of all questions are over 256 tokens

    evaluated = squadron(capsys, "evaluate", run, "--decoding", "greedy", "--max-new-tokens", 5)
    predictions = json.loads((run / "predictions" / "greedy.json").read_text())
    assert len(predictions) == evaluated["questions"] == 4
    golds = load_data(data / "validation.json").golds()
    official = score(predictions, {name: golds[name] for name in predictions})
    written = json.loads((run / "scores.json").read_text())
    assert (written["exact_match"], written["f1"]) == (official.exact_match, official.f1)


def test_the_studys_parameter_counts() -> None:
    from squadron.model.config import SIZES
    from squadron.model.targets import trainable_parameters

    counted = {
        preset: trainable_parameters(SIZES["gpt2"], LoraSpec(targets=(preset,)).targets, 4)
        for preset in ("attention", "attention+mlp")
    }
    # By hand: 12 layers of r (in + out): c_attn 768 + 2304, c_proj 768 + 768, c_fc 768 + 3072, c_proj 3072 + 768.
    assert counted == {"attention": 12 * 4 * (3072 + 1536), "attention+mlp": 12 * 4 * (3072 + 1536 + 3840 + 3840)}
    assert counted["attention"] == 221_184
