"""On an accelerator, where the host does not look at the device's tensors, the answers are those of the CPU."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from decoding.drawn import draw_contexts
from helpers import TINY, liven
from squadron.data.encoding import EncodedContext, Prompt
from squadron.decoding import budget
from squadron.decoding.generate import Generation, generate
from squadron.decoding.outcome import FinishedReader
from squadron.decoding.prefill import Decoder, PromptTree, first_batch, prefill, split_tree
from squadron.decoding.strategies import Strategy, resolve_strategies
from squadron.model.checkpoint import load_base
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec

SPECS = [
    LoraSpec(rank=3, targets=("attention",), seed=1),
    LoraSpec(rank=2, targets=("mlp.c_fc", "attn.q"), seed=2),
    LoraSpec(rank=5, alpha=11.0, targets=("attention+mlp",), seed=3),
    LoraSpec(rank=1, targets=("mlp.c_proj",), seed=4),
    LoraSpec(rank=4, seed=5),
]
EVERYTHING = [*resolve_strategies(["all", "min-p", "top-k+nucleus+temperature"]), Strategy("wide", beams=7)]
EOS = 144  # likely under the tiny model, so that some answers end early
UNSEEN = EncodedContext(" ", (5, 6), ((0, 1), (1, 1)), (Prompt("nothing to find", 2, (1, 2, 3)),))


@pytest.fixture(scope="module")
def model(tiny_base_dir: Path) -> GPT2:
    return load_base(str(tiny_base_dir)).model


def on_both(
    monkeypatch: pytest.MonkeyPatch, model: GPT2, contexts: list[EncodedContext], **arguments: Any
) -> tuple[list[Generation], list[Generation]]:
    """Return all answers of the CPU, and those of the same tensors that the host does not look at, in one order."""
    arguments = {"strategies": EVERYTHING, "max_new_tokens": 13, "eos_id": EOS, "seed": 3} | arguments
    found = []
    for is_host in (True, False):
        monkeypatch.setattr("squadron.decoding.generate._is_host", lambda _, is_host=is_host: is_host)
        answers = generate(model, contexts, **arguments)
        questions = [prompt.id for context in contexts for prompt in context.prompts]
        found.append(
            [one for name in answers for own in answers[name] for question in questions for one in own[question]]
        )
    return found[0], found[1]


def assert_same(ours: list[Generation], theirs: list[Generation]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert (one.tokens, one.stopped, one.span) == (other.tokens, other.stopped, other.span)
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize("fleet_size", [0, 1, 2, 5])
@pytest.mark.parametrize("suppress_eos", [False, True])
def test_every_strategy_answers_as_on_the_cpu(
    model: GPT2, monkeypatch: pytest.MonkeyPatch, fleet_size: int, suppress_eos: bool
) -> None:
    contexts = [*draw_contexts(TINY.vocab_size, seed=fleet_size, paragraphs=6), UNSEEN]
    fleet = liven(Fleet(TINY, SPECS[:fleet_size]), seed=7) if fleet_size else None
    ours, theirs = on_both(monkeypatch, model, contexts, fleet=fleet, samples=2, suppress_eos=suppress_eos)
    assert_same(ours, theirs)
    assert len({len(one.tokens) for one in ours}) > 4
    assert any(one.stopped for one in ours) != suppress_eos
    assert any(one.span == (0, 0) and not one.tokens for one in ours)  # no span to find


@pytest.mark.parametrize("logits", [4 * TINY.vocab_size, 60 * 4 * TINY.vocab_size])
def test_few_logits_at_a_time_change_nothing(model: GPT2, monkeypatch: pytest.MonkeyPatch, logits: int) -> None:
    fleet = liven(Fleet(TINY, SPECS[:3]), seed=7)
    contexts = draw_contexts(TINY.vocab_size, seed=2, paragraphs=5)
    whole, _ = on_both(monkeypatch, model, contexts, fleet=fleet, samples=3)
    monkeypatch.setattr(budget, "HOST_LOGITS_BYTES", logits)
    ours, theirs = on_both(monkeypatch, model, contexts, fleet=fleet, samples=3)
    assert_same(whole, ours)
    assert_same(whole, theirs)


def test_rows_leave_the_batch_when_all_adapters_have_finished_them(
    model: GPT2, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With answers of one token and longer ones, the batch shrinks on the device too, and ends early."""
    sizes: dict[str, list[int]] = {"steps": []}

    def watched(self: Any, tokens: torch.Tensor) -> torch.Tensor:
        sizes["steps"].append(tokens.shape[1])
        return step(self, tokens)

    step = Decoder.step
    monkeypatch.setattr(Decoder, "step", watched)
    contexts = draw_contexts(TINY.vocab_size, seed=11, paragraphs=9)
    for strategies, last in ((resolve_strategies(["greedy", "span"]), 21), (resolve_strategies(["beam"]), 21)):
        sizes["steps"].clear()
        ours, theirs = on_both(
            monkeypatch, model, contexts, strategies=strategies, max_new_tokens=last, eos_id=EOS, batch_tokens=10**6
        )
        assert_same(ours, theirs)
        assert len(set(sizes["steps"])) > 3
        assert sizes["steps"][-1] < max(sizes["steps"])


