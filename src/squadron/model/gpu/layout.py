"""What attention over the trees of a batch needs, as arrays that are made once a batch on the host.

A **query block** is up to :data:`BLOCK` rows of one tree that have queries; its keys lie in at most two ranges of
packed positions (the context, then the branches of its rows). A **key block** is up to :data:`BLOCK` positions of one
tree; its queries are one range of rows. Within a block, position ``p`` attends to ``k <= p`` if ``k`` is in the context
(``k < context_end[p]``) or not before the start of its own branch (``k >= branch_start[p]``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from squadron.model.attention import TreeShape

BLOCK = 64
"""Rows or keys that one program of a kernel handles."""
Ints = npt.NDArray[np.int32]


def attention_tables(
    shapes: Sequence[TreeShape], rows: npt.NDArray[np.int64] | None = None
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the tables of a batch: int32 arrays by name.

    ``context_end`` and ``branch_start`` ``[T]`` are, for each packed position, where its context ends and where its own
    branch starts (for a position of the context: where the tree starts). ``query_blocks`` ``[n, 6]`` hold the first row
    of a block, the row after its last, and the starts and stops of its two ranges of keys. ``key_blocks`` ``[n, 4]``
    hold the first key, the key after the last, the first row with a query that may see them and the row after the last.

    With ``rows`` ``[M]`` int64, ascending, the packed positions that have queries in the last layer, there are also
    ``rows`` and the tables ``last_query_blocks`` and ``last_key_blocks``, which count rows along M.
    """
    context_end, branch_start, branch_end = _positions(shapes)
    trees = _trees(shapes)
    every = np.arange(len(context_end))
    tables: dict[str, npt.NDArray[np.generic]] = {
        "context_end": context_end,
        "branch_start": branch_start,
        "query_blocks": _query_blocks(trees, every, branch_start),
        "key_blocks": _key_blocks(trees, every, branch_end),
    }
    if rows is not None:
        tables["rows"] = rows.astype(np.int32)
        tables["last_query_blocks"] = _query_blocks(trees, rows, branch_start)
        tables["last_key_blocks"] = _key_blocks(trees, rows, branch_end)
    return tables


def pad_blocks(tables: dict[str, npt.NDArray[np.generic]], trees: int) -> dict[str, npt.NDArray[np.generic]]:
    """Return :func:`attention_tables` with empty blocks added, so that batches of up to ``trees`` trees, and of as many
    tokens and rows, have tables of one size."""
    counts = {"": len(tables["context_end"]), "last_": len(tables.get("rows", ()))}
    padded = dict(tables)
    for name, table in tables.items():
        if not name.endswith("_blocks"):
            continue
        # Keys are those of all positions, also in the last layer.
        count = counts["" if name.endswith("key_blocks") else name.removesuffix("query_blocks")]
        size = count // BLOCK + trees
        assert len(table) <= size, (name, len(table), size)
        padded[name] = np.pad(table, ((0, size - len(table)), (0, 0)))
    return padded


def padding_tables(
    shapes: Sequence[TreeShape], rows: npt.NDArray[np.int64] | None = None
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the tables of a batch whose trees are padded to the longest.

    ``context_end`` and ``branch_start`` are those of :func:`attention_tables`. ``grid`` ``[trees, L]`` int64 is the
    packed position of each cell, a tree's last one again where it is shorter; ``real`` ``[trees, L]`` is False there;
    ``cell`` ``[T]`` int64 is the cell of each position. With ``rows`` ``[M]``, ``last_grid``, ``last_cell`` and
    ``last_position`` are the same for them: the row of each cell, the cell of each row, the position of each cell.
    """
    context_end, branch_start, _ = _positions(shapes)
    trees = _trees(shapes)
    bounds = np.array([[start, stop] for start, _, stop in trees])
    grid, real, cell = _grid(bounds)
    tables: dict[str, npt.NDArray[np.generic]] = {
        "context_end": context_end,
        "branch_start": branch_start,
        "grid": grid,
        "real": real,
        "cell": cell,
    }
    if rows is not None:
        tables["last_grid"], _, tables["last_cell"] = _grid(np.searchsorted(rows, bounds))
        # Within the tree, so that a padded query of a tree without rows sees a key and its softmax is finite.
        tables["last_position"] = np.clip(rows[tables["last_grid"]], bounds[:, :1], bounds[:, 1:] - 1)
    return tables


def _grid(bounds: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.generic], ...]:
    """Return the grid of ranges ``[trees, 2]``, which of its cells are real, and each element's cell."""
    lengths = bounds[:, 1] - bounds[:, 0]
    step = np.arange(max(1, int(lengths.max())))
    real = step < lengths[:, None]
    # A tree without rows repeats the element before its range, or the first of all; no element is its cell.
    grid = np.maximum(bounds[:, :1] + np.minimum(step, lengths[:, None] - 1), 0)
    return grid, real, np.flatnonzero(real)


def _trees(shapes: Sequence[TreeShape]) -> list[tuple[int, int, int]]:
    """Return the start, the end of the context and the end of each tree."""
    trees = []
    start = 0
    for context, branches in shapes:
        stop = start + context + sum(branches)
        trees.append((start, start + context, stop))
        start = stop
    return trees


def _positions(shapes: Sequence[TreeShape]) -> tuple[Ints, Ints, Ints]:
    """Return, for each position, the end of its context and the start and end of its branch."""
    lengths: list[int] = []
    ends: list[int] = []
    starts: list[int] = []
    stops: list[int] = []
    start = 0
    for context, branches in shapes:
        end = start + context
        lengths.append(context)
        ends.append(end)
        starts.append(start)
        stops.append(end)
        position = end
        for length in branches:
            lengths.append(length)
            ends.append(end)
            starts.append(position)
            position += length
            stops.append(position)
        start = position
    found = (np.repeat(np.array(values, dtype=np.int32), lengths) for values in (ends, starts, stops))
    context_end, branch_start, branch_end = found
    return context_end, branch_start, branch_end


def _query_blocks(trees: Sequence[tuple[int, int, int]], rows: npt.NDArray[np.int64], branch_start: Ints) -> Ints:
    blocks = []
    bounds = np.searchsorted(rows, [stop for _, _, stop in trees])
    first = 0
    for (start, context_end, _), end in zip(trees, bounds.tolist(), strict=True):
        for row in range(first, end, BLOCK):
            after = min(row + BLOCK, end)
            position, stop = int(rows[row]), int(rows[after - 1]) + 1
            if position < context_end:
                blocks.append((row, after, start, stop, 0, 0))
            else:
                blocks.append((row, after, start, context_end, int(branch_start[position]), stop))
        first = end
    return np.array(blocks, dtype=np.int32).reshape(-1, 6)


def _key_blocks(trees: Sequence[tuple[int, int, int]], rows: npt.NDArray[np.int64], branch_end: Ints) -> Ints:
    firsts, ends, limits = [], [], []
    for start, context_end, stop in trees:
        for key in range(start, stop, BLOCK):
            end = min(key + BLOCK, stop)
            firsts.append(key)
            ends.append(end)
            limits.append(stop if key < context_end else int(branch_end[end - 1]))
    first_rows, end_rows = np.searchsorted(rows, firsts), np.searchsorted(rows, limits)
    return np.stack([firsts, ends, first_rows, end_rows], 1).astype(np.int32).reshape(-1, 4)
