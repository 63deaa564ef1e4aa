"""One side of a benchmark in a process of its own, so that its memory is its own: prints one JSON object."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from squadron.bench.plan import TrainPlan
from squadron.experiments.environment import peak_memory_bytes

SIDES = ("squadron", "transformers+peft", "trl")


def run_side(side: str, plan: TrainPlan) -> dict[str, Any]:
    """Run one side."""
    if side == "squadron":
        from squadron.bench.squadron_side import train_squadron

        return train_squadron(plan)
    from squadron.bench import peers

    return peers.train_transformers(plan) if side == "transformers+peft" else peers.train_trl(plan)


if __name__ == "__main__":
    record = run_side(sys.argv[1], TrainPlan.read(Path(sys.argv[2])))
    record["peak_memory_bytes"] = peak_memory_bytes(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    sys.stdout.write("\n" + json.dumps(record) + "\n")
