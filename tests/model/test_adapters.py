"""Law 8: ``peft`` loads a saved adapter and ``transformers`` a merged checkpoint, with the same logits; and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers import TINY, liven, logits, pack, reference_model
from squadron.errors import ModelError
from squadron.model.adapters import load_adapter, merge, save_adapter
from squadron.model.checkpoint import load_base, save_model
from squadron.model.fleet import Fleet
from squadron.model.lora import LoraSpec

SHAPES: list[tuple[int, list[int]]] = [(13, [5, 7])]


def _fleet() -> Fleet:
    specs = [
        LoraSpec(rank=3, alpha=7, targets=("query-value",), seed=1),
        LoraSpec(rank=2, alpha=32, targets=("query-value+attention", "mlp.c_fc"), scaling="alpha/sqrt(r)", seed=2),
    ]
    return liven(Fleet(TINY, specs), seed=3)


def test_a_saved_adapter_loads_with_the_same_logits(tiny_base_dir: Path, tmp_path: Path) -> None:
    model, fleet = load_base(str(tiny_base_dir)).model, _fleet()
    for k in range(2):
        save_adapter(tmp_path / str(k), fleet.weights(k), base="tiny")
    back = Fleet.from_weights(TINY, [load_adapter(tmp_path / str(k), TINY) for k in range(2)])
    tokens, positions = pack(SHAPES, TINY.vocab_size, seed=4)
    ours, theirs = (logits(model, tokens, positions, SHAPES, chosen) for chosen in (fleet, back))
    assert (ours[0] - ours[1]).abs().max() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_query_value_is_written_as_one_c_attn_with_an_empty_key_block(tmp_path: Path) -> None:
    save_adapter(tmp_path, _fleet().weights(0), base="tiny")
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    assert len(tensors) == 2 * TINY.n_layer
    for layer in range(TINY.n_layer):
        stem = f"base_model.model.transformer.h.{layer}.attn.c_attn"
        a, b = tensors[f"{stem}.lora_A.weight"], tensors[f"{stem}.lora_B.weight"]
        assert a.shape == (6, 33)
        query, key, value = b.chunk(3)
        assert not key.any()
        assert query[:, :3].all()
        assert not query[:, 3:].any()
        assert value[:, 3:].all()
        assert not value[:, :3].any()
    settings = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (settings["r"], settings["lora_alpha"]) == (6, 14)  # alpha 7 over rank 3 is 14 over 6


def test_a_file_written_by_peft_loads_with_the_same_logits(tiny_base_dir: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(
        r=3,
        lora_alpha=5,
        target_modules=["attn.c_attn", "mlp.c_proj"],
        rank_pattern={"h.1.mlp.c_proj": 2},
        alpha_pattern={"h.1.mlp.c_proj": 11},
        use_rslora=True,
        fan_in_fan_out=True,
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(5)
    peft_model = get_peft_model(reference_model(tiny_base_dir), settings).eval()
    peft_model.save_pretrained(tmp_path)
    model = load_base(str(tiny_base_dir)).model
    fleet = Fleet.from_weights(TINY, [load_adapter(tmp_path, TINY)])
    tokens, positions = pack([(17, [])], TINY.vocab_size, seed=6)
    theirs = peft_model(tokens[None]).logits[0]
    assert (theirs - logits(model, tokens, positions, [(17, [])])[0]).abs().max() > 0.1
    torch.testing.assert_close(logits(model, tokens, positions, [(17, [])], fleet)[0], theirs, rtol=1e-4, atol=1e-4)


def test_rslora_is_saved_as_such_and_peft_loads_it_with_the_same_logits(tiny_base_dir: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    model, fleet = load_base(str(tiny_base_dir)).model, _fleet()
    for k, written in ((0, False), (1, True)):
        save_adapter(tmp_path / str(k), fleet.weights(k), base="tiny")
        settings = json.loads((tmp_path / str(k) / "adapter_config.json").read_text())
        assert settings["use_rslora"] is written
    assert (settings["r"], settings["lora_alpha"]) == (2, 32)
    assert set(settings["rank_pattern"].values()) == {6}  # the slices and c_attn itself, as one
    tokens, positions = pack([(17, [])], TINY.vocab_size, seed=6)
    theirs = PeftModel.from_pretrained(reference_model(tiny_base_dir), tmp_path / "1").eval()(tokens[None]).logits[0]
    assert (theirs - logits(model, tokens, positions, [(17, [])])[0]).abs().max() > 0.05
    torch.testing.assert_close(logits(model, tokens, positions, [(17, [])], fleet)[1], theirs, rtol=1e-4, atol=1e-4)
    back = load_adapter(tmp_path / "1", TINY)
    assert (back.scale, back.is_stabilized) == (pytest.approx(32 / 2**0.5), True)


@pytest.mark.parametrize("k", [0, 1])
def test_transformers_loads_a_merged_model_with_the_same_logits(tiny_base_dir: Path, tmp_path: Path, k: int) -> None:
    model, fleet = load_base(str(tiny_base_dir)).model, _fleet()
    save_model(merge(model, fleet.weights(k)), tmp_path)
    tokens, positions = pack([(17, [])], TINY.vocab_size, seed=7)
    adapted = logits(model, tokens, positions, [(17, [])], fleet)[k]
    assert (adapted - logits(model, tokens, positions, [(17, [])])[0]).abs().max() > 0.05  # the base kept its weights
    torch.testing.assert_close(adapted, reference_model(tmp_path)(tokens[None]).logits[0], rtol=1e-4, atol=1e-4)


def test_merging_at_gpt2s_shape(gpt2_shape_dir: Path, tmp_path: Path) -> None:
    model = load_base(str(gpt2_shape_dir)).model
    fleet = liven(Fleet(model.config, [LoraSpec(rank=4, targets=("query-value+attention",))]), seed=8)
    tokens, positions = pack([(23, [])], model.config.vocab_size, seed=9)
    adapted = logits(model, tokens, positions, [(23, [])], fleet)[0]
    save_model(merge(model, fleet.weights(0)), tmp_path)
    theirs = reference_model(tmp_path)(tokens[None]).logits[0]
    assert (adapted - logits(model, tokens, positions, [(23, [])])[0]).abs().max() > 0.05
    torch.testing.assert_close(adapted, theirs, rtol=1e-3, atol=3e-3)


def test_invalid_files_are_refused_by_name(tmp_path: Path) -> None:
    save_adapter(tmp_path, _fleet().weights(0), base="tiny")
    weights, settings = tmp_path / "adapter_model.safetensors", tmp_path / "adapter_config.json"
    tensors, good = load_file(weights), json.loads(settings.read_text())
    key = "base_model.model.transformer.h.1.attn.c_attn.lora_A.weight"

    def refused(words: str, *, change: dict[str, object] | None = None, **replaced: torch.Tensor | None) -> None:
        settings.write_text(json.dumps(good | (change or {})))
        kept = tensors | replaced
        save_file({name: value for name, value in kept.items() if value is not None}, weights)
        with pytest.raises(ModelError, match=words):
            load_adapter(tmp_path, TINY)

    refused("peft_type is 'IA3'", change={"peft_type": "IA3"})
    refused("use_dora is True", change={"use_dora": True})
    refused("rank of layer h.0.attn.c_attn is 5, its matrices have 6", change={"r": 5})
    refused("expression", change={"alpha_pattern": {"(a+)+": 3}})
    refused("lora_alpha of layer h.0.attn.c_attn is 'x'", change={"lora_alpha": "x"})
    refused("lora_alpha of layer h.0.attn.c_attn is 1000.*000; a number", change={"lora_alpha": 10**400})
    refused("lora_alpha of layer h.0.attn.c_attn is True", change={"lora_alpha": True})
    refused(r"alpha_pattern is not a table of at most 256 layers with their values", change={"alpha_pattern": [1]})
    refused("peft_type is 'x{12,}\\.\\.\\.x+'; ", change={"peft_type": "x" * 10_000})
    refused("h.1.attn.c_attn has lora_B alone", **{key: None})
    refused(r"h.1.attn.c_attn has A \(\) ", **{key: torch.tensor(1.0)})
    other = key.replace("lora_A", "lora_B")
    refused(r"h.1.attn.c_attn has A \(0, 33\)", **{key: torch.ones(0, 33), other: torch.ones(99, 0)})
    refused("h.1.attn.c_attn has A .6, 32.* for another base", **{key: torch.ones(6, 32)})
    refused("'wte.weight' is not a LoRA matrix", **{"wte.weight": torch.ones(2, 2)})
    weights.rename(tmp_path / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"adapter_model.bin: pickled weights are refused"):
        load_adapter(tmp_path, TINY)
