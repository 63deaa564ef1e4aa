"""Answer the questions of a data set with a model, as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from squadron.data.encoding import EncodedContext, Truncation, encode_evaluation, encode_golds
from squadron.data.squad import Dataset, regroup
from squadron.decoding.generate import Generation, generate
from squadron.decoding.golds import Golds
from squadron.decoding.strategies import STRATEGIES, Strategy
from squadron.model.gpt2 import GPT2
from squadron.model.tokenizer import Tokenizer
from squadron.model.trainable import Trainable
from squadron.scoring.answers import AnswerRecord


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers of one adapter by one strategy: question ids with their samples, in the order of the data.

    A question that was too long for the model has no samples. ``cut`` maps each question whose context was truncated to
    the part of the context that the model saw. ``gold_log_probability`` has ln p (nats) of the likeliest gold of each
    question, as :class:`squadron.decoding.golds.Golds` describes; a question that was too long is not in it. It is None
    if golds were not scored.
    """

    generations: dict[str, list[Generation]]
    texts: dict[str, list[str]]
    truncation: Truncation
    cut: dict[str, str]
    gold_log_probability: dict[str, float] | None = None

    @property
    def samples(self) -> int:
        """The number of answers per question; 1 for a deterministic strategy."""
        return max([1, *(len(texts) for texts in self.texts.values())])

    def predictions(self, sample: int = 0) -> dict[str, str]:
        """Return one sample as official predictions, ``{question id: answer}``; ``""`` for no answer."""
        return {name: texts[sample] if texts else "" for name, texts in self.texts.items()}

    def gold_probabilities(self) -> dict[str, float] | None:
        """Return P(gold) of each question, 0 to 1, that of a question that was too long being 0; None if not scored."""
        found = self.gold_log_probability
        return None if found is None else {name: math.exp(found.get(name, -math.inf)) for name in self.texts}

    def records(self, dataset: Dataset) -> list[AnswerRecord]:
        """Return the first sample of each question of ``dataset`` with everything that its analysis needs."""
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
    score_golds: bool = False,
) -> dict[str, list[Answers]]:
    """Answer every question of ``dataset``; return, by strategy, one :class:`Answers` per adapter.

    Prompts are at most ``max_prompt`` tokens long. The text of an answer is the generated text without EOS and without
    surrounding whitespace. ``progress`` is called with the number of questions answered so far. With ``score_golds``,
    the same pass computes the probabilities of the gold answers.
    """
    contexts, truncation = encode_evaluation(dataset, tokenizer, max_prompt=max_prompt)
    if fleet is not None:
        fleet.start_pass(None)
    golds = Golds(encode_golds(dataset, tokenizer)) if score_golds else None
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
        golds=golds,
    )
    asked = {question.id: paragraph.context for paragraph, question in dataset.questions()}
    cut = _visible_contexts(contexts) | dict.fromkeys(truncation.too_long, "")
    found: dict[str, list[Answers]] = {}
    for name, adapters in generated.items():
        found[name] = []
        for k, by_question in enumerate(adapters):
            generations = {question: by_question.get(question, []) for question in asked}
            texts = {
                question: [_text(one, asked[question], tokenizer) for one in made]
                for question, made in generations.items()
            }
            own = None if golds is None else golds.log_probability[k] if golds.log_probability else {}
            found[name].append(Answers(generations, texts, truncation, cut, own))
    return found


def _visible_contexts(contexts: Sequence[EncodedContext]) -> dict[str, str]:
    """Map each question whose context was truncated to the part of the context that the model saw."""
    found = {}
    for context in contexts:
        for prompt in context.prompts:
            if prompt.visible < len(context.tokens):
                found[prompt.id] = context.text[: max(context.offsets[prompt.visible - 1][1], 0)]
    return found


def _text(generation: Generation, context: str, tokenizer: Tokenizer) -> str:
    """Return the text of an answer: the context between the ends of a span, else the decoded tokens."""
    if generation.span is not None:
        return context[slice(*generation.span)]
    return tokenizer.decode(generation.tokens).strip()


def first_questions(dataset: Dataset, count: int) -> Dataset:
    """Return a data set with the first ``count`` questions."""
    return Dataset(regroup(list(dataset.questions())[:count]), dataset.version, dataset.source)
