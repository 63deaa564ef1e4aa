"""The shipped base: it matches its recipe, is small, and is the same model in ``transformers``."""

from __future__ import annotations

import json

import torch
from transformers import AutoTokenizer

from helpers import logits, reference_model
from squadron.data.prompt import prompt_text
from squadron.files import sha256_file
from squadron.model.checkpoint import load_base
from squadron.model.tokenizer import load_tokenizer
from squadron.pocket.base import pocket_base
from squadron.pocket.world import make_dataset


def test_the_shipped_files_are_those_of_the_recipe() -> None:
    folder = pocket_base()
    record = json.loads((folder / "recipe.json").read_text())
    assert len(record["sha256"]) == 3
    for name, digest in record["sha256"].items():
        assert sha256_file(folder / name) == digest, name
    assert (folder / "model.safetensors").stat().st_size <= 12_000_000
    assert record["parameters"] <= 6_000_000


def test_transformers_opens_the_package_folder_with_the_same_logits() -> None:
    folder = pocket_base()
    base, tokenizer = load_base(str(folder)), load_tokenizer(folder)
    theirs, their_tokenizer = reference_model(folder).float(), AutoTokenizer.from_pretrained(folder)
    paragraph = make_dataset("test", 3).paragraphs[0]
    text = prompt_text(paragraph.context, paragraph.questions[0].text)
    ids = tokenizer.encode(text)
    assert their_tokenizer.encode(text) == ids
    tokens = torch.tensor(ids)
    with torch.no_grad():
        ours = logits(base.model, tokens, torch.arange(len(ids)), [(len(ids), ())])[0]
        reference = theirs(tokens[None]).logits[0]
    assert reference.std() > 0.5
    torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-4)
