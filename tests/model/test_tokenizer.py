"""GPT-2's tokenizer from its two old files, from one new file, and as ``transformers`` reads it."""

from __future__ import annotations

import shutil
from pathlib import Path

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


def test_saved_files_open_here_and_in_transformers(gpt2_tokenizer_dir: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    load_tokenizer(gpt2_tokenizer_dir).save(tmp_path)
    text = "Hello world, Super Bowl 50!\n\n  naïve — 東京 <|endoftext|>"
    ours, theirs = load_tokenizer(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert ours.encode(text)[:5] == theirs(text)["input_ids"][:5]
    assert theirs("Hello world, Super Bowl 50!")["input_ids"] == HELLO
    assert theirs.eos_token_id == 50256


def test_an_eos_that_is_typed_is_text(gpt2_tokenizer_dir: Path) -> None:
    tokenizer = load_tokenizer(gpt2_tokenizer_dir)
    ids = tokenizer.encode("a<|endoftext|>b")
    assert tokenizer.eos_id not in ids
    assert tokenizer.decode(ids) == "a<|endoftext|>b"


def test_offsets_point_at_the_text(gpt2_tokenizer_dir: Path) -> None:
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
