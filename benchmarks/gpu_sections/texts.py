"""Questions for the measurements: random tokens with the lengths of real SQuAD questions.

The machines that measure have neither SQuAD nor GPT-2's tokenizer, and the time of a step does not depend on what the
tokens are. So tokens are drawn from a seed. Lengths are drawn from the distributions below, measured with the study's
prompt on 8,381 questions of SQuAD v1.1's development set in GPT-2's tokens.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from squadron.data.encoding import Branch, EncodedContext, Example, Prompt
from squadron.randomness import numpy_generator

ORIGIN = (
    "random tokens with the lengths of SQuAD v1.1 questions in GPT-2's tokens: 186 a question (median 171), "
    "88 % of them context, 5.1 questions a paragraph, 4.1 tokens an answer"
)
_POINTS = (*(i / 20 for i in range(20)), 0.99, 1.0)
_CONTEXT = (31, 75, 97, 106, 113, 119, 123, 129, 135, 141, 148, 157, 163, 172, 181, 192, 206, 223, 251, 286, 429, 785)
_QUESTION = (8, 11, 12, 13, 13, 14, 14, 15, 15, 15, 16, 16, 17, 18, 18, 19, 20, 21, 22, 24, 30, 44)
_ANSWER = (1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 6, 8, 11, 20, 38)
_QUESTIONS = (1, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 10, 16, 30)
"""Quantiles at :data:`_POINTS`: tokens of contexts, of questions with ``Question: ... Answer:`` and of answers, and
questions a paragraph."""


def training_examples(
    vocabulary: int, count: int, *, questions: int | None = None, longest: int = 1024, scale: float = 1.0, seed: int = 0
) -> list[Example]:
    """Return ``count`` training questions, paragraph by paragraph.

    ``questions`` fixes the number of questions a paragraph. ``longest`` cuts contexts so that no question has more
    tokens, as the study does; ``scale`` shortens everything, for small models. EOS is the last id of the vocabulary.
    """
    draw = numpy_generator(seed, "gpu benchmark", "training")
    found: list[Example] = []
    paragraph = 0
    while len(found) < count:
        context = _tokens(draw, vocabulary, _length(draw, _CONTEXT, scale))
        for _ in range(questions or _length(draw, _QUESTIONS, 1.0)):
            question = (1, *_tokens(draw, vocabulary, _length(draw, _QUESTION, scale)))
            answer = (*_tokens(draw, vocabulary, _length(draw, _ANSWER, scale)), vocabulary - 1)
            room = longest - len(question) - len(answer)
            found.append(Example(paragraph, context[:room], Branch(str(len(found)), question, answer)))
        paragraph += 1
    return found[:count]


def separate_paragraphs(examples: list[Example]) -> list[Example]:
    """Return the same questions, each with a paragraph of its own, so that none share a context tree."""
    return [replace(example, paragraph=number) for number, example in enumerate(examples)]


def contexts(
    vocabulary: int, paragraphs: int, questions: int, *, longest: int = 900, scale: float = 1.0, seed: int = 0
) -> list[EncodedContext]:
    """Return paragraphs of at most ``longest`` tokens with ``questions`` questions each, to be answered.

    Every token of a context is a word of two letters, so that span search has spans to choose from.
    """
    draw = numpy_generator(seed, "gpu benchmark", "decoding")
    found = []
    for number in range(paragraphs):
        count = min(max(_length(draw, _CONTEXT, scale), 4), longest)
        words = count - 2
        prompts = tuple(
            Prompt(f"{number}.{q}", count, (1, *_tokens(draw, vocabulary, _length(draw, _QUESTION, scale))))
            for q in range(questions)
        )
        offsets = ((-9, -2), (-2, -1), *((3 * i - 1, 3 * i + 2) for i in range(words)))
        text = " ".join(["ab"] * words)
        found.append(EncodedContext(text, _tokens(draw, vocabulary, count), offsets, prompts))
    return found


def _length(draw: np.random.Generator, quantiles: tuple[int, ...], scale: float) -> int:
    return max(1, round(scale * float(np.interp(draw.random(), _POINTS, quantiles))))


def _tokens(draw: np.random.Generator, vocabulary: int, count: int) -> tuple[int, ...]:
    return tuple(int(token) for token in draw.integers(2, vocabulary - 1, count))
