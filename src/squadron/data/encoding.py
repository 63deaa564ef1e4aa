"""Encode questions as token ids. Sequences that are too long lose context, never question, answer or EOS.

In training a cut context is a window that has the gold answer: one of the question's own, or one that it shares with
others of its paragraph (:mod:`squadron.data.windows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from squadron.data.prompt import CONTEXT_PREFIX, answer_text, context_text, question_text
from squadron.data.squad import Dataset, Question
from squadron.data.windows import Asked, own_windows, shared_windows

Offsets = list[tuple[int, int]]


class Encoder(Protocol):
    """The part of a tokenizer that encoding needs; :class:`squadron.model.tokenizer.Tokenizer` has it."""

    eos_id: int

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of many texts."""
        ...

    def encode_with_offsets(self, text: str) -> tuple[list[int], Offsets]:
        """Return the token ids of a text, and for each the characters ``(start, stop)`` that it covers."""
        ...


@dataclass(frozen=True, slots=True)
class Branch:
    """A question and its answer as tokens: ``question`` ends with ``Answer:``, ``answer`` with EOS."""

    id: str
    question: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def length(self) -> int:
        """Tokens of question and answer."""
        return len(self.question) + len(self.answer)


@dataclass(frozen=True, slots=True)
class Example:
    """One training question; ``context`` has its tokens after truncation. Examples with the same paragraph and context
    may share a tree."""

    paragraph: int
    context: tuple[int, ...]
    branch: Branch

    @property
    def length(self) -> int:
        """Tokens of context, question and answer."""
        return len(self.context) + self.branch.length


