"""P(gold): the probability of gold answers is that of ``transformers`` for one whole sequence at a time."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from decoding.drawn import draw_contexts, each_prompt
from helpers import TINY, liven, reference_model
from squadron.data.encoding import EncodedContext, Prompt
from squadron.decoding import golds as scoring
from squadron.decoding.generate import generate
from squadron.decoding.golds import Golds
from squadron.decoding.strategies import STRATEGIES
from squadron.model.adapters import merge
from squadron.model.checkpoint import load_base, random_model, save_model
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec
from squadron.model.trainable import Trainable

EOS = 7
SPECS = [
    LoraSpec(rank=3, targets=("attention",), seed=1),
    LoraSpec(rank=2, targets=("mlp.c_fc", "attn.q"), seed=2),
    LoraSpec(rank=5, alpha=11.0, targets=("attention+mlp",), seed=3),
]
Targets = dict[str, list[tuple[int, ...]]]


@pytest.fixture(scope="module")
def model(tiny_base_dir: Path) -> GPT2:
    return load_base(str(tiny_base_dir)).model


@pytest.fixture(scope="module")
def contexts() -> list[EncodedContext]:
    return draw_contexts(TINY.vocab_size, seed=5, paragraphs=11)


def draw_golds(contexts: Sequence[EncodedContext], vocabulary: int, *, eos_id: int, seed: int) -> Targets:
    """Draw one to four golds a question, of 0 to 17 tokens before EOS."""
    rng = random.Random(seed)
    return {
        question: [
            (*(rng.randrange(vocabulary) for _ in range(rng.choice((0, 1, 2, 3, 5, 17)))), eos_id)
            for _ in range(rng.randint(1, 4))
        ]
        for question, _ in each_prompt(contexts)
    }


def scored(
    model: GPT2,
    contexts: Sequence[EncodedContext],
    targets: Targets,
    fleet: Trainable | None = None,
    *,
    eos_id: int = EOS,
    batch_tokens: int | None = None,
) -> list[dict[str, float]]:
    golds = Golds(targets)
    how: dict[str, Any] = {"strategies": [STRATEGIES["greedy"]], "max_new_tokens": 3, "eos_id": eos_id}
    generate(model, contexts, fleet=fleet, batch_tokens=batch_tokens, golds=golds, **how)
    return golds.log_probability


@torch.inference_mode()
def reference_values(
    reference: Any, contexts: Sequence[EncodedContext], targets: Targets
) -> Iterator[tuple[str, list[float]]]:
    """Yield each question with ln p of its golds, by ``transformers``, one whole sequence at a time."""
    for question, prompt in each_prompt(contexts):
        values = []
        for gold in targets[question]:
            logits = reference(torch.tensor([[*prompt, *gold]])).logits[0].double().log_softmax(-1)
            values.append(sum(float(logits[len(prompt) - 1 + i, token]) for i, token in enumerate(gold)))
        yield question, values


@pytest.mark.parametrize("batch_tokens", [1, 300, 100_000])
def test_it_is_that_of_transformers_whatever_the_batch(
    model: GPT2, contexts: list[EncodedContext], tiny_base_dir: Path, batch_tokens: int
) -> None:
    targets = draw_golds(contexts, TINY.vocab_size, eos_id=EOS, seed=3)
    (found,) = scored(model, contexts, targets, batch_tokens=batch_tokens)
    picked = []
    for question, values in reference_values(reference_model(tiny_base_dir), contexts, targets):
        assert found.pop(question) == pytest.approx(max(values), abs=2e-5), question
        picked.append(values.index(max(values)))
    assert not found
    assert len(picked) > 25
    assert len(set(picked)) > 2, "the likeliest gold is not always the first"


def test_every_adapter_of_a_fleet_scores_like_its_merged_model_and_as_it_would_alone(
    model: GPT2, contexts: list[EncodedContext], tmp_path: Path
) -> None:
    targets = draw_golds(contexts, TINY.vocab_size, eos_id=EOS, seed=4)
    fleet = liven(Fleet(TINY, SPECS), seed=6)
    found = scored(model, contexts, targets, fleet, batch_tokens=2000)
    for one, other in itertools.combinations(found, 2):
        assert max(abs(one[question] - other[question]) for question in one) > 0.01, "the adapters do differ"
    for k in range(3):
        save_model(merge(model, fleet.weights(k)), tmp_path / str(k))
        for question, values in reference_values(reference_model(tmp_path / str(k)), contexts, targets):
            assert found[k][question] == pytest.approx(max(values), abs=5e-5), (k, question)
        (alone,) = scored(model, contexts, targets, Fleet.from_weights(TINY, [fleet.weights(k)]))
        assert alone == pytest.approx(found[k], abs=1e-5)


def test_gpt2s_shape_gives_the_probabilities_of_transformers(gpt2_shape_dir: Path) -> None:
    model = load_base(str(gpt2_shape_dir)).model
    size = model.config.vocab_size
    contexts = draw_contexts(size, seed=7, paragraphs=2, longest=60, questions=2)
    targets = draw_golds(contexts, size, eos_id=50256, seed=1)
    (found,) = scored(model, contexts, targets, eos_id=50256)
    values = dict(reference_values(reference_model(gpt2_shape_dir), contexts, targets))
    assert found == pytest.approx({question: max(own) for question, own in values.items()}, abs=1e-3)
    assert len(found) > 1


def test_the_probability_of_a_greedy_answer_is_what_decoding_says(model: GPT2, contexts: list[EncodedContext]) -> None:
    """In float32 both sum the same log-probabilities, so that a gold equal to the answer has the answer's."""
    how: dict[str, Any] = {"strategies": [STRATEGIES["greedy"]], "max_new_tokens": 13, "eos_id": EOS}
    answers = generate(model, contexts, **how)["greedy"][0]
    ended = {question: own for question, (own,) in answers.items() if own.stopped}
    if not ended:  # no answer ends by itself: let the commonest token end them
        emitted = [token for (own,) in answers.values() for token in own.tokens[1:]]
        how["eos_id"] = max(set(emitted), key=emitted.count)
        answers = generate(model, contexts, **how)["greedy"][0]
        ended = {question: own for question, (own,) in answers.items() if own.stopped}
    assert len(ended) > 5
    golds = Golds({question: [(*own.tokens, how["eos_id"])] for question, own in ended.items()})
    generate(model, contexts, golds=golds, **how)
    for question, own in ended.items():
        assert golds.log_probability[0][question] == pytest.approx(own.log_probability, abs=1e-5)


