"""The probability of gold answers, teacher-forced: those of a batch follow the cache of its prompts, in few passes.

The golds of a question are branches of its prompt, so that a paragraph is read once for its questions, their golds and
all decoding strategies. Logits are computed where a gold's token or EOS is predicted, and nowhere else. Dimension
letters are those of :mod:`squadron.decoding.cache`, and::

    A  gold answers     N  their targets: tokens and EOS
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squadron.decoding.budget import logits_bytes
from squadron.decoding.cache import AnswerAttention, Grid, Places, Reader
from squadron.decoding.choices import logits_rows
from squadron.decoding.prefill import Prefilled
from squadron.model.gpt2 import GPT2
from squadron.model.kernels import logsumexp
from squadron.model.transfer import upload

_MOST_UNEQUAL = 4
"""Golds of a pass are padded to the longest; one that is this many times shorter is left to another pass."""


@dataclass(slots=True)
class Golds:
    """The gold answers of questions, and how likely each adapter finds them.

    ``targets`` has the tokens of each distinct gold with EOS, by question id. ``log_probability`` is filled by
    ``generate``: for each adapter, ln p (nats, float64) of the likeliest gold of every question that was answered,
    under the plain softmax. It is -inf if no gold fits the context window after the prompt, if there is no gold, or if
    the model's logits are not finite.
    """

    targets: Mapping[str, Sequence[tuple[int, ...]]]
    log_probability: list[dict[str, float]] = field(default_factory=list)

    def add(self, found: Sequence[Mapping[str, float]]) -> None:
        """Add the log-probabilities of a batch of questions, by adapter."""
        self.log_probability = self.log_probability or [{} for _ in found]
        for whole, part in zip(self.log_probability, found, strict=True):
            whole.update(part)


@dataclass(frozen=True, slots=True)
class _Gold:
    """One gold answer: its prompt in the batch, and its targets."""

    branch: int
    targets: tuple[int, ...]


def score_golds(state: Prefilled, golds: Golds, *, on_host: bool) -> None:
    """Add the log-probability of each prompt's likeliest gold to ``golds``.

    With ``on_host``, adapters are computed one at a time, as alone.
    """
    positions = state.model.config.n_positions
    asked = [
        _Gold(branch, targets)
        for branch, prompt in enumerate(state.prompts)
        for targets in golds.targets.get(prompt.id, ())
        if state.lengths[branch] + len(targets) - 1 <= positions  # EOS is predicted, not read
    ]
    best = np.full((len(state.prompts), len(state.hidden)), -math.inf)
    for part in _passes(state, asked):
        values = _log_probabilities(state, part, on_host=on_host)
        np.fmax.at(best, [gold.branch for gold in part], values.T)  # NaN loses against any number
    golds.add([dict(zip((prompt.id for prompt in state.prompts), row, strict=True)) for row in best.T.tolist()])


def _passes(state: Prefilled, golds: Iterable[_Gold]) -> list[list[_Gold]]:
    """Return ``golds`` in passes of similar lengths whose attention scores keep to the limit of logits."""
    model = state.model
    shared = sum(one.index.shape[1] for one in (state.contexts, state.questions))
    limit = logits_bytes(model.device) // (4 * len(state.hidden) * model.config.n_head)  # scores of a head
    passes: list[list[_Gold]] = []
    for gold in sorted(golds, key=lambda one: -len(one.targets)):
        longest = len(passes[-1][0].targets) if passes else 0
        rows = (len(passes[-1]) + 1) * longest if passes else 0
        if rows and len(gold.targets) * _MOST_UNEQUAL > longest and rows * (shared + longest) <= limit:
            passes[-1].append(gold)
        else:
            passes.append([gold])
    return passes


def _log_probabilities(state: Prefilled, golds: Sequence[_Gold], *, on_host: bool) -> npt.NDArray[np.float64]:
    """Return ln p of every gold with its EOS, ``[K, A]``, from one pass over all their tokens."""
    branch = np.array([gold.branch for gold in golds])  # [A]
    lengths = np.array([len(gold.targets) for gold in golds])
    starts = lengths.cumsum() - lengths
    labels = np.concatenate([gold.targets for gold in golds])  # [N]
    is_first = np.zeros(len(labels), dtype=bool)
    is_first[starts] = True
    # A gold's first target follows the prompt, each other one the target before it.
    source = np.empty(len(labels), dtype=np.int64)
    source[is_first] = branch
    source[~is_first] = len(state.prompts) + np.arange(len(labels) - len(golds))
    arrays = {"labels": labels, "source": source}
    answer = np.repeat(np.arange(len(golds)), lengths - 1)  # [R], the gold of each token that is read
    if not len(answer):
        sent = upload(arrays, state.hidden.device)
        return _summed(state, state.hidden, sent, starts, on_host=on_host)
    slot = np.arange(len(answer)) - (starts - np.arange(len(golds)))[answer]
    rows = branch[answer]
    shared = (state.contexts, state.questions)
    groups = ((state.tree_of[rows], len(state.trees)), (rows, len(state.prompts)), (answer, len(golds)))
    places = [Places.of(group, count) for group, count in groups]
    arrays |= {
        "tokens": np.concatenate([gold.targets[:-1] for gold in golds]).astype(np.int64),
        "positions": state.lengths[rows] + slot,
        **{f"cells {i}": one.cells for i, one in enumerate(places)},
    }
    sent = upload(arrays, state.hidden.device)
    readers = [Reader(one, places[i], sent[f"cells {i}"]) for i, one in enumerate(shared)]
    own = Grid(places[2], sent["cells 2"], len(golds))
    attend = AnswerAttention(readers, own, len(state.hidden), dtype=state.model.dtype)
    hidden: Tensor = state.model(sent["tokens"], sent["positions"], attend, fleet=state.fleet)  # [1 or K, R, D]
    states = torch.cat([state.hidden, hidden.expand(len(state.hidden), -1, -1)], 1)
    return _summed(state, states, sent, starts, on_host=on_host)


def _summed(
    state: Prefilled, states: Tensor, sent: Mapping[str, Tensor], starts: npt.NDArray[np.int64], *, on_host: bool
) -> npt.NDArray[np.float64]:
    """Return the sums of the targets' log-probabilities by gold, ``[K, A]``; ``states`` are ``[K, M + R, D]``."""
    found = _target_log_probabilities(state.model, states[:, sent["source"]], sent["labels"], on_host=on_host)
    return np.add.reduceat(found.cpu().numpy().astype(np.float64), starts, axis=1)


def _target_log_probabilities(model: GPT2, states: Tensor, labels: Tensor, *, on_host: bool) -> Tensor:
    """Return ln p of the ``labels`` ``[N]`` after ``states`` ``[K, N, D]``: ``[K, N]`` float32, or float64 as these.

    It is NaN where the logits are not finite.
    """
    fleet, count, _ = states.shape
    adapters = 1 if on_host else fleet
    chunk = max(1, logits_rows(model) // adapters)
    precise = torch.promote_types(states.dtype, torch.float32)
    found = torch.empty(fleet, count, dtype=precise, device=states.device)
    for k in range(0, fleet, adapters):
        for start in range(0, count, chunk):
            rows = slice(start, start + chunk)
            own = states[k : k + adapters, rows]
            logits = model.logits(own.flatten(0, 1)).view(*own.shape[:2], -1)  # [k, n, V]
            normalizer = logsumexp(logits)
            target = logits.gather(-1, labels[rows].expand(len(own), -1)[..., None])[..., 0]
            found[k : k + adapters, rows] = (target - normalizer).masked_fill(~normalizer.isfinite(), math.nan)
    return found
