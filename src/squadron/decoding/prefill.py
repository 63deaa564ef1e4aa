"""One pass over the prompts: it fills the cache and gives the state from which every strategy starts.

Prompts of a paragraph that see the same part of its context share a tree; trees lie packed, without padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from squadron.data.encoding import EncodedContext, Prompt
from squadron.decoding.cache import CachedAttention, Memory, Reader
from squadron.model.attention import TreeAttention
from squadron.model.gpt2 import GPT2
from squadron.model.trainable import Trainable


@dataclass(frozen=True, slots=True)
class PromptTree:
    """Prompts that see the first ``visible`` tokens of one context."""

    context: EncodedContext
    visible: int
    prompts: tuple[Prompt, ...]


def grow_prompt_trees(contexts: Sequence[EncodedContext], *, most_prompts: int) -> list[PromptTree]:
    """All prompts of ``contexts`` in trees of ``most_prompts`` at most, longest contexts first.

    Trees of like length are then neighbours, which keeps padding small where the cache is laid out, and the first batch
    is the one that needs most memory.
    """
    trees: list[PromptTree] = []
    for context in contexts:
        groups: dict[int, list[Prompt]] = {}
        for prompt in context.prompts:
            groups.setdefault(prompt.visible, []).append(prompt)
        for visible, prompts in groups.items():
            assert 0 < visible <= len(context.tokens), (visible, len(context.tokens))
            parts = (prompts[first : first + most_prompts] for first in range(0, len(prompts), most_prompts))
            trees += [PromptTree(context, visible, tuple(part)) for part in parts]
    return sorted(trees, key=lambda tree: -tree.visible)


def batches(trees: Sequence[PromptTree], *, tokens: int, per_prompt: int) -> Iterator[list[PromptTree]]:
    """Consecutive ``trees`` whose prompts, and ``per_prompt`` tokens generated for each, stay within ``tokens``.

    A tree that is larger makes a batch of its own.
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


class _FillingAttention:
    """Attention over trees that keeps every layer's keys and values."""

    def __init__(self, attend: TreeAttention, memories: Sequence[Memory], fleet_size: int) -> None:
        self.attend = attend
        self.memories = memories
        self.fleet_size = fleet_size

    def __call__(self, layer: int, qkv: Tensor, q: Tensor | None) -> Tensor:
        keys, values = qkv.chunk(3 if q is None else 2, -1)[-2:]
        for memory in self.memories:
            # Below the first adapted layer all adapters still see the same.
            memory.store(*(part.expand(self.fleet_size, -1, -1) for part in (keys, values)))
        return self.attend(layer, qkv, q)


@dataclass(frozen=True, slots=True)
class Prefilled:
    """A batch of trees after the pass over their prompts; its M branches are their prompts in order.

    ``hidden`` ``[K, M, D]`` are the final states of the prompts' last tokens; ``lengths`` ``[M]`` int64 how many
    tokens a prompt has, context included; ``tree_of`` ``[M]`` int64 its tree.
    """

    model: GPT2
    fleet: Trainable | None
    trees: tuple[PromptTree, ...]
    hidden: Tensor
    lengths: Tensor
    tree_of: Tensor
    contexts: Memory
    questions: Memory

    @property
    def prompts(self) -> list[Prompt]:
        """The prompts, a branch each."""
        return [prompt for tree in self.trees for prompt in tree.prompts]

    def start(self, branch: Tensor, *, steps: int) -> Decoder:
        """A decoder of rows that begin behind the prompts ``branch`` ``[R]`` int64, for up to ``steps`` tokens."""
        shared = [Reader(self.contexts, self.tree_of[branch]), Reader(self.questions, branch)]
        cache = CachedAttention(shared, layers=len(self.model.h), steps=steps)
        return Decoder(self.model, self.fleet, cache, self.lengths[branch])


class Decoder:
    """Rows under way: the model, the cache and each row's next position."""

    def __init__(self, model: GPT2, fleet: Trainable | None, cache: CachedAttention, positions: Tensor) -> None:
        """``positions`` ``[R]`` int64 are where the first generated tokens stand."""
        self.model, self.fleet, self.cache, self.positions = model, fleet, cache, positions

    def step(self, tokens: Tensor) -> Tensor:
        """Feed one token a row, ``[K, R]`` int64, and give the states after them, ``[K, R, D]``."""
        hidden: Tensor = self.model(tokens, self.positions[None], self.cache, fleet=self.fleet)
        self.positions = self.positions + 1
        self.cache.length += 1
        return hidden

    def keep(self, rows: Tensor) -> None:
        """Go on with ``rows`` ``[R']`` int64 alone."""
        self.positions = self.positions[rows]
        self.cache.keep(rows)


def prefill(model: GPT2, fleet: Trainable | None, trees: Sequence[PromptTree]) -> Prefilled:
    """Run the prompts of ``trees`` through the model once, for all adapters of ``fleet``."""
    tokens: list[int] = []
    positions: list[int] = []
    context_places: list[tuple[int, int]] = []
    question_places: list[tuple[int, int]] = []
    tree_of: list[int] = []
    lengths: list[int] = []
    for number, tree in enumerate(trees):
        context_places.append((len(tokens), tree.visible))
        tokens += tree.context.tokens[: tree.visible]
        positions += range(tree.visible)
        for prompt in tree.prompts:
            assert prompt.question, f"{prompt.id}: a question has at least one token"
            question_places.append((len(tokens), len(prompt.question)))
            tokens += prompt.question
            lengths.append(tree.visible + len(prompt.question))
            positions += range(tree.visible, lengths[-1])
            tree_of.append(number)
    device, dtype, n_head = model.device, model.dtype, model.config.n_head
    rows = torch.tensor([start + length - 1 for start, length in question_places], device=device)
    shapes = [(tree.visible, [len(prompt.question) for prompt in tree.prompts]) for tree in trees]
    contexts = _memory(context_places, n_head, dtype, device)
    questions = _memory(question_places, n_head, dtype, device)
    attend = TreeAttention(shapes, n_head, dtype=dtype, device=device, rows=rows)
    size = fleet.size if fleet else 1
    hidden = model(
        torch.tensor(tokens, device=device),
        torch.tensor(positions, device=device),
        _FillingAttention(attend, (contexts, questions), size),
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


def _memory(places: Sequence[tuple[int, int]], n_head: int, dtype: torch.dtype, device: torch.device) -> Memory:
    """An empty memory for the tokens at ``places``: where each group starts and how long it is."""
    start, length = torch.tensor(places, device=device).T[..., None]  # [G, 1] each
    steps = torch.arange(int(length.max()), device=device)
    return Memory(start + torch.minimum(steps, length - 1), length[:, 0], n_head, dtype=dtype)
