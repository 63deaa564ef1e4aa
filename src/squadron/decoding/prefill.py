"""One pass over the prompts, which fills the cache and computes the states from which every strategy starts.

Prompts of a paragraph share a tree. What some of them see of its context beyond the others is a part of their branches,
and the tokens with which all branches begin are computed once. Trees are packed without padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from squadron.data.encoding import EncodedContext, Prompt
from squadron.data.trees import shared_opening
from squadron.decoding.cache import CachedAttention, Ints, Places, Reader, SharedKeyValues
from squadron.model.attention import TreeAttention, TreeShape
from squadron.model.gpt2 import GPT2
from squadron.model.trainable import Trainable
from squadron.model.transfer import upload

_MOST_BEYOND = 16
"""The most tokens of a context that a branch has: the cache of the questions is padded to the longest branch."""


@dataclass(frozen=True, slots=True)
class PromptTree:
    """Prompts that see the first ``visible`` tokens of one context, or a few more."""

    context: EncodedContext
    visible: int
    prompts: tuple[Prompt, ...]

    def layout(self) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
        """Return the tokens that all prompts have in common, and those of each one's branch after them."""
        tokens = self.context.tokens
        paths = [tokens[self.visible : prompt.visible] + prompt.question for prompt in self.prompts]
        shared = shared_opening(paths)
        return tokens[: self.visible] + paths[0][:shared], [path[shared:] for path in paths]


def build_prompt_trees(contexts: Sequence[EncodedContext], *, max_prompts: int) -> list[PromptTree]:
    """Return all prompts of ``contexts`` in trees of at most ``max_prompts``, longest contexts first.

    So consecutive trees have similar lengths, which keeps the padding of the cache small, and the first batch is the
    one that needs the most memory. Where a context is cut, a prompt sees as much of it as its question leaves room for;
    such prompts share a tree as long as that saves tokens.
    """
    trees: list[PromptTree] = []
    for context in contexts:
        left = sorted(context.prompts, key=lambda prompt: prompt.visible)
        while left:
            visible = left[0].visible
            assert 0 < visible <= left[-1].visible <= len(context.tokens), (visible, len(context.tokens))
            count = 0
            for prompt in left[:max_prompts]:
                beyond = prompt.visible - visible
                # From here on, all that are left could have a tree of their own, which computes the context again.
                if beyond > _MOST_BEYOND or beyond * (len(left) - count) > prompt.visible:
                    break
                count += 1
            trees.append(PromptTree(context, visible, tuple(left[:count])))
            left = left[count:]
    return sorted(trees, key=lambda tree: -tree.visible)


def split_tree(tree: PromptTree) -> list[PromptTree]:
    """Return the prompts of ``tree`` in two trees; one, if it has one prompt."""
    middle = len(tree.prompts) // 2
    parts = (tree.prompts[:middle], tree.prompts[middle:])
    return [PromptTree(tree.context, tree.visible, part) for part in parts if part]


