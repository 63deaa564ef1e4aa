"""Checkpoints in the hub's layout: single, sharded, with and without a name prefix; and invalid ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers import TINY, reference_model
from squadron.errors import ModelError
from squadron.model import checkpoint
from squadron.model.checkpoint import load_base, random_model, save_model
from squadron.model.config import SIZES
from squadron.model.gpt2 import GPT2


def _equal(one: GPT2, other: GPT2) -> bool:
    pairs = list(zip(one.state_dict().items(), other.state_dict().items(), strict=True))
    assert len(pairs) == 4 + 12 * TINY.n_layer
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


@pytest.fixture
def folder(tiny_base_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base_dir, tmp_path / "base"))


def test_a_saved_model_loads_with_the_same_weights(folder: Path, tmp_path: Path) -> None:
    base = load_base(str(folder))
    save_model(base.model, tmp_path / "again")
    assert load_base(str(tmp_path / "again")).sha256 == base.sha256
    assert len(base.sha256) == 64
    assert not any(value.requires_grad for value in base.model.parameters())


def test_files_of_transformers_load_single_and_sharded(folder: Path, tmp_path: Path) -> None:
    reference = reference_model(folder)
    reference.save_pretrained(tmp_path / "one")
    reference.save_pretrained(tmp_path / "many", max_shard_size="20KB")
    assert len(list((tmp_path / "many").glob("*.safetensors"))) > 2
    expected = load_base(str(folder)).model
    assert _equal(load_base(str(tmp_path / "one")).model, expected)
    assert _equal(load_base(str(tmp_path / "many")).model, expected)


def test_old_files_without_a_prefix_and_with_masks_load(folder: Path) -> None:
    expected = load_base(str(folder)).model
    tensors = load_file(folder / "model.safetensors")
    assert "h.0.attn.c_attn.weight" in tensors  # as in the hub's gpt2, whose names have no prefix "transformer."
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 79, 79)
    tensors["lm_head.weight"] = tensors["wte.weight"].clone()
    save_file(tensors, folder / "model.safetensors")
    assert _equal(load_base(str(folder)).model, expected)


def _rewrite(folder: Path, name: str, value: torch.Tensor | None) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = torch.zeros(1) if value is None else value
    if value is None:
        del tensors[name]
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("h.1.ln_2.bias", None, "tensors missing: h.1.ln_2.bias; "),
        ("h.9.ln_2.bias", torch.ones(33), "tensors unexpected: h.9.ln_2.bias; "),
        ("wpe.weight", torch.ones(78, 33), r"tensor wpe.weight has shape \(78, 33\), config.json says \(79, 33\)"),
        ("h.0.mlp.c_fc.weight", torch.ones(47, 33), r"h.0.mlp.c_fc.weight has shape \(47, 33\).*says \(33, 47\)"),
        ("wpe.weight", torch.ones(79, 33, dtype=torch.int64), "wpe.weight is torch.int64"),
        ("lm_head.weight", torch.ones(211, 33), "lm_head.weight differs from wte.weight"),
    ],
)
def test_tensors_that_do_not_fit_are_named(folder: Path, name: str, value: torch.Tensor | None, words: str) -> None:
    _rewrite(folder, name, value)
    with pytest.raises(ModelError, match=words):
        load_base(str(folder))


def test_files_that_cannot_be_read_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"base='.*nowhere': not a folder"):
        load_base(str(tmp_path / "nowhere"))
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"model.safetensors: cannot be read as safetensors"):
        load_base(str(folder))
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model.bin: pickled weights are refused"):
        load_base(str(folder))
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match=r"neither model\.safetensors nor"):
        load_base(str(folder))
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"wte.weight": "../elsewhere.safetensors"}}')
    with pytest.raises(ModelError, match=r"shard '../elsewhere.safetensors' is not a file of this folder"):
        load_base(str(folder))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "llama"}, "model_type is 'llama'"),
        ({"n_embd": 32}, "n_embd 32 is not a multiple of n_head 3"),
        ({"n_layer": "12"}, "n_layer is '12'"),
        ({"activation_function": "relu"}, "activation_function is 'relu'"),
        ({"layer_norm_epsilon": 0}, "layer_norm_epsilon is 0"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings is False"),
    ],
)
def test_a_configuration_of_another_model_is_refused(folder: Path, change: dict[str, object], words: str) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=words):
        load_base(str(folder))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("n_layer", 10**5, "n_layer is 100000; at most 1,000"),
        ("n_layer", 10**9, "n_layer is 1000000000; at most"),
        ("n_layer", 999, r"describes [\d,]+ numbers, the weights' files hold [\d,]+ bytes; .* different models"),
        ("n_embd", 10**9 - 1, "n_embd is 999999999; at most 100,000"),
        ("n_embd", 99_999, "describes .* numbers, the weights' files hold"),
        ("vocab_size", 9_999_999, "describes .* numbers, the weights' files hold"),
        ("n_layer", -1, "n_layer is -1; a positive integer"),
        ("n_layer", 0, "n_layer is 0; a positive integer"),
        ("n_layer", 2.0, "n_layer is 2.0; a positive integer"),
        ("n_layer", True, "n_layer is True; a positive integer"),
        ("n_head", "3", "n_head is '3'; a positive integer"),
        ("n_inner", [1] * 500, r"n_inner is \[1, 1, 1, 1, 1, 1, \.\.\.\]; a positive integer"),
        ("layer_norm_epsilon", float("nan"), "layer_norm_epsilon is nan"),
    ],
)
def test_a_configuration_of_invalid_sizes_is_refused_before_memory_is_allocated(
    folder: Path, key: str, value: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    monkeypatch.delattr(checkpoint, "GPT2")  # nothing may be built
    with pytest.raises(ModelError, match=words) as caught:
        load_base(str(folder))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["h.0.attn.c_attn.weight", "lm_head.weight"])
def test_two_names_for_one_tensor_are_refused(folder: Path, name: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["wte.weight"].clone()
    tensors[f"transformer.{name}"] = tensors[name] + 1
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ModelError, match=rf"tensors {name} .* and transformer\.{name} .* are both {name}; keep one"):
        load_base(str(folder))


def test_a_tensor_in_two_shards_is_refused(folder: Path, tmp_path: Path) -> None:
    reference_model(folder).save_pretrained(tmp_path / "many", max_shard_size="20KB")
    shards = sorted((tmp_path / "many").glob("*.safetensors"))
    own, other = load_file(shards[0]), load_file(shards[1])
    name = next(iter(own))
    save_file({**other, name: own[name]}, shards[1])
    with pytest.raises(ModelError, match=f"{shards[0].name}.* and .*{shards[1].name}.* are both"):
        load_base(str(tmp_path / "many"))


def test_the_parameter_count_is_that_of_the_model() -> None:
    for config in (TINY, SIZES["gpt2"]):
        with torch.device("meta"):
            assert config.parameter_count == GPT2(config).parameter_count


def test_offline_a_hub_id_that_is_not_cached_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"base='some/gpt2': no such folder.*some/gpt2 is not .*offline=True"):
        load_base("some/gpt2", offline=True)


def test_random_models_follow_their_seed() -> None:
    assert _equal(random_model(TINY, seed=1), random_model(TINY, seed=1))
    assert not _equal(random_model(TINY, seed=1), random_model(TINY, seed=2))
    model = random_model(TINY, seed=1)
    assert 0.015 < model.wte.weight.std().item() < 0.025


def test_an_error_does_not_repeat_all_that_could_not_be_read(folder: Path) -> None:
    header = b'"' + b"x" * 6000 + b'"'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 200_000)
    with pytest.raises(ModelError, match=r"cannot be read as safetensors \(.*\.\.\.\); download it again$") as caught:
        load_base(str(folder))
    assert len(str(caught.value)) < 600
