"""Law 7 for a whole sweep: killed at any moment and resumed, it ends as one that was never killed, to the bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KILLS = 20
EXACT = ("*.safetensors", "adapter_config.json", "metrics.jsonl", "scores.json")


@pytest.mark.timeout(600)  # two dozen short sweeps, slow on a busy machine
@pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")
def test_a_sweep_killed_at_twenty_moments_ends_as_one_that_was_not(
    byte_base_dir: Path, small_squad: Path, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("killing.py")
    done = subprocess.run(
        [sys.executable, str(script), str(byte_base_dir), str(small_squad), str(tmp_path / "sweeps"), "7", str(KILLS)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert sum(end["kills"] for end in told["killed"]) == KILLS
    assert len(set(told["moments"])) > KILLS // 2
    whole = Path(told["whole"])
    names = exact_files(whole)
    # Adapter and last of 4 runs; predictions and details of the runs that were kept, of the base and of the best.
    assert sum(name.endswith(".safetensors") for name in names) == 8
    assert sum("predictions/" in name for name in names) > 10
    assert {entry["status"] for entry in board(whole)} == {"done", "stopped"}
    for end in told["killed"]:
        out = Path(end["out"])
        assert exact_files(out) == names
        for name in names:
            assert (out / name).read_bytes() == (whole / name).read_bytes(), name
        assert board(out) == board(whole)


def exact_files(folder: Path) -> list[str]:
    """Return all files whose bytes must be the same."""
    found = {path for pattern in EXACT for path in folder.rglob(pattern)}
    found |= {path for path in folder.rglob("*.json") if path.parent.name in ("predictions", "failures", "data")}
    return sorted(path.relative_to(folder).as_posix() for path in found)


def board(folder: Path) -> list[dict[str, Any]]:
    """Return the leaderboard without times and memory."""
    runs = json.loads((folder / "leaderboard.json").read_text())["runs"]
    return [{key: run[key] for key in run.keys() - {"seconds", "peak_memory_bytes"}} for run in runs]
