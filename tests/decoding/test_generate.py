"""Law 5: batched greedy decoding emits the same tokens as ``transformers`` for one question at a time."""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from decoding.drawn import draw_contexts, each_prompt, reference_answer
from helpers import TINY, liven, logits, reference_model
from squadron.data.encoding import EncodedContext, Prompt
from squadron.decoding.generate import Generation, generate
from squadron.decoding.prefill import Prefilled, PromptTree, build_prompt_trees, prefill
from squadron.decoding.strategies import STRATEGIES, Strategy
from squadron.errors import ConfigError
from squadron.model.adapters import merge
from squadron.model.checkpoint import load_base, save_model
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec

GREEDY = STRATEGIES["greedy"]
FOUR = [STRATEGIES[name] for name in ("greedy", "top-k", "nucleus", "temperature")]
STEPS = 13
SPECS = [
    LoraSpec(rank=3, targets=("attention",), seed=1),
    LoraSpec(rank=2, targets=("mlp.c_fc", "attn.q"), seed=2),
    LoraSpec(rank=5, alpha=11.0, targets=("attention+mlp",), seed=3),
]


@pytest.fixture(scope="module")
def model(tiny_base_dir: Path) -> GPT2:
    return load_base(str(tiny_base_dir)).model


@pytest.fixture(scope="module")
def contexts() -> list[EncodedContext]:
    return draw_contexts(TINY.vocab_size, seed=5, paragraphs=11)


def frequent_token(model: GPT2, contexts: list[EncodedContext], fleet: Fleet | None = None) -> int:
    """Return a token that, as EOS, ends some answers and not others, at different steps."""
    found = generate(model, contexts, strategies=[GREEDY], max_new_tokens=STEPS, eos_id=0, fleet=fleet)
    answers = [own[0].tokens for by_id in found["greedy"] for own in by_id.values()]
    counts = {token: sum(token in answer[1:] for answer in answers) for token in range(TINY.vocab_size)}
    token = min(counts, key=lambda token: abs(counts[token] - len(answers) / 2))
    ends = {answer.index(token) for answer in answers if token in answer}
    assert 0 < counts[token] < len(answers)
    assert len(ends) >= 3, "answers should end at different steps"
    return token


@pytest.mark.parametrize("batch_tokens", [1, 300, 100_000])
def test_greedy_emits_the_tokens_of_transformers(
    model: GPT2, contexts: list[EncodedContext], tiny_base_dir: Path, batch_tokens: int
) -> None:
    eos_id = frequent_token(model, contexts)
    reference = reference_model(tiny_base_dir)
    found = generate(
        model, contexts, strategies=[GREEDY], max_new_tokens=STEPS, eos_id=eos_id, batch_tokens=batch_tokens
    )["greedy"]
    assert len(found) == 1
    stops = []
    for question, prompt in each_prompt(contexts):
        (ours,) = found[0].pop(question)
        assert (ours.tokens, ours.stopped) == reference_answer(
            reference, prompt, max_new_tokens=STEPS, eos_id=eos_id
        ), question
        stops.append(ours.stopped)
    assert not found[0]
    assert len(stops) > 25
    assert 3 < sum(stops) < len(stops) - 3, "some answers end, some do not"


def test_every_adapter_of_a_fleet_answers_like_its_merged_model(
    model: GPT2, contexts: list[EncodedContext], tmp_path: Path
) -> None:
    fleet = liven(Fleet(TINY, SPECS), seed=6)
    eos_id = frequent_token(model, contexts, fleet)
    found = generate(
        model, contexts, strategies=[GREEDY], max_new_tokens=STEPS, eos_id=eos_id, fleet=fleet, batch_tokens=2000
    )["greedy"]
    assert len(found) == 3
    answers = []
    for k in range(3):
        save_model(merge(model, fleet.weights(k)), tmp_path / str(k))
        reference = reference_model(tmp_path / str(k))
        for question, prompt in each_prompt(contexts):
            (ours,) = found[k][question]
            theirs = reference_answer(reference, prompt, max_new_tokens=STEPS, eos_id=eos_id)
            assert (ours.tokens, ours.stopped) == theirs, (k, question)
        answers.append([found[k][question][0] for question, _ in each_prompt(contexts)])
    for one, other in itertools.combinations(answers, 2):
        assert sum(a.tokens != b.tokens for a, b in zip(one, other, strict=True)) > 5  # the adapters do differ
    assert 5 < sum(answer.stopped for own in answers for answer in own) < 3 * len(answers[0]) - 5


