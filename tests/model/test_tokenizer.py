"""GPT-2's tokenizer from ``vocab.json`` and ``merges.txt``, from ``tokenizer.json``, and in ``transformers``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from squadron.errors import ModelError
from squadron.model.tokenizer import load_tokenizer

HELLO = [15496, 995, 11, 3115, 8693, 2026, 0]


def test_gpt2s_own_files(gpt2_tokenizer_dir: Path) -> None:
    tokenizer = load_tokenizer(gpt2_tokenizer_dir)
    assert (tokenizer.size, tokenizer.eos_id) == (50257, 50256)
    assert tokenizer.encode("Hello world, Super Bowl 50!") == HELLO
    assert tokenizer.decode([*HELLO, 50256]) == "Hello world, Super Bowl 50!"
    assert tokenizer.encode_batch(["Hello world, Super Bowl 50!", ""]) == [HELLO, []]


def test_saved_files_load_here_and_in_transformers(gpt2_tokenizer_dir: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    load_tokenizer(gpt2_tokenizer_dir).save(tmp_path)
    text = "Hello world, Super Bowl 50!\n\n  naïve — 東京 <|endoftext|>"
    ours, theirs = load_tokenizer(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert ours.encode(text)[:5] == theirs(text)["input_ids"][:5]
    assert theirs("Hello world, Super Bowl 50!")["input_ids"] == HELLO
    assert theirs.eos_token_id == 50256


def test_an_eos_spelled_out_in_a_text_is_text(gpt2_tokenizer_dir: Path) -> None:
    tokenizer = load_tokenizer(gpt2_tokenizer_dir)
    ids = tokenizer.encode("a<|endoftext|>b")
    assert tokenizer.eos_id not in ids
    assert tokenizer.decode(ids) == "a<|endoftext|>b"


def test_offsets_are_the_characters_of_each_token(gpt2_tokenizer_dir: Path) -> None:
    text = "Hello world, Super Bowl 50!"
    ids, offsets = load_tokenizer(gpt2_tokenizer_dir).encode_with_offsets(text)
    assert ids == HELLO
    assert [text[start:stop] for start, stop in offsets] == ["Hello", " world", ",", " Super", " Bowl", " 50", "!"]


def test_broken_files_are_named(gpt2_tokenizer_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither tokenizer.json nor vocab.json"):
        load_tokenizer(tmp_path)
    shutil.copy(gpt2_tokenizer_dir / "vocab.json", tmp_path)
    (tmp_path / "merges.txt").write_text("#version: 0.2\nĠ t extra\n")
    with pytest.raises(ModelError, match=r"merges.txt: not the merges of vocab.json"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(ModelError, match=r"tokenizer.json: not a tokenizer"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": ')
    with pytest.raises(ModelError, match=r"tokenizer.json: not JSON \(line 1"):
        load_tokenizer(tmp_path)


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change ``tokenizer.json`` in ``folder``; return the folder."""
    path = folder / "tokenizer.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return folder


def split(pattern: object) -> dict[str, object]:
    return {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}


@pytest.fixture
def folder(byte_base_dir: Path, tmp_path: Path) -> Path:
    shutil.copy(byte_base_dir / "tokenizer.json", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pre_tokenizer": split({"Regex": "(a+)+$"})}, r"pattern .*\(a\+\)\+\$.* of pre_tokenizer Split is refused"),
        ({"pre_tokenizer": split({"Regex": "(?<n>a\\g<n>"})}, "is refused; known are the expressions of GPT-2"),
        ({"pre_tokenizer": split({"Regex": "(a{9999}){9999}"})}, "is refused"),
        ({"pre_tokenizer": split({"String": ""})}, "is refused"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split({"Regex": "a**"})]}}, "is refused"),
        ({"normalizer": {"type": "Replace", "pattern": {"Regex": "(x+x+)+y"}, "content": ""}}, "normalizer Replace"),
        ({"normalizer": {"type": "Prepend", "prepend": "x" * 9999}}, "prepend of normalizer Prepend .* 100 characters"),
        ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}, "normalizer of type 'Precompiled'"),
        ({"decoder": {"type": "Strip", "content": "a", "start": 0, "stop": 9}}, "decoder of type 'Strip' is refused"),
        ({"decoder": 3}, "decoder has 3; an object with a type"),
        ({"model": {"type": "Unigram", "vocab": []}}, "model of type 'Unigram' is refused; GPT-2's is BPE"),
        ({"model": {"vocab": {"x" * 5000: 0}, "merges": []}}, "token has 5,000 characters"),
        ({"model": {"vocab": {"a": 2**40}, "merges": []}}, "id of token 'a' is 1099511627776; a whole number"),
        ({"model": {"vocab": {"a": 0}, "merges": [["a", 3]]}}, "model.merges has"),
        ({"model": {"vocab": {"a": 0}, "merges": [], "dropout": 0.5}}, "model.dropout is 0.5"),
        (
            {"model": {"vocab": {"a": 0}, "merges": [], "unk_token": "u"}},
            "model.unk_token 'u' is not in the vocabulary",
        ),
        ({"model": {"vocab": {"aé": 0}, "merges": [], "continuing_subword_prefix": "a"}}, "subword_prefix is 'a'"),
        ({"added_tokens": [{"id": 0, "content": ""}]}, "added_tokens has"),
    ],
)
def test_files_that_would_hang_or_crash_the_library_are_refused(
    folder: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        load_tokenizer(changed(folder, lambda data: data.update(change)))
    assert str(folder / "tokenizer.json") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("family", ["Xenova/gpt-4", "plain text", "sequence"])
def test_byte_level_families_are_accepted(folder: Path, family: str) -> None:
    gpt4 = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+"
    )
    plain = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    first = split({"String": " "} if family == "plain text" else {"Regex": gpt4 if "4" in family else r"\p{N}"})
    parts = {"type": "Sequence", "pretokenizers": [first, plain]}
    text = "In 1066 it's done."
    expected = load_tokenizer(folder).encode(text)
    tokenizer = load_tokenizer(
        changed(folder, lambda data: data.update(pre_tokenizer=parts, normalizer={"type": "NFC"}))
    )
    assert tokenizer.encode(text) == expected
    assert tokenizer.decode(expected) == text


def test_a_panic_of_the_library_becomes_a_one_line_error(folder: Path) -> None:
    class PanicException(BaseException):
        pass

    class Panicking:
        def encode(self, *_: object, **__: object) -> None:
            raise PanicException("called `Option::unwrap()` on a `None` value\nand more")

    tokenizer = load_tokenizer(folder)
    tokenizer._backend = cast(Any, Panicking())
    with pytest.raises(ModelError, match=r"tokenizer.json: not a tokenizer .called `Option"):
        tokenizer.encode("x")


def test_a_token_without_a_row_in_the_embedding_is_refused(folder: Path) -> None:
    assert load_tokenizer(folder, vocab_size=257).highest_id == 256
    with pytest.raises(ModelError, match=r"257 tokens with ids up to 256, its model has 256; .* different models: put"):
        load_tokenizer(folder, vocab_size=256)
    # As many tokens as rows, and an id beyond them.
    far = changed(folder, lambda data: data["model"]["vocab"].update({"A": 300}))
    with pytest.raises(ModelError, match=r"257 tokens with ids up to 300, its model has 257"):
        load_tokenizer(far, vocab_size=257)
