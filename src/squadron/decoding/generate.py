"""Generation: many questions, strategies, samples and adapters in one pass over each paragraph.

::

    trees of prompts --prefill--> cache and first states --> greedy, stochastic and span search (autoregressive)
                                                         --> beam search (beam)

Greedy decoding emits the same tokens as ``transformers`` for one question at a time. Random draws depend on the seed,
the strategy, the question and the sample, not on the batch or the order of the questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from squadron.data.encoding import EncodedContext, Encoder
from squadron.decoding.autoregressive import step_rows
from squadron.decoding.beam import search_beams
from squadron.decoding.prefill import batch_trees, build_prompt_trees, prefill
from squadron.decoding.result import Generation
from squadron.decoding.strategies import Strategy
from squadron.errors import ConfigError, option
from squadron.model.gpt2 import GPT2
from squadron.model.trainable import Trainable

__all__ = ["Generation", "generate"]

Answers = dict[str, list[dict[str, list[Generation]]]]
"""The samples by strategy name, adapter and question id."""

BATCH_TOKENS = 8_192
"""The number of tokens in the key-value cache at a time: 0.6 GB at GPT-2's 124M shape in float32, half of it in
bfloat16. More is no faster on a CPU, because the activations then exceed its caches."""


def generate(
    model: GPT2,
    contexts: Sequence[EncodedContext],
    *,
    strategies: Sequence[Strategy],
    max_new_tokens: int,
    eos_id: int,
    fleet: Trainable | None = None,
    samples: int = 1,
    seed: int = 0,
    suppress_eos: bool = False,
    batch_tokens: int = BATCH_TOKENS,
    progress: Callable[[int], None] | None = None,
    encoder: Encoder | None = None,
) -> Answers:
    """Answer every prompt of ``contexts`` with every strategy and every adapter of ``fleet``.

    Returns the samples by strategy name, adapter (one, without a fleet) and question id: ``samples`` of them for a
    strategy that samples, else one. A generation ends with EOS or after ``max_new_tokens``. With ``suppress_eos`` it
    does not end early, except in span search if its span cannot be continued.

    ``batch_tokens`` limits the memory: the prompt tokens and generated tokens held at a time, over all adapters; a
    batch has at least one prompt with all its rows. ``progress`` is called with the number of questions answered so
    far. ``encoder`` lets span search begin at words that have no space before them in the context
    (:mod:`squadron.decoding.span`). A prompt and its ``max_new_tokens`` must fit the context window.

    Raises :class:`ConfigError` if a count is below 1 or two strategies have the same name.
    """
    for name, value in (("max_new_tokens", max_new_tokens), ("samples", samples)):
        if value < 1:
            raise ConfigError(f"{option(name, value)}: an integer of 1 or more is expected")
    names = [strategy.name for strategy in strategies]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"{option('decoding', twice)}: it is asked for twice; name each strategy once")
    _assert_room(contexts, max_new_tokens, model.config.n_positions)
    fleet_size = fleet.size if fleet else 1
    if fleet:
        fleet.start_pass(None)
    row_strategies = [strategy for strategy in strategies if strategy.beams == 1]
    beam_strategies = [strategy for strategy in strategies if strategy.beams > 1]
    answers: Answers = {name: [{} for _ in range(fleet_size)] for name in names}
    rows = max(
        sum(samples if strategy.sample else 1 for strategy in row_strategies),
        max((strategy.beams for strategy in beam_strategies), default=0),
    )
    budget = batch_tokens // fleet_size
    trees = build_prompt_trees(contexts, max_prompts=max(1, budget // (2 * rows * max_new_tokens)))
    done = 0
    with torch.inference_mode():
        for batch in batch_trees(trees, tokens=budget, per_prompt=rows * max_new_tokens):
            state = prefill(model, fleet, batch)
            if row_strategies:
                found = step_rows(
                    state,
                    row_strategies,
                    max_new_tokens=max_new_tokens,
                    eos_id=eos_id,
                    samples=samples,
                    seed=seed,
                    suppress_eos=suppress_eos,
                    encoder=encoder,
                )
                _merge(answers, found)
            for strategy in beam_strategies:
                beams = search_beams(
                    state,
                    strategy.beams,
                    max_new_tokens=max_new_tokens,
                    eos_id=eos_id,
                    suppress_eos=suppress_eos,
                )
                _merge(answers, {strategy.name: beams})
            done += len(state.prompts)
            del state  # free this batch's cache before the next one is filled
            if progress:
                progress(done)
    return answers


def _merge(answers: Answers, found: Answers) -> None:
    for name, fleet in found.items():
        for whole, part in zip(answers[name], fleet, strict=True):
            whole.update(part)


def _assert_room(contexts: Sequence[EncodedContext], max_new_tokens: int, n_positions: int) -> None:
    for context in contexts:
        for prompt in context.prompts:
            length = prompt.visible + len(prompt.question) + max_new_tokens
            assert length <= n_positions, f"{prompt.id}: {length} tokens, the model has {n_positions} positions"
