"""The key-value cache of decoding, and attention over it.

The cache has three parts: the contexts, once per tree; the questions, once per branch; the generated tokens, once per
row. No part is copied to another: rows that share keys are grouped and multiplied with them in one matrix product,
and one softmax covers the three parts.

Dimension letters are those of :mod:`squadron.model.gpt2`, and::

    R  rows: sequences that are being generated     G  groups of rows that share keys: trees, or branches
    B  rows of the largest group                     L  keys of the longest group
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


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
        grid = packed[:, self.index]  # [K, G, L, D]
        grid = grid.view(*grid.shape[:3], self.n_head, -1).transpose(2, 3)
        return grid.contiguous()  # [K, G, H, L, d]

    def select(self, groups: Tensor) -> SharedKeyValues:
        """Return the keys and values of ``groups`` ``[G']`` int64 alone."""
        selected = SharedKeyValues.__new__(SharedKeyValues)
        selected.index, selected.mask, selected.n_head = self.index[groups], self.mask[groups], self.n_head
        selected.layers = [(keys[:, groups], values[:, groups]) for keys, values in self.layers]
        return selected


class Reader:
    """Attention of rows over shared keys and values: ``group`` ``[R]`` int64 is the group of each row."""

    def __init__(self, shared: SharedKeyValues, group: Tensor) -> None:
        self.shared = shared
        self.group = group
        groups = shared.index.shape[0]
        order = torch.argsort(group, stable=True)
        counts = torch.bincount(group, minlength=groups)
        self.width = int(counts.max())  # B
        slot = torch.empty_like(group)
        slot[order] = torch.arange(len(group), device=group.device) - (counts.cumsum(0) - counts)[group[order]]
        self.cell = group * self.width + slot  # [R], a row's index in the grid [G, B]
        # If the groups have one size and are in order, the rows are the grid and need not be copied.
        whole = len(group) == groups * self.width
        self.aligned = whole and bool((self.cell == torch.arange(len(group), device=group.device)).all())

    def _to_grid(self, x: Tensor) -> Tensor:
        """Arrange ``[K, R, H, c]`` as ``[K, G, H, B, c]``, padded with zeros if a group has fewer than B rows."""
        if self.aligned:
            return x.view(len(x), -1, self.width, *x.shape[2:]).transpose(2, 3)
        fleet, _, heads, channels = x.shape
        grid = x.new_zeros(fleet, len(self.shared.index) * self.width, heads, channels)
        grid[:, self.cell] = x
        return grid.view(fleet, -1, self.width, heads, channels).transpose(2, 3)

    def _from_grid(self, grid: Tensor) -> Tensor:
        """Arrange ``[K, G, H, B, c]`` as ``[K, R, H, c]``, without padding."""
        rows = grid.transpose(2, 3).flatten(1, 2)
        return rows if self.aligned else rows[:, self.cell]

    def scores(self, layer: int, query: Tensor) -> Tensor:
        """Return the attention scores of scaled queries ``[K, R, H, d]``: ``[K, R, H, L]``, -inf on padding."""
        keys, _ = self.shared.layers[layer]
        return self._from_grid(self._to_grid(query) @ keys.transpose(-1, -2) + self.shared.mask[:, None, None])

    def mix(self, layer: int, weights: Tensor) -> Tensor:
        """Return the values weighted by ``weights`` ``[K, R, H, L]`` and summed: ``[K, R, H, d]``."""
        _, values = self.shared.layers[layer]
        return self._from_grid(self._to_grid(weights) @ values)

    def keep(self, rows: Tensor) -> Reader:
        """Return a reader for ``rows`` ``[R']`` int64 alone. Drop unread groups if they are at least half of all."""
        group = self.group[rows]
        read, renumbered = torch.unique(group, return_inverse=True)
        if 2 * len(read) <= len(self.shared.index):
            return Reader(self.shared.select(read), renumbered)
        return Reader(self.shared, group)


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

    def keep(self, rows: Tensor) -> None:
        """Keep ``rows`` ``[R']`` int64 and drop the others."""
        self.readers = [reader.keep(rows) for reader in self.readers]
        self._own = [cached and (cached[0][:, rows], cached[1][:, rows]) for cached in self._own]

    def reorder(self, parents: Tensor) -> None:
        """Give each row the generated tokens of its parent, in the same group; ``parents`` is ``[K, R]`` int64."""
        fleet = torch.arange(len(parents), device=parents.device)[:, None]
        self._own = [cached and (cached[0][fleet, parents], cached[1][fleet, parents]) for cached in self._own]