def first_batch(trees: Sequence[PromptTree], *, tokens: int, per_prompt: int, padded: bool) -> tuple[int, int]:
    """Return the number of the first ``trees`` that make a batch of at most ``tokens`` tokens, and its tokens.

    The tokens are those of the prompts, and ``per_prompt`` generated ones for each prompt. If ``padded``, contexts
    count with the length of the longest one, and questions too. The first tree is a batch in any case.
    """
    taken = context = question = prompts = size = 0
    for count, tree in enumerate(trees, start=1):
        trunk, branches = tree.layout()
        lengths = [len(branch) for branch in branches]
        prompts += len(lengths)
        if padded:
            context, question = max(context, len(trunk)), max(question, *lengths)
            larger = count * context + prompts * (question + per_prompt)
        else:
            larger = size + len(trunk) + sum(lengths) + len(lengths) * per_prompt
        if taken and larger > tokens:
            break
        taken, size = count, larger
    return taken, size


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

    ``hidden`` ``[K, M, D]`` are the final states of the prompts' last tokens. On the host are ``lengths`` ``[M]``, the
    numbers of tokens of the prompts, context included, and ``tree_of`` ``[M]``, the indices of their trees.
    """

    model: GPT2
    fleet: Trainable | None
    trees: tuple[PromptTree, ...]
    hidden: Tensor
    lengths: Ints
    tree_of: Ints
    contexts: SharedKeyValues
    questions: SharedKeyValues

    @property
    def prompts(self) -> list[Prompt]:
        """The prompts, one per branch."""
        return [prompt for tree in self.trees for prompt in tree.prompts]

    def start(self, branch: Ints, *, steps: int) -> Decoder:
        """Return a decoder of rows that continue the prompts ``branch`` ``[R]``, for up to ``steps`` tokens."""
        shared = (self.contexts, self.questions)
        groups = (self.tree_of[branch], branch)
        places = [Places.of(group, len(one.index)) for one, group in zip(shared, groups, strict=True)]
        arrays = {f"cells {i}": one.cells for i, one in enumerate(places)} | {"positions": self.lengths[branch]}
        sent = upload(arrays, self.hidden.device)
        readers = [Reader(shared[i], one, sent[f"cells {i}"]) for i, one in enumerate(places)]
        cache = CachedAttention(readers, layers=len(self.model.h), steps=steps)
        return Decoder(self.model, self.fleet, cache, sent["positions"])


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

    def keep(self, rows: Ints) -> Tensor:
        """Keep ``rows`` ``[R']`` and drop the others. Return ``rows`` on the device."""
        plans = [reader.plan(rows) for reader in self.cache.readers]
        arrays = {"rows": rows}
        for i, (places, groups) in enumerate(plans):
            arrays |= {f"cells {i}": places.cells, f"groups {i}": groups}
        sent = upload(arrays, self.positions.device)
        self.positions = self.positions[sent["rows"]]
        readers = [
            reader.keep(places, sent[f"cells {i}"], sent[f"groups {i}"])
            for i, (reader, (places, _)) in enumerate(zip(self.cache.readers, plans, strict=True))
        ]
        self.cache.keep(sent["rows"], readers)
        return sent["rows"]


def prefill(model: GPT2, fleet: Trainable | None, trees: Sequence[PromptTree]) -> Prefilled:
    """Run the prompts of ``trees`` through the model once, for all adapters of ``fleet``."""
    tokens: list[int] = []
    positions: list[int] = []
    context_ranges: list[tuple[int, int]] = []
    question_ranges: list[tuple[int, int]] = []
    tree_of: list[int] = []
    lengths: list[int] = []
    shapes: list[TreeShape] = []
    for number, tree in enumerate(trees):
        trunk, branches = tree.layout()
        context_ranges.append((len(tokens), len(trunk)))
        tokens += trunk
        positions += range(len(trunk))
        for prompt, branch in zip(tree.prompts, branches, strict=True):
            assert branch, f"{prompt.id}: a question has at least one token"
            question_ranges.append((len(tokens), len(branch)))
            tokens += branch
            lengths.append(len(trunk) + len(branch))
            positions += range(len(trunk), lengths[-1])
            tree_of.append(number)
        shapes.append((len(trunk), [len(branch) for branch in branches]))
    rows = np.array([start + length - 1 for start, length in question_ranges])
    context_index, context_lengths = _grid(context_ranges)
    question_index, question_lengths = _grid(question_ranges)
    device, dtype, n_head = model.device, model.dtype, model.config.n_head
    sent = upload(
        {
            "tokens": np.array(tokens),
            "positions": np.array(positions),
            "rows": rows,
            "context index": context_index,
            "context lengths": context_lengths,
            "question index": question_index,
            "question lengths": question_lengths,
        },
        device,
    )
    contexts = SharedKeyValues(sent["context index"], sent["context lengths"], n_head, dtype=dtype)
    questions = SharedKeyValues(sent["question index"], sent["question lengths"], n_head, dtype=dtype)
    attend = TreeAttention(shapes, n_head, dtype=dtype, device=device, rows=torch.from_numpy(rows))
    size = fleet.size if fleet else 1
    hidden = model(
        sent["tokens"],
        sent["positions"],
        _StoringAttention(attend, (contexts, questions), size),
        fleet=fleet,
        rows=sent["rows"],
    )
    return Prefilled(
        model=model,
        fleet=fleet,
        trees=tuple(trees),
        hidden=hidden.expand(size, -1, -1),
        lengths=np.array(lengths),
        tree_of=np.array(tree_of),
        contexts=contexts,
        questions=questions,
    )


def _grid(ranges: Sequence[tuple[int, int]]) -> tuple[Ints, Ints]:
    """Return the positions ``[G, L]`` of groups of tokens, given the start and length of each, and the lengths ``[G]``.

    A shorter group repeats its last position.
    """
    start, length = np.array(ranges).T[..., None]  # [G, 1] each
    steps = np.arange(length.max())
    return start + np.minimum(steps, length - 1), np.ascontiguousarray(length[:, 0])
