"""Decoding of one token per step: greedy, sampling and span search, together in one batch.

A row is one sequence to generate: (prompt, strategy, sample). All adapters decode a row in step; it leaves the batch
some time after the last of them has finished it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from squadron.data.encoding import Encoder
from squadron.decoding.cache import Ints
from squadron.decoding.choices import TokenChooser
from squadron.decoding.outcome import FinishedReader, Outcome
from squadron.decoding.prefill import Prefilled
from squadron.decoding.result import Generation
from squadron.decoding.span import SpanIndex
from squadron.decoding.strategies import Strategy
from squadron.model.transfer import upload

MIN_FINISHED_SHARE = 0.1
"""Finished rows leave the batch once they are this share of it: each time, the cache of the others is copied."""


class _Record:
    """The output of K adapters for the rows in the batch: ``finished`` ``[K, R]`` bool, and their ``last`` tokens."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.finished = torch.zeros_like(outcome.stopped)
        self.last = torch.zeros_like(outcome.lengths)

    def add(self, step: int, tokens: Tensor, log_probability: Tensor, eos_id: int) -> None:
        """Record the ``tokens`` that were emitted at ``step`` in the rows that are not finished; all are ``[K, R]``.

        A log-probability of -inf is a suppressed EOS: it ends a span that cannot be continued, and is not recorded.
        """
        broken, suppressed, is_eos = log_probability.isnan(), log_probability.isneginf(), tokens == eos_id
        self.outcome.log_probability += log_probability.masked_fill(suppressed | self.finished, 0)
        self.outcome.stopped |= is_eos & ~(broken | suppressed | self.finished)
        self.finished |= is_eos | broken
        self.outcome.tokens[..., step] = tokens.masked_fill(self.finished, 0)
        self.outcome.lengths += ~self.finished
        self.last = torch.where(self.finished, self.last, tokens)

    def keep(self, rows: Tensor) -> None:
        """Keep ``rows`` ``[R']`` int64 and drop the others."""
        self.outcome = self.outcome.keep(rows)
        self.finished, self.last = self.finished[:, rows], self.last[:, rows]


def step_rows(
    state: Prefilled,
    strategies: Sequence[Strategy],
    *,
    max_new_tokens: int,
    eos_id: int,
    samples: int,
    seed: int,
    suppress_eos: bool,
    encoder: Encoder | None,
    on_host: bool,
) -> dict[str, list[dict[str, list[Generation]]]]:
    """Answer the prompts of ``state`` with every strategy; the arguments are those of ``generate``.

    With ``on_host``, the host may look at any tensor at no cost, as on a CPU.
    """
    chooser = TokenChooser(
        state,
        strategies,
        eos_id=eos_id,
        suppress_eos=suppress_eos,
        samples=samples,
        seed=seed,
        steps=max_new_tokens,
        indices=_span_indices(state, strategies, encoder),
        on_host=on_host,
    )
    count, device = len(chooser.branch), state.hidden.device
    whole = Outcome.empty(len(state.hidden), count, max_new_tokens, device)
    record, rows = _Record(whole), torch.arange(count, device=device)  # rows: those in the batch
    reader = FinishedReader(on_host=on_host)
    decoder, hidden = None, state.hidden
    for step in range(max_new_tokens):
        record.add(step, *chooser.choose(hidden, record.finished, step), eos_id)
        if step + 1 == max_new_tokens:
            break
        finished = reader.read(record.finished, step + 1)
        if finished is not None and finished.all():
            break
        if finished is not None and (decoder is None or (~finished).mean() <= 1 - MIN_FINISHED_SHARE):
            kept = np.flatnonzero(~finished)
            kept_on_device = upload({"kept": kept}, device)["kept"] if decoder is None else decoder.keep(kept)
            _settle(whole, rows, record, chooser)
            record.keep(kept_on_device)
            chooser.keep(kept, kept_on_device)
            rows = rows[kept_on_device]
        if decoder is None:
            decoder = state.start(chooser.branch, steps=max_new_tokens - 1)
        # A finished row that is still in the batch gets its last token again; the result is ignored.
        hidden = decoder.step(record.last)
    _settle(whole, rows, record, chooser)
    return _collect(state, strategies, samples, whole)


def _span_indices(
    state: Prefilled, strategies: Sequence[Strategy], encoder: Encoder | None
) -> tuple[list[SpanIndex], Ints] | None:
    """Return an index for each part of a context that prompts see, and each prompt's number; None without spans."""
    if not any(strategy.span for strategy in strategies):
        return None
    numbers: dict[tuple[int, int], int] = {}
    seen = [(tree, prompt.visible) for tree, prompt in zip(state.tree_of.tolist(), state.prompts, strict=True)]
    index_of = np.array([numbers.setdefault(key, len(numbers)) for key in seen])
    return [SpanIndex(state.trees[tree].context, visible, encoder) for tree, visible in numbers], index_of


def _settle(whole: Outcome, rows: Tensor, record: _Record, chooser: TokenChooser) -> None:
    """Set the outputs of ``rows``, which are in the batch, in those of the ``whole``."""
    for own, span in chooser.spans():
        record.outcome.span[:, own] = span
    if record.outcome is not whole:
        whole.put(rows, record.outcome)


def _collect(
    state: Prefilled, strategies: Sequence[Strategy], samples: int, whole: Outcome
) -> dict[str, list[dict[str, list[Generation]]]]:
    """Return the generations by strategy name, adapter and question id."""
    counts = [samples if strategy.sample else 1 for strategy in strategies]
    spans = [
        strategy.span for strategy, n in zip(strategies, counts, strict=True) for _ in range(n * len(state.prompts))
    ]
    found: dict[str, list[dict[str, list[Generation]]]] = {strategy.name: [] for strategy in strategies}
    for generations in whole.generations(spans):
        own = iter(generations)
        for strategy, n in zip(strategies, counts, strict=True):
            found[strategy.name].append({prompt.id: list(islice(own, n)) for prompt in state.prompts})
    return found
