"""Beam search on the shared key-value cache, for all adapters and questions at once.

It follows the defaults of ``transformers``. The score of a finished hypothesis is its log-probability divided by its
length, EOS included (length penalty 1). The search of a question ends when ``beams`` hypotheses have finished and the
best running one, at its present length, does not score above the worst of them (early stopping off). Candidates of
exactly equal score can be ordered differently than in ``transformers``, whose top-k is not stable.

Dimension letters are those of :mod:`squadron.model.gpt2`; Q is the number of questions in the batch, and B that of
beams.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from squadron.decoding.choices import logits_rows
from squadron.decoding.outcome import FinishedReader, Outcome
from squadron.decoding.prefill import Prefilled
from squadron.decoding.result import Generation
from squadron.errors import ConfigError, option
from squadron.model.gpt2 import GPT2
from squadron.model.kernels import logsumexp
from squadron.model.transfer import upload

Candidates = tuple[Tensor, Tensor, Tensor]
"""The best ``2 B`` continuations of each search, best first: their log-probabilities ``[K, Q, 2B]``, their
places ``[K, Q, 2B]`` int64 among those of all beams, one beam after the other, and False ``[K, Q]`` bool where logits
are not finite."""


class _Searches:
    """The searches of the questions in the batch.

    ``scores`` ``[K, Q, B]`` are the log-probabilities of the running hypotheses, best first, and ``tokens``
    ``[K, Q, B, steps]`` their tokens. ``finished`` ``[K, Q, B]`` float64 are the scores of the best finished
    hypotheses, best first, -inf if there are fewer; ``best`` is the first of them. ``done`` is ``[K, Q]`` bool.
    """

    def __init__(self, fleet_size: int, questions: int, beams: int, steps: int, device: torch.device) -> None:
        shape = (fleet_size, questions, beams)
        self.scores = torch.zeros(shape, device=device)
        self.tokens = torch.zeros(*shape, steps, dtype=torch.int64, device=device)
        self.finished = torch.full(shape, -math.inf, dtype=torch.float64, device=device)
        self.done = torch.zeros(shape[:2], dtype=torch.bool, device=device)
        self.best = Outcome.empty(fleet_size, questions, steps, device)

    def advance(
        self, candidates: Candidates, step: int, *, vocabulary: int, eos_id: int, last: bool
    ) -> tuple[Tensor, Tensor]:
        """Advance by one token; return the parents, among the B beams, and tokens of the running hypotheses.

        On the ``last`` step all hypotheses end, with or without EOS. A search whose logits are not finite ends: it
        keeps its best tokens, with a log-probability of NaN. Parents and tokens are ``[K, Q, B]``; those of a search
        that is done are any.
        """
        values, places, valid = candidates
        parents, tokens = places.div(vocabulary, rounding_mode="floor"), places % vocabulary
        is_open = ~self.done
        self._abandon(is_open & ~valid, step)
        is_open &= valid
        is_eos = tokens == eos_id
        self._finish(values, parents, tokens, is_eos, is_open, step, last=last)
        beams = self.scores.shape[-1]
        running = is_eos.to(torch.uint8).argsort(dim=-1, stable=True)[..., :beams]  # at most B of 2B are EOS
        parents, tokens = parents.gather(-1, running), tokens.gather(-1, running)
        self.scores = values.gather(-1, running)
        self.tokens = self.tokens.gather(2, parents[..., None].expand_as(self.tokens))
        self.tokens[..., step] = tokens
        worst, likeliest = self.finished[..., -1], self.scores[..., 0].double() / (step + 1)
        self.done |= is_open & (worst > -math.inf) & (likeliest <= worst)
        return parents, tokens

    def _finish(
        self, values: Tensor, parents: Tensor, tokens: Tensor, is_eos: Tensor, is_open: Tensor, step: int, *, last: bool
    ) -> None:
        """Add the hypotheses that end, among the B best candidates, to the finished ones."""
        beams = self.scores.shape[-1]
        values, parents, tokens, is_eos = (x[..., :beams] for x in (values, parents, tokens, is_eos))
        ends = (values > -math.inf) & is_open[..., None]
        if not last:
            ends = ends & is_eos
        scores = (values.double() / (step + 1)).masked_fill(~ends, -math.inf)
        first = ends.int().argmax(-1, keepdim=True)  # the best: candidates are in order
        better = scores.gather(-1, first)[..., 0] > self.finished[..., 0]  # [K, Q]
        self.finished = torch.cat([self.finished, scores], -1).topk(beams).values
        parent, token, stopped, value = (x.gather(-1, first)[..., 0] for x in (parents, tokens, is_eos, values))
        path = self._path(parent)
        path[..., step] = token.masked_fill(stopped, 0)
        self._set_best(better, path, step + 1 - stopped.to(torch.int64), value.double(), stopped)

    def _abandon(self, where: Tensor, step: int) -> None:
        path = self._path(torch.zeros_like(where, dtype=torch.int64))
        lengths = torch.full_like(path[..., 0], step)
        self._set_best(where, path, lengths, torch.full_like(lengths, math.nan, dtype=torch.float64), where & False)
        self.done |= where

    def _path(self, beam: Tensor) -> Tensor:
        """Return the tokens of one ``beam`` ``[K, Q]`` of each search, ``[K, Q, steps]``."""
        index = beam[..., None, None].expand(-1, -1, 1, self.tokens.shape[-1])
        return self.tokens.gather(2, index)[:, :, 0]

    def _set_best(
        self, where: Tensor, tokens: Tensor, lengths: Tensor, log_probability: Tensor, stopped: Tensor
    ) -> None:
        best = self.best
        best.tokens = torch.where(where[..., None], tokens, best.tokens)
        best.lengths = torch.where(where, lengths, best.lengths)
        best.log_probability = torch.where(where, log_probability, best.log_probability)
        best.stopped = torch.where(where, stopped, best.stopped)

    def keep(self, questions: Tensor) -> None:
        """Keep ``questions`` ``[Q']`` int64 and drop the others."""
        self.scores, self.tokens = self.scores[:, questions], self.tokens[:, questions]
        self.finished, self.done = self.finished[:, questions], self.done[:, questions]
        self.best = self.best.keep(questions)


def search_beams(
    state: Prefilled, beams: int, *, max_new_tokens: int, eos_id: int, suppress_eos: bool, on_host: bool
) -> list[dict[str, list[Generation]]]:
    """Return the best hypothesis of every prompt of ``state``, per adapter; the arguments are those of ``generate``.

    With ``on_host``, the host may look at any tensor at no cost, as on a CPU. Raises :class:`ConfigError` if the
    vocabulary has fewer than ``2 * beams`` tokens.
    """
    fleet_size, count = state.hidden.shape[:2]
    vocabulary = state.model.config.vocab_size
    if 2 * beams > vocabulary:
        raise ConfigError(
            f"{option('beams', beams)}: a vocabulary of {vocabulary} tokens allows {vocabulary // 2} at most"
        )
    device = state.hidden.device
    searches = _Searches(fleet_size, count, beams, max_new_tokens, device)
    whole, questions = Outcome.empty(fleet_size, count, max_new_tokens, device), torch.arange(count, device=device)
    reader = FinishedReader(on_host=on_host)
    hidden, decoder = state.hidden, None
    for step in range(max_new_tokens):
        states = hidden.unflatten(1, (-1, 1 if step == 0 else beams))  # [K, Q, width, D]
        scores = searches.scores[..., : states.shape[2]]
        find = _open_candidates if on_host else _all_candidates
        candidates = find(state.model, states, scores, searches.done, 2 * beams, eos_id if suppress_eos else None)
        last = step + 1 == max_new_tokens
        parents, tokens = searches.advance(candidates, step, vocabulary=vocabulary, eos_id=eos_id, last=last)
        done = None if last else reader.read(searches.done, step + 1)
        if last or (done is not None and done.all()):
            break
        if decoder is None:
            decoder = state.start(np.arange(count).repeat(beams), steps=max_new_tokens - 1)
        else:
            # The parents of a question are among its own B rows.
            starts = torch.arange(0, beams * parents.shape[1], beams, device=device)
            decoder.cache.reorder((parents + starts[:, None]).flatten(1))
        if done is not None and done.any():
            kept = np.flatnonzero(~done)
            decoder.keep((kept[:, None] * beams + np.arange(beams)).flatten())
            kept_on_device = upload({"kept": kept}, device)["kept"]
            whole.put(questions, searches.best)
            searches.keep(kept_on_device)
            questions, tokens = questions[kept_on_device], tokens[:, kept_on_device]
        hidden = decoder.step(tokens.flatten(1))
    whole.put(questions, searches.best)
    found = whole.generations([False] * count)
    return [{prompt.id: [one] for prompt, one in zip(state.prompts, own, strict=True)} for own in found]


def _open_candidates(
    model: GPT2, hidden: Tensor, scores: Tensor, done: Tensor, count: int, banned: int | None
) -> Candidates:
    """Return the best continuations of the searches that are not done, of one adapter at a time; others are any.

    ``hidden`` ``[K, Q, width, D]`` are the states of the hypotheses, ``scores`` ``[K, Q, width]`` their
    log-probabilities. The token ``banned`` gets a log-probability of -inf.
    """
    values = torch.zeros(*done.shape, count, dtype=torch.promote_types(hidden.dtype, torch.float32))
    places = torch.zeros(*done.shape, count, dtype=torch.int64)
    valid = torch.ones_like(done)
    chunk = max(1, logits_rows(model) // hidden.shape[2])
    for k in range(len(hidden)):
        for rows in torch.from_numpy(np.flatnonzero(~done[k].numpy())).split(chunk):
            found = _best_continuations(model, hidden[k, rows], scores[k, rows], count, banned)
            values[k, rows], places[k, rows], valid[k, rows] = found
    return values, places, valid


def _all_candidates(
    model: GPT2, hidden: Tensor, scores: Tensor, done: Tensor, count: int, banned: int | None
) -> Candidates:
    """Return the best continuations of all searches, of all adapters at once; see :func:`_open_candidates`."""
    chunk = max(1, logits_rows(model) // (len(hidden) * hidden.shape[2]))
    parts = []
    for first in range(0, done.shape[1], chunk):
        part, own = hidden[:, first : first + chunk], scores[:, first : first + chunk]
        found = _best_continuations(model, part.flatten(0, 1), own.flatten(0, 1), count, banned)
        parts.append([x.unflatten(0, part.shape[:2]) for x in found])
    values, places, valid = (torch.cat(own, 1) for own in zip(*parts, strict=True))
    return values, places, valid


def _best_continuations(model: GPT2, hidden: Tensor, scores: Tensor, count: int, banned: int | None) -> Candidates:
    """Return the ``count`` best continuations of n searches: ``hidden`` is ``[n, width, D]``, ``scores`` [n, width]."""
    logits = model.logits(hidden)  # [n, width, V]
    valid = logsumexp(logits).isfinite().all(-1)  # [n]
    log_probability = logits.log_softmax(-1)
    if banned is not None:
        log_probability[..., banned] = -math.inf
    totals = log_probability.add_(scores[..., None])
    best, places = totals.flatten(1).topk(count)
    return best, places, valid
