"""The verbs on small real files: their output, and --json, which prints one object and nothing else."""

from __future__ import annotations

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch

from squadron.cli.main import build
from squadron.data.sources import load_data
from squadron.experiments.doctor import EXTRAS
from squadron.scoring.evaluation import score

ROOT = Path(__file__).resolve().parents[2]


def test_every_verb_has_help_and_the_common_flags(squadron: Any) -> None:
    verbs = [command.name for command in build().registered_commands]
    assert len(verbs) >= 6
    groups = [["base", "init"], ["bench", "train"], ["bench", "scale"], ["bench", "generate"], ["pocket", "build"]]
    for verb in [*([name] for name in verbs), *groups]:
        help_text = squadron(*verb, "--help")
        assert help_text.code == 0
        for flag in ("--json", "--seed", "--device", "--precision", "--offline"):
            assert flag in help_text.out, (verb, flag)


def test_from_a_file_to_scores(squadron: Any, small_squad: Path, byte_base_dir: Path, tmp_path: Path) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    prepared = squadron(
        *("prepare", "--dataset", small_squad, "--out", data, "--train-size", 20, "--val-size", 9, "--json")
    )
    assert prepared.code == 0
    assert prepared.record["splits"]["train"]["questions"] == 20
    assert prepared.record["set_aside"] == []

    trained = squadron(
        *("train", "--base", byte_base_dir, "--data", data, "--out", run, "--epochs", 2, "--precision", "fp32"),
        *("--target-modules", "attn.c_attn", "attn.c_proj", "--eval-questions", 4, "--json"),
    )
    assert trained.code == 0, trained.err
    assert trained.record["trainable_parameters"] == 2 * 4 * ((32 + 96) + (32 + 32))
    assert trained.record["steps"] == 6
    assert trained.record["examples_per_second"] > 0
    assert trained.record["peak_memory_bytes"] > 2**20
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "done"
    assert record["config"]["target_modules"] == ["attn.c_attn", "attn.c_proj"]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if "validation_loss" in line] == [3, 6]

    scored = squadron("evaluate", run, "--max-new-tokens", 8, "--decoding", "greedy", "nucleus", "--json")
    assert scored.code == 0, scored.err
    assert scored.record["questions"] == 9
    assert list(scored.record["decodings"]) == ["greedy", "nucleus"]
    predictions = json.loads((run / "predictions" / "greedy.json").read_text())
    golds = load_data(data / "validation.json").golds()
    official = score(predictions, golds)
    written = json.loads((run / "scores.json").read_text())
    assert (written["exact_match"], written["f1"]) == (official.exact_match, official.f1)
    assert predictions.keys() == golds.keys()
    assert any(predictions.values())

    again = squadron("score", run / "predictions" / "greedy.json", data / "validation.json", "--json")
    assert again.record["f1"] == official.f1
    shown = squadron("evaluate", run, "--max-new-tokens", 4)
    assert shown.code == 0
    assert "greedy" in shown.out
    assert "{" not in shown.out

    baseline = squadron(
        *("evaluate", "--base", byte_base_dir, "--data", data, "--split", "test", "--max-new-tokens", 4),
        *("--out", tmp_path / "baseline", "--json"),
    )
    assert baseline.record["questions"] == 5
    assert (tmp_path / "baseline" / "predictions" / "greedy.test.json").is_file()


