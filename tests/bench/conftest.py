"""Run the sides of a benchmark in this process: loading PyTorch and the peers again takes longer than they do."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from squadron.bench import generate, train
from squadron.bench.worker import run_side
from squadron.experiments.environment import peak_memory_bytes


@pytest.fixture
def sides_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run all sides in this process. ``test_scale.py`` starts a process of its own, as a benchmark does."""

    def run(kind: str, side: str, path: Path) -> dict[str, Any]:
        with warnings.catch_warnings():
            if not side.startswith("squadron"):
                warnings.simplefilter("ignore")
            figures = run_side(kind, side, path)
        return {**figures, "peak_memory_bytes": peak_memory_bytes(torch.device("cpu"))}

    monkeypatch.setattr(generate, "run_worker", run)
    monkeypatch.setattr(train, "run_worker", run)
