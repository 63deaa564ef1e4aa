"""Decoding of one token per step: greedy, sampling and span search, together in one batch.

A row is one sequence to generate: (prompt, strategy, sample). All adapters decode a row in step; it leaves the batch
once the last of them has finished it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squadron.data.encoding import Encoder
from squadron.decoding.prefill import Prefilled
from squadron.decoding.result import Generation
from squadron.decoding.sampling import draw, filter_logits, row_uniforms
from squadron.decoding.span import SpanIndex, SpanPath, take_likeliest
from squadron.decoding.strategies import Strategy
from squadron.model.gpt2 import GPT2
from squadron.model.kernels import logsumexp

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LOGITS_BYTES = 1 << 26
"""The size limit of the float32 logits ``[rows, V]`` held at a time; filters and draws need several times as much."""

MIN_FINISHED_SHARE = 0.1
"""Finished rows leave the batch once they are this share of it: each time, the cache of the others is copied."""


def logits_rows(model: GPT2) -> int:
    """Return the number of rows whose logits are computed at a time."""
    return max(1, LOGITS_BYTES // (4 * model.config.vocab_size))


@dataclass(slots=True)
class _Row:
    """A sequence to generate: its prompt, strategy, random numbers, and the span so far of each adapter."""

    branch: int
    strategy: Strategy
    sample: int
    uniforms: Floats | None
    paths: list[SpanPath]


class _Record:
    """The output of K adapters for R rows so far, on the CPU."""

    def __init__(self, fleet_size: int, rows: int, steps: int) -> None:
        self.tokens: Ints = np.zeros((fleet_size, rows, steps), dtype=np.int64)
        self.lengths: Ints = np.zeros((fleet_size, rows), dtype=np.int64)  # without EOS
        self.log_probability: Floats = np.zeros((fleet_size, rows))
        self.stopped: Bools = np.zeros((fleet_size, rows), dtype=np.bool_)
        self.finished: Bools = np.zeros((fleet_size, rows), dtype=np.bool_)

    def add(self, k: int, rows: Ints, tokens: Ints, log_probability: Floats, eos_id: int) -> None:
        """Record the ``tokens`` that adapter ``k`` emitted in ``rows``, none of which is finished; all are ``[n]``.

        A log-probability of -inf is a suppressed EOS: it ends a span that cannot be continued, and is not recorded.
        """
        broken, suppressed = np.isnan(log_probability), np.isneginf(log_probability)
        self.log_probability[k, rows] += np.where(suppressed, 0, log_probability)
        self.stopped[k, rows] = (tokens == eos_id) & ~broken & ~suppressed
        ended = (tokens == eos_id) | broken
        self.finished[k, rows] = ended
        continued, new = rows[~ended], tokens[~ended]
        self.tokens[k, continued, self.lengths[k, continued]] = new
        self.lengths[k, continued] += 1


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
) -> dict[str, list[dict[str, list[Generation]]]]:
    """Answer the prompts of ``state`` with every strategy; the arguments are those of ``generate``."""
    fleet_size = len(state.hidden)
    rows = _make_rows(state, strategies, fleet_size, max_new_tokens, samples, seed, encoder)
    record = _Record(fleet_size, len(rows), max_new_tokens)
    chooser = _TokenChooser(state.model, rows, record, eos_id, suppress_eos)
    branch = np.array([row.branch for row in rows])
    chooser.choose(state.hidden, branch, np.arange(len(rows)), step=0)
    decoder, alive = None, np.arange(len(rows))  # alive: the rows in the decoder's batch
    for step in range(1, max_new_tokens):
        unfinished = ~record.finished[:, alive].all(0)
        if not unfinished.any():
            break
        if decoder is None or unfinished.mean() <= 1 - MIN_FINISHED_SHARE:
            kept = torch.from_numpy(np.flatnonzero(unfinished)).to(state.hidden.device)
            alive = alive[unfinished]
            if decoder is None:
                decoder = state.start(torch.from_numpy(branch[alive]).to(kept.device), steps=max_new_tokens - 1)
            else:
                decoder.keep(kept)
        # A finished row that is still in the batch gets its last token again; the result is ignored.
        last = np.maximum(record.lengths[:, alive] - 1, 0)[..., None]
        tokens = np.take_along_axis(record.tokens[:, alive], last, -1)[..., 0]  # [K, R]
        hidden = decoder.step(torch.from_numpy(tokens).to(state.hidden.device))
        chooser.choose(hidden, np.arange(len(alive)), alive, step=step)
    return _collect(state, strategies, rows, record)


def _make_rows(
    state: Prefilled,
    strategies: Sequence[Strategy],
    fleet_size: int,
    max_new_tokens: int,
    samples: int,
    seed: int,
    encoder: Encoder | None,
) -> list[_Row]:
    """Return all rows, grouped by strategy."""
    prompts = state.prompts
    rows: list[_Row] = []
    for strategy in strategies:
        indices = [SpanIndex(tree.context, tree.visible, encoder) for tree in state.trees] if strategy.span else []
        trees = state.tree_of.tolist()
        for branch, prompt in enumerate(prompts):
            for sample in range(samples if strategy.sample else 1):
                uniforms = None
                if strategy.sample:
                    uniforms = row_uniforms(seed, strategy.name, prompt.id, sample, max_new_tokens)
                paths = [SpanPath(indices[trees[branch]]) for _ in range(fleet_size)] if strategy.span else []
                rows.append(_Row(branch, strategy, sample, uniforms, paths))
    return rows


class _TokenChooser:
    """The choice of the next tokens of rows from their hidden states, a bounded number of logits at a time."""

    def __init__(self, model: GPT2, rows: Sequence[_Row], record: _Record, eos_id: int, suppress_eos: bool) -> None:
        self.model, self.rows, self.record = model, rows, record
        self.eos_id, self.suppress_eos = eos_id, suppress_eos
        self.chunk = logits_rows(model)

    def choose(self, hidden: Tensor, source: Ints, rows: Ints, *, step: int) -> None:
        """Choose and record a token for each of ``rows`` ``[R]`` that is not finished.

        ``hidden`` is ``[K, N, D]``; ``source`` ``[R]`` is the index of each row's state among its N states.
        """
        for k, states in enumerate(hidden):
            unfinished = ~self.record.finished[k, rows]
            # Rows of one prompt share their first logits.
            needed, index = np.unique(source[unfinished], return_inverse=True)
            unfinished_rows = rows[unfinished]
            for first in range(0, len(needed), self.chunk):
                part = needed[first : first + self.chunk]
                in_chunk = (index >= first) & (index < first + self.chunk)
                chunk = states[torch.from_numpy(part).to(states.device)]
                self._choose_chunk(k, chunk, index[in_chunk] - first, unfinished_rows[in_chunk], step)

    def _choose_chunk(self, k: int, states: Tensor, source: Ints, rows: Ints, step: int) -> None:
        logits = self.model.logits(states)  # [n, V]
        normalizers = logsumexp(logits)
        broken = ~normalizers.isfinite()
        if bool(broken.any()):
            logits[broken] = torch.nan  # also where only some logits are not finite, so that all strategies stop alike
        if self.suppress_eos:
            logits[:, self.eos_id] = -torch.inf
        names = np.array([self.rows[row].strategy.name for row in rows])
        for name in dict.fromkeys(names):
            members = np.flatnonzero(names == name)
            index = torch.from_numpy(source[members]).to(logits.device)
            is_identity = len(members) == len(logits) and bool((source[members] == np.arange(len(members))).all())
            own = logits if is_identity else logits[index]
            tokens = self._pick(k, own, rows[members], step)
            emitted = own.gather(-1, tokens[:, None])[:, 0] - normalizers[index]
            log_probability = emitted.double().masked_fill(broken[index], torch.nan)
            self.record.add(k, rows[members], tokens.cpu().numpy(), log_probability.cpu().numpy(), self.eos_id)

    def _pick(self, k: int, logits: Tensor, rows: Ints, step: int) -> Tensor:
        """Return a token ``[n]`` for each of ``rows``, which share a strategy, from their ``logits`` ``[n, V]``."""
        members = [self.rows[row] for row in rows]
        strategy = members[0].strategy
        if strategy.span:
            return take_likeliest(logits, [row.paths[k] for row in members], self.eos_id, self.suppress_eos)
        if not strategy.sample:
            return logits.argmax(-1)
        uniforms = torch.tensor([row.uniforms[step] for row in members if row.uniforms is not None])
        return draw(filter_logits(logits, strategy), uniforms.double().to(logits.device))


def _collect(
    state: Prefilled, strategies: Sequence[Strategy], rows: Sequence[_Row], record: _Record
) -> dict[str, list[dict[str, list[Generation]]]]:
    fleet_size = len(state.hidden)
    prompts = state.prompts
    found: dict[str, list[dict[str, list[Generation]]]] = {
        strategy.name: [{} for _ in range(fleet_size)] for strategy in strategies
    }
    for number, row in enumerate(rows):
        for k in range(fleet_size):
            generation = Generation(
                tokens=tuple(record.tokens[k, number, : record.lengths[k, number]].tolist()),
                log_probability=float(record.log_probability[k, number]),
                stopped=bool(record.stopped[k, number]),
                span=row.paths[k].span if row.paths else None,
            )
            found[row.strategy.name][k].setdefault(prompts[row.branch].id, []).append(generation)
    return found
