"""Stochastic decoding: the distributions of ``transformers``' logits processors, and independent draws."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from decoding.drawn import draw_contexts, each_prompt
from helpers import TINY, liven, logits
from squadron.data.encoding import EncodedContext, Prompt
from squadron.decoding.generate import generate
from squadron.decoding.sampling import FILTERS as FILTERS_BY_PARAMETER
from squadron.decoding.sampling import draw, filter_logits, row_uniforms
from squadron.decoding.strategies import STRATEGIES, Strategy, resolve_strategies
from squadron.model.checkpoint import load_base
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec

FILTERS = [
    STRATEGIES["top-k"],
    STRATEGIES["nucleus"],
    STRATEGIES["temperature"],
    Strategy("sharp", temperature=0.3, sample=True),
    Strategy("one", top_k=1, sample=True),
    Strategy("more than there are", top_k=99_999, sample=True),
    Strategy("narrow", top_p=0.001, sample=True),
    Strategy("half", top_p=0.5, sample=True),
    Strategy("everything", top_p=1.0, sample=True),
    *resolve_strategies(["top-k+nucleus", "top-k+nucleus+temperature"]),
    Strategy("all, sharp", temperature=0.7, top_k=17, top_p=0.8, sample=True),
    STRATEGIES["min-p"],
    Strategy("as likely", min_p=1.0, sample=True),
    *resolve_strategies(["top-k+min-p", "top-k+nucleus+temperature+min-p"]),
    Strategy("with min-p, sharp", temperature=0.7, top_k=17, top_p=0.8, min_p=0.3, sample=True),
]


def reference_scores(scores: Tensor, strategy: Strategy) -> Tensor:
    """Apply the logits processors of ``transformers``, in the order of its ``generate``."""
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    nothing = torch.zeros(len(scores), 1, dtype=torch.int64)
    if strategy.temperature != 1:
        scores = TemperatureLogitsWarper(strategy.temperature)(nothing, scores)
    if strategy.top_k is not None:
        scores = TopKLogitsWarper(strategy.top_k)(nothing, scores)
    if strategy.top_p is not None and strategy.top_p < 1:
        scores = TopPLogitsWarper(strategy.top_p)(nothing, scores)
    if strategy.min_p is not None:
        scores = MinPLogitsWarper(strategy.min_p)(nothing, scores)
    return scores


def random_logits(vocabulary: int, *, rows: int, spread: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, vocabulary, generator=generator) * spread


@pytest.mark.parametrize("strategy", FILTERS, ids=lambda strategy: strategy.name)
@pytest.mark.parametrize(("vocabulary", "spread"), [(211, 0.3), (211, 2.0), (50_257, 3.0)])
def test_supports_and_probabilities_are_those_of_transformers(
    strategy: Strategy, vocabulary: int, spread: float
) -> None:
    scores = random_logits(vocabulary, rows=7, spread=spread, seed=1)
    ours, theirs = filter_logits(scores.clone(), strategy), reference_scores(scores.clone(), strategy)
    assert torch.equal(ours.isinf(), theirs.isinf())
    assert torch.equal(ours.softmax(-1), theirs.softmax(-1))
    neutral = strategy.name in ("more than there are", "everything") or (strategy.name, spread) == ("min-p", 0.3)
    assert torch.equal(ours, scores) == neutral  # the filter does something
    left = (~ours.isinf()).sum(-1)
    assert left.min() >= 1
    if strategy.name in ("one", "narrow", "as likely"):
        assert set(left.tolist()) == {1}


def test_the_processors_are_applied_in_the_order_of_generate() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.generation import GenerationConfig

    model = GPT2LMHeadModel(GPT2Config(vocab_size=11, n_embd=4, n_layer=1, n_head=1))
    filters = {"temperature": 0.7, "top_k": 3, "top_p": 0.5, "min_p": 0.2}
    config = GenerationConfig(do_sample=True, num_beams=1, use_cache=True, **filters)
    processors = model._get_logits_processor(config, input_ids_seq_length=1)
    names = [type(processor).__name__ for processor in processors]
    assert names == ["TemperatureLogitsWarper", "TopKLogitsWarper", "TopPLogitsWarper", "MinPLogitsWarper"]
    assert list(FILTERS_BY_PARAMETER) == list(filters)


def test_top_p_keeps_the_token_that_crosses_p() -> None:
    scores = torch.tensor([[0.1, 0.5, 0.15, 0.25]]).log()

    def kept(top_p: float) -> list[int]:
        left = filter_logits(scores, Strategy("nucleus", top_p=top_p, sample=True))
        return torch.nonzero(~left[0].isinf())[:, 0].tolist()

    assert kept(0.4) == [1]
    assert kept(0.49) == [1]
    assert kept(0.51) == [1, 3]  # 0.5 is below 0.51: the next token crosses it and is kept
    assert kept(0.74) == [1, 3]
    assert kept(0.76) == [1, 2, 3]
    assert kept(0.91) == [0, 1, 2, 3]


def test_ties_are_kept_or_dropped_as_in_transformers() -> None:
    scores = torch.tensor([[2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 0.0, 1.0]])  # p: three of 0.20, four of 0.07, one of 0.03
    kept = filter_logits(scores, Strategy("top-k", top_k=4, sample=True))
    assert torch.nonzero(~kept[0].isinf())[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 7]
    kept = filter_logits(scores, Strategy("nucleus", top_p=0.75, sample=True))
    assert torch.nonzero(~kept[0].isinf())[:, 0].tolist() == [0, 2, 4, 5, 7]
    flat = torch.zeros(1, 8)
    kept = filter_logits(flat, Strategy("nucleus", top_p=0.3, sample=True))
    assert torch.nonzero(~kept[0].isinf())[:, 0].tolist() == [5, 6, 7]


def test_draws_invert_the_distribution_function() -> None:
    scores = torch.tensor([0.5, 0.0, 0.25, 0.25, 0.0]).log().repeat(7, 1)
    uniforms = torch.tensor([0.0, 0.49, 0.5, 0.74, 0.76, 0.999, 1 - 2**-53], dtype=torch.float64)
    assert draw(scores, uniforms).tolist() == [0, 0, 2, 2, 3, 3, 3]
    first_impossible = torch.tensor([[-math.inf, 0.0, 1.0]])
    assert draw(first_impossible, torch.zeros(1, dtype=torch.float64)).tolist() == [1]


def test_uniforms_depend_on_seed_strategy_question_and_sample_alone() -> None:
    base = (3, "nucleus", "q1", 0)
    same = row_uniforms(*base, 5)
    assert same.tolist() == row_uniforms(*base, 5).tolist()
    assert row_uniforms(*base, 3).tolist() == same[:3].tolist()
    others = [(4, "nucleus", "q1", 0), (3, "top-k", "q1", 0), (3, "nucleus", "q2", 0), (3, "nucleus", "q1", 1)]
    for other in others:
        assert not set(row_uniforms(*other, 5).tolist()) & set(same.tolist())


EOS_ID = 144  # likely under the tiny model, so that some answers end
STOCHASTIC = [STRATEGIES[name] for name in ("top-k", "nucleus", "temperature", "min-p")]


@pytest.fixture(scope="module")
def model(tiny_base_dir: Path) -> GPT2:
    return load_base(str(tiny_base_dir)).model


@pytest.fixture(scope="module")
def contexts() -> list[EncodedContext]:
    return draw_contexts(TINY.vocab_size, seed=8, paragraphs=9)


def sampled(
    model: GPT2,
    contexts: list[EncodedContext],
    *,
    strategies: list[Strategy] | None = None,
    samples: int = 3,
    seed: int = 5,
    batch_tokens: int = 5000,
    fleet: Fleet | None = None,
) -> dict[tuple[str, int, str, int], tuple[int, ...]]:
    """Return the tokens by strategy, adapter, question and sample."""
    found = generate(
        model,
        contexts,
        strategies=strategies or STOCHASTIC,
        max_new_tokens=6,
        eos_id=EOS_ID,
        samples=samples,
        seed=seed,
        batch_tokens=batch_tokens,
        fleet=fleet,
    )
    return {
        (name, k, question, number): answer.tokens
        for name, by_adapter in found.items()
        for k, own in enumerate(by_adapter)
        for question, answers in own.items()
        for number, answer in enumerate(answers)
    }


def test_draws_do_not_depend_on_batch_order_or_other_strategies(model: GPT2, contexts: list[EncodedContext]) -> None:
    usual = sampled(model, contexts)
    assert len(usual) == len(STOCHASTIC) * 3 * sum(1 for _ in each_prompt(contexts))
    assert len(set(usual.values())) > 0.9 * len(usual)  # draws differ, so that the comparisons below are meaningful
    shuffled = contexts[:]
    random.Random(1).shuffle(shuffled)
    assert shuffled != contexts
    assert sampled(model, shuffled) == usual
    assert sampled(model, contexts, batch_tokens=1) == usual
    assert sampled(model, contexts, batch_tokens=400) == usual
    assert sampled(model, contexts) == usual
    fewer = sampled(model, contexts[:2], strategies=[STRATEGIES["nucleus"], STRATEGIES["greedy"]], samples=2)
    chosen = {key: tokens for key, tokens in fewer.items() if key[0] == "nucleus"}
    assert len(chosen) >= 4
    assert chosen == {key: usual[key] for key in chosen}
    reseeded = sampled(model, contexts, seed=6)
    assert sum(reseeded[key] != tokens for key, tokens in usual.items()) > 0.9 * len(usual)


def test_adapters_draw_the_same_tokens_alone_and_in_a_fleet(model: GPT2, contexts: list[EncodedContext]) -> None:
    specs = [LoraSpec(rank=2, seed=1), LoraSpec(rank=3, seed=2)]
    fleet = liven(Fleet(TINY, specs), seed=3)
    together = sampled(model, contexts, fleet=fleet)
    for k in range(2):
        alone = Fleet.from_weights(TINY, [fleet.weights(k)])
        for (name, _, question, number), tokens in sampled(model, contexts, fleet=alone).items():
            assert together[name, k, question, number] == tokens
    pairs = [(tokens, together[name, 1, q, n]) for (name, k, q, n), tokens in together.items() if k == 0]
    assert sum(a != b for a, b in pairs) > 5


def test_each_step_draws_with_its_own_random_number(model: GPT2, contexts: list[EncodedContext]) -> None:
    """Compare with one question at a time, by plain passes over the whole sequence so far."""
    found, ends, checked = sampled(model, contexts, samples=1), 0, 0
    for strategy in STOCHASTIC:
        for question, prompt in each_prompt(contexts[:4]):
            uniforms = torch.from_numpy(row_uniforms(5, strategy.name, question, 0, 6))
            path = prompt[:]
            for step in range(6):
                scores = logits(model, torch.tensor(path), torch.arange(len(path)), [(len(path), [])])[0, -1:]
                path.append(int(draw(reference_scores(scores, strategy), uniforms[step : step + 1])))
                if path[-1] == EOS_ID:
                    ends += 1
                    break
            emitted = tuple(token for token in path[len(prompt) :] if token != EOS_ID)
            assert found[strategy.name, 0, question, 0] == emitted
            checked += 1
    assert checked > 20
    assert 0 < ends < checked


@pytest.mark.parametrize("strategy", STOCHASTIC, ids=lambda strategy: strategy.name)
def test_frequencies_are_the_probabilities(model: GPT2, strategy: Strategy) -> None:
    context = EncodedContext("", (3, 1, 4, 1, 5), ((0, 0),) * 5, (Prompt("q", 5, (9, 2, 6)),))
    count = 4000
    found = generate(model, [context], strategies=[strategy], max_new_tokens=1, eos_id=210, samples=count, seed=11)[
        strategy.name
    ][0]["q"]
    drawn = Counter(answer.tokens[0] if answer.tokens else 210 for answer in found)
    path = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6])
    scores = logits(model, path, torch.arange(8), [(8, [])])[0, -1:]
    expected = reference_scores(scores, strategy).softmax(-1)[0].double() * count
    assert set(drawn) <= set(torch.nonzero(expected)[:, 0].tolist())
    common = [token for token in range(211) if expected[token] >= 5]
    assert len(common) > 20
    rest = sum(expected[token].item() for token in range(211) if token not in common)
    observed = [drawn[token] for token in common]
    wanted = [expected[token].item() for token in common]
    if rest > 1:
        observed.append(count - sum(observed))
        wanted.append(rest)
    else:
        wanted = [value * sum(observed) / sum(wanted) for value in wanted]
    wanted = [value * sum(observed) / sum(wanted) for value in wanted]  # remove rounding errors
    assert chisquare(observed, wanted).pvalue > 0.01
    even = [sum(observed) / len(observed)] * len(observed)
    assert chisquare(observed, even).pvalue < 1e-6  # the test can distinguish distributions
