"""Measure what waiting threads cost beside other load: by the load, as Squadron has them, and always spinning, the
OpenMP runtimes' own default.

A short training of the pocket base runs alone, beside one busy process, and beside one that starts a second later,
under both policies in turn, each time in a fresh process. Run it on a quiet machine: whatever else runs is load for
all. Figures are medians over rounds, of a run's own training time, without start and loading.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import squadron

POLICIES: Mapping[str, Mapping[str, str]] = {
    "squadron": {},
    # The defaults of libgomp (rounds) and libiomp (milliseconds); with one round more, it is a user's own value.
    "spinning": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "300001", "KMP_BLOCKTIME": "200"},
}
LOADS = ("alone", "beside a busy process", "beside one that starts later")
LATER = 1.0
"""Seconds from the start of training to that of the later process."""


def busy_process() -> subprocess.Popen[bytes]:
    """Start a process that keeps one processor busy."""
    return subprocess.Popen([sys.executable, "-c", "while True: pass"])


def train_seconds(home: Path, policy: Mapping[str, str], load: str, steps: int) -> float:
    """Train in a process of its own, beside a load; return the seconds that its record gives for training."""
    run = home / "run"
    shutil.rmtree(run, ignore_errors=True)
    command = [sys.executable, "-m", "squadron", "train", "--base", "pocket", "--data", str(home / "data")]
    command += ["--out", str(run), "--eval-questions", "0", "--max-steps", str(steps), "--precision", "fp32"]
    kept = {name: value for name, value in os.environ.items() if name not in POLICIES["spinning"]}
    with contextlib.ExitStack() as stack:
        if load == LOADS[1]:
            stack.callback(busy_process().kill)
        training = subprocess.Popen(
            [*command, "--epochs", "100"],
            env={**kept, **policy},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if load == LOADS[2]:
            while not (run / "run.json").is_file() and training.poll() is None:
                time.sleep(0.01)
            time.sleep(LATER)
            stack.callback(busy_process().kill)
        assert training.wait() == 0, command
    return float(json.loads((run / "run.json").read_text())["seconds"])


def measure(rounds: int, steps: int) -> dict[tuple[str, str], list[float]]:
    """Return the seconds of every round, by policy and load."""
    found: dict[tuple[str, str], list[float]] = {(policy, load): [] for load in LOADS for policy in POLICIES}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        squadron.prepare(dataset="pocket", out=str(home / "data"), train_size=400, val_size=20, test_size=20)
        for _ in range(rounds):
            for policy, load in found:
                found[policy, load].append(train_seconds(home, POLICIES[policy], load, steps))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    found = measure(arguments.rounds, arguments.steps)
    medians = {key: statistics.median(seconds) for key, seconds in found.items()}
    for (policy, load), seconds in found.items():
        rounds = ", ".join(f"{one:.2f}" for one in seconds)
        print(f"{policy} {load}: median {medians[policy, load]:.2f} s for {arguments.steps} steps ({rounds})")
    for load in LOADS:
        print(f"{load}: spinning / squadron {medians['spinning', load] / medians['squadron', load]:.2f}")
    for policy in POLICIES:
        for load in LOADS[1:]:
            print(f"{policy}: {load} / alone {medians[policy, load] / medians[policy, LOADS[0]]:.2f}")
