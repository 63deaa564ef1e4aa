"""A verb that lacks an extra's library says the one command that installs it, before it does any work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ANY = ("--base", "pocket", "--data", "data.json")
SWEEP = ("--base", "pocket", "--dataset", "pocket", "--out", "OUT")


@pytest.mark.parametrize(
    ("missing", "words", "extra"),
    [
        ("gradio", ("playground",), "web"),
        ("transformers", ("bench", "train", *ANY), "bench"),
        ("peft", ("bench", "train", *ANY), "bench"),
        ("trl", ("bench", "train", *ANY, "--sides", "trl"), "bench"),
        ("peft", ("bench", "generate", *ANY), "bench"),
        ("optuna", ("sweep", "STUDY", *SWEEP), "search"),
        ("ray", ("sweep", "GRID", *SWEEP, "--engine", "ray"), "ray"),
        ("wandb", ("sweep", "GRID", *SWEEP, "--track", "wandb"), "trackers"),
        ("mlflow.entities", ("train", *ANY, "--out", "OUT", "--track", "mlflow"), "trackers"),
        ("torch.utils.tensorboard", ("train", *ANY, "--out", "OUT", "--track", "tensorboard"), "trackers"),
    ],
)
def test_a_verb_that_lacks_a_library_says_what_installs_it(
    missing: str, words: tuple[str, ...], extra: str, squadron: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # as if it were not installed
    study, grid = tmp_path / "study.yaml", tmp_path / "grid.yaml"
    study.write_text("search: {method: optuna, trials: 2, space: {rank: [2, 4]}}\n")
    grid.write_text("grid: {rank: [2, 4]}\n")
    places = {"STUDY": study, "GRID": grid, "OUT": tmp_path / "out"}
    outcome = squadron(*(places.get(word, word) for word in words))
    assert (outcome.code, outcome.out) == (2, "")
    assert f"pip install 'squadron[{extra}]'" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
