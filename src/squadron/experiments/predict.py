"""Answers of a model to the questions of a data set, as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from squadron.data.encoding import EncodedContext, Truncation, encode_evaluation
from squadron.data.squad import Dataset, regroup
from squadron.decoding.generate import Generation, generate
from squadron.decoding.strategies import STRATEGIES, Strategy
from squadron.model.gpt2 import GPT2
from squadron.model.tokenizer import Tokenizer
from squadron.model.trainable import Trainable
from squadron.scoring.answers import AnswerRecord


@dataclass(frozen=True, slots=True)
class Answers:
    """What one adapter answered by one strategy: question id to its samples, in the data's order. A question that was
    too long to ask has none. ``cut`` has, of the questions whose context was cut, the part that was seen."""

    generations: dict[str, list[Generation]]
    texts: dict[str, list[str]]
    truncation: Truncation
    cut: dict[str, str]

    @property
    def samples(self) -> int:
        """How many answers each question has; 1 for a deterministic strategy."""
        return max([1, *(len(texts) for texts in self.texts.values())])

    def predictions(self, sample: int = 0) -> dict[str, str]:
        """Official predictions, ``{question id: answer}``, of one sample; ``""`` where there is no answer."""
        return {name: texts[sample] if texts else "" for name, texts in self.texts.items()}

    def records(self, dataset: Dataset) -> list[AnswerRecord]:
        """The first sample of each question of ``dataset`` with all that an analysis of it needs."""
        found = []
        for paragraph, question in dataset.questions():
            made = self.generations[question.id]
            found.append(
                AnswerRecord(
                    question_id=question.id,
                    question=question.text,
                    context=paragraph.context,
                    golds=tuple(answer.text for answer in question.answers),
                    prediction=self.texts[question.id][0] if made else "",
                    tokens=len(made[0].tokens) if made else 0,
                    stopped=made[0].stopped if made else False,
                    log_probability=made[0].log_probability if made else None,
                    truncated=question.id in self.cut,
                    visible_context=self.cut.get(question.id, paragraph.context),
                    answer_start=question.answers[0].start if question.answers else None,
                )
            )
        return found


def answer_questions(
    model: GPT2,
    tokenizer: Tokenizer,
    dataset: Dataset,
    *,
    max_prompt: int,
    max_new_tokens: int,
    strategies: Sequence[Strategy] = (STRATEGIES["greedy"],),
    fleet: Trainable | None = None,
    samples: int = 1,
    seed: int = 0,
    suppress_eos: bool = False,
    progress: Callable[[int], None] | None = None,
) -> dict[str, list[Answers]]:
    """Ask every question of ``dataset``: strategy to one :class:`Answers` an adapter.

    Prompts are at most ``max_prompt`` tokens long. The text of an answer is what was generated, without EOS and without
    the space before and after it. ``progress`` is told how many questions are done so far, in all.
    """
    contexts, truncation = encode_evaluation(dataset, tokenizer, max_prompt=max_prompt)
    if fleet is not None:
        fleet.start_pass(None)
    generated = generate(
        model,
        contexts,
        strategies=strategies,
        max_new_tokens=max_new_tokens,
        eos_id=tokenizer.eos_id,
        fleet=fleet,
        samples=samples,
        seed=seed,
        suppress_eos=suppress_eos,
        progress=progress,
        encoder=tokenizer,
    )
    asked = {question.id: paragraph.context for paragraph, question in dataset.questions()}
    cut = _seen_of_cut(contexts) | dict.fromkeys(truncation.too_long, "")
    found: dict[str, list[Answers]] = {}
    for name, adapters in generated.items():
        found[name] = []
        for by_question in adapters:
            generations = {question: by_question.get(question, []) for question in asked}
            texts = {
                question: [_text(one, asked[question], tokenizer) for one in made]
                for question, made in generations.items()
            }
            found[name].append(Answers(generations, texts, truncation, cut))
    return found


def _seen_of_cut(contexts: Sequence[EncodedContext]) -> dict[str, str]:
    """Of the questions whose context was cut, the characters of it that were seen."""
    found = {}
    for context in contexts:
        for prompt in context.prompts:
            if prompt.visible < len(context.tokens):
                found[prompt.id] = context.text[: max(context.offsets[prompt.visible - 1][1], 0)]
    return found


def _text(generation: Generation, context: str, tokenizer: Tokenizer) -> str:
    """A span is what stands in the context; anything else, what its tokens spell."""
    if generation.span is not None:
        return context[slice(*generation.span)]
    return tokenizer.decode(generation.tokens).strip()


def first_questions(dataset: Dataset, count: int) -> Dataset:
    """The first ``count`` questions of a data set."""
    return Dataset(regroup(list(dataset.questions())[:count]), dataset.version, dataset.source)
