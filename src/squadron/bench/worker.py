"""One side of a benchmark: ``python -m squadron.bench.worker KIND SIDE PLAN`` prints one JSON object."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from squadron.errors import DataError
from squadron.experiments.environment import peak_memory_bytes
from squadron.files import read_json


def run_side(kind: str, side: str, path: Path) -> dict[str, Any]:
    """Run one side with the plan in ``path``."""
    if kind == "generate":
        from squadron.bench.generate import run_generation_side

        return run_generation_side(side, read_json(path, what="a benchmark's plan", error=DataError))
    if kind == "scale":
        from squadron.bench.scale import Point

        return Point(**read_json(path, what="a benchmark's plan", error=DataError)).measure()
    from squadron.bench.plan import TrainPlan

    plan = TrainPlan.read(path)
    if side == "squadron":
        from squadron.bench.squadron_side import train_squadron

        return train_squadron(plan)
    from squadron.bench import peers

    return peers.train_transformers(plan) if side == "transformers+peft" else peers.train_trl(plan)


if __name__ == "__main__":
    record = run_side(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    record["peak_memory_bytes"] = peak_memory_bytes(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    sys.stdout.write("\n" + json.dumps(record) + "\n")
