"""One pass over the prompts, which fills the cache and computes the states from which every strategy starts.

Prompts of a paragraph that see the same part of its context share a tree; trees are packed without padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from squadron.data.encoding import EncodedContext, Prompt
from squadron.decoding.cache import CachedAttention, Reader, SharedKeyValues
from squadron.model.attention import TreeAttention
from squadron.model.gpt2 import GPT2
from squadron.model.trainable import Trainable


@dataclass(frozen=True, slots=True)
class PromptTree:
    """Prompts that see the first ``visible`` tokens of one context."""

    context: EncodedContext
    visible: int
    prompts: tuple[Prompt, ...]


def build_prompt_trees(contexts: Sequence[EncodedContext], *, max_prompts: int) -> list[PromptTree]:
    """Return all prompts of ``contexts`` in trees of at most ``max_prompts``, longest contexts first.

    So consecutive trees have similar lengths, which keeps the padding of the cache small, and the first batch is the
    one that needs the most memory.
    """
    trees: list[PromptTree] = []
    for context in contexts:
        groups: dict[int, list[Prompt]] = {}
        for prompt in context.prompts:
            groups.setdefault(prompt.visible, []).append(prompt)
        for visible, prompts in groups.items():
            assert 0 < visible <= len(context.tokens), (visible, len(context.tokens))
            parts = (prompts[first : first + max_prompts] for first in range(0, len(prompts), max_prompts))
            trees += [PromptTree(context, visible, tuple(part)) for part in parts]
    return sorted(trees, key=lambda tree: -tree.visible)


def batch_trees(trees: Sequence[PromptTree], *, tokens: int, per_prompt: int) -> Iterator[list[PromptTree]]:
    """Yield batches of consecutive ``trees`` of at most ``tokens`` tokens, ``per_prompt`` generated ones included.

    A larger tree is a batch of its own.
    """
    batch: list[PromptTree] = []
    size = 0
    for tree in trees:
        cost = tree.visible + sum(len(prompt.question) + per_prompt for prompt in tree.prompts)
        if batch and size + cost > tokens:
            yield batch
            batch, size = [], 0
        batch.append(tree)
        size += cost
    if batch:
        yield batch


class _StoringAttention:
    """Attention over trees that also stores every layer's keys and values."""

    def __init__(self, attend: TreeAttention, caches: Sequence[SharedKeyValues], fleet_size: int) -> None:
        self.attend = attend
        self.caches = caches
        self.fleet_size = fleet_size

    def __call__(self, layer: int, qkv: Tensor, q: Tensor | None) -> Tensor:
        keys, values = qkv.chunk(3 if q is None else 2, -1)[-2:]
        for cache in self.caches:
            # Before the first adapted layer, activations are the same for all adapters.
            cache.store(*(part.expand(self.fleet_size, -1, -1) for part in (keys, values)))
        return self.attend(layer, qkv, q)


@dataclass(frozen=True, slots=True)
class Prefilled:
    """A batch of trees after the pass over their prompts; its M branches are their prompts in order.

    ``hidden`` ``[K, M, D]`` are the final states of the prompts' last tokens, ``lengths`` ``[M]`` int64 the numbers of
    tokens of the prompts, context included, and ``tree_of`` ``[M]`` int64 the indices of their trees.
    """

    model: GPT2
    fleet: Trainable | None
    trees: tuple[PromptTree, ...]
    hidden: Tensor
    lengths: Tensor
    tree_of: Tensor
    contexts: SharedKeyValues
    questions: SharedKeyValues

    @property
    def prompts(self) -> list[Prompt]:
        """The prompts, one per branch."""
        return [prompt for tree in self.trees for prompt in tree.prompts]

    def start(self, branch: Tensor, *, steps: int) -> Decoder:
        """Return a decoder of rows that continue the prompts ``branch`` ``[R]`` int64, for up to ``steps`` tokens."""
        shared = [Reader(self.contexts, self.tree_of[branch]), Reader(self.questions, branch)]
        cache = CachedAttention(shared, layers=len(self.model.h), steps=steps)
        return Decoder(self.model, self.fleet, cache, self.lengths[branch])


class Decoder:
    """The decoding state of a batch of rows: the model, the cache and each row's next position."""

    def __init__(self, model: GPT2, fleet: Trainable | None, cache: CachedAttention, positions: Tensor) -> None:
        """``positions`` ``[R]`` int64 are those of the first generated tokens."""
        self.model, self.fleet, self.cache, self.positions = model, fleet, cache, positions

    def step(self, tokens: Tensor) -> Tensor:
        """Feed one token per row, ``[K, R]`` int64, and return the hidden states, ``[K, R, D]``."""
        hidden: Tensor = self.model(tokens, self.positions[None], self.cache, fleet=self.fleet)
        self.positions = self.positions + 1
        self.cache.length += 1
        return hidden

    def keep(self, rows: Tensor) -> None:
        """Keep ``rows`` ``[R']`` int64 and drop the others."""
        self.positions = self.positions[rows]
        self.cache.keep(rows)


def prefill(model: GPT2, fleet: Trainable | None, trees: Sequence[PromptTree]) -> Prefilled:
    """Run the prompts of ``trees`` through the model once, for all adapters of ``fleet``."""
    tokens: list[int] = []
    positions: list[int] = []
    context_ranges: list[tuple[int, int]] = []
    question_ranges: list[tuple[int, int]] = []
    tree_of: list[int] = []
    lengths: list[int] = []
    for number, tree in enumerate(trees):
        context_ranges.append((len(tokens), tree.visible))
        tokens += tree.context.tokens[: tree.visible]
        positions += range(tree.visible)
        for prompt in tree.prompts:
            assert prompt.question, f"{prompt.id}: a question has at least one token"
            question_ranges.append((len(tokens), len(prompt.question)))
            tokens += prompt.question
            lengths.append(tree.visible + len(prompt.question))
            positions += range(tree.visible, lengths[-1])
            tree_of.append(number)
    device, dtype, n_head = model.device, model.dtype, model.config.n_head
    rows = torch.tensor([start + length - 1 for start, length in question_ranges], device=device)
    shapes = [(tree.visible, [len(prompt.question) for prompt in tree.prompts]) for tree in trees]
    contexts = _empty_cache(context_ranges, n_head, dtype, device)
    questions = _empty_cache(question_ranges, n_head, dtype, device)
    attend = TreeAttention(shapes, n_head, dtype=dtype, device=device, rows=rows)
    size = fleet.size if fleet else 1
    hidden = model(
        torch.tensor(tokens, device=device),
        torch.tensor(positions, device=device),
        _StoringAttention(attend, (contexts, questions), size),
        fleet=fleet,
        rows=rows,
    )
    return Prefilled(
        model=model,
        fleet=fleet,
        trees=tuple(trees),
        hidden=hidden.expand(size, -1, -1),
        lengths=torch.tensor(lengths, device=device),
        tree_of=torch.tensor(tree_of, device=device),
        contexts=contexts,
        questions=questions,
    )


def _empty_cache(
    ranges: Sequence[tuple[int, int]], n_head: int, dtype: torch.dtype, device: torch.device
) -> SharedKeyValues:
    """Return an empty cache for groups of tokens, given the start and length of each on the packed axis."""
    start, length = torch.tensor(ranges, device=device).T[..., None]  # [G, 1] each
    steps = torch.arange(int(length.max()), device=device)
    return SharedKeyValues(start + torch.minimum(steps, length - 1), length[:, 0], n_head, dtype=dtype)
