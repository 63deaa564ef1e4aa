"""Beam search on the shared key-value cache.

It follows the defaults of ``transformers``. The score of a finished hypothesis is its log-probability divided by its
length, EOS included (length penalty 1). The search of a question ends when ``beams`` hypotheses have finished and the
best running one, at its present length, does not score above the worst of them (early stopping off). Candidates of
exactly equal score can be ordered differently than in ``transformers``, whose top-k is not stable.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from squadron.decoding.autoregressive import logits_rows
from squadron.decoding.prefill import Prefilled
from squadron.decoding.result import Generation
from squadron.errors import ConfigError, option
from squadron.model.gpt2 import GPT2
from squadron.model.kernels import logsumexp

Candidate = tuple[float, int, int]
"""The log-probability of a continued hypothesis, the beam that it continues, and the token that it adds."""


@dataclass(slots=True)
class _Search:
    """The search of one question with one adapter."""

    beams: int
    running: list[tuple[float, tuple[int, ...]]]  # log-probability and tokens, best first
    finished: list[tuple[float, Generation]] = field(default_factory=list)  # score, best first
    done: bool = False

    def advance(self, candidates: list[Candidate], *, eos_id: int, last: bool) -> list[tuple[int, int]]:
        """Advance by the best ``2 * beams`` candidates, best first; return (parent, token) of the running hypotheses.

        On the ``last`` step all hypotheses end, with or without EOS.
        """
        continued: list[tuple[float, int, int]] = []
        for rank, (log_probability, parent, token) in enumerate(candidates):
            stopped = token == eos_id
            tokens = self.running[parent][1]
            if not (stopped or last):
                continued.append((log_probability, parent, token))
            elif rank < self.beams and log_probability > -math.inf:
                length = len(tokens) + 1
                kept = tokens if stopped else (*tokens, token)
                self.finished.append((log_probability / length, Generation(kept, log_probability, stopped)))
        self.finished = sorted(self.finished, key=lambda item: -item[0])[: self.beams]
        continued = continued[: self.beams]
        extended = [(score, (*self.running[parent][1], token)) for score, parent, token in continued]
        if last or not extended:
            self.done = True
        else:
            self.running = extended
            score, tokens = extended[0]
            full = len(self.finished) == self.beams
            self.done = full and score / len(tokens) <= self.finished[-1][0]
        return [(parent, token) for _, parent, token in continued]

    def abandon(self) -> None:
        """End the search after logits that are not finite: keep the best tokens, with a log-probability of NaN."""
        self.finished = [(math.nan, Generation(self.running[0][1], math.nan, False))]
        self.done = True

    @property
    def best(self) -> Generation:
        """The finished hypothesis with the highest score."""
        return self.finished[0][1]


def search_beams(
    state: Prefilled, beams: int, *, max_new_tokens: int, eos_id: int, suppress_eos: bool
) -> list[dict[str, list[Generation]]]:
    """Return the best hypothesis of every prompt of ``state``, per adapter; the arguments are those of ``generate``.

    Raises :class:`ConfigError` if the vocabulary has fewer than ``2 * beams`` tokens.
    """
    fleet_size, count = state.hidden.shape[:2]
    vocabulary = state.model.config.vocab_size
    if 2 * beams > vocabulary:
        raise ConfigError(
            f"{option('beams', beams)}: a vocabulary of {vocabulary} tokens allows {vocabulary // 2} at most"
        )
    device = state.hidden.device
    banned = eos_id if suppress_eos else None
    searches = [[_Search(beams, [(0.0, ())]) for _ in range(count)] for _ in range(fleet_size)]
    hidden, alive, decoder = state.hidden, list(range(count)), None  # alive: the questions in the batch
    for step in range(max_new_tokens):
        width = 1 if step == 0 else beams
        parents = torch.arange(beams * len(alive)).repeat(fleet_size, 1).view(fleet_size, len(alive), beams)
        tokens = torch.zeros_like(parents)
        for k in range(fleet_size):
            open_rows = [row for row, question in enumerate(alive) if not searches[k][question].done]
            own = hidden[k].unflatten(0, (-1, width))[open_rows]  # [open, width, D]
            scores = torch.tensor([[score for score, _ in searches[k][alive[row]].running] for row in open_rows])
            found = _candidates(state.model, own, scores.to(device), 2 * beams, banned)
            for row, candidates in zip(open_rows, found, strict=True):
                search = searches[k][alive[row]]
                if candidates is None:
                    search.abandon()
                    continue
                continued = search.advance(candidates, eos_id=eos_id, last=step + 1 == max_new_tokens)
                for beam, (parent, token) in enumerate(continued):
                    parents[k, row, beam] = row * beams + parent
                    tokens[k, row, beam] = token
        kept = [row for row, question in enumerate(alive) if not all(own[question].done for own in searches)]
        if not kept:
            break
        parents, tokens = parents.flatten(1).to(device), tokens.flatten(1).to(device)  # [K, R]
        if decoder is None:
            branch = torch.arange(count, device=device).repeat_interleave(beams)
            decoder = state.start(branch, steps=max_new_tokens - 1)
        else:
            decoder.cache.reorder(parents)
        if len(kept) < len(alive):
            rows = torch.tensor(kept, device=device)[:, None] * beams + torch.arange(beams, device=device)
            decoder.keep(rows.flatten())
            tokens = tokens[:, rows.flatten()]
            alive = [alive[row] for row in kept]
        hidden = decoder.step(tokens)
    return [{prompt.id: [search.best] for prompt, search in zip(state.prompts, own, strict=True)} for own in searches]


def _candidates(
    model: GPT2, hidden: Tensor, scores: Tensor, count: int, banned: int | None
) -> list[list[Candidate] | None]:
    """Return the ``count`` best continuations of each of n searches, best first; None if its logits are not finite.

    ``hidden`` ``[n, width, D]`` are the states of the hypotheses, ``scores`` ``[n, width]`` float32 their
    log-probabilities. The token ``banned`` gets a log-probability of -inf.
    """
    found: list[list[Candidate] | None] = []
    width = hidden.shape[1]
    chunk = max(1, logits_rows(model) // width)
    for first in range(0, len(hidden), chunk):
        logits = model.logits(hidden[first : first + chunk])  # [n, width, V]
        valid = logsumexp(logits).isfinite().all(-1)  # [n]
        log_probability = logits.log_softmax(-1)
        if banned is not None:
            log_probability[..., banned] = -math.inf
        totals = (log_probability + scores[first : first + chunk, :, None]).flatten(1)  # [n, width * V]
        best, index = totals.topk(count)
        vocabulary = logits.shape[-1]
        for usable, values, places in zip(valid.tolist(), best.tolist(), index.tolist(), strict=True):
            pairs = zip(values, places, strict=True)
            items = [(value, place // vocabulary, place % vocabulary) for value, place in pairs]
            found.append(items if usable else None)
    return found
