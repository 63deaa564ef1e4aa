"""Context trees (a context once, followed by its questions as branches), packed end to end into micro-batches.

A token's position counts from the start of its own path (context, then branch), so a tree is exactly equivalent to its
questions as separate sequences. Tokens that need not be computed are left out: those with which all of several branches
begin, such as " Question:", follow the context once, and EOS is a target only, as nothing follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
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
        """Tokens of the context, and of all branches with opening and EOS: no fewer than are computed."""
        return len(self.context) + sum(branch.length for branch in self.branches)


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """A micro-batch: trees end to end, without padding.

    ``tokens`` and ``positions`` [T]; ``shapes``, the tokens of each tree's context and of its branches; ``rows`` [M],
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


def shared_opening(questions: Sequence[Sequence[int]]) -> int:
    """Return with how many tokens all ``questions`` begin, 0 for a single one; each has at least one token more."""
    if len(questions) == 1:
        return 0
    columns = zip(*(question[:-1] for question in questions), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def pack_trees(trees: Sequence[Tree], *, loss: Loss = "answer") -> MicroBatch:
    """Pack trees end to end into a micro-batch.

    With ``answer`` the targets are the answer's tokens and EOS; with ``full``, every token but a sequence's first. With
    ``full``, a token before the branches divide is a target of as many sequences as the tree has branches.
    """
    tokens: list[int] = []
    positions: list[int] = []
    rows: list[int] = []
    labels: list[int] = []
    weights: list[int] = []
    shapes: list[tuple[int, tuple[int, ...]]] = []
    for tree in trees:
        count = len(tree.branches)
        questions = [branch.question for branch in tree.branches]
        shared = shared_opening(questions)
        if loss == "full":  # so that the last token before the branches has one next token
            shared = max(0, shared - 1)
        trunk = tree.context + questions[0][:shared]
        if loss == "full":
            opening = {question[shared] for question in questions}
            assert len(opening) == 1, opening
            rows += range(len(tokens), len(tokens) + len(trunk))
            labels += [*trunk[1:], *opening]
            weights += [count] * len(trunk)
        tokens += trunk
        positions += range(len(trunk))
        for branch in tree.branches:
            path = (branch.question + branch.answer)[shared:]
            first = len(branch.question) - shared - 1 if loss == "answer" else 0
            rows += range(len(tokens) + first, len(tokens) + len(path) - 1)
            labels += path[first + 1 :]
            weights += [1] * (len(path) - 1 - first)
            tokens += path[:-1]
            positions += range(len(trunk), len(trunk) + len(path) - 1)
        shapes.append((len(trunk), tuple(branch.length - shared - 1 for branch in tree.branches)))
    return MicroBatch(
        tokens=np.array(tokens, dtype=np.int64),
        positions=np.array(positions, dtype=np.int64),
        shapes=tuple(shapes),
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
