"""The pocket tokenizer, and the corpus as one endless row of its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers, trainers

from squadron.model.tokenizer import EOS, Tokenizer
from squadron.pocket.corpus import documents

_SAMPLE = 20_000
"""Documents that the tokenizer is trained on."""
_AT_ONCE = 500


def train_tokenizer(*, vocabulary: int, seed: int) -> Tokenizer:
    """Byte-level BPE of ``vocabulary`` tokens, EOS the last of them, with GPT-2's pre-tokenization."""
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(islice(documents(seed=seed), _SAMPLE), trainer)
    backend.add_special_tokens([EOS])
    return Tokenizer(backend, "the pocket tokenizer")


def token_blocks(tokenizer: Tokenizer, *, block: int, seed: int, skip: int = 0) -> Iterator[npt.NDArray[np.int64]]:
    """The corpus in blocks of ``block`` tokens, each starting with the last one's end; documents end with EOS.

    ``skip`` blocks are passed over, which takes far less time than training on them did.
    """
    corpus = documents(seed=seed)
    waiting: list[int] = []
    passed = 0
    while texts := list(islice(corpus, _AT_ONCE)):
        for ids in tokenizer.encode_batch(texts):
            waiting += ids
            waiting.append(tokenizer.eos_id)
        start = 0
        while len(waiting) - start > block:
            if passed >= skip:
                yield np.array(waiting[start : start + block + 1], dtype=np.int64)
            passed += 1
            start += block
        del waiting[:start]
