"""Adapters that ``peft`` wrote: each kind that is read gives ``peft``'s logits, and every other is refused by name."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from helpers import TINY, logits, pack, reference_model
from squadron.errors import ModelError
from squadron.model.adapters import load_adapter, merge
from squadron.model.checkpoint import load_base
from squadron.model.fleet import Fleet

ALL = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"target_modules": ALL},
    "short names": {"target_modules": ["c_attn", "c_proj"]},
    "rslora": {"target_modules": ALL, "use_rslora": True},
    "all-linear": {"target_modules": "all-linear"},
    "expression": {"target_modules": r".*\.h\.(0|2)\.(attn|mlp)\.c_(attn|proj|fc)"},
    "some layers": {"target_modules": ["c_fc"], "layers_to_transform": [1], "layers_pattern": "h"},
    "left out": {"target_modules": ALL, "exclude_modules": r".*\.1\.mlp.*"},
    "patterns": {"target_modules": ALL, "rank_pattern": {"attn.c_proj": 2}, "alpha_pattern": {"h.1.mlp.c_fc": 3}},
    "expressions": {
        "target_modules": ALL,
        "rank_pattern": {r"h\.[02]\.attn\.\w+": 5, "c_fc": 2},
        "alpha_pattern": {r"^transformer\.h\.1\..*": 21, r"(mlp|attn)\.c_proj": 1},
    },
    "rslora expressions": {
        "target_modules": ["c_attn", "c_fc"],
        "use_rslora": True,
        "rank_pattern": {r".*\.1\.attn.*": 6},
        "alpha_pattern": {r"h\.\d+\.mlp.c_fc": 30},
    },
    "no alpha": {"target_modules": ALL, "alpha_pattern": {"h.0.attn.c_attn": 0}},
    "orthogonal": {"target_modules": ALL, "init_lora_weights": "orthogonal", "r": 4},
    "gaussian": {"target_modules": ALL, "init_lora_weights": "gaussian"},
}


def peft_model(base: Path, seed: int = 5, **settings: Any) -> Any:
    """Return the base with a live adapter of peft's own making."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(**{"r": 3, "lora_alpha": 7, "fan_in_fan_out": True, "task_type": "CAUSAL_LM", **settings})
    torch.manual_seed(seed)
    model = get_peft_model(reference_model(base), config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.add_(torch.randn(value.shape) * 0.1)
    return model


def same_logits(base: Path, folder: Path, theirs: Tensor, tokens: int, tolerance: float) -> None:
    model = load_base(str(base)).model
    ids, positions = pack([(tokens, [])], model.config.vocab_size, seed=6)
    adapter = load_adapter(folder, model.config)
    ours = logits(model, ids, positions, [(tokens, [])], Fleet.from_weights(model.config, [adapter]))[0]
    assert (ours - logits(model, ids, positions, [(tokens, [])])[0]).abs().max() > 0.05
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    merged = logits(merge(model, adapter), ids, positions, [(tokens, [])])[0]
    torch.testing.assert_close(merged, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_is_read_gives_pefts_logits(kind: str, tiny_base_dir: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    peft_model(tiny_base_dir, **KINDS[kind]).save_pretrained(tmp_path)
    back = PeftModel.from_pretrained(reference_model(tiny_base_dir), tmp_path).eval()
    ids, _ = pack([(17, [])], TINY.vocab_size, seed=6)
    same_logits(tiny_base_dir, tmp_path, back(ids[None]).logits[0], 17, 1e-4)


def test_patterns_at_gpt2s_shape(gpt2_shape_dir: Path, tmp_path: Path) -> None:
    model = peft_model(gpt2_shape_dir, **KINDS["rslora expressions"])
    model.save_pretrained(tmp_path)
    ids, _ = pack([(23, [])], 50257, seed=6)
    same_logits(gpt2_shape_dir, tmp_path, model(ids[None]).logits[0], 23, 3e-3)


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "pissa": ("init_lora_weights is 'pissa'", {"init_lora_weights": "pissa"}),
    "fast pissa": ("init_lora_weights is 'pissa_niter_4'", {"init_lora_weights": "pissa_niter_4"}),
    "olora": ("init_lora_weights is 'olora'", {"init_lora_weights": "olora"}),
    "dora": ("use_dora is True", {"use_dora": True}),
    "bias": ("bias is 'lora_only'", {"bias": "lora_only"}),
    "lora_bias": ("lora_bias is True", {"lora_bias": True}),
    "modules_to_save": ("modules_to_save is ..ln_f..", {"modules_to_save": ["ln_f"]}),
    "tokens": ("trainable_token_indices is", {"trainable_token_indices": {"wte": [1, 2]}}),
    "embedding": ("a_embedding_A' is not a LoRA matrix", {"target_modules": ["wte", "c_fc"]}),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_changes_the_base_or_is_not_lora_is_refused_by_name(
    kind: str, tiny_base_dir: Path, tmp_path: Path
) -> None:
    words, settings = REFUSED[kind]
    if kind in ("bias", "lora_bias"):  # which this peft does not make for GPT-2's layers
        peft_model(tiny_base_dir, target_modules=ALL).save_pretrained(tmp_path)
        change(tmp_path, **settings)
    else:
        peft_model(tiny_base_dir, **{"target_modules": ALL, **settings}).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=words):
        load_adapter(tmp_path, TINY)


def change(folder: Path, **settings: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.mark.parametrize("start", ["eva", "loftq", "corda", "mica", "lora_ga", "something_new", 3, None])
def test_an_unknown_initialization_is_refused(start: Any, tiny_base_dir: Path, tmp_path: Path) -> None:
    peft_model(tiny_base_dir, target_modules=ALL).save_pretrained(tmp_path)
    change(tmp_path, init_lora_weights=start)
    with pytest.raises(ModelError, match=f"init_lora_weights is {start!r}"):
        load_adapter(tmp_path, TINY)


@pytest.mark.filterwarnings("ignore:PiSSA changes the base")
def test_a_pissa_adapter_that_peft_converted_is_read(tiny_base_dir: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=3, lora_alpha=3, target_modules=["c_fc"], fan_in_fan_out=True, init_lora_weights="pissa")
    model = get_peft_model(reference_model(tiny_base_dir), config).eval()
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(tmp_path / "start")
    model.peft_config["default"].init_lora_weights = "pissa"
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(2)) * 0.1)
    model.save_pretrained(tmp_path / "plain", path_initial_model_for_weight_conversion=tmp_path / "start")
    ids, _ = pack([(17, [])], TINY.vocab_size, seed=6)
    same_logits(tiny_base_dir, tmp_path / "plain", model(ids[None]).logits[0], 17, 1e-4)


def test_a_setting_of_a_later_peft_is_refused_unless_it_is_off(tiny_base_dir: Path, tmp_path: Path) -> None:
    peft_model(tiny_base_dir, target_modules=ALL).save_pretrained(tmp_path)
    change(tmp_path, use_later=False, later_config=None, later_list=[])
    load_adapter(tmp_path, TINY)
    change(tmp_path, use_later=True)
    with pytest.raises(ModelError, match="use_later is True, a setting that Squadron does not know"):
        load_adapter(tmp_path, TINY)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "(.*)*b", r"(.*\.)?(.*\.)?(.*\.)?x", "(a|a)" * 40, r"(.)\1", "(?=.*)a", ".*.*.*.*b", "[", "a{9}{9}"],
)
def test_an_expression_that_could_run_forever_is_refused_at_once(
    pattern: str, tiny_base_dir: Path, tmp_path: Path
) -> None:
    peft_model(tiny_base_dir, target_modules=ALL).save_pretrained(tmp_path)
    change(tmp_path, alpha_pattern={pattern: 3})
    began = time.perf_counter()
    with pytest.raises(ModelError, match="expression"):
        load_adapter(tmp_path, TINY)
    assert time.perf_counter() - began < 5


