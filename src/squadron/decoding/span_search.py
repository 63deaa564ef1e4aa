"""Span search for many adapters and rows at once: the paths of a row are a dense tensor.

A row has one path for each place where an answer may start, in the order of its index. A token that a path does not
continue with ends the path; all paths that match the tokens so far stay, so that repeated phrases remain possible until
a token distinguishes them. Dimension letters are those of :mod:`squadron.decoding.cache`, and P is the largest number
of paths of a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squadron.decoding.span import SpanIndex

Ints = npt.NDArray[np.int64]


class SpanSearch:
    """The paths of K adapters in R rows, and the span ``[K, R, 2]`` int64 of each longest answer that could end."""

    def __init__(self, tables: Mapping[str, Tensor], fleet_size: int, eos_id: int, suppress_eos: bool) -> None:
        """Start all rows; ``tables`` are those of :func:`span_tables`, on the device."""
        self.eos_id, self.suppress_eos = eos_id, suppress_eos
        self._tokens, self._follow, self._stop = tables["tokens"], tables["follow"], tables["stop"]
        self._characters = tables["characters"][tables["index_of"]]  # [R, P], where each path starts
        nodes = tables["starts"][tables["index_of"]]  # [R, P]
        self._nodes = nodes.repeat(fleet_size, 1, 1)  # [K, R, P], the next node of each path, -1 if it has ended
        self._may_end = (self._nodes < 0).all(-1)  # [K, R]; without any span, only EOS is allowed
        self.span = torch.zeros(*self._may_end.shape, 2, dtype=torch.int64, device=nodes.device)

    def take(self, adapters: slice, rows: slice | Tensor, logits: Tensor, frozen: Tensor) -> Tensor:
        """Continue k ``adapters`` in n ``rows`` with the likeliest allowed tokens; return them, ``[k, n]`` int64.

        ``logits`` are ``[k, n, V]``. Of equally likely tokens the lowest is taken. Where ``frozen`` ``[k, n]`` bool is
        True, the token is any, and the paths stay as they are.
        """
        nodes = self._nodes[adapters, rows]  # [k, n, P]
        exists, places = nodes >= 0, nodes.clamp(min=0)
        tokens = self._tokens[places]
        token, is_possible = self._likeliest(logits, tokens, exists, self._may_end[adapters, rows])
        moves = is_possible & (token != self.eos_id) & ~frozen
        taken = exists & (tokens == token[..., None]) & moves[..., None]
        stop = self._stop[places].masked_fill(~taken, -1)
        ends = stop >= 0
        may_end, first = ends.any(-1), ends.int().argmax(-1, keepdim=True)
        start = self._characters[rows].expand(len(nodes), -1, -1).gather(-1, first)
        span = torch.cat([start, stop.gather(-1, first)], -1)
        self.span[adapters, rows] = torch.where(may_end[..., None], span, self.span[adapters, rows])
        self._may_end[adapters, rows] = torch.where(moves, may_end, self._may_end[adapters, rows])
        following = self._follow[places].masked_fill(~taken, -1)
        self._nodes[adapters, rows] = torch.where(moves[..., None], following, nodes)
        return token

    def _likeliest(self, logits: Tensor, tokens: Tensor, exists: Tensor, may_end: Tensor) -> tuple[Tensor, Tensor]:
        """Return the likeliest allowed tokens ``[k, n]``, and True where they are possible."""
        ended = ~exists.any(-1)
        eos_allowed = ended if self.suppress_eos else ended | may_end
        scores = logits.gather(-1, tokens).masked_fill(~exists, -math.inf)
        eos_scores = logits[..., self.eos_id].masked_fill(~eos_allowed, -math.inf)
        best = torch.maximum(scores.amax(-1), eos_scores)
        last = logits.shape[-1] - 1  # where logits are NaN, any valid id will do
        token = tokens.masked_fill(~(exists & (scores == best[..., None])), last).amin(-1)
        token = torch.where(eos_allowed & (eos_scores == best), token.clamp(max=self.eos_id), token)
        return token, best > -math.inf

    def keep(self, rows: Tensor) -> None:
        """Keep ``rows`` ``[R']`` int64 and drop the others."""
        self._characters = self._characters[rows]
        self._nodes, self._may_end, self.span = self._nodes[:, rows], self._may_end[:, rows], self.span[:, rows]


def span_tables(indices: Sequence[SpanIndex], index_of: Ints) -> dict[str, Ints]:
    """Return arrays from which :class:`SpanSearch` starts rows; ``index_of`` ``[R]`` are the numbers of their indices.

    They are the nodes of all indices, numbered through, and the starts of each index, ``[indices, P]``, padded with -1.
    """
    offsets = np.cumsum([0, *(len(index.tokens) for index in indices)])
    width = max(1, *(len(index.start_nodes) for index in indices))
    starts = np.full((len(indices), width), -1)
    characters = np.zeros_like(starts)
    for i, index in enumerate(indices):
        count = len(index.start_nodes)
        starts[i, :count] = index.start_nodes + offsets[i]
        characters[i, :count] = index.start_characters
    # A last node that no path reaches, so that paths that have ended can read one.
    follow = [np.where(one.follow < 0, -1, one.follow + offset) for one, offset in zip(indices, offsets, strict=False)]
    return {
        "tokens": np.concatenate([*(index.tokens for index in indices), [0]]),
        "follow": np.concatenate([*follow, [-1]]),
        "stop": np.concatenate([*(index.stop for index in indices), [-1]]),
        "starts": starts,
        "characters": characters,
        "index_of": index_of,
    }
