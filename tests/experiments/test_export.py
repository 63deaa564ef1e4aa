"""``export``: the model card, other people's adapters, and what llama.cpp's converter needs of a merged checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors import safe_open
from safetensors.torch import load_file

from squadron.errors import ConfigError, ModelError
from squadron.experiments.evaluate import evaluate
from squadron.experiments.export import export
from squadron.experiments.train import train
from squadron.model.adapters import load_adapter
from squadron.model.checkpoint import load_base
from squadron.model.config import read_config
from squadron.options.base import checked
from squadron.options.core import EvaluateOptions, ExportOptions, TrainOptions


@pytest.fixture
def run(options: dict[str, Any]) -> Path:
    """A run of a few steps."""
    train(TrainOptions(**options, max_steps=3, lr=0.05))
    return Path(options["out"])


def exported(out: Path, **options: Any) -> Path:
    export(checked(ExportOptions, {"out": str(out), **options}))
    return out


def test_the_card_has_the_scores_of_these_weights_with_intervals(run: Path, tmp_path: Path) -> None:
    evaluate(EvaluateOptions(run=str(run), decoding=("greedy", "span"), max_new_tokens=4, precision="fp32"))
    scores = json.loads((run / "scores.json").read_text())["splits"]["validation"]["decodings"]
    card = ModelCard.load(exported(tmp_path / "out", run=str(run), license="mit") / "README.md")
    facts = card.data.to_dict()
    assert (facts["license"], facts["library_name"]) == ("mit", "peft")
    found = {(one.metric_args["decoding"], one.metric_type): one for one in card.data.eval_results}
    assert set(found) == {(name, metric) for name in ("greedy", "span") for metric in ("exact_match", "f1")}
    for (name, metric), one in found.items():
        assert one.metric_value == pytest.approx(scores[name][metric], abs=1e-3)
        assert one.metric_args["interval_95"] == pytest.approx(scores[name][f"{metric}_interval"], abs=1e-3)
        assert (one.metric_args["questions"], one.dataset_split) == (9, "validation")
    text = card.text
    for row in ("| rank | 4 |", "| target_modules | attention |", "| lr | 0.05 |", "| seed | 0 |"):
        assert row in text
    record = json.loads((run / "run.json").read_text())
    assert record["base"]["sha256"] in text
    assert record["data"]["train"]["sha256"] in text
    assert "greedy (max_new_tokens 4); span (max_new_tokens 4)" in text
    assert "of 9 questions only" in text
    assert "This adapter: mit." in text


def test_the_card_of_other_weights_has_no_scores(run: Path, tmp_path: Path) -> None:
    evaluate(EvaluateOptions(run=str(run), max_new_tokens=4, precision="fp32"))
    scores = json.loads((run / "scores.json").read_text())
    scores["splits"]["validation"]["adapter_sha256"] = "0" * 64
    (run / "scores.json").write_text(json.dumps(scores))
    card = ModelCard.load(exported(tmp_path / "out", run=str(run)) / "README.md")
    assert card.data.eval_results is None
    assert "Not evaluated." in card.text
    assert "No licence was stated" in card.text


@pytest.mark.parametrize("to", ["peft", "merged", "hub-folder"])
def test_no_export_has_a_path_of_this_machine(run: Path, to: str, tmp_path: Path, byte_base_dir: Path) -> None:
    out = exported(tmp_path / "out", run=str(run), to=to)
    for path in out.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert str(tmp_path).encode() not in data, path
            assert str(byte_base_dir.parent).encode() not in data, path
    adapter = {"peft": out, "hub-folder": out / "adapter"}.get(to)
    if adapter is not None:
        settings = json.loads((adapter / "adapter_config.json").read_text())
        assert settings["base_model_name_or_path"] == byte_base_dir.name


def test_an_adapter_that_is_no_runs_is_exported(run: Path, byte_base_dir: Path, tmp_path: Path) -> None:
    given = {"adapter": str(run / "adapter"), "base": str(byte_base_dir)}
    own = exported(tmp_path / "own", run=str(run), to="merged")
    out = exported(tmp_path / "out", **given, to="merged")
    first, second = (load_file(place / "model.safetensors") for place in (own, out))
    assert all(torch.equal(first[name], second[name]) for name in first)
    base = load_file(byte_base_dir / "model.safetensors")
    assert any(not torch.equal(first[name], base[name]) for name in first)
    text = (out / "README.md").read_text()
    assert "It was made from the adapter adapter." in text
    assert "| lora_alpha | 32 |" in text
    peft = exported(tmp_path / "peft", **given)
    config = read_config(byte_base_dir / "config.json")
    assert load_adapter(peft, config).scale == load_adapter(run / "adapter", config).scale
    for wrong, words in (
        ({}, "export: give a run folder, or adapter with base"),
        ({"adapter": given["adapter"]}, "needs base"),
        ({**given, "run": str(run)}, "choose one"),
    ):
        with pytest.raises(ConfigError, match=words):
            exported(tmp_path / "wrong", **wrong)


def test_a_tokenizer_of_another_model_is_not_exported(run: Path, byte_base_dir: Path, tmp_path: Path) -> None:
    base = shutil.copytree(byte_base_dir, tmp_path / "base")
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["A"] = 999
    (base / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelError, match=r"ids up to 999, its model has .* different models: put the model's own"):
        exported(tmp_path / "out", adapter=str(run / "adapter"), base=str(base))
    assert not (tmp_path / "out").exists()


def test_a_merged_checkpoint_has_what_llama_cpps_converter_reads(run: Path, tmp_path: Path) -> None:
    """Its GPT-2 class: by architecture; sizes by GPT-2's own names; GPT-2's tensors, Conv1D ones as ``[in, out]``."""
    out = exported(tmp_path / "out", run=str(run), to="merged")
    config = json.loads((out / "config.json").read_text())
    assert config["architectures"] == ["GPT2LMHeadModel"]
    shape = load_base(str(out)).model.config
    sizes = {name: config[name] for name in ("n_layer", "n_embd", "n_head", "n_ctx", "vocab_size")}
    assert sizes == {
        "n_layer": shape.n_layer,
        "n_embd": shape.n_embd,
        "n_head": shape.n_head,
        "n_ctx": shape.n_positions,
        "vocab_size": shape.vocab_size,
    }
    assert config["layer_norm_epsilon"] == 1e-5
    block = ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
    layers = [f"h.{i}.{name}" for i in range(shape.n_layer) for name in block]
    expected = {f"{name}.{kind}" for name in (*layers, "ln_f") for kind in ("weight", "bias")}
    with safe_open(out / "model.safetensors", framework="pt") as stream:
        names = set(stream.keys())
        assert names == {*expected, "wte.weight", "wpe.weight"}
        assert {stream.get_tensor(name).dtype for name in names} == {torch.float32}
        assert stream.get_tensor("h.0.attn.c_attn.weight").shape == (shape.n_embd, 3 * shape.n_embd)
    tokenizer = json.loads((out / "tokenizer.json").read_text())
    assert (tokenizer["model"]["type"], tokenizer["pre_tokenizer"]["type"]) == ("BPE", "ByteLevel")
    settings = json.loads((out / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "GPT2Tokenizer"
    assert config["eos_token_id"] == tokenizer["added_tokens"][0]["id"]