@dataclass(frozen=True, slots=True)
class Truncation:
    """Counts of truncation: questions, those whose context was cut, the context tokens dropped, and the ids of those
    that do not fit even without context."""

    questions: int
    truncated: int
    tokens_dropped: int
    too_long: tuple[str, ...]
    answers_cut: int = 0
    """Questions whose gold answer does not fit in the context that is left."""

    def summary(self) -> str:
        """Return in one line how many questions were left out or lost context; empty if none did."""
        parts = []
        if self.too_long:
            shown = ", ".join(map(repr, self.too_long[:3]))
            parts.append(f"{len(self.too_long):,} too long even without context, left out ({shown})")
        if self.truncated:
            parts.append(f"{self.truncated:,} with {self.tokens_dropped:,} tokens of context cut off")
        if self.answers_cut:
            parts.append(f"{self.answers_cut:,} of these with a part of the gold answer cut off")
        return f"of {self.questions:,} questions: {'; '.join(parts)}" if parts else ""

    def to_json(self) -> dict[str, object]:
        """Return the counts for the run's record."""
        return {
            "questions": self.questions,
            "truncated": self.truncated,
            "tokens_dropped": self.tokens_dropped,
            "too_long": list(self.too_long),
        }


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to answer: its prompt is the first ``visible`` tokens of its context, then ``question``."""

    id: str
    visible: int
    question: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EncodedContext:
    """A paragraph to answer questions about.

    ``tokens`` encode ``Context: ...``; ``offsets`` gives for each token the characters of ``text`` (the context without
    the prefix) that it covers. Tokens of the prefix have negative offsets.
    """

    text: str
    tokens: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    prompts: tuple[Prompt, ...]


def encode_training(
    dataset: Dataset, encoder: Encoder, *, max_length: int, share_windows: bool = False
) -> tuple[list[Example], Truncation]:
    """Encode every question with its first gold answer, in at most ``max_length`` tokens, EOS included.

    Longer sequences lose context: each question keeps a window centred on its gold answer; with ``share_windows``, the
    questions of a paragraph keep as few windows as have all their answers. A question that does not fit even without
    context is left out and listed in ``too_long``. The target of an unanswerable question (v2.0) is EOS right after the
    space that ends the prompt.
    """
    pairs = list(dataset.questions())
    questions = encoder.encode_batch([question_text(question.text) for _, question in pairs])
    first = [question.answers[0].text if question.answers else "" for _, question in pairs]
    answers = encoder.encode_batch([answer_text(text) for text in first])
    prefix = len(encoder.encode(CONTEXT_PREFIX))
    examples: list[Example] = []
    truncated = dropped = answers_cut = 0
    too_long: list[str] = []
    position = 0
    choose = shared_windows if share_windows else own_windows
    for number, paragraph in enumerate(dataset.paragraphs):
        tokens, offsets = _context(paragraph.context, encoder)
        asked: list[tuple[Question, Branch, int]] = []  # with the room for context
        for question in paragraph.questions:
            branch = Branch(question.id, tuple(questions[position]), (*answers[position], encoder.eos_id))
            position += 1
            room = max_length - prefix - len(branch.question) - len(branch.answer)
            if room < 0:
                too_long.append(question.id)
            else:
                asked.append((question, branch, room))
        is_cut = any(len(tokens) - prefix > room for _, _, room in asked)
        fitting = [Asked(room, _gold_span(offsets, question) if is_cut else None) for question, _, room in asked]
        windows = choose(fitting, prefix=prefix, length=len(tokens))
        for (_, branch, _), one, (start, stop) in zip(asked, fitting, windows, strict=True):
            examples.append(Example(number, tokens[:prefix] + tokens[start:stop], branch))
            lost = len(tokens) - prefix - (stop - start)
            truncated += lost > 0
            dropped += lost
            answers_cut += lost > 0 and not one.fits
    return examples, Truncation(len(pairs), truncated, dropped, tuple(too_long), answers_cut)


def encode_evaluation(
    dataset: Dataset, encoder: Encoder, *, max_prompt: int
) -> tuple[list[EncodedContext], Truncation]:
    """Encode every paragraph with its questions; prompts longer than ``max_prompt`` tokens lose the end of the context.

    A question that does not fit even without context is left out and listed in ``too_long``; its prediction is empty.
    """
    pairs = list(dataset.questions())
    questions = encoder.encode_batch([question_text(question.text) for _, question in pairs])
    prefix = len(encoder.encode(CONTEXT_PREFIX))
    contexts: list[EncodedContext] = []
    truncated = dropped = 0
    too_long: list[str] = []
    position = 0
    for paragraph in dataset.paragraphs:
        tokens, offsets = _context(paragraph.context, encoder)
        prompts: list[Prompt] = []
        for question in paragraph.questions:
            ids = tuple(questions[position])
            position += 1
            room = max_prompt - len(ids)
            if room < prefix:
                too_long.append(question.id)
                continue
            truncated += len(tokens) > room
            dropped += max(len(tokens) - room, 0)
            prompts.append(Prompt(question.id, min(len(tokens), room), ids))
        contexts.append(EncodedContext(paragraph.context, tokens, tuple(offsets), tuple(prompts)))
    return contexts, Truncation(len(pairs), truncated, dropped, tuple(too_long))


def encode_golds(dataset: Dataset, encoder: Encoder) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Return, by question id, the tokens of its distinct gold answers, each with EOS: the targets of training.

    An unanswerable question (v2.0) has one, the empty answer.
    """
    pairs = [
        (question.id, text)
        for _, question in dataset.questions()
        for text in dict.fromkeys([answer.text for answer in question.answers] or [""])
    ]
    encoded = encoder.encode_batch([answer_text(text) for _, text in pairs])
    found: dict[str, dict[tuple[int, ...], None]] = {}
    for (name, _), tokens in zip(pairs, encoded, strict=True):
        found.setdefault(name, {})[(*tokens, encoder.eos_id)] = None
    return {name: tuple(golds) for name, golds in found.items()}


def _context(context: str, encoder: Encoder) -> tuple[tuple[int, ...], Offsets]:
    """Return the tokens of ``Context: ...`` and the characters of the context that each covers."""
    tokens, offsets = encoder.encode_with_offsets(context_text(context))
    shift = len(CONTEXT_PREFIX) + 1
    return tuple(tokens), [(start - shift, stop - shift) for start, stop in offsets]


def _gold_span(offsets: Offsets, question: Question) -> tuple[int, int] | None:
    """Return the range ``first:last`` of the tokens that cover the first gold answer; None without one."""
    if not question.answers:
        return None
    gold = question.answers[0]
    start, stop = gold.start, gold.start + len(gold.text)
    inside = [i for i, (low, high) in enumerate(offsets) if low < stop and high > start]
    return (inside[0], inside[-1] + 1) if inside else None
