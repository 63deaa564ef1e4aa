"""The demo on the shipped base, small: every part of the study happens and the page tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from squadron.errors import RunError
from squadron.experiments.demo import STRATEGIES, demo
from squadron.experiments.options import DemoOptions, checked


def test_the_study_happens_and_is_told(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    options = {"out": str(out), "train_size": 64, "test_size": 12, "epochs": 2, "precision": "fp32"}
    record = demo(checked(DemoOptions, options))
    assert record["baseline"]["questions"] == 12
    assert tuple(record["tuned"]) == STRATEGIES
    assert {name: part["questions"] for name, part in record["tuned"]["greedy"]["parts"].items()} == {
        "known": 6,
        "new": 6,
    }
    # Sixteen steps are enough for the adapter to answer at all: the base goes on and on, the adapter stops.
    assert record["baseline"]["eos_rate"] < 0.5 < record["tuned"]["greedy"]["eos_rate"]
    page = Path(record["report"]).read_text()
    assert f"{record['tuned']['span']['f1']:.1f}" in page
    with pytest.raises(RunError, match="exists already; add --replace"):
        demo(checked(DemoOptions, options))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="not a folder that `demo` made"):
        demo(checked(DemoOptions, {**options, "out": str(tmp_path / "mine"), "replace": True}))
    assert (tmp_path / "mine" / "thesis.txt").exists()
