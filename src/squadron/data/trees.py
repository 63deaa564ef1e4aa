"""Context trees (a context once, followed by its questions as branches), packed end to end into micro-batches.

A token's position counts from the start of its own path (context, then branch), so a tree is exactly equivalent to its
questions as separate sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from squadron.data.encoding import Branch, Example

Loss = Literal["answer", "full"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tree:
    """A context and the questions that share it."""

    context: tuple[int, ...]
    branches: tuple[Branch, ...]

    @property
    def length(self) -> int:
        """Tokens of the context, once, and of all branches."""
        return len(self.context) + sum(branch.length for branch in self.branches)


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """A micro-batch: trees end to end, without padding.

    ``tokens`` and ``positions`` [T]; ``shapes``, each tree's context length and branch lengths; ``rows`` [M],
    ascending, the tokens whose next token is a target; ``labels`` [M], those targets; ``weights`` [M], the number of
    separate sequences that have this target; ``questions``, the number of questions.
    """

    tokens: Ints
    positions: Ints
    shapes: tuple[tuple[int, tuple[int, ...]], ...]
    rows: Ints
    labels: Ints
    weights: Floats
    questions: int

    @property
    def targets(self) -> float:
        """The number of targets in the equivalent separate sequences."""
        return float(self.weights.sum())


def build_trees(examples: Sequence[Example]) -> list[Tree]:
    """Group ``examples`` into trees: those with the same window of the same context share one."""
    groups: dict[tuple[int, tuple[int, ...]], list[Branch]] = {}
    for example in examples:
        groups.setdefault((example.paragraph, example.context), []).append(example.branch)
    return [Tree(context, tuple(branches)) for (_, context), branches in groups.items()]


def pack_trees(trees: Sequence[Tree], *, loss: Loss = "answer") -> MicroBatch:
    """Pack trees end to end into a micro-batch.

    With ``answer`` the targets are the answer's tokens and EOS; with ``full``, every token but a sequence's first. With
    ``full``, a context token is a target of as many sequences as the tree has branches, and so is the branches' shared
    first token.
    """
    tokens: list[int] = []
    positions: list[int] = []
    rows: list[int] = []
    labels: list[int] = []
    weights: list[int] = []
    for tree in trees:
        begin, context, count = len(tokens), len(tree.context), len(tree.branches)
        tokens += tree.context
        positions += range(context)
        if loss == "full":
            opening = {branch.question[0] for branch in tree.branches}
            assert len(opening) == 1, opening
            rows += range(begin, begin + context)
            labels += [*tree.context[1:], *opening]
            weights += [count] * context
        for branch in tree.branches:
            path = branch.question + branch.answer
            first = len(branch.question) - 1 if loss == "answer" else 0
            rows += range(len(tokens) + first, len(tokens) + len(path) - 1)
            labels += path[first + 1 :]
            weights += [1] * (len(path) - 1 - first)
            tokens += path
            positions += range(context, context + len(path))
    shapes = tuple(
        (len(tree.context), tuple(len(branch.question) + len(branch.answer) for branch in tree.branches))
        for tree in trees
    )
    return MicroBatch(
        tokens=np.array(tokens, dtype=np.int64),
        positions=np.array(positions, dtype=np.int64),
        shapes=shapes,
        rows=np.array(rows, dtype=np.int64),
        labels=np.array(labels, dtype=np.int64),
        weights=np.array(weights, dtype=np.float32),
        questions=sum(len(tree.branches) for tree in trees),
    )


def join_batches(batches: Sequence[MicroBatch]) -> MicroBatch:
    """Return micro-batches as one; its loss is the sum of theirs."""
    if len(batches) == 1:
        return batches[0]
    starts = np.cumsum([0, *(len(batch.tokens) for batch in batches)])
    return MicroBatch(
        tokens=np.concatenate([batch.tokens for batch in batches]),
        positions=np.concatenate([batch.positions for batch in batches]),
        shapes=tuple(shape for batch in batches for shape in batch.shapes),
        rows=np.concatenate([batch.rows + start for batch, start in zip(batches, starts.tolist(), strict=False)]),
        labels=np.concatenate([batch.labels for batch in batches]),
        weights=np.concatenate([batch.weights for batch in batches]),
        questions=sum(batch.questions for batch in batches),
    )


def pad_batch(batch: MicroBatch, *, tokens: int, rows: int) -> MicroBatch:
    """Return a micro-batch whose numbers of tokens and of rows are multiples of ``tokens`` and ``rows``.

    The tokens that are added are a tree of their own at the end, and the rows have no weight: neither changes the loss.
    """
    more, more_rows = -len(batch.tokens) % tokens, -len(batch.rows) % rows
    last = len(batch.tokens) + more - 1
    return MicroBatch(
        tokens=np.pad(batch.tokens, (0, more)),
        positions=np.pad(batch.positions, (0, more)),
        shapes=(*batch.shapes, (more, ())) if more else batch.shapes,
        rows=np.pad(batch.rows, (0, more_rows), constant_values=last),
        labels=np.pad(batch.labels, (0, more_rows)),
        weights=np.pad(batch.weights, (0, more_rows)),
        questions=batch.questions,
    )