def test_an_exported_adapter_opens_in_peft(
    squadron: Any, small_data: Path, byte_base_dir: Path, tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import GPT2LMHeadModel

    run = tmp_path / "run"
    trained = squadron(
        *("train", "--base", byte_base_dir, "--data", small_data, "--out", run, "--max-steps", 3, "--lr", 0.05),
        *("--precision", "fp32", "--target-modules", "query-value"),
    )
    assert trained.code == 0, trained.err
    assert squadron("export", run, "--out", tmp_path / "peft").code == 0
    assert squadron("export", run, "--out", tmp_path / "merged", "--to", "merged").code == 0
    tokens = torch.arange(20)[None]
    plain = GPT2LMHeadModel.from_pretrained(byte_base_dir).eval()
    untouched = plain(tokens).logits
    adapted = PeftModel.from_pretrained(plain, tmp_path / "peft").eval()(tokens).logits
    merged = GPT2LMHeadModel.from_pretrained(tmp_path / "merged").eval()(tokens).logits
    assert (adapted - untouched).abs().max() > 1e-2
    torch.testing.assert_close(adapted, merged, rtol=1e-4, atol=1e-4)
    refused = squadron("export", run, "--out", tmp_path / "peft")
    assert (refused.code, "not an empty folder" in refused.err) == (2, True)


def test_a_random_base_is_the_same_from_the_same_seed(
    squadron: Any, byte_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from squadron.experiments import bases
    from squadron.model.config import GPT2Config

    small = {"gpt2": GPT2Config(vocab_size=257, n_positions=64, n_embd=32, n_layer=2, n_head=2, n_inner=48)}
    monkeypatch.setattr(bases, "SIZES", small)
    made = [
        squadron("base", "init", "--tokenizer", byte_base_dir, "--seed", seed, "--out", tmp_path / name, "--json")
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert [one.code for one in made] == [0, 0, 0]
    digests = [one.record["sha256"] for one in made]
    assert digests[0] == digests[1] != digests[2]
    unknown = squadron("base", "init", "--size", "gpt3", "--tokenizer", byte_base_dir, "--out", tmp_path / "d")
    assert (unknown.code, "--size gpt3: unknown; sizes are" in unknown.err) == (2, True)


def test_doctor_shows_the_precision_that_auto_chooses(squadron: Any) -> None:
    found = squadron("doctor", "--offline", "--json").record
    assert found["precision"] == found["auto"]["gpt2"]
    assert found["auto"]["gpt2"] == ("bf16" if found["has_amx"] else "fp32") or torch.cuda.is_available()
    assert found["auto"]["pocket"] == "fp32" or torch.cuda.is_available()
    shown = " ".join(squadron("doctor", "--offline").out.split())
    assert f"{found['auto']['gpt2']} for gpt2, {found['auto']['pocket']} for pocket: {found['auto']['reason']}" in shown
    assert found["matrix_products_per_second"]["fp32"] > 1e8
    assert "fp32 products" in squadron("doctor", "--offline").out


def test_doctor_shows_which_extras_are_installed(squadron: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, wanted in declared.items():
        if extra != "dev":
            assert set(EXTRAS[extra]) <= {re.split(r"[>=\[ ]", one)[0] for one in wanted}
    assert squadron("doctor", "--offline", "--json").record["extras"]["web"]["gradio"] == metadata.version("gradio")

    def only_peft(name: str) -> str:
        if name in ("peft", "squadron", "torch", "numpy", "tokenizers", "safetensors"):
            return "1.2"
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", only_peft)
    monkeypatch.setattr("shutil.which", lambda _: None)
    lines = " ".join(squadron("doctor", "--offline").out.split())
    assert "extra web gradio missing: pip install 'squadron[web]'" in lines
    assert "extra bench peft 1.2; transformers, trl missing: pip install 'squadron[bench]'" in lines
    assert "chromium missing" in lines


def test_prepare_lists_what_was_set_aside_line_by_line(squadron: Any, tmp_path: Path) -> None:
    rows = [{"id": f"q{k}", "context": "Ann left.", "question": "Who?", "answers": "Ann"} for k in range(3)]
    rows += [{**rows[0], "id": f"bad\n{k}", "answers": "Bob"} for k in range(7)]
    path = tmp_path / "f.json"
    path.write_text(json.dumps(rows))
    done = squadron(
        *("prepare", "--dataset", path, "--out", tmp_path / "data"),
        *("--train-size", 1, "--val-size", 0, "--test-size", 0),
    )
    lines = [line.strip() for line in done.out.splitlines()]
    assert done.code == 0, done.err
    assert "\\n" not in done.out.replace("bad\\n", "").replace("bad\\\\n", "")
    assert "set aside  7" in lines
    assert sum(line.endswith("... all 7 are listed in data.json") for line in lines) == 1