def test_gpt2s_shape_emits_the_tokens_of_transformers(gpt2_shape_dir: Path) -> None:
    model = load_base(str(gpt2_shape_dir)).model
    contexts = draw_contexts(model.config.vocab_size, seed=7, paragraphs=2, longest=60, questions=2)
    found = generate(model, contexts, strategies=[GREEDY], max_new_tokens=5, eos_id=50256)["greedy"][0]
    reference = reference_model(gpt2_shape_dir)
    answers = set()
    for question, prompt in each_prompt(contexts):
        tokens, stopped = reference_answer(reference, prompt, max_new_tokens=5, eos_id=50256)
        assert (found[question][0].tokens, found[question][0].stopped) == (tokens, stopped)
        answers.add(tokens)
    assert len(answers) > 1


def plain_log_probability(model: GPT2, prompt: list[int], answer: Generation, eos_id: int) -> float:
    """Compute an answer's log-probability (nats) in one plain pass over prompt and answer."""
    emitted = [*answer.tokens, *([eos_id] if answer.stopped else [])]
    path = torch.tensor(prompt + emitted)
    scores = logits(model, path, torch.arange(len(path)), [(len(path), [])])[0].log_softmax(-1)
    return float(sum(scores[len(prompt) - 1 + i, token] for i, token in enumerate(emitted)))


@pytest.mark.parametrize("suppress_eos", [False, True])
def test_log_probabilities_are_those_of_a_plain_pass(
    model: GPT2, contexts: list[EncodedContext], suppress_eos: bool
) -> None:
    fleet = liven(Fleet(TINY, SPECS), seed=6)
    eos_id = frequent_token(model, contexts)
    found = generate(
        model,
        contexts,
        strategies=list(STRATEGIES.values()),
        max_new_tokens=7,
        eos_id=eos_id,
        fleet=fleet,
        samples=2,
        suppress_eos=suppress_eos,
    )
    ended = checked = 0
    for k in range(3):
        merged = merge(model, fleet.weights(k))
        for name, by_adapter in found.items():
            for question, prompt in each_prompt(contexts):
                assert len(by_adapter[k][question]) == (2 if STRATEGIES[name].sample else 1)
                for answer in by_adapter[k][question]:
                    expected = plain_log_probability(merged, prompt, answer, eos_id)
                    assert expected < -0.1
                    assert answer.log_probability == pytest.approx(expected, abs=2e-3), (name, k, question)
                    ended += answer.stopped
                    checked += 1
    assert checked > 500
    assert (ended == 0) if suppress_eos else (20 < ended < checked - 20)


def test_a_suppressed_eos_is_never_emitted(model: GPT2, contexts: list[EncodedContext]) -> None:
    eos_id = frequent_token(model, contexts)
    strategies = [*FOUR, STRATEGIES["beam"]]
    found = generate(
        model, contexts, strategies=strategies, max_new_tokens=STEPS, eos_id=eos_id, suppress_eos=True, samples=2
    )
    answers = [answer for (by_id,) in found.values() for own in by_id.values() for answer in own]
    assert len(answers) > 200
    assert {len(answer.tokens) for answer in answers} == {STEPS}
    assert not any(answer.stopped or eos_id in answer.tokens for answer in answers)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_precisions(tiny_base_dir: Path, contexts: list[EncodedContext], dtype: torch.dtype) -> None:
    model = load_base(str(tiny_base_dir), dtype=dtype).model
    fleet = liven(Fleet(TINY, SPECS), seed=6)
    found = generate(model, contexts, strategies=list(STRATEGIES.values()), max_new_tokens=5, eos_id=1, fleet=fleet)
    assert set(found) == set(STRATEGIES)
    exact = load_base(str(tiny_base_dir)).model
    for k in range(3):
        merged = merge(exact, fleet.weights(k))
        for question, prompt in each_prompt(contexts):
            (answer,) = found["greedy"][k][question]
            expected = plain_log_probability(merged, prompt, answer, eos_id=1)
            assert answer.log_probability == pytest.approx(expected, abs=0.5 if dtype == torch.bfloat16 else 1e-3)


