"""The study's prompt, byte for byte: ``Context: {context} Question: {question} Answer: {answer}<|endoftext|>``.

It is cut where GPT-2's tokenizer cuts it too, before a space that starts a word, so that the tokens of the pieces
joined are the tokens of the whole text.
"""

from __future__ import annotations

CONTEXT_PREFIX = "Context:"


def context_text(context: str) -> str:
    """The first piece, which all questions of a paragraph share."""
    return f"{CONTEXT_PREFIX} {context}"


def question_text(question: str) -> str:
    """The second piece: the prompt of a generation ends with it."""
    return f" Question: {question} Answer:"


def answer_text(answer: str) -> str:
    """The third piece; EOS follows it."""
    return f" {answer}"


def prompt_text(context: str, question: str) -> str:
    """What the model is given when it is asked."""
    return context_text(context) + question_text(question)
