"""Many adapters trained and scored in one pass each: the core that a sweep of runs is made of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from squadron.data.batches import Order, Schedule
from squadron.data.encoding import encode_training
from squadron.data.squad import Dataset
from squadron.data.trees import Loss
from squadron.experiments.answering import Answers, answer_questions
from squadron.experiments.progress import Reporter
from squadron.model.gpt2 import GPT2
from squadron.model.lora import Fleet, LoraSpec
from squadron.model.tokenizer import Tokenizer
from squadron.training.steps import FleetTrainer


@dataclass(frozen=True, slots=True)
class Member:
    """One adapter of a fleet and how fast it learns."""

    spec: LoraSpec
    learning_rate: float


@dataclass(frozen=True, slots=True)
class FleetResult:
    """A trained fleet: the last loss of each adapter, the reasons of those that were set aside, and seconds."""

    fleet: Fleet
    losses: tuple[float, ...]
    stopped: dict[int, str]
    seconds: float
    examples: int


def train_fleet(
    model: GPT2,
    tokenizer: Tokenizer,
    dataset: Dataset,
    members: Sequence[Member],
    *,
    epochs: int,
    batch_size: int = 4,
    accumulation: int = 2,
    max_length: int = 256,
    order: Order = "question",
    loss: Loss = "answer",
    weight_decay: float = 0.01,
    gradient_clipping: float | None = 1.0,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> FleetResult:
    """Train all ``members`` together on the same batches; each ends as it would have ended alone."""
    reporter = reporter or Reporter()
    examples, _ = encode_training(dataset, tokenizer, max_length=max_length)
    batches = Schedule(examples, batch_size=batch_size, accumulation=accumulation, order=order, loss=loss, seed=seed)
    fleet = Fleet(model.config, [member.spec for member in members], device=model.device)
    total = epochs * batches.steps_per_epoch
    trainer = FleetTrainer(
        model,
        fleet,
        batches,
        learning_rates=[member.learning_rate for member in members],
        total_steps=total,
        weight_decay=[weight_decay] * fleet.size,
        gradient_clipping=[gradient_clipping] * fleet.size,
    )
    losses: tuple[float, ...] = ()
    questions = 0
    began = time.perf_counter()
    reporter.start(f"{fleet.size} adapters", total, "step")
    try:
        while trainer.step_number < total and len(trainer.stopped) < fleet.size:
            result = trainer.step()
            losses, questions = result.losses, questions + result.questions
            reporter.reach(trainer.step_number, loss=losses[0])
    finally:
        reporter.finish()
    trainer.verify()
    seconds = time.perf_counter() - began
    return FleetResult(fleet, losses, dict(trainer.stopped), seconds, fleet.size * questions)


def answer_with_fleet(
    model: GPT2,
    tokenizer: Tokenizer,
    dataset: Dataset,
    fleet: Fleet,
    *,
    max_length: int = 256,
    max_new_tokens: int = 32,
) -> list[Answers]:
    """Greedy answers of every adapter, in one pass."""
    room = model.config.n_positions - max_new_tokens
    found = answer_questions(
        model,
        tokenizer,
        dataset,
        fleet=fleet,
        max_prompt=min(max_length, room),
        max_new_tokens=max_new_tokens,
    )
    return found["greedy"]
