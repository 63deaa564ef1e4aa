"""Run the checks on the emulated device in a process of their own: the name of the device type is global."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import squadron

HERE = Path(__file__).parent
SECONDS = 220


def test_on_the_emulated_device() -> None:
    checks = sorted(str(path) for path in HERE.glob("check_*.py"))
    assert len(checks) >= 7, checks
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    paths = [str(Path(squadron.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", *checks]
    done = subprocess.run(
        command,
        cwd=HERE.parents[1],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)
