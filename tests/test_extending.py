"""The recipes of ``docs/extending.md``: the files hold what they name, and an entry is all that it takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from squadron.experiments.evaluate import evaluate
from squadron.model import targets
from squadron.options.core import EvaluateOptions
from squadron.scoring.metrics import MORE_METRICS
from squadron.tracking import trackers
from squadron.tracking.trackers import TensorBoard, open_trackers

ROOT = Path(__file__).resolve().parents[1]


def test_every_file_of_a_recipe_holds_the_name_given_with_it() -> None:
    text = " ".join((ROOT / "docs" / "extending.md").read_text().split())
    found = re.findall(r"`(\w+)`[^`]*? (?:in|of) `(src/[\w./]+\.(?:py|toml))`", text)
    assert len(found) >= 9
    for name, path in found:
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text("utf-8")), (name, path)
    for path in re.findall(r"`(src/[\w./]+)`", text):
        assert (ROOT / path).exists(), path


def test_a_preset_and_a_tracker_are_one_entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(targets, "PRESETS", {**targets.PRESETS, "mine": ("attn.k", "mlp.c_fc")})
    assert targets.resolve_targets(["mine"]) == ("attn.k", "mlp.c_fc")
    monkeypatch.setattr(trackers, "TRACKERS", {**trackers.TRACKERS, "mine": TensorBoard})
    (tracker,) = open_trackers(["mine"], tmp_path)
    assert isinstance(tracker, TensorBoard)


def test_a_metric_is_one_entry(monkeypatch: pytest.MonkeyPatch, byte_base_dir: Path, small_data: Path) -> None:
    options: dict[str, Any] = {
        "base": str(byte_base_dir),
        "data": str(small_data),
        "max_new_tokens": 4,
        "precision": "fp32",
    }
    assert "more_metrics" not in evaluate(EvaluateOptions(**options))["decodings"]["greedy"]
    monkeypatch.setitem(MORE_METRICS, "answered", lambda answer, golds: float(bool(golds) and len(answer) >= 0))
    assert evaluate(EvaluateOptions(**options))["decodings"]["greedy"]["more_metrics"] == {"answered": 100.0}
