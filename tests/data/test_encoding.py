"""The prompt in tokens: its pieces join exactly, and truncation drops only context."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from squadron.data.encoding import encode_evaluation, encode_golds, encode_training
from squadron.data.prompt import answer_text, context_text, prompt_text, question_text
from squadron.data.sources import load_data
from squadron.data.squad import Answer, Dataset, Paragraph, Question
from squadron.model.tokenizer import Tokenizer, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(gpt2_tokenizer_dir: Path) -> Tokenizer:
    return load_tokenizer(gpt2_tokenizer_dir)


def one(context: str, answer: str, question: str = "Who?") -> Dataset:
    asked = Question("q", question, (Answer(answer, context.index(answer)),))
    return Dataset((Paragraph("t", context, (asked,)),), "1.1", "made")


def test_the_prompt_equals_the_studys_byte_for_byte() -> None:
    whole = prompt_text("C c.", "Q?") + answer_text("A") + "<|endoftext|>"
    assert whole == "Context: C c. Question: Q? Answer: A<|endoftext|>"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20))
@example("ends with a line\n", " spaces  ", "")
@example("it's", "they'", "'ll <|endoftext|>")
@example("tabs\t \t", "\r\n", " \n ")
def test_tokens_of_the_pieces_are_those_of_the_whole(context: str, question: str, answer: str) -> None:
    tokenizer = PIECES["tokenizer"]
    pieces = [context_text(context), question_text(question), answer_text(answer)]
    joined = [token for piece in pieces for token in tokenizer.encode(piece)]
    assert joined == tokenizer.encode("".join(pieces))


PIECES: dict[str, Tokenizer] = {}


@pytest.fixture(autouse=True)
def _tokenizer_for_properties(tokenizer: Tokenizer) -> None:
    # Hypothesis rejects function-scoped fixtures; the tokenizer does not change within the module.
    PIECES["tokenizer"] = tokenizer


def test_a_short_question_is_whole_and_ends_with_eos(tokenizer: Tokenizer) -> None:
    examples, truncation = encode_training(one("Ann met Bob.", "Bob"), tokenizer, max_length=256)
    (found,) = examples
    text = tokenizer.decode([*found.context, *found.branch.question, *found.branch.answer])
    assert text == "Context: Ann met Bob. Question: Who? Answer: Bob"
    assert found.branch.answer[-1] == tokenizer.eos_id
    assert (truncation.truncated, truncation.tokens_dropped, truncation.too_long) == (0, 0, ())


@pytest.mark.parametrize("place", [0, 40, 79])
def test_training_keeps_the_context_around_the_answer(tokenizer: Tokenizer, place: int) -> None:
    words = [f"word{i}" for i in range(80)]
    words[place] = "Bob"
    examples, truncation = encode_training(one(" ".join(words), "Bob"), tokenizer, max_length=48)
    (found,) = examples
    assert found.length == 48
    assert truncation.truncated == 1
    assert truncation.tokens_dropped > 0
    kept = tokenizer.decode(found.context)
    assert kept.startswith("Context:")
    assert "Bob" in kept
    if place == 40:
        before, after = kept.removeprefix("Context:").split("Bob")
        assert abs(len(before) - len(after)) < 12


def test_evaluation_drops_the_end_of_the_context(tokenizer: Tokenizer) -> None:
    data = one(" ".join(f"word{i}" for i in range(80)), "word3")
    ((context,), truncation) = encode_evaluation(data, tokenizer, max_prompt=40)
    (prompt,) = context.prompts
    assert prompt.visible + len(prompt.question) == 40
    assert tokenizer.decode(context.tokens).startswith(tokenizer.decode(context.tokens[: prompt.visible]))
    assert truncation.truncated == 1
    ((whole,), none) = encode_evaluation(data, tokenizer, max_prompt=1024)
    assert whole.prompts[0].visible == len(whole.tokens)
    assert none.truncated == none.tokens_dropped == 0
    first = next(i for i, (start, _) in enumerate(whole.offsets) if start >= 0)
    assert tokenizer.decode(whole.tokens[:first]).startswith("Context:")
    start, stop = whole.offsets[5]
    assert whole.text[start:stop].strip() in tokenizer.decode([whole.tokens[5]])


def test_a_question_that_cannot_fit_is_listed(tokenizer: Tokenizer) -> None:
    data = one("Ann met Bob.", "Bob", "Who? " * 50)
    assert encode_training(data, tokenizer, max_length=40)[1].too_long == ("q",)
    contexts, truncation = encode_evaluation(data, tokenizer, max_prompt=40)
    assert truncation.too_long == ("q",)
    assert contexts[0].prompts == ()


def test_the_target_of_an_unanswerable_question_is_eos(tokenizer: Tokenizer) -> None:
    data = Dataset((Paragraph("t", "Ann.", (Question("q", "Why?", ()),)),), "2.0", "made")
    (found,) = encode_training(data, tokenizer, max_length=64)[0]
    assert tokenizer.decode(found.branch.answer) == " "
    assert found.branch.answer[-1] == tokenizer.eos_id


def test_the_real_data_has_its_known_lengths(tokenizer: Tokenizer, shared_squad: Path) -> None:
    data = load_data(shared_squad)
    examples, truncation = encode_training(data, tokenizer, max_length=1024)
    lengths = sorted(found.length for found in examples)
    # ../shared/README.md: mean 186, median 171, 99th percentile 459, longest 828, 13.5 % over 256.
    assert round(sum(lengths) / len(lengths)) == 186
    assert (lengths[len(lengths) // 2], lengths[-1]) == (171, 828)
    assert truncation.truncated == 0
    cut, truncation = encode_training(data, tokenizer, max_length=256)
    assert round(1000 * truncation.truncated / len(data)) == 135
    assert max(found.length for found in cut) == 256
    assert len(cut) == len(data)


def test_the_summary_says_what_was_left_out_and_cut(tokenizer: Tokenizer) -> None:
    long = "Ann met Bob. " * 40
    whole = encode_training(one("Ann met Bob.", "Bob"), tokenizer, max_length=256)[1]
    assert whole.summary() == ""
    cut = encode_training(one(long, "Bob"), tokenizer, max_length=64)[1]
    assert cut.summary().startswith("of 1 questions: 1 with ")
    assert cut.answers_cut == 0
    middle = encode_training(one(long, long[: len(long) // 5]), tokenizer, max_length=64)[1]
    assert middle.answers_cut == 1
    assert "1 of these with a part of the gold answer cut off" in middle.summary()
    question = encode_training(one(long, "Bob", "Who? " * 80), tokenizer, max_length=64)[1]
    assert question.summary() == "of 1 questions: 1 too long even without context, left out ('q')"
    assert set(cut.to_json()) == {"questions", "truncated", "tokens_dropped", "too_long"}


def several(context: str, *golds: str) -> Dataset:
    asked = tuple(
        Question(f"q{n}", "Who?" + " Where?" * n, (Answer(gold, context.index(gold)),)) for n, gold in enumerate(golds)
    )
    return Dataset((Paragraph("t", context, asked),), "1.1", "made")


def test_questions_of_a_paragraph_share_a_window(tokenizer: Tokenizer) -> None:
    words = [f"word{i}" for i in range(80)]
    data = several(" ".join(words), "word40", "word44", "word2", "word42")
    found, truncation = encode_training(data, tokenizer, max_length=64, share_windows=True)
    contexts = [one.context for one in found]
    assert contexts[0] == contexts[1] == contexts[3] != contexts[2]
    assert max(one.length for one in found) == 64
    for one, gold in zip(found, ("word40", "word44", "word2", "word42"), strict=True):
        text = tokenizer.decode(one.context)
        assert text.startswith("Context:")
        assert f" {gold}" in text
    # Each question counts by itself what it does not see.
    whole = len(tokenizer.encode(context_text(" ".join(words))))
    assert (truncation.questions, truncation.truncated, truncation.answers_cut) == (4, 4, 0)
    assert truncation.tokens_dropped == sum(whole - len(one.context) for one in found)
    assert len({one.context for one in encode_training(data, tokenizer, max_length=64)[0]}) == 4


def test_shared_windows_leave_no_answer_out_that_was_whole(tokenizer: Tokenizer, shared_squad: Path) -> None:
    data = load_data(shared_squad)
    own, told = encode_training(data, tokenizer, max_length=256)
    shared, told_shared = encode_training(data, tokenizer, max_length=256, share_windows=True)
    assert told_shared.answers_cut == told.answers_cut
    assert [(one.paragraph, one.branch) for one in shared] == [(one.paragraph, one.branch) for one in own]
    golds = {question.id: question.answers[0].text for _, question in data.questions()}
    cut = missing = 0
    for one, other in zip(own, shared, strict=True):
        assert other.length <= 256
        gold = golds[one.branch.id]
        if gold in tokenizer.decode(one.context):
            cut += one.context != other.context
            missing += gold not in tokenizer.decode(other.context)
    assert cut > 500
    assert missing == 0


def test_golds_are_the_targets_of_training_each_once(tokenizer: Tokenizer) -> None:
    answers = [Answer("Bob", 8), Answer("Ann met Bob", 0), Answer("Bob", 8)]
    questions = (Question("q", "Who?", tuple(answers)), Question("none", "Why?", ()))
    data = Dataset((Paragraph("t", "Ann met Bob.", questions),), "2.0", "made")
    golds = encode_golds(data, tokenizer)
    trained = {own.branch.id: own.branch.answer for own in encode_training(data, tokenizer, max_length=256)[0]}
    assert [tokenizer.decode(list(gold)) for gold in golds["q"]] == [" Bob", " Ann met Bob"]
    assert golds["q"][0] == trained["q"]
    assert golds["none"] == (trained["none"],)
    assert all(gold[-1] == tokenizer.eos_id for own in golds.values() for gold in own)
