"""A verb that lacks an extra's library says the one command that installs it, before it does any work."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ANY = ("--base", "pocket", "--data", "data.json")


@pytest.mark.parametrize(
    ("missing", "words", "extra"),
    [
        ("gradio", ("playground",), "web"),
        ("transformers", ("bench", "train", *ANY), "bench"),
        ("peft", ("bench", "train", *ANY), "bench"),
        ("trl", ("bench", "train", *ANY, "--sides", "trl"), "bench"),
        ("peft", ("bench", "generate", *ANY), "bench"),
        ("optuna", ("sweep", "CONFIG", "--base", "pocket", "--dataset", "pocket", "--out", "OUT"), "search"),
    ],
)
def test_a_verb_that_lacks_a_library_says_what_installs_it(
    missing: str, words: tuple[str, ...], extra: str, squadron: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == missing else find(name, *rest))
    config = tmp_path / "config.yaml"
    config.write_text("search: {method: optuna, trials: 2, space: {rank: [2, 4]}}\n")
    places = {"CONFIG": config, "OUT": tmp_path / "out"}
    outcome = squadron(*(places.get(word, word) for word in words))
    assert (outcome.code, outcome.out) == (2, "")
    assert f"pip install 'squadron[{extra}]'" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
