"""The questions of each training step: a pure function of the seed and the step number, so resuming needs no state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from squadron.data.encoding import Example
from squadron.data.trees import Loss, MicroBatch, build_trees, pack_trees
from squadron.randomness import numpy_generator

Order = Literal["question", "paragraph"]


class BatchSampler:
    """Draws the batches of all epochs.

    ``question`` order draws questions one by one, as the study does; ``paragraph`` order draws paragraphs and takes
    their questions together, so that they share a context tree. In both orders a step has ``batch_size *
    accumulation`` questions (the last step of an epoch: the rest), in micro-batches of ``batch_size``.
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
        self.epoch_order = lru_cache(maxsize=1)(self._draw_order)
        """Return the order of the examples in an epoch, as indices; the latest epoch is cached."""

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one epoch."""
        return math.ceil(len(self.examples) / self.questions_per_step)

    def step(self, step: int) -> list[MicroBatch]:
        """Return the micro-batches of optimizer step ``step``, counted from 0 over all epochs."""
        epoch, index = divmod(step, self.steps_per_epoch)
        order = self.epoch_order(epoch)
        chosen = order[index * self.questions_per_step : (index + 1) * self.questions_per_step]
        micro = [chosen[start : start + self.batch_size] for start in range(0, len(chosen), self.batch_size)]
        return [pack_trees(build_trees([self.examples[i] for i in part]), loss=self.loss) for part in micro]

    def _draw_order(self, epoch: int) -> list[int]:
        generator = numpy_generator(self.seed, "order", epoch)
        if self.order == "question":
            return [int(i) for i in generator.permutation(len(self.examples))]
        groups: dict[int, list[int]] = {}
        for index, example in enumerate(self.examples):
            groups.setdefault(example.paragraph, []).append(index)
        paragraphs = list(groups.values())
        return [index for number in generator.permutation(len(paragraphs)) for index in paragraphs[number]]
