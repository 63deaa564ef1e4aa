"""Seeded random prompts, and the answers of ``transformers`` to one prompt at a time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from squadron.data.encoding import EncodedContext, Prompt


def draw_contexts(
    vocabulary: int, *, seed: int, paragraphs: int = 7, longest: int = 31, questions: int = 5
) -> list[EncodedContext]:
    """Draw paragraphs of random tokens and lengths; about a fourth of the prompts see only a part of their context.

    All questions of a paragraph begin with the same tokens, none to two of them.
    """
    rng = random.Random(seed)
    contexts = []
    for number in range(paragraphs):
        tokens = tuple(rng.randrange(vocabulary) for _ in range(rng.randint(5, longest)))
        prompts = []
        opening = tokens[: number % 3]
        for question in range(rng.randint(1, questions)):
            visible = rng.randint(1, len(tokens)) if rng.random() < 0.25 else len(tokens)
            length = rng.randint(1, 9)
            asked = tuple(rng.randrange(vocabulary) for _ in range(length))
            prompts.append(Prompt(f"p{number}q{question}", visible, opening + asked))
        text = " ".join("x" * len(tokens))  # each token is a word, with the space before it
        places = tuple((2 * place - 1, 2 * place + 1) for place in range(len(tokens)))
        contexts.append(EncodedContext(text, tokens, places, tuple(prompts)))
    return contexts


def each_prompt(contexts: Sequence[EncodedContext]) -> Iterator[tuple[str, list[int]]]:
    """Yield each question id with the tokens of its whole prompt."""
    for context in contexts:
        for prompt in context.prompts:
            yield prompt.id, [*context.tokens[: prompt.visible], *prompt.question]


def reference_answer(
    reference: Any, prompt: list[int], *, max_new_tokens: int, eos_id: int, beams: int = 1
) -> tuple[tuple[int, ...], bool]:
    """Generate with ``transformers``; return the tokens without EOS, and True if EOS was emitted."""
    out = reference.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
        do_sample=False,
        num_beams=beams,
        max_new_tokens=max_new_tokens,
        eos_token_id=eos_id,
        pad_token_id=eos_id,
    )
    emitted = out[0, len(prompt) :].tolist()
    stopped = eos_id in emitted
    return tuple(emitted[: emitted.index(eos_id)] if stopped else emitted), stopped
