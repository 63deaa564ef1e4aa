"""The choice of the next tokens of rows from their hidden states, a bounded number of logits at a time.

A CPU computes only the logits that it needs: those of the rows that an adapter has not finished, an adapter at a time,
as it would be alone. An accelerator does not know which rows are finished and would have to wait for the answer; it
computes all logits, for all adapters at once. Both choose by the same code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squadron.decoding.budget import logits_bytes
from squadron.decoding.cache import Ints
from squadron.decoding.prefill import Prefilled
from squadron.decoding.sampling import draw, filter_logits, row_uniforms
from squadron.decoding.span import SpanIndex
from squadron.decoding.span_search import SpanSearch, span_tables
from squadron.decoding.strategies import Strategy
from squadron.model.gpt2 import GPT2
from squadron.model.kernels import logsumexp
from squadron.model.transfer import upload


def logits_rows(model: GPT2) -> int:
    """Return the number of rows whose logits are computed at a time."""
    return max(1, logits_bytes(model.device) // (4 * model.config.vocab_size))


@dataclass(slots=True)
class _Group:
    """The rows of one strategy, which are consecutive.

    ``source`` ``[n]``, ascending, are the branches of their prompts, on the host and on the device. ``uniforms``
    ``[n, steps]`` float64 are their random numbers.
    """

    strategy: Strategy
    source: Ints
    source_on_device: Tensor
    uniforms: Tensor | None
    spans: SpanSearch | None


@dataclass(slots=True)
class _Part:
    """The rows of one group whose logits are computed together.

    ``rows`` ``[n]`` are their places in the group, and ``states`` those of their states in the block; a slice stands
    for consecutive ones.
    """

    group: _Group
    first: int  # the place of the group among all rows
    rows: slice | Tensor
    states: slice | Tensor


@dataclass(slots=True)
class _Block:
    """The ``states`` ``[k, c, D]`` of ``adapters`` whose logits are computed together, and the rows that need them."""

    adapters: slice
    states: Tensor
    parts: list[_Part]


class TokenChooser:
    """The rows of a batch, grouped by strategy, and the choice of their tokens.

    A row is one sequence to generate: (prompt, strategy, sample). ``branch`` ``[R]``, on the host, are their prompts.
    """

    def __init__(
        self,
        state: Prefilled,
        strategies: Sequence[Strategy],
        *,
        eos_id: int,
        suppress_eos: bool,
        samples: int,
        seed: int,
        steps: int,
        indices: tuple[Sequence[SpanIndex], Ints] | None,
        on_host: bool,
    ) -> None:
        """Make all rows. ``indices``, and the number of each prompt's, are needed if a strategy searches spans."""
        self.model, self.eos_id, self.suppress_eos, self.on_host = state.model, eos_id, suppress_eos, on_host
        branches, arrays = np.arange(len(state.prompts)), dict[str, npt.NDArray[np.generic]]()
        sources = [branches.repeat(samples if strategy.sample else 1) for strategy in strategies]
        for i, strategy in enumerate(strategies):
            arrays[f"source {i}"] = sources[i]
            if strategy.sample:
                own = [(prompt.id, sample) for prompt in state.prompts for sample in range(samples)]
                drawn = [row_uniforms(seed, strategy.name, prompt, sample, steps) for prompt, sample in own]
                arrays[f"uniforms {i}"] = np.stack(drawn)
        if indices is not None:
            arrays |= span_tables(*indices)
        sent = upload(arrays, state.hidden.device)
        self.groups = [
            _Group(
                strategy,
                sources[i],
                sent[f"source {i}"],
                sent.get(f"uniforms {i}"),
                SpanSearch(sent, len(state.hidden), eos_id, suppress_eos) if strategy.span else None,
            )
            for i, strategy in enumerate(strategies)
        ]

    @property
    def branch(self) -> Ints:
        """The prompt of each row in the batch, ``[R]`` on the host."""
        return np.concatenate([group.source for group in self.groups])

    def choose(self, hidden: Tensor, finished: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return a token for every adapter and row, ``[K, R]`` int64, and its log-probability, float64.

        ``hidden`` are the states of the branches, ``[K, M, D]``, at step 0, else those of the rows, ``[K, R, D]``.
        ``finished`` ``[K, R]`` bool are rows for which the output is any. The log-probability is NaN if logits are not
        finite, and -inf if EOS is suppressed: it ends a span that cannot be continued.
        """
        tokens = torch.zeros(finished.shape, dtype=torch.int64, device=finished.device)
        log_probability = torch.zeros(finished.shape, dtype=torch.float64, device=finished.device)
        blocks = self._needed_blocks(hidden, finished, step) if self.on_host else self._all_blocks(hidden, step)
        for block in blocks:
            k, count, _ = block.states.shape
            logits = self.model.logits(block.states.flatten(0, 1))  # [k * c, V]
            normalizers = logsumexp(logits).view(k, count)
            if self.suppress_eos:
                logits[:, self.eos_id] = -math.inf
            logits = logits.view(k, count, -1)
            for part in block.parts:
                own, normalizer = logits[:, part.states], normalizers[:, part.states]  # [k, n, V], [k, n]
                rows = _shifted(part.rows, part.first)
                frozen = finished[block.adapters, rows] | ~normalizer.isfinite()
                chosen = self._pick(block.adapters, part, own, frozen, step)
                emitted = own.gather(-1, chosen[..., None])[..., 0] - normalizer
                tokens[block.adapters, rows] = chosen
                log_probability[block.adapters, rows] = emitted.double().masked_fill(~normalizer.isfinite(), math.nan)
        return tokens, log_probability

    def _pick(self, adapters: slice, part: _Part, logits: Tensor, frozen: Tensor, step: int) -> Tensor:
        """Return a token ``[k, n]`` for each of the rows of ``part``, from their ``logits`` ``[k, n, V]``."""
        group = part.group
        if group.spans is not None:
            return group.spans.take(adapters, part.rows, logits, frozen)
        if group.uniforms is None:
            return _argmax(logits)
        uniforms = group.uniforms[part.rows, step].expand(logits.shape[:2]).flatten()
        return draw(filter_logits(logits.flatten(0, 1), group.strategy), uniforms).view(logits.shape[:2])

    def _needed_blocks(self, hidden: Tensor, finished: Tensor, step: int) -> Iterator[_Block]:
        """Yield the states of the rows that are not finished, of one adapter at a time; rows of a prompt share one."""
        chunk = logits_rows(self.model)
        firsts = np.cumsum([0, *(len(group.source) for group in self.groups)])
        source = self.branch if step == 0 else np.arange(firsts[-1])
        for k in range(len(hidden)):
            open_rows = np.flatnonzero(~finished[k].numpy())
            needed, index = np.unique(source[open_rows], return_inverse=True)
            for low in range(0, len(needed), chunk):
                in_chunk = (index >= low) & (index < low + chunk)
                rows, states = open_rows[in_chunk], index[in_chunk] - low
                count = len(needed[low : low + chunk])
                bounds = np.searchsorted(rows, firsts)
                parts = []
                for i, group in enumerate(self.groups):
                    own, at = (x[bounds[i] : bounds[i + 1]] for x in (rows, states))
                    if len(own):
                        is_whole = len(own) == count and bool((at == np.arange(count)).all())
                        places = slice(None) if is_whole else torch.from_numpy(at)
                        parts.append(_Part(group, int(firsts[i]), torch.from_numpy(own - firsts[i]), places))
                index_of_states = torch.from_numpy(needed[low : low + chunk])
                yield _Block(slice(k, k + 1), hidden[k : k + 1, index_of_states], parts)

    def _all_blocks(self, hidden: Tensor, step: int) -> Iterator[_Block]:
        """Yield all states, of all adapters at once; nothing here depends on what the device has computed."""
        chunk = max(1, logits_rows(self.model) // len(hidden))
        for low in range(0, hidden.shape[1], chunk):
            high = min(low + chunk, hidden.shape[1])
            parts, first = [], 0
            for group in self.groups:
                count = len(group.source)
                if step == 0:
                    start, stop = np.searchsorted(group.source, [low, high]).tolist()
                    # At one row for each branch, the rows are the states.
                    is_plain = count == hidden.shape[1]
                    states = slice(None) if is_plain else group.source_on_device[start:stop] - low
                else:
                    start, stop = max(low - first, 0), min(high - first, count)
                    states = slice(start + first - low, stop + first - low)
                if start < stop:
                    parts.append(_Part(group, first, slice(start, stop), states))
                first += count
            yield _Block(slice(None), hidden[:, low:high], parts)

    def spans(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield the rows of each strategy that searches spans, with its spans ``[K, n, 2]``."""
        first = 0
        for group in self.groups:
            if group.spans is not None:
                yield slice(first, first + len(group.source)), group.spans.span
            first += len(group.source)

    def keep(self, rows: Ints, rows_on_device: Tensor) -> None:
        """Keep ``rows`` ``[R']``, ascending, and drop the others."""
        first = 0
        for group in self.groups:
            count = len(group.source)
            low, high = np.searchsorted(rows, [first, first + count])
            group.source = group.source[rows[low:high] - first]
            own = rows_on_device[low:high] - first
            first += count
            if group.uniforms is not None:
                group.uniforms = group.uniforms[own]
            if group.spans is not None:
                group.spans.keep(own)


def _argmax(logits: Tensor) -> Tensor:
    """Return the first of the likeliest tokens: ``[..., V]`` to ``[...]`` int64.

    On a CPU it is NumPy's, which is vectorized and takes a fifth of the time of PyTorch's.
    """
    return torch.from_numpy(logits.numpy().argmax(-1)) if logits.device.type == "cpu" else logits.argmax(-1)


def _shifted(rows: slice | Tensor, first: int) -> slice | Tensor:
    return slice(rows.start + first, rows.stop + first) if isinstance(rows, slice) else rows + first
