"""The key-value cache of decoding, and attention over it.

The cache has three parts: the contexts, once per tree; the questions, once per branch; the generated tokens, once per
row. No part is copied to another: rows that share keys are grouped and multiplied with them in one matrix product,
and one softmax covers the three parts. Which row reads what is computed on the host, so that an accelerator is never
waited for.

Dimension letters are those of :mod:`squadron.model.gpt2`, and::

    R  rows: sequences that are being generated     G  groups of rows that share keys: trees, or branches
    B  rows of the largest group                     L  keys of the longest group
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Ints = npt.NDArray[np.int64]


class SharedKeyValues:
    """Keys and values that groups of rows share: two ``[K, G, H, L, d]`` per layer, padded to the longest group."""

    def __init__(self, index: Tensor, lengths: Tensor, n_head: int, *, dtype: torch.dtype) -> None:
        """Make an empty cache.

        ``index`` ``[G, L]`` int64 are the positions of each group's tokens on the packed axis, and ``lengths`` ``[G]``
        int64 the number of tokens; ``dtype`` is the dtype of scores.
        """
        self.index = index
        self.n_head = n_head
        self.layers: list[tuple[Tensor, Tensor]] = []
        padding = torch.arange(index.shape[1], device=index.device) >= lengths[:, None]
        self.mask = torch.zeros(index.shape, dtype=dtype, device=index.device).masked_fill_(padding, -math.inf)

    def store(self, keys: Tensor, values: Tensor) -> None:
        """Add a layer, from packed ``keys`` and ``values`` of ``[K, T, D]`` each."""
        self.layers.append((self._lay_out(keys), self._lay_out(values)))

    def _lay_out(self, packed: Tensor) -> Tensor:
        grid = packed.index_select(1, self.index.flatten())  # [K, G * L, D], in half the time of packed[:, index]
        grid = grid.view(len(packed), *self.index.shape, self.n_head, -1).transpose(2, 3)
        return grid.contiguous()  # [K, G, H, L, d]

    def select(self, groups: Tensor) -> SharedKeyValues:
        """Return the keys and values of ``groups`` ``[G']`` int64 alone."""
        selected = SharedKeyValues.__new__(SharedKeyValues)
        selected.index, selected.mask, selected.n_head = self.index[groups], self.mask[groups], self.n_head
        selected.layers = [(keys[:, groups], values[:, groups]) for keys, values in self.layers]
        return selected


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The places of R rows in a grid ``[G, B]`` with a line for each group; all arrays are on the host.

    ``group`` ``[R]`` is the group of each row and ``cells`` ``[R]`` its index in the flat grid. If ``aligned``, the
    groups have one size and are in order: the rows are the grid and need not be copied.
    """

    group: Ints
    width: int
    cells: Ints
    aligned: bool

    @classmethod
    def of(cls, group: Ints, groups: int) -> Places:
        """Place rows, given the ``group`` of each."""
        order = np.argsort(group, kind="stable")
        counts = np.bincount(group, minlength=groups)
        width = int(counts.max())
        slot = np.empty_like(group)
        slot[order] = np.arange(len(group)) - (counts.cumsum() - counts)[group[order]]
        cells = group * width + slot
        aligned = len(group) == groups * width and bool((cells == np.arange(len(group))).all())
        return cls(group, width, cells, aligned)


class Grid:
    """Rows laid out by their groups; ``cells`` are those of ``places``, on the device, and ``groups`` their number."""

    def __init__(self, places: Places, cells: Tensor, groups: int) -> None:
        self.places = places
        self.cells = cells
        self.groups = groups

    def lay_out(self, x: Tensor) -> Tensor:
        """Arrange ``[K, R, H, c]`` as ``[K, G, H, B, c]``, padded with zeros if a group has fewer than B rows."""
        if self.places.aligned:
            return x.view(len(x), -1, self.places.width, *x.shape[2:]).transpose(2, 3)
        fleet, _, heads, channels = x.shape
        grid = x.new_zeros(fleet, self.groups * self.places.width, heads, channels)
        grid[:, self.cells] = x
        return grid.view(fleet, -1, self.places.width, heads, channels).transpose(2, 3)

    def rows(self, grid: Tensor) -> Tensor:
        """Arrange ``[K, G, H, B, c]`` as ``[K, R, H, c]``, without padding."""
        rows = grid.transpose(2, 3).flatten(1, 2)
        return rows if self.places.aligned else rows[:, self.cells]


class Reader:
    """Attention of rows over shared keys and values; ``cells`` are those of ``places``, on the device."""

    def __init__(self, shared: SharedKeyValues, places: Places, cells: Tensor) -> None:
        self.shared = shared
        self.grid = Grid(places, cells, len(shared.index))

    def scores(self, layer: int, query: Tensor) -> Tensor:
        """Return the attention scores of scaled queries ``[K, R, H, d]``: ``[K, R, H, L]``, -inf on padding."""
        keys, _ = self.shared.layers[layer]
        scores = self.grid.lay_out(query) @ keys.transpose(-1, -2)
        return self.grid.rows(scores.add_(self.shared.mask[:, None, None]))

    def mix(self, layer: int, weights: Tensor) -> Tensor:
        """Return the values weighted by ``weights`` ``[K, R, H, L]`` and summed: ``[K, R, H, d]``."""
        _, values = self.shared.layers[layer]
        return self.grid.rows(self.grid.lay_out(weights) @ values)

    def plan(self, rows: Ints) -> tuple[Places, Ints]:
        """Return the places of ``rows`` ``[R']`` alone, and the groups ``[G']`` to hold for them.

        Groups without a row are dropped if they are at least half of all.
        """
        group = self.grid.places.group[rows]
        read, renumbered = np.unique(group, return_inverse=True)
        groups = len(self.shared.index)
        if 2 * len(read) <= groups:
            return Places.of(renumbered, len(read)), read
        return Places.of(group, groups), np.arange(groups)

    def keep(self, places: Places, cells: Tensor, groups: Tensor) -> Reader:
        """Return a reader for the rows that :meth:`plan` placed; ``cells`` and ``groups`` are on the device."""
        whole = len(groups) == len(self.shared.index)
        return Reader(self.shared if whole else self.shared.select(groups), places, cells)


class CachedAttention:
    """Attention of the next token of every row; :class:`squadron.model.gpt2.GPT2` calls it once per layer."""

    def __init__(self, readers: Sequence[Reader], *, layers: int, steps: int) -> None:
        """Attend over the keys of ``readers`` and over each row's own generated tokens, up to ``steps``."""
        self.readers = list(readers)
        self.steps = steps
        self.length = 0  # generated tokens in the cache
        self._own: list[tuple[Tensor, Tensor] | None] = [None] * layers

    def __call__(self, layer: int, qkv: Tensor, q: Tensor | None) -> Tensor:
        """Store the key and value of one token per row, and attend: ``[K, R, 3D]`` to ``[K, R, D]``."""
        assert q is None, "every row has a query"
        heads = self.readers[0].shared.n_head
        query, key, value = (part.unflatten(-1, (heads, -1)) for part in qkv.chunk(3, -1))  # [K, R, H, d]
        keys, values = self._append(layer, key, value)  # [K, R, H, n, d]
        query = query * query.shape[-1] ** -0.5
        own = (query[..., None, :] @ keys.transpose(-1, -2))[..., 0, :]  # [K, R, H, n]
        scores = [*(reader.scores(layer, query) for reader in self.readers), own]
        weights = torch.cat(scores, -1).softmax(-1).split([part.shape[-1] for part in scores], -1)
        mixed: Tensor = (weights[-1][..., None, :] @ values)[..., 0, :]  # [K, R, H, d]
        for reader, part in zip(self.readers, weights[:-1], strict=True):
            mixed = mixed + reader.mix(layer, part)
        return mixed.flatten(-2)

    def _append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        cached = self._own[layer]
        if cached is None:
            shape = (*key.shape[:3], self.steps, key.shape[3])
            cached = self._own[layer] = key.new_empty(shape), key.new_empty(shape)
        for cache, new in zip(cached, (key, value), strict=True):
            cache[:, :, :, self.length] = new
        return cached[0][:, :, :, : self.length + 1], cached[1][:, :, :, : self.length + 1]

    def keep(self, rows: Tensor, readers: Sequence[Reader]) -> None:
        """Keep ``rows`` ``[R']`` int64, which read by ``readers``, and drop the others."""
        self.readers = list(readers)
        for layer, cached in enumerate(self._own):  # one layer at a time: the memory for two whole copies can be short
            if cached is not None:
                self._own[layer] = cached[0][:, rows], cached[1][:, rows]

    def reorder(self, parents: Tensor) -> None:
        """Give each row the generated tokens of its parent, in the same group; ``parents`` is ``[K, R]`` int64."""
        fleet = torch.arange(len(parents), device=parents.device)[:, None]
        for cached in self._own:
            for cache in cached or ():
                filled = cache[:, :, :, : self.length]
                filled.copy_(filled[fleet, parents])


class AnswerAttention:
    """Attention of all tokens of known answers at once; :class:`squadron.model.gpt2.GPT2` calls it once per layer.

    A row is a token. It attends over the keys of ``readers`` and over its own answer's tokens up to itself.
    """

    def __init__(self, readers: Sequence[Reader], own: Grid, fleet_size: int, *, dtype: torch.dtype) -> None:
        """``own`` has a line for each answer, with its tokens in order; ``dtype`` is the dtype of scores."""
        self.readers = list(readers)
        self.own = own
        self.fleet_size = fleet_size
        longest = own.places.width
        # A padded key is later than every token of its answer.
        self.mask = torch.full((longest, longest), -math.inf, dtype=dtype, device=own.cells.device).triu(1)

    def __call__(self, layer: int, qkv: Tensor, q: Tensor | None) -> Tensor:
        """Attend: ``[1 or K, R, 3D]`` to ``[K, R, D]``."""
        assert q is None, "every row has a query"
        heads = self.readers[0].shared.n_head
        # Before the first adapted layer, activations are the same for all adapters.
        parts = qkv.expand(self.fleet_size, -1, -1).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (heads, -1)) for part in parts)  # [K, R, H, d]
        query = query * query.shape[-1] ** -0.5
        keys, values = self.own.lay_out(key), self.own.lay_out(value)  # [K, A, H, B, d]
        own = self.own.rows(self.own.lay_out(query) @ keys.transpose(-1, -2) + self.mask)  # [K, R, H, B]
        scores = [*(reader.scores(layer, query) for reader in self.readers), own]
        weights = torch.cat(scores, -1).softmax(-1).split([part.shape[-1] for part in scores], -1)
        mixed = self.own.rows(self.own.lay_out(weights[-1]) @ values)  # [K, R, H, d]
        for reader, part in zip(self.readers, weights[:-1], strict=True):
            mixed = mixed + reader.mix(layer, part)
        return mixed.flatten(-2)
