"""Generation: many questions, strategies, samples and adapters in one pass over each paragraph.

::

    trees of prompts --prefill--> cache and first states --> greedy, stochastic and span search (autoregressive)
                                                         --> beam search (beam)
                                                         --> probabilities of gold answers (golds)

Greedy decoding emits the same tokens as ``transformers`` for one question at a time. Random draws depend on the seed,
the strategy, the question and the sample, not on the batch or the order of the questions.

On an accelerator, the host computes what belongs to the prompts alone and sends it once for each batch; the choices are
made on the device for all adapters and rows at once. The host reads which rows are finished every few tokens, and the
answers at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from squadron.data.encoding import EncodedContext, Encoder
from squadron.decoding.autoregressive import step_rows
from squadron.decoding.beam import search_beams
from squadron.decoding.budget import cache_tokens
from squadron.decoding.golds import Golds, score_golds
from squadron.decoding.prefill import PromptTree, build_prompt_trees, first_batch, prefill, split_tree
from squadron.decoding.result import Generation
from squadron.decoding.strategies import Strategy
from squadron.errors import ConfigError, is_out_of_memory, option
from squadron.model.gpt2 import GPT2
from squadron.model.trainable import Trainable

__all__ = ["Generation", "generate"]

Answers = dict[str, list[dict[str, list[Generation]]]]
"""The samples by strategy name, adapter and question id."""


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
    batch_tokens: int | None = None,
    progress: Callable[[int], None] | None = None,
    encoder: Encoder | None = None,
    golds: Golds | None = None,
) -> Answers:
    """Answer every prompt of ``contexts`` with every strategy and every adapter of ``fleet``.

    Returns the samples by strategy name, adapter (one, without a fleet) and question id: ``samples`` of them for a
    strategy that samples, else one. A generation ends with EOS or after ``max_new_tokens``. With ``suppress_eos`` it
    does not end early, except in span search if its span cannot be continued.

    ``batch_tokens`` limits the memory: the prompt tokens and generated tokens held at a time, over all adapters; None:
    what fits a GPU's free memory, and a fixed number on a CPU. A batch has at least one prompt with all its rows; one
    that runs out of memory is halved, and so are those that follow. ``progress`` is called with the number of questions
    answered so far. ``encoder`` lets span search begin at words that have no space before them in the context
    (:mod:`squadron.decoding.span`). ``golds`` receives the log-probabilities of gold answers, from the same pass over
    the prompts. A prompt and its ``max_new_tokens`` must fit the context window.

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
    answers: Answers = {name: [{} for _ in range(fleet_size)] for name in names}
    settings = _Settings(
        model, fleet, tuple(strategies), max_new_tokens, eos_id, samples, seed, suppress_eos, encoder, golds
    )
    per_prompt = settings.rows * max_new_tokens
    on_host = _is_host(model.device)
    budget = (cache_tokens(model, fleet_size) if batch_tokens is None else batch_tokens) // fleet_size
    trees = build_prompt_trees(contexts, max_prompts=max(1, budget // (2 * per_prompt)))
    done = 0
    while trees:
        count, size = first_batch(trees, tokens=budget, per_prompt=per_prompt, padded=not on_host)
        batch, trees = trees[:count], trees[count:]
        prompts = sum(len(tree.prompts) for tree in batch)
        try:
            _merge(answers, _answer_batch(settings, batch, on_host=on_host))
        except (RuntimeError, MemoryError) as problem:
            if prompts == 1 or not is_out_of_memory(problem):
                raise
            budget = min(budget, size) // 2
            trees = [*(split_tree(batch[0]) if count == 1 else batch), *trees]
            prompts = 0
        if prompts == 0 and model.device.type == "cuda":
            torch.cuda.empty_cache()  # the next attempt needs other sizes
        done += prompts
        if progress and prompts:
            progress(done)
    return answers


@dataclass(frozen=True, slots=True)
class _Settings:
    """The arguments of :func:`generate` that all batches share."""

    model: GPT2
    fleet: Trainable | None
    strategies: tuple[Strategy, ...]
    max_new_tokens: int
    eos_id: int
    samples: int
    seed: int
    suppress_eos: bool
    encoder: Encoder | None
    golds: Golds | None

    @property
    def rows(self) -> int:
        """The number of rows that are decoded together for each prompt."""
        stepped = sum(self.samples if one.sample else 1 for one in self.strategies if one.beams == 1)
        return max(stepped, *(one.beams for one in self.strategies if one.beams > 1), 0)


@torch.inference_mode()
def _answer_batch(settings: _Settings, trees: Sequence[PromptTree], *, on_host: bool) -> Answers:
    """Answer the prompts of ``trees``, which are one batch; its cache is freed on return."""
    state = prefill(settings.model, settings.fleet, trees)
    if settings.golds is not None:
        score_golds(state, settings.golds, on_host=on_host)
    found: Answers = {}
    stepped = [strategy for strategy in settings.strategies if strategy.beams == 1]
    if stepped:
        found |= step_rows(
            state,
            stepped,
            max_new_tokens=settings.max_new_tokens,
            eos_id=settings.eos_id,
            samples=settings.samples,
            seed=settings.seed,
            suppress_eos=settings.suppress_eos,
            encoder=settings.encoder,
            on_host=on_host,
        )
    for strategy in settings.strategies:
        if strategy.beams > 1:
            found[strategy.name] = search_beams(
                state,
                strategy.beams,
                max_new_tokens=settings.max_new_tokens,
                eos_id=settings.eos_id,
                suppress_eos=settings.suppress_eos,
                on_host=on_host,
            )
    return found


def _is_host(device: torch.device) -> bool:
    """Return True if the host can look at tensors of ``device`` at no cost."""
    return device.type == "cpu"


def _merge(answers: Answers, found: Answers) -> None:
    for name, fleet in found.items():
        for whole, part in zip(answers[name], fleet, strict=True):
            whole.update(part)


def _assert_room(contexts: Sequence[EncodedContext], max_new_tokens: int, n_positions: int) -> None:
    for context in contexts:
        for prompt in context.prompts:
            length = prompt.visible + len(prompt.question) + max_new_tokens
            assert length <= n_positions, f"{prompt.id}: {length} tokens, the model has {n_positions} positions"