def test_the_worst_expressions_that_are_read_end_soon(tiny_base_dir: Path, tmp_path: Path) -> None:
    peft_model(tiny_base_dir, target_modules=ALL).save_pretrained(tmp_path)
    change(tmp_path, alpha_pattern={f"{i}.*.*.*x": 3 for i in range(256)} | {".*.*.*x": 3, "(a|aa)" * 18: 3})
    began = time.perf_counter()
    with pytest.raises(ModelError, match="alpha_pattern is not a table of at most 256"):
        load_adapter(tmp_path, TINY)
    change(tmp_path, alpha_pattern={f".*.*.*{i}x": 3 for i in range(20)} | {"(a|aa)" * 18: 3})
    load_adapter(tmp_path, TINY)
    assert time.perf_counter() - began < 20


def test_tables_and_tensors_of_another_type_are_refused(tiny_base_dir: Path, tmp_path: Path) -> None:
    peft_model(tiny_base_dir, target_modules=ALL).save_pretrained(tmp_path)
    change(tmp_path, rank_pattern=[3])
    with pytest.raises(ModelError, match="rank_pattern is not a table"):
        load_adapter(tmp_path, TINY)
    change(tmp_path, rank_pattern={})
    weights = tmp_path / "adapter_model.safetensors"
    tensors = {name: value.to(torch.int32) for name, value in load_file(weights).items()}
    save_file(tensors, weights)
    with pytest.raises(ModelError, match=r"is torch.int32; floating-point"):
        load_adapter(tmp_path, TINY)