def test_one_new_token(model: GPT2, contexts: list[EncodedContext]) -> None:
    strategies = list(STRATEGIES.values())
    one = generate(model, contexts, strategies=strategies, max_new_tokens=1, eos_id=1, seed=3)
    more = generate(model, contexts, strategies=strategies, max_new_tokens=4, eos_id=1, seed=3)
    for name in ("greedy", "top-k", "nucleus", "temperature", "span"):
        for question, _ in each_prompt(contexts):
            assert one[name][0][question][0].tokens == more[name][0][question][0].tokens[:1]


def test_an_adapter_with_nan_logits_is_marked_and_does_not_affect_the_others(
    model: GPT2, contexts: list[EncodedContext]
) -> None:
    strategies = list(STRATEGIES.values())
    fleet = liven(Fleet(TINY, SPECS), seed=6)
    sound = generate(model, contexts, strategies=strategies, max_new_tokens=6, eos_id=1, fleet=fleet)
    with torch.no_grad():
        fleet.values[1, 5] = math.nan
    found = generate(model, contexts, strategies=strategies, max_new_tokens=6, eos_id=1, fleet=fleet)
    for name, by_adapter in found.items():
        for k in (0, 2):
            for question, (answer,) in by_adapter[k].items():
                (before,) = sound[name][k][question]
                assert answer == replace(before, log_probability=answer.log_probability)
                assert answer.log_probability == pytest.approx(before.log_probability, abs=1e-4)
        for (answer,) in by_adapter[1].values():
            assert (answer.tokens, answer.stopped) == ((), False)
            assert answer.span in (None, (0, 0))
            assert math.isnan(answer.log_probability)


def test_progress_counts_questions(model: GPT2, contexts: list[EncodedContext]) -> None:
    reported: list[int] = []
    total = sum(len(context.prompts) for context in contexts)
    found = generate(
        model,
        [*contexts, EncodedContext("x", (1,), ((0, 1),), ())],
        strategies=[GREEDY],
        max_new_tokens=2,
        eos_id=1,
        batch_tokens=100,
        progress=reported.append,
    )
    assert len(found["greedy"][0]) == total
    assert reported == sorted(set(reported))
    assert len(reported) > 3
    assert reported[-1] == total


