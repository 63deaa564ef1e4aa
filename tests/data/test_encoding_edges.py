"""What just fits is whole, and one token more is cut: with a tokenizer of bytes, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from squadron.data.encoding import encode_evaluation, encode_training
from squadron.data.squad import Answer, Dataset, Paragraph, Question
from squadron.model.tokenizer import Tokenizer, load_tokenizer

CONTEXT, QUESTION, ANSWER = "Ann met Bob at the mill.", "Who?", "Bob"
PREFIX, ASKED, TOLD = len("Context:"), len(f" Question: {QUESTION} Answer:"), len(f" {ANSWER}") + 1
WHOLE = PREFIX + 1 + len(CONTEXT)
"""Tokens of the context with what stands before it; ``TOLD`` counts EOS."""


@pytest.fixture(scope="module")
def tokenizer(byte_base_dir: Path) -> Tokenizer:
    return load_tokenizer(byte_base_dir)


@pytest.fixture(scope="module")
def data() -> Dataset:
    question = Question("q", QUESTION, (Answer(ANSWER, CONTEXT.index(ANSWER)),))
    return Dataset((Paragraph("t", CONTEXT, (question,)),), "1.1", "made")


@pytest.mark.parametrize(("spare", "truncated", "dropped"), [(1, 0, 0), (0, 0, 0), (-1, 1, 1), (-5, 1, 5)])
def test_a_training_question_that_just_fits_is_whole(
    tokenizer: Tokenizer, data: Dataset, spare: int, truncated: int, dropped: int
) -> None:
    (example,), told = encode_training(data, tokenizer, max_length=WHOLE + ASKED + TOLD + spare)
    assert (told.questions, told.truncated, told.tokens_dropped, told.too_long) == (1, truncated, dropped, ())
    assert len(example.context) == WHOLE - dropped
    assert example.length == WHOLE - dropped + ASKED + TOLD


@pytest.mark.parametrize(("spare", "truncated", "dropped"), [(1, 0, 0), (0, 0, 0), (-1, 1, 1), (-5, 1, 5)])
def test_a_prompt_that_just_fits_is_whole(
    tokenizer: Tokenizer, data: Dataset, spare: int, truncated: int, dropped: int
) -> None:
    (context,), told = encode_evaluation(data, tokenizer, max_prompt=WHOLE + ASKED + spare)
    assert (told.questions, told.truncated, told.tokens_dropped, told.too_long) == (1, truncated, dropped, ())
    assert (len(context.tokens), context.prompts[0].visible) == (WHOLE, WHOLE - dropped)


def test_a_question_may_lose_all_of_its_context_and_no_more(tokenizer: Tokenizer, data: Dataset) -> None:
    (example,), told = encode_training(data, tokenizer, max_length=PREFIX + ASKED + TOLD)
    assert (tokenizer.decode(example.context), told.too_long) == ("Context:", ())
    assert encode_training(data, tokenizer, max_length=PREFIX + ASKED + TOLD - 1)[1].too_long == ("q",)
    (context,), told = encode_evaluation(data, tokenizer, max_prompt=PREFIX + ASKED)
    assert (context.prompts[0].visible, told.too_long) == (PREFIX, ())
    assert encode_evaluation(data, tokenizer, max_prompt=PREFIX + ASKED - 1)[1].too_long == ("q",)