@pytest.mark.parametrize("max_new_tokens", [1, 2])
def test_short_answers(model: GPT2, monkeypatch: pytest.MonkeyPatch, max_new_tokens: int) -> None:
    contexts = draw_contexts(TINY.vocab_size, seed=4, paragraphs=4)
    ours, theirs = on_both(monkeypatch, model, contexts, samples=2, max_new_tokens=max_new_tokens)
    assert_same(ours, theirs)


def test_logits_that_are_not_finite_end_the_rows_of_their_adapter_alone(
    model: GPT2, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = liven(Fleet(TINY, SPECS[:3]), seed=7)
    with torch.no_grad():
        fleet.values[1, 5] = math.nan
    contexts = draw_contexts(TINY.vocab_size, seed=5, paragraphs=5)
    ours, theirs = on_both(monkeypatch, model, contexts, fleet=fleet)
    assert_same(ours, theirs)
    assert sum(math.isnan(one.log_probability) for one in theirs) == len(theirs) // 3
    assert all(one.tokens == () for one in theirs if math.isnan(one.log_probability))


def test_logits_that_are_not_finite_later_end_rows_there(model: GPT2, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one token's embedding is infinite: a row breaks after it has emitted that token."""
    contexts = draw_contexts(TINY.vocab_size, seed=6, paragraphs=5)
    (greedy, _) = on_both(monkeypatch, model, contexts, strategies=resolve_strategies(["greedy"]), max_new_tokens=4)
    token = greedy[0].tokens[1]
    logits = GPT2.logits

    def broken(self: GPT2, hidden: torch.Tensor) -> torch.Tensor:
        found = logits(self, hidden)
        found[..., token - 1] = torch.where(found.argmax(-1) == token, math.inf, found[..., token - 1])
        return found

    monkeypatch.setattr(GPT2, "logits", broken)
    ours, theirs = on_both(monkeypatch, model, contexts, samples=2)
    assert_same(ours, theirs)
    lengths = {len(one.tokens) for one in theirs if math.isnan(one.log_probability)}
    assert len(lengths) > 2
    assert any(not math.isnan(one.log_probability) for one in theirs)
    found = [one for one in theirs if one.span is not None and math.isnan(one.log_probability)]
    assert any(one.tokens for one in found)
    # Each token covers a character and the space before it: what broke a row is not in its span.
    assert all((one.span[1] - one.span[0] + 1) // 2 == len(one.tokens) for one in found if one.span)


def test_the_host_reads_at_most_once_for_every_four_tokens() -> None:
    reader, finished = FinishedReader(on_host=False), torch.zeros(2, 3, dtype=torch.bool)
    for total in range(1, 40):
        reads = sum(reader.read(finished, step) is not None for step in range(1, total)) + 1  # the answers at the end
        assert reads <= math.ceil(total / 4)
    finished = torch.tensor([[True, True, False], [True, False, True]])
    known = [flags for step in range(1, 14) if (flags := reader.read(finished, step)) is not None]
    assert [flags.tolist() for flags in known] == [[True, False, False]] * 2
    at_once = FinishedReader(on_host=True).read(finished, 1)
    assert at_once is not None
    assert at_once.tolist() == [True, False, False]


def test_a_batch_that_runs_out_of_memory_is_halved(model: GPT2, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = draw_contexts(TINY.vocab_size, seed=9, paragraphs=7)
    usual = generate(model, contexts, strategies=EVERYTHING, max_new_tokens=5, eos_id=EOS)
    sizes = list[int]()

    def short_of_memory(model: GPT2, fleet: Any, trees: Any) -> Any:
        prompts = sum(len(tree.prompts) for tree in trees)
        if prompts > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        sizes.append(prompts)
        return prefill(model, fleet, trees)

    monkeypatch.setattr("squadron.decoding.generate.prefill", short_of_memory)
    for limit in (6, 1):
        sizes.clear()
        reported: list[int] = []
        found = generate(model, contexts, strategies=EVERYTHING, max_new_tokens=5, eos_id=EOS, progress=reported.append)
        assert sum(sizes) == reported[-1] == sum(len(context.prompts) for context in contexts)
        assert max(sizes) <= limit
        for name, (own,) in usual.items():
            for question, answers in own.items():
                assert_same(answers, found[name][0][question])
    limit = 0
    with pytest.raises(torch.OutOfMemoryError):
        generate(model, contexts, strategies=EVERYTHING, max_new_tokens=5, eos_id=EOS)


def test_other_errors_of_a_batch_are_not_retried(model: GPT2, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def failing(*arguments: Any) -> Any:
        calls.append(arguments)
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("squadron.decoding.generate.prefill", failing)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        generate(model, draw_contexts(TINY.vocab_size, seed=9), strategies=EVERYTHING, max_new_tokens=5, eos_id=EOS)
    assert len(calls) == 1


def test_batches_hold_the_tokens_that_they_may() -> None:
    def tree(visible: int, *questions: int) -> PromptTree:
        prompts = tuple(Prompt(f"{visible} {i}", visible, (i,) * length) for i, length in enumerate(questions))
        return PromptTree(EncodedContext("", (1,) * visible, ((0, 0),) * visible, prompts), visible, prompts)

    trees = [tree(20, 3, 5), tree(18, 9), tree(10, 2), tree(10, 2)]
    assert first_batch(trees, tokens=1000, per_prompt=4, padded=False) == (4, 58 + 21 + 20)
    assert first_batch(trees, tokens=1000, per_prompt=4, padded=True) == (4, 4 * 20 + 5 * 13)
    assert first_batch(trees, tokens=67, per_prompt=4, padded=False) == (2, 67)
    assert first_batch(trees, tokens=66, per_prompt=4, padded=False) == (1, 36)
    assert first_batch(trees, tokens=79, per_prompt=4, padded=True) == (2, 79)
    assert first_batch(trees, tokens=78, per_prompt=4, padded=True) == (1, 38)
    assert first_batch(trees, tokens=1, per_prompt=4, padded=True) == (1, 38)
    assert [one.prompts for one in split_tree(trees[0])] == [trees[0].prompts[:1], trees[0].prompts[1:]]
    assert split_tree(trees[1]) == [trees[1]]


def test_the_budget_is_the_free_memory_over_what_a_token_takes(model: GPT2) -> None:
    free = 80 * 10**9
    tokens = budget.fitting_tokens(model, 75, free)
    cached = tokens * 75 * 2 * TINY.n_layer * TINY.n_embd * 4
    assert 0.15 * free < cached < 0.5 * free
    assert budget.fitting_tokens(model, 150, free) == pytest.approx(tokens / 2, abs=1)
    assert budget.fitting_tokens(model, 75, 1) == 1
    assert budget.cache_tokens(model, 75) == budget.BATCH_TOKENS