def test_one_batch_is_held_at_a_time_however_many_questions_there_are(
    model: GPT2, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[weakref.ref[torch.Tensor]] = []
    sizes: list[int] = []

    def watched(model: GPT2, fleet: Fleet | None, trees: Sequence[PromptTree]) -> Prefilled:
        assert all(state() is None for state in states), "an earlier batch is still held"
        state = prefill(model, fleet, trees)
        states.append(weakref.ref(state.contexts.layers[0][0]))
        sizes.append(state.contexts.index.numel())
        return state

    monkeypatch.setattr("squadron.decoding.generate.prefill", watched)
    contexts = draw_contexts(TINY.vocab_size, seed=8, paragraphs=90)
    generate(model, contexts, strategies=[*FOUR, STRATEGIES["beam"]], max_new_tokens=2, eos_id=1, batch_tokens=400)
    assert len(states) > 10
    assert max(sizes) <= 400


def test_the_tokens_with_which_all_questions_begin_are_computed_once(model: GPT2) -> None:
    context = draw_contexts(TINY.vocab_size, seed=8, paragraphs=3, questions=5)[2]
    whole = len(context.tokens)
    prompts = tuple(replace(prompt, visible=whole) for prompt in context.prompts)
    assert len(prompts) > 2
    state = prefill(model, None, [PromptTree(context, whole, prompts)])
    assert state.contexts.index.shape == (1, whole + 2)
    assert state.questions.index.shape[1] == max(len(prompt.question) for prompt in prompts) - 2
    assert state.lengths.tolist() == [whole + len(prompt.question) for prompt in prompts]
    for branch, prompt in enumerate(prompts):
        alone = prefill(model, None, [PromptTree(context, whole, (prompt,))])
        torch.testing.assert_close(state.hidden[:, branch], alone.hidden[:, 0])


def test_prompts_that_see_more_or_less_of_a_context_share_a_tree_where_that_saves_tokens() -> None:
    def trees(tokens: int, *visible: int, most: int = 99) -> list[tuple[int, list[int]]]:
        prompts = tuple(Prompt(str(i), seen, (i,)) for i, seen in enumerate(visible))
        context = EncodedContext("", (1,) * tokens, ((0, 0),) * tokens, prompts)
        made = build_prompt_trees([context], max_prompts=most)
        assert sorted(prompt.id for tree in made for prompt in tree.prompts) == sorted(prompt.id for prompt in prompts)
        return [(tree.visible, [prompt.visible for prompt in tree.prompts]) for tree in made]

    assert trees(250, 243, 240, 250, 240) == [(240, [240, 240, 243, 250])]
    assert trees(250, 240, 241, most=1) == [(241, [241]), (240, [240])]
    assert trees(250, 250, 233, 234) == [(250, [250]), (233, [233, 234])]  # 17 tokens more
    assert trees(30, 20, *[30] * 3) == [(20, [20, 30, 30, 30])]  # 3 x 10 tokens, or 30
    assert trees(30, 20, *[30] * 4) == [(30, [30] * 4), (20, [20])]


def test_what_a_prompt_sees_beyond_others_is_in_its_branch(model: GPT2) -> None:
    context = draw_contexts(TINY.vocab_size, seed=8, paragraphs=3, questions=5)[2]
    whole = len(context.tokens)
    prompts = tuple(
        replace(prompt, visible=whole - number % 3, question=(number, *prompt.question))
        for number, prompt in enumerate(context.prompts)
    )
    (tree,) = build_prompt_trees([replace(context, prompts=prompts)], max_prompts=9)
    trunk, branches = tree.layout()
    assert trunk == context.tokens[: whole - 2]
    assert sorted(map(len, branches)) == sorted(len(one.question) + one.visible - len(trunk) for one in prompts)
    state = prefill(model, None, [tree])
    for branch, prompt in enumerate(tree.prompts):
        alone = prefill(model, None, [PromptTree(context, prompt.visible, (prompt,))])
        torch.testing.assert_close(state.hidden[:, branch], alone.hidden[:, 0])
        assert state.lengths[branch] == alone.lengths[0]


def test_no_contexts_give_no_answers(model: GPT2) -> None:
    assert generate(model, [], strategies=[GREEDY], max_new_tokens=2, eos_id=1) == {"greedy": [{}]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens=0"),
        ({"samples": 0}, "samples=0"),
        ({"strategies": [GREEDY, Strategy("greedy")]}, "decoding='greedy': it is asked for twice"),
    ],
)
def test_invalid_arguments_are_refused(model: GPT2, options: dict[str, object], words: str) -> None:
    arguments: dict[str, object] = {"strategies": [GREEDY], "max_new_tokens": 2, "eos_id": 1}
    with pytest.raises(ConfigError, match=words):
        generate(model, [], **(arguments | options))  # type: ignore[arg-type]


def test_a_prompt_and_its_answer_must_fit_the_context_window(model: GPT2) -> None:
    context = EncodedContext("", (1,) * 70, ((0, 0),) * 70, (Prompt("q", 70, (2, 3)),))
    generate(model, [context], strategies=[GREEDY], max_new_tokens=7, eos_id=1)
    with pytest.raises(AssertionError, match="q: 80 tokens"):
        generate(model, [context], strategies=[GREEDY], max_new_tokens=8, eos_id=1)
