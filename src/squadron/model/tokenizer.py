"""GPT-2's byte-level BPE, from a checkpoint folder: ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as Backend

from squadron.errors import ModelError
from squadron.files import read_json, write_json, write_text
from squadron.model.end_token import EOS as EOS
from squadron.model.end_token import find_end_token
from squadron.model.tokenizer_checks import MAX_BYTES, tokenizer_fault, vocabulary_fault


class Tokenizer:
    """Encode text as token ids and decode it.

    A special token spelled out in a text is encoded as ordinary text, so that data cannot end a sequence. ``eos``, with
    the id ``eos_id``, is the only one that is used; the code that builds a sequence adds it. ``size`` is the number of
    tokens.
    """

    def __init__(self, backend: Backend, source: str, eos: str = EOS) -> None:
        """Wrap ``backend``; ``source`` names its files in errors, and ``eos`` is the token that ends a sequence."""
        eos_id = backend.token_to_id(eos)
        if eos_id is None:
            raise ModelError(f"{source}: the tokenizer has no {eos} token; a GPT-2 tokenizer is expected")
        if not any(token.special for token in backend.get_added_tokens_decoder().values() if token.content == eos):
            backend.add_special_tokens([AddedToken(eos, special=True, normalized=False)])
        backend.encode_special_tokens = True
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        self._source = source
        self.eos = eos
        self.eos_id: int = eos_id
        self.size: int = backend.get_vocab_size(with_added_tokens=True)
        # Ids can have gaps: the highest one decides whether a model has an embedding for each.
        self.highest_id: int = max(backend.get_vocab(with_added_tokens=True).values())

    def encode(self, text: str) -> list[int]:
        """Return the token ids of ``text``, without special tokens."""
        with _translated_errors(self._source):
            return list(self._backend.encode(text, add_special_tokens=False).ids)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, like :meth:`encode`, on all cores."""
        with _translated_errors(self._source):
            return [list(item.ids) for item in self._backend.encode_batch(list(texts), add_special_tokens=False)]

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the token ids of ``text``, and for each the characters that it covers, as ``(start, stop)``."""
        with _translated_errors(self._source):
            item = self._backend.encode(text, add_special_tokens=False)
        return list(item.ids), list(item.offsets)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ``ids``, without EOS."""
        with _translated_errors(self._source):
            return str(self._backend.decode(list(ids), skip_special_tokens=True))

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files in the hub's layout, which ``transformers`` can load."""
        self._backend.encode_special_tokens = False
        text = self._backend.to_str(pretty=True)
        self._backend.encode_special_tokens = True
        write_text(folder / "tokenizer.json", text)
        write_json(
            folder / "tokenizer_config.json",
            {
                "tokenizer_class": "GPT2Tokenizer",
                "bos_token": self.eos,
                "eos_token": self.eos,
                "unk_token": self.eos,
                "add_prefix_space": False,
                "model_max_length": 1024,
            },
        )


@contextlib.contextmanager
def _translated_errors(source: str) -> Iterator[None]:
    """Turn the library's errors into a one-line :class:`ModelError`.

    The library raises bare ``Exception``; its panics derive from ``BaseException`` alone.
    """
    try:
        yield
    except BaseException as problem:
        if not isinstance(problem, Exception) and type(problem).__name__ != "PanicException":
            raise
        first = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise ModelError(f"{source}: not a tokenizer ({first}); copy the base model's own file there") from None


def load_tokenizer(folder: Path, *, vocab_size: int | None = None) -> Tokenizer:
    """Load the tokenizer of a checkpoint folder, for a model of ``vocab_size`` tokens if given.

    The token that ends a sequence is the one that the folder's files name, see
    :func:`squadron.model.end_token.find_end_token`. Raises :class:`ModelError` if the files are missing, damaged or not
    of a GPT-2 tokenizer, if they contradict each other, or if a token's id has no row in the model's embedding.
    """
    path = folder / "tokenizer.json"
    tokenizer = _load_tokenizer_json(path) if path.is_file() else _load_vocab_and_merges(folder)
    if vocab_size is not None and tokenizer.highest_id >= vocab_size:
        raise ModelError(
            f"{folder}: its tokenizer has {tokenizer.size:,} tokens with ids up to {tokenizer.highest_id:,}, its model "
            f"has {vocab_size:,}; the files belong to different models: put the model's own tokenizer there"
        )
    return tokenizer


def _load_tokenizer_json(path: Path) -> Tokenizer:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ModelError(f"{path}: {size:,} bytes; at most {MAX_BYTES:,} are taken for a tokenizer")
    found = tokenizer_fault(read_json(path, what="a tokenizer", error=ModelError))
    if found is not None:
        raise ModelError(f"{path}: not a tokenizer that Squadron reads: {found}; copy the base model's own file there")
    with _translated_errors(str(path)):
        backend = Backend.from_file(str(path))
    return _with_end_token(backend, path)


def _load_vocab_and_merges(folder: Path) -> Tokenizer:
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if not (vocabulary.is_file() and merges.is_file()):
        raise ModelError(
            f"{folder}: neither tokenizer.json nor vocab.json with merges.txt is there; "
            f"copy GPT-2's tokenizer files there"
        )
    backend = Backend(_bpe(vocabulary, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return _with_end_token(backend, vocabulary)


def _with_end_token(backend: Backend, path: Path) -> Tokenizer:
    special = [token.content for token in backend.get_added_tokens_decoder().values() if token.special]
    eos = find_end_token(path.parent, path, backend.get_vocab(with_added_tokens=True), special)
    return Tokenizer(backend, str(path), eos)


def _bpe(vocabulary: Path, merges: Path) -> models.BPE:
    ids: Any = read_json(vocabulary, what="a BPE vocabulary", error=ModelError)
    if (found := vocabulary_fault(ids)) is not None:
        raise ModelError(f"{vocabulary}: {found}; copy the base model's own file there")
    try:
        lines = merges.read_text(encoding="utf-8").splitlines()
        # The first line can be the format's version; the others are two tokens separated by a space.
        pairs: list[tuple[str, str]] = []
        for line in lines:
            if line and not line.startswith("#version"):
                left, right = line.split(" ")
                pairs.append((left, right))
        return models.BPE(vocab=ids, merges=pairs)
    except Exception as problem:  # the library raises bare Exception
        raise ModelError(f"{merges}: not the merges of {vocabulary.name} ({problem})") from None
