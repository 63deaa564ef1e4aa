"""The key-value cache of decoding, and attention over it.

Three parts, from what most rows share to what none do: the contexts, once a tree; the questions, once a branch; the
generated tokens, once a row. Nothing is copied from one part to another: the rows that read the same keys are brought
together to meet them in one matrix product, and one softmax covers the three parts.

Dimension letters are those of :mod:`squadron.model.gpt2`, and::

    R  rows: sequences that are being generated     G  groups of rows that share keys: trees, or branches
    B  rows of the largest group                     L  keys of the longest group
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class Memory:
    """Keys and values that groups of rows share: for each layer two ``[K, G, H, L, d]``, padded behind ``lengths``."""

    def __init__(self, index: Tensor, lengths: Tensor, n_head: int, *, dtype: torch.dtype) -> None:
        """``index`` ``[G, L]`` int64: where a group's tokens lie on the packed axis; ``lengths`` ``[G]``: how many."""
        self.index = index
        self.n_head = n_head
        self.layers: list[tuple[Tensor, Tensor]] = []
        padding = torch.arange(index.shape[1], device=index.device) >= lengths[:, None]
        self.mask = torch.zeros(index.shape, dtype=dtype, device=index.device).masked_fill_(padding, -math.inf)

    def store(self, keys: Tensor, values: Tensor) -> None:
        """Add a layer: the packed ``keys`` and ``values``, ``[K, T, D]`` each."""
        self.layers.append((self._lay_out(keys), self._lay_out(values)))

    def _lay_out(self, packed: Tensor) -> Tensor:
        grid = packed[:, self.index]  # [K, G, L, D]
        grid = grid.view(*grid.shape[:3], self.n_head, -1).transpose(2, 3)
        return grid.contiguous()  # [K, G, H, L, d]

    def select(self, groups: Tensor) -> Memory:
        """A memory of these ``groups`` ``[G']`` int64 alone."""
        part = Memory.__new__(Memory)
        part.index, part.mask, part.n_head = self.index[groups], self.mask[groups], self.n_head
        part.layers = [(keys[:, groups], values[:, groups]) for keys, values in self.layers]
        return part


class Reader:
    """Rows that read a memory: ``group`` ``[R]`` int64 tells whose keys each row sees."""

    def __init__(self, memory: Memory, group: Tensor) -> None:
        self.memory = memory
        self.group = group
        groups = memory.index.shape[0]
        order = torch.argsort(group, stable=True)
        counts = torch.bincount(group, minlength=groups)
        self.width = int(counts.max())  # B
        slot = torch.empty_like(group)
        slot[order] = torch.arange(len(group), device=group.device) - (counts.cumsum(0) - counts)[group[order]]
        self.cell = group * self.width + slot  # [R], a row's place in the grid of groups
        # Groups of one size, in order: the rows are the grid as they lie, and nothing is moved to and fro.
        whole = len(group) == groups * self.width
        self.aligned = whole and bool((self.cell == torch.arange(len(group), device=group.device)).all())

    def _spread(self, x: Tensor) -> Tensor:
        """``[K, R, H, c]`` to ``[K, G, H, B, c]``, zeros where a group has fewer rows."""
        if self.aligned:
            return x.view(len(x), -1, self.width, *x.shape[2:]).transpose(2, 3)
        fleet, _, heads, channels = x.shape
        grid = x.new_zeros(fleet, len(self.memory.index) * self.width, heads, channels)
        grid[:, self.cell] = x
        return grid.view(fleet, -1, self.width, heads, channels).transpose(2, 3)

    def _collect(self, grid: Tensor) -> Tensor:
        """``[K, G, H, B, c]`` back to ``[K, R, H, c]``."""
        rows = grid.transpose(2, 3).flatten(1, 2)
        return rows if self.aligned else rows[:, self.cell]

    def scores(self, layer: int, query: Tensor) -> Tensor:
        """Scaled ``query`` ``[K, R, H, d]`` against the keys: ``[K, R, H, L]``, -inf on padding."""
        keys, _ = self.memory.layers[layer]
        return self._collect(self._spread(query) @ keys.transpose(-1, -2) + self.memory.mask[:, None, None])

    def mix(self, layer: int, weights: Tensor) -> Tensor:
        """The values, weighted by ``weights`` ``[K, R, H, L]``: ``[K, R, H, d]``."""
        _, values = self.memory.layers[layer]
        return self._collect(self._spread(weights) @ values)

    def keep(self, rows: Tensor) -> Reader:
        """The same for ``rows`` ``[R']`` int64 alone. Keys that nobody reads any more go, once that halves them."""
        group = self.group[rows]
        read, renumbered = torch.unique(group, return_inverse=True)
        if 2 * len(read) <= len(self.memory.index):
            return Reader(self.memory.select(read), renumbered)
        return Reader(self.memory, group)


class CachedAttention:
    """How the next token of every row attends; :class:`squadron.model.gpt2.GPT2` calls it once a layer."""

    def __init__(self, shared: Sequence[Reader], *, layers: int, steps: int) -> None:
        """``shared`` are what rows read beside their own tokens, of which there is room for ``steps``."""
        self.shared = list(shared)
        self.steps = steps
        self.length = 0  # generated tokens in the cache
        self._own: list[tuple[Tensor, Tensor] | None] = [None] * layers

    def __call__(self, layer: int, qkv: Tensor, q: Tensor | None) -> Tensor:
        """Store one token's keys and values a row and attend: ``[K, R, 3D]`` to ``[K, R, D]``."""
        assert q is None, "every row has a query"
        heads = self.shared[0].memory.n_head
        query, key, value = (part.unflatten(-1, (heads, -1)) for part in qkv.chunk(3, -1))  # [K, R, H, d]
        keys, values = self._append(layer, key, value)  # [K, R, H, n, d]
        query = query * query.shape[-1] ** -0.5
        own = (query[..., None, :] @ keys.transpose(-1, -2))[..., 0, :]  # [K, R, H, n]
        scores = [*(reader.scores(layer, query) for reader in self.shared), own]
        weights = torch.cat(scores, -1).softmax(-1).split([part.shape[-1] for part in scores], -1)
        mixed: Tensor = (weights[-1][..., None, :] @ values)[..., 0, :]  # [K, R, H, d]
        for reader, part in zip(self.shared, weights[:-1], strict=True):
            mixed = mixed + reader.mix(layer, part)
        return mixed.flatten(-2)

    def _append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        room = self._own[layer]
        if room is None:
            shape = (*key.shape[:3], self.steps, key.shape[3])
            room = self._own[layer] = key.new_empty(shape), key.new_empty(shape)
        for cache, new in zip(room, (key, value), strict=True):
            cache[:, :, :, self.length] = new
        return room[0][:, :, :, : self.length + 1], room[1][:, :, :, : self.length + 1]

    def keep(self, rows: Tensor) -> None:
        """Go on with ``rows`` ``[R']`` int64 alone."""
        self.shared = [reader.keep(rows) for reader in self.shared]
        self._own = [room and (room[0][:, rows], room[1][:, rows]) for room in self._own]

    def reorder(self, parents: Tensor) -> None:
        """Give every row the generated tokens of its parent: ``parents`` ``[K, R]`` int64, of the same group."""
        fleet = torch.arange(len(parents), device=parents.device)[:, None]
        self._own = [room and (room[0][fleet, parents], room[1][fleet, parents]) for room in self._own]