def test_long_golds_are_scored_in_several_passes(
    model: GPT2, contexts: list[EncodedContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = draw_golds(contexts, TINY.vocab_size, eos_id=EOS, seed=3)
    (expected,) = scored(model, contexts, targets)
    sizes: list[int] = []
    whole = scoring._log_probabilities

    def counted(state: Any, golds: Any, **how: Any) -> Any:
        sizes.append(len(golds))
        return whole(state, golds, **how)

    monkeypatch.setattr(scoring, "_log_probabilities", counted)
    monkeypatch.setattr(scoring, "logits_bytes", lambda _: 20_000)
    (found,) = scored(model, contexts, targets)
    assert len(sizes) > 10
    assert sum(sizes) == sum(map(len, targets.values()))
    assert max(sizes) > 1
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_gold_that_does_not_fit_the_window_counts_as_impossible(model: GPT2) -> None:
    prompt = Prompt("q", 60, (2, 3))  # 62 of 79 positions: 17 more can be read, and EOS is predicted from the last
    context = EncodedContext("", (1,) * 60, ((0, 0),) * 60, (prompt,))
    fits, too_long = (5,) * 17 + (EOS,), (5,) * 18 + (EOS,)
    (just,) = scored(model, [context], {"q": [fits]})
    assert math.isfinite(just["q"])
    (both,) = scored(model, [context], {"q": [too_long, fits]})
    assert both["q"] == pytest.approx(just["q"], abs=1e-5)
    assert scored(model, [context], {"q": [too_long]}) == [{"q": -math.inf}]
    assert scored(model, [context], {}) == [{"q": -math.inf}]


def test_an_adapter_whose_logits_are_not_finite_gives_no_gold_any_probability(
    model: GPT2, contexts: list[EncodedContext]
) -> None:
    targets = draw_golds(contexts, TINY.vocab_size, eos_id=EOS, seed=3)
    fleet = liven(Fleet(TINY, SPECS), seed=6)
    sound = scored(model, contexts, targets, fleet)
    with torch.no_grad():
        fleet.values[1, 5] = math.nan
    found = scored(model, contexts, targets, fleet)
    assert set(found[1].values()) == {-math.inf}
    assert [found[0], found[2]] == [sound[0], sound[2]]
    assert all(map(math.isfinite, sound[1].values()))


@pytest.mark.parametrize(("dtype", "bound"), [(torch.bfloat16, 1.5), (torch.float64, 2e-5)])
def test_other_precisions(contexts: list[EncodedContext], dtype: torch.dtype, bound: float) -> None:
    targets = draw_golds(contexts, TINY.vocab_size, eos_id=EOS, seed=3)
    (exact,) = scored(random_model(TINY, seed=0), contexts, targets)
    (found,) = scored(random_model(TINY, seed=0).to(dtype), contexts, targets)
    assert found == pytest.approx(exact, abs=bound)
    assert found != exact
