"""``ask``: each option reaches the model, the strategies or the draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from squadron.decoding.strategies import STRATEGIES
from squadron.experiments import ask as asking
from squadron.experiments.ask import ask, read_context
from squadron.experiments.predictor import Answerer
from squadron.options.core import AskOptions


@pytest.fixture
def options(byte_base_dir: Path, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "context.txt").write_text("Town00 lies on the River00. Its bridge was built in 1800.\n")
    where = {"base": str(byte_base_dir), "context": str(tmp_path / "context.txt"), "question": "When?"}
    return {**where, "decoding": ("nucleus",), "max_new_tokens": 6, "precision": "fp32"}


@pytest.mark.parametrize("offline", [False, True])
def test_every_option_reaches_the_answer(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    told: dict[str, Any] = {}
    load, answer = asking.load_base, Answerer.answer

    def loaded(name: str, **how: Any) -> Any:
        base = load(name, **how)
        told.update(how, dtype=base.model.dtype)
        return base

    def spy(self: Answerer, context: str, question: str, **how: Any) -> Any:
        told.update(how, context=context, question=question)
        return answer(self, context, question, **how)

    monkeypatch.setattr(asking, "load_base", loaded)
    monkeypatch.setattr(Answerer, "answer", spy)
    more: dict[str, Any] = {"decoding": ("span", "nucleus"), "max_new_tokens": 4, "seed": 9, "precision": "bf16"}
    ask(AskOptions(**{**options, **more}, offline=offline, device="cpu"))
    assert told == {
        "context": "Town00 lies on the River00. Its bridge was built in 1800.",
        "question": "When?",
        "strategies": (STRATEGIES["span"], STRATEGIES["nucleus"]),
        "max_new_tokens": 4,
        "seed": 9,
        "dtype": torch.bfloat16,
        "device": torch.device("cpu"),
        "offline": offline,
    }


def test_the_seed_decides_what_is_drawn(options: dict[str, Any]) -> None:
    first, again, other = (ask(AskOptions(**options, seed=seed))["answers"] for seed in (1, 1, 2))
    assert first == again
    assert first[0]["answer"] != other[0]["answer"]
    assert first[0]["probability"] != other[0]["probability"]


def test_a_context_loses_its_byte_order_mark_and_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "context.txt"
    path.write_bytes(b"\xef\xbb\xbfAnn met\x0cBob.\n")
    assert read_context(str(path)) == "Ann met Bob."
