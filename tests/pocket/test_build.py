"""Building the pocket base: from scratch to the hub's layout, resumed bit-exactly."""

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
from squadron.model.checkpoint import load_base, random_model
from squadron.model.tokenizer import load_tokenizer
from squadron.pocket import pretrain as pretraining
from squadron.pocket import tokens as corpus_tokens
from squadron.pocket.base import Recipe
from squadron.pocket.build import build
from squadron.pocket.corpus import documents
from squadron.pocket.tokens import document_batches, train_tokenizer

RECIPE = Recipe(
    vocabulary=300, n_embd=16, n_layer=2, n_head=2, n_positions=32, batch_tokens=100, tokens=1200, warmup_steps=3
)


@pytest.fixture(autouse=True)
def _small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_tokens, "_SAMPLE", 50)


def test_batches_are_the_corpus_document_by_document() -> None:
    tokenizer = train_tokenizer(vocabulary=400, seed=0)
    assert (tokenizer.size, tokenizer.eos_id) == (400, 399)
    batches = list(itertools.islice(document_batches(tokenizer, tokens=3000, longest=900, seed=0), 12))
    assert all(2000 < sum(map(len, batch)) <= 3000 for batch in batches)
    found = [document for batch in batches for document in batch]
    for ids, text in zip(found, documents(seed=0), strict=False):
        whole = [*tokenizer.encode(text), tokenizer.eos_id]
        assert ids == whole[:901]
    assert any(len(ids) == 901 and ids[-1] != tokenizer.eos_id for ids in found)  # a long document was cut
    skipped = list(itertools.islice(document_batches(tokenizer, tokens=3000, longest=900, seed=0, skip=7), 3))
    assert skipped == batches[7:10]
    other = next(document_batches(tokenizer, tokens=3000, longest=900, seed=1))
    assert other != batches[0]


def test_the_loss_equals_that_of_separate_documents() -> None:
    model = random_model(RECIPE.config, seed=0)
    documents = [[5, 9, 31, 7, 299], [8, 8, 299], list(range(20, 52))]
    one_by_one = [float(pretraining._loss(model, [document], bf16=False).detach()) for document in documents]
    together = float(pretraining._loss(model, documents, bf16=False).detach())
    targets = [len(document) - 1 for document in documents]
    expected = sum(loss * count for loss, count in zip(one_by_one, targets, strict=True)) / sum(targets)
    assert len(set(one_by_one)) == 3
    assert together == pytest.approx(expected, abs=1e-5)


def test_a_resumed_build_equals_an_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_built_base_opens_in_squadron_and_transformers(tmp_path: Path) -> None:
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
