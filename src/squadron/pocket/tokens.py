"""Train the pocket tokenizer, and draw endless batches of documents from the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers, trainers

from squadron.model.tokenizer import EOS, Tokenizer
from squadron.pocket.corpus import documents

_SAMPLE = 20_000
"""Documents that the tokenizer is trained on."""
_CHUNK = 500
"""Documents that are tokenized at once."""


def train_tokenizer(*, vocabulary: int, seed: int) -> Tokenizer:
    """Train a byte-level BPE tokenizer of ``vocabulary`` tokens (EOS is the last) with GPT-2's pre-tokenization."""
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
    """Yield the corpus in batches of whole documents, at most ``tokens`` tokens each; every document ends with EOS.

    A document longer than ``longest`` + 1 tokens is cut. The first ``skip`` batches are skipped, which is much faster
    than training on them.
    """
    corpus = documents(seed=seed)
    batch: list[list[int]] = []
    size = skipped = 0
    while texts := list(islice(corpus, _CHUNK)):
        for ids in tokenizer.encode_batch(texts):
            document = [*ids, tokenizer.eos_id][: longest + 1]
            if size + len(document) > tokens:
                if skipped >= skip:
                    yield batch
                skipped += 1
                batch, size = [], 0
            batch.append(document)
            size += len(document)
