"""The study's prompt, byte for byte: ``Context: {context} Question: {question} Answer: {answer}<|endoftext|>``.

It is built from pieces that each start with a space or at the start of the text. GPT-2's tokenizer splits there too, so
the pieces' tokens, joined, are the tokens of the whole prompt.
"""

from __future__ import annotations

CONTEXT_PREFIX = "Context:"


def context_text(context: str) -> str:
    """Return the first piece, which all questions of a paragraph share."""
    return f"{CONTEXT_PREFIX} {context}"


def question_text(question: str) -> str:
    """Return the second piece; a prompt to answer ends with it."""
    return f" Question: {question} Answer:"


def answer_text(answer: str) -> str:
    """Return the third piece; EOS follows it."""
    return f" {answer}"


def prompt_text(context: str, question: str) -> str:
    """Return the prompt that the model completes with an answer."""
    return context_text(context) + question_text(question)
