"""What a GPU is asked to do: few waits and launches a step, however many adapters there are, and little memory."""

from __future__ import annotations

import functools

import pytest
import torch

from decoding.drawn import draw_contexts
from emulation.count import Counted, Order, count_step
from emulation.device import DEVICE, emulated_device, move
from helpers import TINY, shake
from squadron.decoding.generate import generate
from squadron.decoding.golds import Golds
from squadron.decoding.strategies import resolve_strategies
from squadron.model.checkpoint import random_model
from squadron.model.fleet import Fleet
from squadron.model.lora import LoraSpec

MOST_SYNCS = 4
MOST_OPERATIONS = 650
MOST_PEAK = 13_500_000_000
"""Bytes over the base, for 75 adapters by question: half of what it took when every layer gathered."""
TOKENS_PER_SYNC = 4
T4_BYTES, T4_SHARE = 15_000_000_000, 0.7
"""Memory of a T4, and the share of it that a sweep's fleets may use."""

STEPS: tuple[tuple[int, Order], ...] = ((1, "question"), (15, "question"), (75, "question"), (75, "paragraph"))

counted = functools.cache(count_step)


def described(found: Counted) -> str:
    counts = found.counts
    lines = (counts.by("line", "read", "upload"), counts.by("line", "launch"))
    return f"{counts.syncs} syncs, {counts.operations} operations: {[part[:12] for part in lines]}"


@pytest.mark.parametrize(("size", "order"), STEPS)
def test_a_step_waits_at_most_four_times(size: int, order: Order) -> None:
    found = counted(size, order)
    assert found.counts.syncs <= MOST_SYNCS, described(found)


@pytest.mark.parametrize(("size", "order"), STEPS)
def test_a_step_launches_as_much_for_any_number_of_adapters(size: int, order: Order) -> None:
    found = counted(size, order)
    assert found.counts.operations <= MOST_OPERATIONS, described(found)


def test_dropout_is_drawn_on_the_device() -> None:
    found = counted(15, "question", dropout=0.1)
    assert found.counts.syncs <= MOST_SYNCS, described(found)
    assert found.counts.operations <= MOST_OPERATIONS, described(found)


def test_adapters_at_every_layer_wait_no_more() -> None:
    found = counted(15, "question", targets=("all",))
    assert found.counts.syncs <= MOST_SYNCS, described(found)


def test_accumulation_waits_for_nothing_between_micro_batches() -> None:
    found = counted(15, "question", micro_batches=4)
    assert found.counts.syncs <= MOST_SYNCS, described(found)


def test_memory_of_75_adapters_with_checkpointed_activations() -> None:
    whole, found = counted(75, "question"), counted(75, "question", checkpoint_activations=True)
    assert 0 < found.fixed < found.peak <= MOST_PEAK < whole.peak, (found.fixed, found.peak, whole.peak)
    assert found.counts.operations <= MOST_OPERATIONS, described(found)
    assert found.counts.syncs <= MOST_SYNCS, described(found)


def test_40_runs_of_the_study_fit_on_a_t4() -> None:
    found = count_step(40, "question", micro_batches=2, dtype=torch.float16, way="gathered", memory_bytes=T4_BYTES)
    assert found.counts.syncs <= MOST_SYNCS, described(found)
    assert found.base + found.peak <= T4_SHARE * T4_BYTES, (found.base, found.peak)


def decoding_syncs(size: int, strategy: str, tokens: int, *, golds: int = 0) -> int:
    """Return the syncs of decoding ``tokens`` tokens of every prompt, all prompts in one batch.

    The probabilities of so many ``golds`` of 5 tokens are computed for each prompt.
    """
    contexts = draw_contexts(TINY.vocab_size, seed=5, paragraphs=2, longest=20)
    targets = {prompt.id: [(k, 3, 3, 3, 7) for k in range(golds)] for own in contexts for prompt in own.prompts}
    with emulated_device() as counts:
        model = move(shake(random_model(TINY, seed=0), seed=1, size=0.05).requires_grad_(False))
        fleet = Fleet(TINY, [LoraSpec(rank=2, seed=k) for k in range(size)], device=DEVICE)
        counts.reset()
        generate(
            model,
            contexts,
            strategies=resolve_strategies([strategy]),
            max_new_tokens=tokens,
            eos_id=7,
            fleet=fleet,
            samples=2,
            batch_tokens=1 << 20,
            suppress_eos=True,
            golds=Golds(targets) if golds else None,
        )
        return counts.syncs


@pytest.mark.parametrize("strategy", ["greedy", "top-k+nucleus", "beam", "span"])
def test_decoding_waits_at_most_once_every_four_tokens(strategy: str) -> None:
    few, many = 4, 16
    for size in (1, 3) if strategy == "greedy" else (3,):
        waited = decoding_syncs(size, strategy, many) - decoding_syncs(size, strategy, few)
        assert waited <= (many - few) / TOKENS_PER_SYNC, f"{size} adapters: {waited} more syncs"


def test_the_golds_of_a_batch_wait_once() -> None:
    for size in (1, 3):
        waited = decoding_syncs(size, "greedy", 4, golds=3) - decoding_syncs(size, "greedy", 4)
        assert waited == 1, f"{size} adapters: {waited} more syncs"
