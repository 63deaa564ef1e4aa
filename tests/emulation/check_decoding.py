"""Decoding on the emulated device emits the CPU's tokens, with every strategy."""

from __future__ import annotations

import math

import pytest
import torch

from decoding.drawn import draw_contexts
from emulation.device import DEVICE, emulated_device, move
from helpers import TINY, liven, shake
from squadron.decoding.generate import Answers, generate
from squadron.decoding.golds import Golds
from squadron.decoding.strategies import resolve_strategies
from squadron.model.checkpoint import random_model
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec

EOS = 7
STRATEGIES = resolve_strategies(["all", "top-k+nucleus"])
CONTEXTS = draw_contexts(TINY.vocab_size, seed=5, paragraphs=3)
GOLDS = {
    prompt.id: [(11, 5, EOS), (3,) * (1 + 4 * place) + (EOS,), (EOS,)]
    for context in CONTEXTS
    for place, prompt in enumerate(context.prompts)
}
SPECS = (
    LoraSpec(rank=3, targets=("attention",), seed=1),
    LoraSpec(rank=2, targets=("mlp.c_fc", "attn.q"), seed=2, alpha=8),
    LoraSpec(rank=9, targets=("all",), seed=3),
)


def base() -> GPT2:
    return shake(random_model(TINY, seed=0), seed=1, size=0.05).requires_grad_(False)


def fleet_on_cpu() -> Fleet:
    return liven(Fleet(TINY, SPECS), seed=3)


def on_device(fleet: Fleet) -> Fleet:
    return Fleet.from_weights(TINY, [fleet.weights(k) for k in range(fleet.size)], device=DEVICE)


def answer(model: GPT2, fleet: Fleet | None, *, batch_tokens: int = 8192, suppress_eos: bool = False) -> Answers:
    return generate(
        model,
        CONTEXTS,
        strategies=STRATEGIES,
        max_new_tokens=6,
        eos_id=EOS,
        fleet=fleet,
        samples=2,
        seed=1,
        batch_tokens=batch_tokens,
        suppress_eos=suppress_eos,
    )


def assert_same(found: Answers, expected: Answers) -> None:
    """Tokens, ends and spans are equal; log-probabilities as far as float32 goes."""
    assert found.keys() == expected.keys()
    for name, fleet in expected.items():
        assert len(found[name]) == len(fleet)
        for own, other in zip(found[name], fleet, strict=True):
            assert own.keys() == other.keys()
            for question, generations in other.items():
                for one, two in zip(own[question], generations, strict=True):
                    assert (one.tokens, one.stopped, one.span) == (two.tokens, two.stopped, two.span), (name, question)
                    assert one.log_probability == pytest.approx(two.log_probability, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize(("batch_tokens", "suppress_eos"), [(8192, True), (1500, False)])
def test_a_fleet(batch_tokens: int, suppress_eos: bool) -> None:
    fleet = fleet_on_cpu()
    expected = answer(base(), fleet, suppress_eos=suppress_eos)
    lengths = {len(one.tokens) for kinds in expected.values() for k in kinds for own in k.values() for one in own}
    assert len(lengths) > 2 or suppress_eos, "some rows end early"
    with emulated_device():
        found = answer(move(base()), on_device(fleet), batch_tokens=batch_tokens, suppress_eos=suppress_eos)
    assert_same(found, expected)


def test_the_base_alone() -> None:
    expected = answer(base(), None)
    with emulated_device():
        assert_same(answer(move(base()), None), expected)


def test_an_adapter_whose_logits_are_not_finite() -> None:
    fleet = fleet_on_cpu()
    with torch.no_grad():
        fleet.values[1, fleet.owned[1]] = math.inf
    expected = answer(base(), fleet)
    assert all(math.isnan(own.log_probability) for own in expected["greedy"][1][CONTEXTS[0].prompts[0].id])
    with emulated_device():
        assert_same(answer(move(base()), on_device(fleet)), expected)


@pytest.mark.parametrize("batch_tokens", [8192, 1500])
def test_the_probabilities_of_golds(batch_tokens: int) -> None:
    def scored(model: GPT2, fleet: Fleet, tokens: int) -> list[dict[str, float]]:
        golds = Golds(GOLDS)
        how = {"strategies": resolve_strategies(["greedy"]), "max_new_tokens": 2, "eos_id": EOS}
        generate(model, CONTEXTS, fleet=fleet, batch_tokens=tokens, golds=golds, **how)  # type: ignore[arg-type]
        return golds.log_probability

    fleet = fleet_on_cpu()
    expected = scored(base(), fleet, 8192)
    assert len({round(own[CONTEXTS[0].prompts[0].id], 2) for own in expected}) == len(SPECS), "adapters differ"
    with emulated_device():
        found = scored(move(base()), on_device(fleet), batch_tokens)
    for own, other in zip(found, expected, strict=True):
        assert own == pytest.approx(other, abs=1e-4)
