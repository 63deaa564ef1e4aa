"""Options of the benchmarks."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    Field,
)

from squadron.data.batches import Order
from squadron.model.config import SIZES
from squadron.options.base import (
    MOST,
    Length,
    Options,
    Place,
    Positive,
)
from squadron.options.core import Method


class BenchTrainOptions(Options):
    """Options of ``bench train``."""

    base: Place = Field(description="Base model: a checkpoint folder or a hub id.")
    data: Place = Field(description="SQuAD file to take questions from.")
    order: Order = Field("question", description="Draw questions one by one, or whole paragraphs.")
    sides: tuple[str, ...] = Field(("squadron", "transformers+peft", "trl"), description="Sides to run.")
    steps: Annotated[int, Field(ge=3, le=MOST)] = Field(
        12, description="Optimizer steps per side and round; the first two are warm-up and not timed."
    )
    rounds: Positive = Field(2, description="Rounds; each side runs once per round.")
    batch_size: Positive = Field(8, description="Questions per optimizer step.")
    max_length: Length = Field(256, description="Longest sequence, tokens.")
    rank: Positive = Field(4, description="LoRA rank.")
    target_modules: tuple[str, ...] = Field(
        ("attention",), description="Modules to adapt; whole ones only, since peft cannot adapt slices."
    )


class BenchScaleOptions(Options):
    """Options of ``bench scale``. The first value of each list is used while another option is varied."""

    fleet_sizes: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        (1, 5, 15, 40, 75), description="Numbers of adapters trained together."
    )
    ranks: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field((4, 8, 16, 32, 64), description="LoRA ranks.")
    lengths: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        (256, 128, 512, 1024), description="Tokens per step: a context and its --questions."
    )
    sizes: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("gpt2", "gpt2-medium", "gpt2-large"), description=f"Shapes of the base: {', '.join(SIZES)}."
    )
    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = Field(
        ("lora", "full"), description="What to train: lora, full."
    )
    questions: Positive = Field(4, description="Questions per step, 16 tokens each, on one context.")
    steps: Annotated[int, Field(ge=2, le=MOST)] = Field(
        3, description="Optimizer steps per point; the first is warm-up and not timed."
    )


class BenchGenerateOptions(Options):
    """Options of ``bench generate``."""

    base: Place = Field(description="Base model: a checkpoint folder or a hub id.")
    data: Place = Field(description="SQuAD file to take questions from.")
    questions: Positive | None = Field(None, description="Use only this many questions, the first ones. Default: all.")
    peer_questions: Positive = Field(
        64, description="Number of questions that the peer answers per round, rounded up to whole batches."
    )
    rounds: Positive = Field(2, description="Rounds; each side runs once per round.")
    batch_size: Positive = Field(8, description="Questions per batch of the peer.")
    max_new_tokens: Positive = Field(16, description="Length of every answer, tokens.")
    max_length: Length = Field(256, description="Longest prompt, tokens.")
    rank: Positive = Field(4, description="LoRA rank.")
