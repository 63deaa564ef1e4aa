"""Bases of the hub: what is fetched of a repository, and which of its commits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save

from hub_fixtures import base_files
from loopback_hub import Hub
from squadron.errors import DeviceError, ModelError
from squadron.experiments import room
from squadron.experiments.train import train
from squadron.model.checkpoint import load_base, locate_base, random_model, save_model
from squadron.model.config import read_config
from squadron.options.base import checked
from squadron.options.core import TrainOptions
from squadron.options.sweep import ReproduceOptions, SweepOptions
from squadron.sweeps.dry_run import preview
from squadron.sweeps.reproduce import reproduce
from squadron.sweeps.sweep import sweep

OTHERS = {
    "onnx/model.safetensors": b"o" * 3_000_000,
    "model.fp16.safetensors": b"h" * 2_000_000,
    "adapter_model.safetensors": b"a" * 1_500_000,
    "pytorch_model.bin": b"p" * 2_500_000,
    "README.md": b"# A model",
}
"""What repositories hold beside the weights that are read."""


def other_base(folder: Path, out: Path) -> dict[str, bytes]:
    """Return the files of another base of the same shape."""
    save_model(random_model(read_config(folder / "config.json"), seed=99), out)
    return base_files(folder) | base_files(out)


def test_only_the_one_set_of_weights_is_fetched(hub: Hub, byte_base_dir: Path) -> None:
    commit = hub.put("models", "me/tiny", {**base_files(byte_base_dir), **OTHERS})
    base = load_base("me/tiny")
    assert base.sha256 == load_base(str(byte_base_dir)).sha256
    assert base.hub == {"id": "me/tiny", "commit": commit}
    assert hub.sent() < 1_000_000
    assert not hub.asked("onnx|fp16|adapter_model|bin")


def test_a_run_that_cannot_fit_is_refused_before_its_weights_come(
    hub: Hub, byte_base_dir: Path, small_squad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put("models", "me/tiny", base_files(byte_base_dir))
    options = {"base": "me/tiny", "data": str(small_squad), "out": str(tmp_path / "run"), "device": "cpu"}
    monkeypatch.setattr(room, "free_bytes", lambda _: 1000)
    with pytest.raises(DeviceError, match="base='me/tiny': a run needs"):
        train(checked(TrainOptions, options))
    assert hub.asked("config.json")
    assert not hub.asked("safetensors")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("verb", ["sweep", "dry_run", "reproduce"])
def test_a_sweep_that_cannot_fit_is_refused_before_its_weights_come(
    verb: str, hub: Hub, byte_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put("models", "me/tiny", base_files(byte_base_dir))
    (tmp_path / "config.yaml").write_text("grid: {rank: [2, 17, 3]}\n")
    options = {"base": "me/tiny", "dataset": "squad", "out": str(tmp_path / "out"), "device": "cpu"}
    call: Any = {"sweep": sweep, "dry_run": preview, "reproduce": reproduce}[verb]
    given: Any = checked(ReproduceOptions, {**options, "preset": "quick"})
    if verb != "reproduce":
        given = checked(SweepOptions, {**options, "config": str(tmp_path / "config.yaml")})
    monkeypatch.setattr(room, "free_bytes", lambda _: 1000)
    with pytest.raises(
        DeviceError, match=r"^base='me/tiny': run (r17|\S+) needs 0.0 GB .* cpu has 0.0 GB free; "
    ) as told:
        call(given)
    assert "\n" not in str(told.value)
    if verb != "reproduce":
        assert "run r17 needs" in str(told.value)
    assert hub.asked("tokenizer.json")
    assert not hub.asked("safetensors|datasets")
    assert not (tmp_path / "out").exists()


def test_shards_are_those_of_the_index(hub: Hub, byte_base_dir: Path) -> None:
    files = base_files(byte_base_dir)
    tensors = load_file(byte_base_dir / "model.safetensors")
    names = sorted(tensors)
    parts = {"model-1.safetensors": names[:9], "model-2.safetensors": names[9:]}
    del files["model.safetensors"]
    files |= {part: save({name: tensors[name] for name in own}) for part, own in parts.items()}
    index = {"weight_map": {name: part for part, own in parts.items() for name in own}}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    hub.put("models", "me/sharded", {**files, **OTHERS, "model-0.safetensors": b"old" * 10**6})
    found = dict(load_base("me/sharded").model.named_parameters())
    for name, value in load_base(str(byte_base_dir)).model.named_parameters():
        assert torch.equal(found[name], value)
    assert not hub.asked("onnx|fp16|adapter_model|bin|model-0")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model.safetensors": None, "pytorch_model.bin": b"x"}, "has only pickled weights \\(pytorch_model.bin\\)"),
        ({"model.safetensors": None}, "has neither model.safetensors nor .*; it has config.json, tokenizer.json"),
        ({"model.safetensors": None, "adapter_config.json": b"{}"}, "holds an adapter, not a base"),
        ({"config.json": None}, "has no config.json, so it is no checkpoint"),
    ],
)
def test_what_cannot_be_used_is_refused_before_the_weights_come(
    change: dict[str, Any], words: str, hub: Hub, byte_base_dir: Path
) -> None:
    files = {**base_files(byte_base_dir), **change}
    hub.put("models", "me/odd", {path: data for path, data in files.items() if data is not None})
    with pytest.raises(ModelError, match=words) as told:
        load_base("me/odd")
    assert str(told.value).startswith("base='me/odd': me/odd ")
    assert not hub.asked("resolve/.*(safetensors|bin)")


def test_another_architecture_is_refused_before_its_weights_come(hub: Hub, byte_base_dir: Path) -> None:
    config = {**json.loads((byte_base_dir / "config.json").read_text()), "model_type": "llama"}
    hub.put("models", "me/llama", {**base_files(byte_base_dir), "config.json": json.dumps(config)})
    with pytest.raises(ModelError, match="llama"):
        load_base("me/llama")
    assert not hub.asked("safetensors")


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub: Hub, byte_base_dir: Path, tmp_path: Path) -> None:
    first = hub.put("models", "me/tiny", base_files(byte_base_dir))
    other = hub.put("models", "me/tiny", other_base(byte_base_dir, tmp_path / "other"), "v1")
    plain, tagged = load_base("me/tiny"), load_base("me/tiny@v1")
    assert plain.sha256 != tagged.sha256
    assert tagged.hub == {"id": "me/tiny", "commit": other, "revision": "v1"}
    assert load_base(f"me/tiny@{first}").sha256 == plain.sha256
    with pytest.raises(ModelError, match=r"me/tiny has no revision v9; see its branches and commits on .*me/tiny"):
        load_base("me/tiny@v9")


def test_both_names_of_gpt2_have_one_cache(hub: Hub, byte_base_dir: Path) -> None:
    hub.put("models", "openai-community/gpt2", base_files(byte_base_dir))
    hub.aliases["models/gpt2"] = "openai-community/gpt2"
    folder = locate_base("gpt2")
    asked = len(hub.log)
    assert locate_base("openai-community/gpt2", offline=True) == folder == locate_base("gpt2", offline=True)
    assert len(hub.log) == asked
    before = hub.sent()
    assert locate_base("openai-community/gpt2") == folder
    assert hub.sent() - before < 1000  # the newest commit is looked up, nothing is fetched again


def test_a_name_that_the_hub_has_moved_has_the_cache_of_its_new_one(hub: Hub, byte_base_dir: Path) -> None:
    hub.put("models", "new/name", base_files(byte_base_dir))
    hub.aliases["models/old/name"] = "new/name"
    assert locate_base("old/name") == locate_base("new/name", offline=True)


def test_a_cache_that_another_program_filled_is_used_offline(hub: Hub, byte_base_dir: Path) -> None:
    from huggingface_hub import hf_hub_download

    files = base_files(byte_base_dir)
    hub.put("models", "me/tiny", files)
    folder = Path(max(hf_hub_download("me/tiny", name) for name in files)).parent
    assert load_base("me/tiny", offline=True).folder.resolve() == folder.resolve()


def test_what_is_not_whole_in_the_cache_is_not_used_offline(hub: Hub, byte_base_dir: Path) -> None:
    hub.put("models", "me/tiny", base_files(byte_base_dir))
    hub.fail("GET /cdn", times=99, status=500)
    with pytest.raises(ModelError, match="fault of its own"):
        load_base("me/tiny")
    for name in ("me/tiny", "me/never"):
        with pytest.raises(ModelError, match=f"{name} is not .whole. in the local cache .*; run .* without offline"):
            load_base(name, offline=True)


def test_without_a_network_the_cache_is_used(hub: Hub, byte_base_dir: Path) -> None:
    hub.put("models", "me/tiny", base_files(byte_base_dir))
    sha256 = load_base("me/tiny").sha256
    hub.close()
    assert load_base("me/tiny").sha256 == sha256
