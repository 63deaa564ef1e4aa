"""GPT-2's byte-level BPE, from a checkpoint folder: ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as Backend

from squadron.errors import ModelError
from squadron.files import read_json, write_json, write_text

EOS = "<|endoftext|>"


class Tokenizer:
    """Text to token ids and back.

    A special token that is typed in a text is ordinary text: data cannot end a sequence. ``eos_id`` is the one
    special token, added by whoever builds the sequence.
    """

    def __init__(self, backend: Backend, source: str) -> None:
        """``source`` names the files in errors."""
        eos_id = backend.token_to_id(EOS)
        if eos_id is None:
            raise ModelError(f"{source}: the tokenizer has no {EOS} token; a GPT-2 tokenizer is expected")
        backend.encode_special_tokens = True
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        self.eos_id: int = eos_id
        self.size: int = backend.get_vocab_size(with_added_tokens=True)

    def encode(self, text: str) -> list[int]:
        """The token ids of ``text``, nothing added."""
        return list(self._backend.encode(text, add_special_tokens=False).ids)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """:meth:`encode` for many texts at once, on all cores."""
        return [list(item.ids) for item in self._backend.encode_batch(list(texts), add_special_tokens=False)]

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids, and for each the characters of ``text`` that it covers, as ``(start, stop)``."""
        item = self._backend.encode(text, add_special_tokens=False)
        return list(item.ids), list(item.offsets)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``; EOS, where it occurs, gives nothing."""
        return str(self._backend.decode(list(ids), skip_special_tokens=True))

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files in the hub's layout, so that ``transformers`` opens the folder too."""
        self._backend.encode_special_tokens = False
        text = self._backend.to_str(pretty=True)
        self._backend.encode_special_tokens = True
        write_text(folder / "tokenizer.json", text)
        write_json(
            folder / "tokenizer_config.json",
            {
                "tokenizer_class": "GPT2Tokenizer",
                "bos_token": EOS,
                "eos_token": EOS,
                "unk_token": EOS,
                "add_prefix_space": False,
                "model_max_length": 1024,
            },
        )


def load_tokenizer(folder: Path) -> Tokenizer:
    """Load the tokenizer of a checkpoint folder. Raises :class:`ModelError` where its files are missing or broken."""
    whole = folder / "tokenizer.json"
    if whole.is_file():
        read_json(whole, what="a tokenizer", error=ModelError)  # one clear line where it is not even JSON
        try:
            backend = Backend.from_file(str(whole))
        except Exception as problem:  # the library raises bare Exception
            raise ModelError(f"{whole}: not a tokenizer ({problem}); copy the base model's own file there") from None
        return Tokenizer(backend, str(whole))
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if not (vocabulary.is_file() and merges.is_file()):
        raise ModelError(
            f"{folder}: neither tokenizer.json nor vocab.json with merges.txt is there; "
            f"copy GPT-2's tokenizer files there"
        )
    backend = Backend(_bpe(vocabulary, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    if backend.token_to_id(EOS) is not None:
        backend.add_special_tokens([AddedToken(EOS, special=True, normalized=False)])
    return Tokenizer(backend, str(vocabulary))


def _bpe(vocabulary: Path, merges: Path) -> models.BPE:
    ids: Any = read_json(vocabulary, what="a BPE vocabulary", error=ModelError)
    try:
        lines = merges.read_text(encoding="utf-8").splitlines()
        # The first line may tell the format's version; a pair is two tokens with a space between.
        pairs: list[tuple[str, str]] = []
        for line in lines:
            if line and not line.startswith("#version"):
                left, right = line.split(" ")
                pairs.append((left, right))
        return models.BPE(vocab=ids, merges=pairs)
    except Exception as problem:  # the library raises bare Exception
        raise ModelError(f"{merges}: not the merges of {vocabulary.name} ({problem})") from None
