"""Measure what waiting threads cost beside other load: as Squadron sets them by the load that it finds, and spinning,
the OpenMP runtimes' own default.

A short training of the pocket base runs alone and beside one busy process, under both policies in turn, each time in a
fresh process. Run it on a quiet machine: whatever else runs is load for all four. Figures are medians over rounds, of a
run's own training time, without start and loading.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import squadron

POLICIES: Mapping[str, Mapping[str, str]] = {
    "squadron": {},
    # The defaults of libgomp (spins) and libiomp (milliseconds), written out, since Squadron sets a policy.
    "spinning": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "300000", "KMP_BLOCKTIME": "200"},
}
LOADS = ("alone", "beside a busy process")


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """Keep one processor busy meanwhile."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def train_seconds(home: Path, policy: Mapping[str, str], steps: int) -> float:
    """Train in a process of its own; return the seconds that its record gives for training."""
    command = [sys.executable, "-m", "squadron", "train", "--base", "pocket", "--data", str(home / "data")]
    command += ["--out", str(home / "run"), "--replace", "--eval-questions", "0", "--max-steps", str(steps)]
    kept = {name: value for name, value in os.environ.items() if name not in POLICIES["spinning"]}
    subprocess.run(
        [*command, "--precision", "fp32", "--epochs", "100"],
        env={**kept, **policy},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return float(json.loads((home / "run" / "run.json").read_text())["seconds"])


def measure(rounds: int, steps: int) -> dict[tuple[str, str], list[float]]:
    """Return the seconds of every round, by policy and load."""
    found: dict[tuple[str, str], list[float]] = {(policy, load): [] for load in LOADS for policy in POLICIES}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        squadron.prepare(dataset="pocket", out=str(home / "data"), train_size=400, val_size=20, test_size=20)
        for _ in range(rounds):
            for policy, load in found:
                with busy_process() if load != "alone" else contextlib.nullcontext():
                    found[policy, load].append(train_seconds(home, POLICIES[policy], steps))
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
        print(f"{policy}: beside / alone {medians[policy, LOADS[1]] / medians[policy, LOADS[0]]:.2f}")
