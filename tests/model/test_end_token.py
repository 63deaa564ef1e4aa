"""The token that ends a sequence, in checkpoints that name another than GPT-2's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as Backend

from squadron.data.encoding import encode_training
from squadron.data.sources import load_data
from squadron.errors import ModelError
from squadron.experiments.export import export
from squadron.experiments.train import train
from squadron.model.tokenizer import load_tokenizer
from squadron.options.core import ExportOptions, TrainOptions

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
START, END = 256, 257
"""Ids of ``<s>`` and ``</s>``."""


def write(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")


def make(folder: Path, tokens: list[AddedToken]) -> Path:
    """Write a byte tokenizer with more tokens, the first of which has the id 256."""
    backend = Backend(models.BPE(vocab={symbol: i for i, symbol in enumerate(BYTES)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    for token in tokens:
        backend.add_tokens([token])
    (folder / "tokenizer.json").write_text(backend.to_str(), encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tokenizer with ``<s>`` and ``</s>``, which no file names as an end yet."""
    return make(tmp_path, [AddedToken(text, special=True, normalized=False) for text in ("<s>", "</s>")])


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("tokenizer_config.json", {"eos_token": "</s>"}),
        ("tokenizer_config.json", {"eos_token": {"__type": "AddedToken", "content": "</s>"}}),
        ("special_tokens_map.json", {"eos_token": "</s>", "bos_token": "<s>"}),
        ("special_tokens_map.json", {"eos_token": {"content": "</s>", "lstrip": False}}),
        ("config.json", {"eos_token_id": END}),
        ("config.json", {"eos_token_id": [END]}),
    ],
)
def test_any_of_the_files_names_the_end_token(folder: Path, file: str, values: dict[str, Any]) -> None:
    write(folder / file, **values)
    tokenizer = load_tokenizer(folder)
    assert (tokenizer.eos, tokenizer.eos_id) == ("</s>", END)


def test_an_id_without_a_token_says_nothing(folder: Path) -> None:
    write(folder / "config.json", eos_token_id=50256)
    write(folder / "tokenizer_config.json", eos_token="</s>")
    assert load_tokenizer(folder).eos_id == END


def test_one_of_several_ids_may_be_the_named_token(folder: Path) -> None:
    write(folder / "config.json", eos_token_id=[START, END])
    write(folder / "tokenizer_config.json", eos_token="</s>")
    assert load_tokenizer(folder).eos_id == END


def test_without_a_name_the_only_special_token_ends(tmp_path: Path) -> None:
    make(tmp_path, [AddedToken("</s>", special=True, normalized=False)])
    assert load_tokenizer(tmp_path).eos_id == 256


def test_gpt2s_token_ends_if_no_file_names_another(tmp_path: Path) -> None:
    make(tmp_path, [AddedToken(text, special=True, normalized=False) for text in ("</s>", "<|endoftext|>")])
    assert load_tokenizer(tmp_path).eos_id == 257
    write(tmp_path / "config.json", eos_token_id=256)
    assert load_tokenizer(tmp_path).eos == "</s>"


def test_the_end_token_of_a_vocabulary_file(tmp_path: Path) -> None:
    write(tmp_path / "vocab.json", **{symbol: i for i, symbol in enumerate(BYTES)}, **{"</s>": 256})
    (tmp_path / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"vocab.json: .* name its end token as eos_token in .*tokenizer_config.json"):
        load_tokenizer(tmp_path)
    write(tmp_path / "config.json", eos_token_id=256)
    assert load_tokenizer(tmp_path).eos == "</s>"


@pytest.mark.parametrize("special", [True, False])
def test_an_end_token_spelled_out_in_a_text_is_text(tmp_path: Path, special: bool) -> None:
    make(tmp_path, [AddedToken("<s>", special=True), AddedToken("</s>", special=special)])
    write(tmp_path / "tokenizer_config.json", eos_token="</s>")
    tokenizer = load_tokenizer(tmp_path)
    ids = tokenizer.encode("a</s>b")
    assert END not in ids
    assert (tokenizer.decode(ids), tokenizer.decode([*ids, END])) == ("a</s>b", "a</s>b")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, r"tokenizer.json: the tokenizer has no <|endoftext|> token (special tokens: '</s>', '<s>'); name its end"),
        (
            {"tokenizer_config": {"eos_token": "</s>"}, "special_tokens_map": {"eos_token": "<s>"}},
            "special_tokens_map.json: eos_token is '<s>', but '</s>' in tokenizer_config.json; make the two agree",
        ),
        (
            {"tokenizer_config": {"eos_token": "</s>"}, "config": {"eos_token_id": START}},
            "config.json: eos_token_id is 256 ('<s>'), but eos_token in tokenizer_config.json is '</s>' (257); make",
        ),
        (
            {"config": {"eos_token_id": [START, END]}},
            "config.json: eos_token_id is 256 ('<s>') and 257 ('</s>'); keep the one that ends an answer",
        ),
        (
            {"tokenizer_config": {"eos_token": "<|endoftext|>"}},
            "tokenizer_config.json: eos_token is '<|endoftext|>', which tokenizer.json lacks; correct it",
        ),
        ({"tokenizer_config": {"eos_token": 3}}, "tokenizer_config.json: eos_token is 3, which"),
        ({"config": {"eos_token_id": "</s>"}}, "config.json: eos_token_id is '</s>'; a token's id is expected"),
    ],
)
def test_contradictions_are_one_line_with_file_and_values(folder: Path, files: dict[str, Any], words: str) -> None:
    for name, values in files.items():
        write(folder / f"{name}.json", **values)
    with pytest.raises(ModelError) as caught:
        load_tokenizer(folder)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_training_and_export_follow_the_end_token(
    byte_base_dir: Path, small_squad: Path, tmp_path: Path, method: str
) -> None:
    """``</s>`` has an id in the middle of the vocabulary, where GPT-2's end is the last token."""
    from transformers import AutoTokenizer, GPT2Config

    base = tmp_path / "base"
    shutil.copytree(byte_base_dir, base)
    vocabulary = {symbol: i for i, symbol in enumerate(BYTES)}
    ordinary = vocabulary.pop("A")  # this byte's row becomes the end's, so that the model's shape stays
    write(base / "tokenizer_config.json", eos_token="</s>")
    data = json.loads((base / "tokenizer.json").read_text())
    data["model"]["vocab"] = {**vocabulary, "</s>": ordinary, "A": 256}
    data["added_tokens"] = []
    write(base / "tokenizer.json", **data)
    values = json.loads((base / "config.json").read_text())
    write(base / "config.json", **{**values, "eos_token_id": ordinary, "bos_token_id": ordinary})

    tokenizer = load_tokenizer(base)
    examples, _ = encode_training(load_data(small_squad), tokenizer, max_length=128)
    assert {example.branch.answer[-1] for example in examples} == {ordinary}
    run, out = tmp_path / "run", tmp_path / "out"
    train(TrainOptions(base=str(base), data=str(small_squad), out=str(run), method=method, max_steps=1, device="cpu"))
    export(ExportOptions(run=str(run), out=str(out), to="merged"))
    assert load_tokenizer(out).eos_id == ordinary
    config = GPT2Config.from_pretrained(out)
    assert (config.eos_token_id, config.bos_token_id) == (ordinary, ordinary)
    theirs = AutoTokenizer.from_pretrained(out)
    assert (theirs.eos_token, theirs.eos_token_id, len(theirs)) == ("</s>", ordinary, 257)
