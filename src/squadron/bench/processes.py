"""Run each side of a benchmark in its own process, so that memory and caches are not shared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from squadron.errors import DeviceError


def run_worker(kind: str, side: str, plan: Path) -> dict[str, Any]:
    """Run one side with the plan in a file; return its measurements, including ``peak_memory_bytes``.

    Raises :class:`DeviceError` if the side fails.
    """
    command = [sys.executable, "-m", "squadron.bench.worker", kind, side, str(plan)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DeviceError(f"bench: the side {side} failed ({last}); are its packages installed (pip extra: bench)?")
    record: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return record
