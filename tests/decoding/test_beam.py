"""Beam search equals that of ``transformers``, also in a fleet, and finds likelier sequences than greedy decoding."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from decoding.drawn import draw_contexts, each_prompt, reference_answer
from helpers import TINY, liven, reference_model
from squadron.decoding.generate import generate
from squadron.decoding.result import Generation
from squadron.decoding.strategies import STRATEGIES, Strategy
from squadron.errors import ConfigError
from squadron.model.adapters import merge
from squadron.model.checkpoint import load_base, save_model
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec

CONTEXTS = draw_contexts(TINY.vocab_size, seed=21, paragraphs=9)
STEPS = 11


def normalized(answer: Generation) -> float:
    """Return the score that beam search maximizes."""
    return answer.log_probability / (len(answer.tokens) + answer.stopped)


def frequent_token(model: GPT2, rank: int) -> int:
    """Return a token that occurs in many hypotheses, to use as EOS; at ``rank`` 0 the most frequent one."""
    found = generate(model, CONTEXTS, strategies=[STRATEGIES["beam"]], max_new_tokens=STEPS, eos_id=0)["beam"][0]
    counts = Counter(token for (answer,) in found.values() for token in set(answer.tokens))
    return counts.most_common()[rank][0]


@pytest.mark.parametrize(("beams", "rank"), [(4, 0), (4, 1), (3, 2), (2, 0)])
def test_hypotheses_are_those_of_transformers(tiny_base_dir: Path, beams: int, rank: int) -> None:
    model = load_base(str(tiny_base_dir)).model
    eos_id = frequent_token(model, rank)
    strategies = [STRATEGIES["greedy"], Strategy("beam", beams=beams)]
    found = generate(model, CONTEXTS, strategies=strategies, max_new_tokens=STEPS, eos_id=eos_id, batch_tokens=2000)
    reference = reference_model(tiny_base_dir)
    answers, better = [], 0
    for question, prompt in each_prompt(CONTEXTS):
        (ours,) = found["beam"][0][question]
        theirs = reference_answer(reference, prompt, max_new_tokens=STEPS, eos_id=eos_id, beams=beams)
        assert (ours.tokens, ours.stopped) == theirs, question
        (greedy,) = found["greedy"][0][question]
        better += normalized(ours) > normalized(greedy) + 1e-3
        answers.append(ours)
    assert len(answers) > 20
    assert better > 5  # it finds likelier sequences than greedy decoding
    assert 2 < sum(answer.stopped for answer in answers) < len(answers)
    assert len({len(answer.tokens) for answer in answers}) > 3


def test_every_adapter_of_a_fleet_searches_like_its_merged_model(tiny_base_dir: Path, tmp_path: Path) -> None:
    model = load_base(str(tiny_base_dir)).model
    fleet = liven(Fleet(TINY, [LoraSpec(rank=3, seed=1), LoraSpec(rank=2, targets=("mlp.c_fc",), seed=2)]), seed=3)
    strategies = [STRATEGIES["beam"]]
    found = generate(model, CONTEXTS[:5], strategies=strategies, max_new_tokens=6, eos_id=144, fleet=fleet)["beam"]
    for k in range(2):
        save_model(merge(model, fleet.weights(k)), tmp_path / str(k))
        reference = reference_model(tmp_path / str(k))
        for question, prompt in each_prompt(CONTEXTS[:5]):
            (ours,) = found[k][question]
            theirs = reference_answer(reference, prompt, max_new_tokens=6, eos_id=144, beams=4)
            assert (ours.tokens, ours.stopped) == theirs, (k, question)
    assert sum(found[0][question] != found[1][question] for question in found[0]) > 3


def test_a_wide_beam_finds_the_best_sequences(tiny_base_dir: Path) -> None:
    """With two tokens to emit and a beam of half the vocabulary, hardly any sequence can be missed."""
    model = load_base(str(tiny_base_dir)).model
    wide = generate(model, CONTEXTS[:3], strategies=[Strategy("beam", beams=105)], max_new_tokens=2, eos_id=144)[
        "beam"
    ][0]
    narrow = generate(model, CONTEXTS[:3], strategies=[Strategy("beam", beams=2)], max_new_tokens=2, eos_id=144)[
        "beam"
    ][0]
    for question, (answer,) in wide.items():
        assert normalized(answer) >= normalized(narrow[question][0]) - 1e-5
        assert len(answer.tokens) + answer.stopped <= 2
    assert wide != narrow


def test_more_beams_than_half_the_vocabulary_are_refused(tiny_base_dir: Path) -> None:
    model = load_base(str(tiny_base_dir)).model
    with pytest.raises(ConfigError, match=r"beams=106: a vocabulary of 211 tokens allows 105 at most"):
        generate(model, CONTEXTS, strategies=[Strategy("b", beams=106)], max_new_tokens=2, eos_id=1)
    assert torch.is_inference_mode_enabled() is False
