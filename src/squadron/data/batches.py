"""The questions of each training step: a pure function of the seed and the step number, so resuming needs no state.

By question, an epoch is a permutation of the questions, and every ``batch_size`` of them are a micro-batch. By
paragraph, :mod:`squadron.data.packing` fills the steps with whole context trees, and a step's trees are laid out as few
micro-batches. One with more than ``batch_size`` questions needs no more memory than the ``batch_size`` longest
questions without a common context, by which memory is planned: no more tokens, and no more pairs of them. A tree that
would need more is cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Literal, TypeVar

from squadron.data.encoding import Branch, Example
from squadron.data.packing import pack_steps
from squadron.data.trees import Loss, MicroBatch, Tree, build_trees, pack_trees
from squadron.randomness import numpy_generator

T = TypeVar("T")
Order = Literal["question", "paragraph"]
SCHEMES: dict[Order, int] = {"question": 1, "paragraph": 2}
"""The version of the rule by which an order draws batches. A run must not continue with those of another rule."""


class BatchSampler:
    """Draws the batches of all epochs.

    ``question`` order draws questions one by one, as the study does; ``paragraph`` order draws whole paragraphs, so
    that questions share a context tree. A step has ``batch_size * accumulation`` questions (the last step of an epoch:
    the rest), in micro-batches of ``batch_size``; by paragraph, it has as many on average.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        *,
        batch_size: int,
        accumulation: int = 1,
        order: Order = "question",
        loss: Loss = "answer",
        seed: int = 0,
    ) -> None:
        assert examples, "no examples"
        assert batch_size > 0 < accumulation, (batch_size, accumulation)
        self.examples = tuple(examples)
        self.batch_size = batch_size
        self.questions_per_step = batch_size * accumulation
        self.order = order
        self.loss: Loss = loss
        self.seed = seed
        self.epoch_steps = lru_cache(maxsize=1)(self._draw_steps)
        """Return the examples of each step of an epoch, as indices; the latest epoch is cached."""
        longest = longest_lengths(examples, batch_size)
        self._most = sum(longest), sum(length**2 for length in longest)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one epoch."""
        return math.ceil(len(self.examples) / self.questions_per_step)

    def step(self, step: int) -> list[MicroBatch]:
        """Return the micro-batches of optimizer step ``step``, counted from 0 over all epochs."""
        epoch, index = divmod(step, self.steps_per_epoch)
        drawn = [self.examples[i] for i in self.epoch_steps(epoch)[index]]
        if self.order == "paragraph":
            return [pack_trees(part, loss=self.loss) for part in self._lay_out(build_trees(drawn))]
        return [pack_trees(build_trees(part), loss=self.loss) for part in _in_parts(drawn, self.batch_size)]

    def _draw_steps(self, epoch: int) -> list[list[int]]:
        generator = numpy_generator(self.seed, "order", epoch)
        if self.order == "question":
            return _in_parts(generator.permutation(len(self.examples)).tolist(), self.questions_per_step)
        trees: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        for index, example in enumerate(self.examples):
            trees.setdefault((example.paragraph, example.context), []).append(index)
        contexts = [len(context) for _, context in trees]
        return pack_steps(list(trees.values()), contexts, self.questions_per_step, generator)

    def _lay_out(self, trees: Sequence[Tree]) -> list[list[Tree]]:
        """Return the trees of a step as micro-batches."""
        parts = [part for tree in trees for part in self._small_parts(tree)]
        micro: list[list[Tree]] = []
        # The largest first, each into the first that has room.
        for part in sorted(parts, key=lambda part: -part.length):
            own = next((own for own in micro if self._is_small([*own, part])), None)
            if own is None:
                micro.append([part])
            else:
                own.append(part)
        return micro

    def _is_small(self, trees: Sequence[Tree]) -> bool:
        """Return whether trees need no more memory than is planned for a micro-batch."""
        tokens, pairs = self._most
        lengths = [tree.length for tree in trees]
        return sum(lengths) <= tokens and sum(length**2 for length in lengths) <= pairs

    def _small_parts(self, tree: Tree) -> list[Tree]:
        """Return a tree, or parts of it of at least ``batch_size`` questions that need no more memory than planned."""
        tokens, pairs = self._most
        parts: list[list[Branch]] = []
        length = 0
        for branch in tree.branches:
            length += branch.length
            if not parts or (len(parts[-1]) >= self.batch_size and (length > tokens or length**2 > pairs)):
                parts.append([])
                length = len(tree.context) + branch.length
            parts[-1].append(branch)
        return [Tree(tree.context, tuple(part)) for part in parts]


class SequentialSampler(BatchSampler):
    """Batches of the examples in the given order: of ``sizes``, each one micro-batch."""

    def __init__(self, examples: Sequence[Example], *, sizes: Sequence[int], loss: Loss = "answer") -> None:
        assert sum(sizes) == len(examples), (sum(sizes), len(examples))
        super().__init__(examples, batch_size=max(sizes), loss=loss)
        self._sizes = tuple(sizes)

    @property
    def steps_per_epoch(self) -> int:
        return len(self._sizes)

    def _draw_steps(self, epoch: int) -> list[list[int]]:
        assert epoch == 0, epoch
        return indices_in_order(self._sizes)


def paragraph_batches(examples: Sequence[Example], *, batch_size: int, loss: Loss) -> list[MicroBatch]:
    """Return all examples once, paragraph by paragraph, in micro-batches of ``batch_size``, always the same."""
    if not examples:
        return []
    paragraphs: dict[int, list[Example]] = {}
    for example in examples:
        paragraphs.setdefault(example.paragraph, []).append(example)
    own = list(paragraphs.values())
    # Any order would do, but the last bits of a loss depend on it: this is the one that runs have had from the start.
    drawn = numpy_generator(0, "order", 0).permutation(len(own))
    ordered = [one for number in drawn for one in own[number]]
    return [pack_trees(build_trees(part), loss=loss) for part in _in_parts(ordered, batch_size)]


def indices_in_order(sizes: Sequence[int]) -> list[list[int]]:
    """Return the indices of examples in batches of ``sizes`` that take them in order."""
    indices = iter(range(sum(sizes)))
    return [list(islice(indices, size)) for size in sizes]


def longest_lengths(examples: Sequence[Example], count: int) -> list[int]:
    """Return the tokens of each of the ``count`` longest questions with their contexts."""
    return sorted((example.length for example in examples), reverse=True)[:count]


def _in_parts(items: list[T], size: int) -> list[list[T]]:
    """Return the items in parts of ``size``, the last of which has the rest."""
    return [items[start : start + size] for start in range(0, len(items), size)]
