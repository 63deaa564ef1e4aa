"""Strategies by name, their combinations, and the errors for invalid ones."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from squadron.decoding.choices import _argmax
from squadron.decoding.strategies import ALL, STRATEGIES, Strategy, is_random, recorded_parameters, resolve_strategies
from squadron.errors import ConfigError


def test_the_named_strategies_have_the_values_of_the_study() -> None:
    assert list(ALL) == ["greedy", "top-k", "nucleus", "temperature", "beam", "span"]
    assert list(STRATEGIES)[: len(ALL)] == list(ALL)
    assert STRATEGIES["greedy"] == Strategy("greedy")
    assert (STRATEGIES["top-k"].top_k, STRATEGIES["nucleus"].top_p, STRATEGIES["temperature"].temperature) == (
        50,
        0.95,
        1.3,
    )
    assert [name for name in ALL if STRATEGIES[name].sample] == ["top-k", "nucleus", "temperature"]
    assert STRATEGIES["beam"].beams == 4
    assert STRATEGIES["span"].span


def test_names_resolve_once_and_in_order() -> None:
    assert [s.name for s in resolve_strategies(["span", "greedy", "span"])] == ["span", "greedy"]
    assert [s.name for s in resolve_strategies(["beam", "all"])] == [
        "beam",
        *(name for name in ALL if name != "beam"),
    ]


def test_stochastic_strategies_combine_under_one_name() -> None:
    one, other = resolve_strategies(["nucleus+top-k"]), resolve_strategies(["top-k+nucleus"])
    assert one == other == (Strategy("top-k+nucleus", top_k=50, top_p=0.95, sample=True),)
    (likely,) = resolve_strategies(["min-p+top-k"], min_p=0.3)
    assert likely == Strategy("top-k+min-p", top_k=50, min_p=0.3, sample=True)
    (whole,) = resolve_strategies(["temperature+nucleus+top-k"], top_k=7, top_p=0.5, temperature=0.8)
    assert whole == Strategy("top-k+nucleus+temperature", temperature=0.8, top_k=7, top_p=0.5, sample=True)


def test_a_value_applies_to_the_strategies_that_use_it() -> None:
    chosen = {s.name: s for s in resolve_strategies(["all"], top_k=3, top_p=0.5, temperature=0.7, beams=2)}
    assert chosen["greedy"] == STRATEGIES["greedy"]
    assert chosen["top-k"] == Strategy("top-k", top_k=3, sample=True)
    assert chosen["nucleus"] == Strategy("nucleus", top_p=0.5, sample=True)
    assert chosen["temperature"] == Strategy("temperature", temperature=0.7, sample=True)
    assert chosen["beam"] == Strategy("beam", beams=2)


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (["gready"], {}, r"decoding='gready': no strategy 'gready'; choose from greedy, top-k, .*, span, .*all,"),
        ([], {}, "decoding: a strategy is expected"),
        (["greedy+top-k"], {}, "greedy does not combine"),
        (["beam+span"], {}, "beam does not combine"),
        (["top-k+"], {}, "no strategy ''"),
        (["greedy"], {"top_k": 5}, "top_k=5: no chosen strategy uses it; add decoding='top-k'"),
        (["top-k"], {"top_p": 0.5}, "top_p=0.5: no chosen"),
        (["nucleus"], {"temperature": 0.5}, "temperature=0.5: no chosen"),
        (["span"], {"beams": 3}, "beams=3: no chosen"),
        (["top-k"], {"top_k": 0}, "top_k=0: an integer of 1 or more"),
        (["nucleus"], {"top_p": 1.2}, "top_p=1.2: a probability"),
        (["nucleus"], {"top_p": 0.0}, "top_p=0.0: a probability"),
        (["temperature"], {"temperature": 0.0}, "temperature=0.0: a number above 0"),
        (["temperature"], {"temperature": float("nan")}, "temperature=nan: a number above 0"),
        (["min-p"], {"min_p": 0.0}, "min_p=0.0: a share above 0"),
        (["all"], {"min_p": 0.2}, "min_p=0.2: no chosen strategy uses it; add decoding='min-p'"),
        (["beam+min-p"], {}, "beam does not combine; combine top-k, nucleus, temperature and min-p"),
        (["beam"], {"beams": 0}, "beams=0: an integer from 1 to 1,000"),
    ],
)
def test_invalid_names_and_values_are_refused(names: list[str], options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolve_strategies(names, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sample": True, "beams": 2}, "beams=2"),
        ({"span": True, "beams": 2}, "beams=2"),
        ({"span": True, "sample": True}, "span search takes the likeliest token"),
        ({"top_k": 3}, "top_k=3: mine does not sample"),
        ({"top_p": 0.3}, "top_p=0.3: mine does not sample"),
        ({"temperature": 0.3}, "temperature=0.3: mine does not sample"),
    ],
)
def test_combinations_without_effect_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Strategy("mine", **options)


def test_later_strategies_are_neither_in_all_nor_in_records_that_do_not_use_them() -> None:
    assert "min-p" not in ALL
    unset = {"top_k": None, "top_p": 0.5, "min_p": None, "temperature": None, "beams": None}
    assert list(recorded_parameters(unset)) == ["temperature", "top_k", "top_p", "beams"]
    assert recorded_parameters({**unset, "min_p": 0.2})["min_p"] == 0.2


def test_is_random_by_name() -> None:
    drawn = [name for name in (*STRATEGIES, "top-k+min-p", "no strategy of ours") if is_random(name)]
    assert drawn == ["top-k", "nucleus", "temperature", "min-p", "top-k+min-p"]


def test_the_first_of_equally_likely_tokens_is_chosen_as_pytorch_does() -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0, 2.0], [-math.inf] * 4, [0.0, math.nan, 5.0, math.nan], [2.0, 1.0, 0.0, 2.0]])
    assert _argmax(logits[None]).tolist() == [[1, 0, 1, 0]]
    assert torch.equal(_argmax(logits), logits.argmax(-1))
    drawn = torch.randn(7, 501, generator=torch.Generator().manual_seed(0)).round()  # many ties
    assert torch.equal(_argmax(drawn), drawn.argmax(-1))
