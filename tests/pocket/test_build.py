"""Building the pocket base: from nothing to the hub's layout, resumed to the bit, never on the study's prompt."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, GPT2LMHeadModel

from squadron.errors import ModelError
from squadron.files import sha256_file
from squadron.model.checkpoint import load_base
from squadron.model.tokenizer import load_tokenizer
from squadron.pocket import pretrain as pretraining
from squadron.pocket import tokens as corpus_tokens
from squadron.pocket.base import Recipe
from squadron.pocket.build import build
from squadron.pocket.corpus import documents
from squadron.pocket.tokens import token_blocks, train_tokenizer

RECIPE = Recipe(
    vocabulary=300, n_embd=16, n_layer=2, n_head=2, n_positions=32, batch=3, tokens=1100, warmup_steps=3, bf16=False
)


@pytest.fixture(autouse=True)
def _small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_tokens, "_SAMPLE", 50)


def test_blocks_are_the_corpus_end_to_end() -> None:
    tokenizer = train_tokenizer(vocabulary=400, seed=0)
    assert (tokenizer.size, tokenizer.eos_id) == (400, 399)
    blocks = list(itertools.islice(token_blocks(tokenizer, block=50, seed=0), 30))
    joined = [int(token) for block in blocks for token in block[:-1]]
    first = next(documents(seed=0))
    assert tokenizer.decode(joined[: joined.index(tokenizer.eos_id)]) == first
    assert all(int(one[-1]) == int(following[0]) for one, following in itertools.pairwise(blocks))
    skipped = list(itertools.islice(token_blocks(tokenizer, block=50, seed=0, skip=11), 3))
    assert all((a == b).all() for a, b in zip(skipped, blocks[11:14], strict=True))
    other = next(token_blocks(tokenizer, block=50, seed=1))
    assert (other != blocks[0]).any()


def test_a_build_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining, "_CHECKPOINT_SECONDS", 0.0)
    losses: list[float] = []
    whole = build(tmp_path / "whole", RECIPE, progress=lambda _, loss: losses.append(loss))
    assert whole["steps"] == len(losses) == 12
    assert losses[-1] < losses[0]

    def stop(step: int, _: float) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "parted", RECIPE, progress=stop)
    parted = build(tmp_path / "parted", RECIPE)
    assert parted["sha256"] == whole["sha256"]
    assert parted["loss"] == whole["loss"]
    other = build(tmp_path / "other", Recipe(**{**whole["recipe"], "seed": 1}))
    assert other["sha256"]["model.safetensors"] != whole["sha256"]["model.safetensors"]


def test_a_built_base_opens_everywhere(tmp_path: Path) -> None:
    out = tmp_path / "base"
    record = build(out, RECIPE)
    assert sorted(path.name for path in out.iterdir()) == [
        *("README.md", "config.json", "model.safetensors", "recipe.json", "tokenizer.json", "tokenizer_config.json"),
    ]
    assert json.loads((out / "recipe.json").read_text()) == record
    for name, digest in record["sha256"].items():
        assert sha256_file(out / name) == digest
    assert all(tensor.dtype == torch.float16 for tensor in load_file(out / "model.safetensors").values())
    assert f"{record['parameters']:,} parameters" in (out / "README.md").read_text()
    theirs = GPT2LMHeadModel.from_pretrained(out, dtype=torch.float32).eval()
    assert theirs.num_parameters() == record["parameters"] == load_base(str(out)).model.parameter_count
    text = "The old mill was built in 1821."
    assert AutoTokenizer.from_pretrained(out).encode(text) == load_tokenizer(out).encode(text)
    with pytest.raises(ModelError, match="holds a finished base"):
        build(out, RECIPE)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(ModelError, match="not empty"):
        build(tmp_path / "full", RECIPE)
