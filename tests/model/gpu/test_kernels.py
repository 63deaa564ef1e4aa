"""The Triton kernels, interpreted on a CPU, do what their reference does. Only a GPU shows that they compile and run.

The interpreter multiplies no bfloat16, so 16 bits are float16 here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import squadron
from squadron.model.gpu.operators import SCHEMAS

if importlib.util.find_spec("triton") is None:
    pytest.skip("Triton, which is for Linux, is not installed", allow_module_level=True)

SECONDS = 120
TOLERANCES = {"float32": 2e-6, "float16": 2e-3, "uint8": 0.0}
"""A few times the rounding of a value near the largest, and of sums in another order."""


@pytest.fixture(scope="module")
def differences() -> dict[str, float]:
    """Return the largest relative difference of every result of every case."""
    paths = [str(Path(squadron.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("interpret.py"))],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stderr, pytrace=False)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", [*SCHEMAS, "mask"])
def test_a_kernel_does_what_its_reference_does(name: str, differences: dict[str, float]) -> None:
    """The masks of dropout are equal to the bit."""
    own = {case: value for case, value in differences.items() if case.split("/")[0] == name}
    assert len(own) >= 8, "cases"
    far = {case: value for case, value in own.items() if not value <= TOLERANCES[case.rsplit("/", 1)[1]]}
    assert not far


def test_an_adapter_that_takes_no_step_stays_as_it_is(differences: dict[str, float]) -> None:
    cases = ("adamw_/stopped/", "adamw_/NaN loss/", "adamw_/infinite norm/")
    assert [value for case, value in differences.items() if case.startswith(cases)] == [0.0] * 15
