"""The pocket tokenizer, and the corpus as endless batches of its documents."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

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


def document_batches(
    tokenizer: Tokenizer, *, tokens: int, longest: int, seed: int, skip: int = 0
) -> Iterator[list[list[int]]]:
    """The corpus in batches of whole documents, ``tokens`` at most in each; every document ends with EOS.

    A document of more than ``longest`` + 1 tokens loses its end. ``skip`` batches are passed over, which takes far less
    time than training on them did.
    """
    corpus = documents(seed=seed)
    batch: list[list[int]] = []
    held = passed = 0
    while texts := list(islice(corpus, _AT_ONCE)):
        for ids in tokenizer.encode_batch(texts):
            document = [*ids, tokenizer.eos_id][: longest + 1]
            if held + len(document) > tokens:
                if passed >= skip:
                    yield batch
                passed += 1
                batch, held = [], 0
            batch.append(document)
            held += len(document)
