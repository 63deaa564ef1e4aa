"""Run Squadron's own sides of a benchmark in this process: loading PyTorch again takes longer than they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from squadron.bench import generate, processes, train
from squadron.bench.worker import run_side
from squadron.experiments.environment import peak_memory_bytes


@pytest.fixture
def own_sides_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the peers' sides as a benchmark does, in processes of their own, and Squadron's in this one."""

    def run(kind: str, side: str, path: Path) -> dict[str, Any]:
        if not side.startswith("squadron"):
            return processes.run_worker(kind, side, path)
        return {**run_side(kind, side, path), "peak_memory_bytes": peak_memory_bytes(torch.device("cpu"))}

    monkeypatch.setattr(generate, "run_worker", run)
    monkeypatch.setattr(train, "run_worker", run)
