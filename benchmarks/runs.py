"""Measure how long `squadron runs` takes for a folder of 1,000 runs, in a fresh process each time.

The runs are copies of one that is briefly trained and evaluated here on the pocket base, so that the files have
realistic sizes. The project promises under 2 seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import squadron


def make_runs(home: Path, count: int) -> None:
    """Make ``count`` run folders with all their files except the weights."""
    squadron.prepare(dataset="pocket", out=str(home / "data"), train_size=16, val_size=50, test_size=10)
    pattern = home / "pattern"
    settings = {"base": "pocket", "data": str(home / "data"), "out": str(pattern), "max_steps": 2, "eval_questions": 0}
    squadron.train(**settings)
    for split in ("validation", "test"):
        squadron.evaluate(run=str(pattern), split=split, decoding=("greedy", "top-k", "nucleus", "temperature"))
    shutil.rmtree(pattern / "last")
    (pattern / "checkpoint.safetensors").unlink()
    (pattern / "adapter" / "adapter_model.safetensors").unlink()
    for number in range(count):
        shutil.copytree(pattern, home / "runs" / f"run{number:04}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        make_runs(Path(made), arguments.runs)
        for name, more in (("table", ["runs"]), ("--json", ["runs", "--json"]), ("--help", ["--help"])):
            command = [
                sys.executable,
                "-m",
                "squadron",
                *more,
                *([] if name == "--help" else [str(Path(made) / "runs")]),
            ]
            seconds, used = [], []
            for _ in range(arguments.repeats):
                began, before = time.perf_counter(), os.times()
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
                seconds.append(time.perf_counter() - began)
                after = os.times()
                used.append(after.children_user + after.children_system - before.children_user - before.children_system)
            print(
                f"{name}: {statistics.median(seconds):.2f} s, CPU time {statistics.median(used):.2f} s "
                f"(median of {arguments.repeats}, {arguments.runs:,} runs)"
            )
