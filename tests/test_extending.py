"""The recipes of ``docs/extending.md``: the files hold what they name, and an entry is all that it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from squadron.model import targets
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
