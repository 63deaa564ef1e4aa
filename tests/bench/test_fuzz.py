"""``benchmarks/fuzz.py``: damaged inputs break no promise of the command line, and a broken promise is noticed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.breaking import BROKEN, KEPT
from helpers import ROOT, load_script

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the fuzzer reads /proc and limits memory as Linux does"
)


def test_damaged_inputs_break_no_promise(tmp_path: Path) -> None:
    kinds = "data,predictions,config,context,prepared,run,sweep,checkpoint,adapter,base,shards,tokenizer"
    command = [sys.executable, ROOT / "benchmarks" / "fuzz.py", "--inputs", "48", "--kinds", kinds, "--seed", "7"]
    found = subprocess.run(
        [*map(str, command), "--workers", "2", "--out", str(tmp_path / "failed")], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr
    (counts,) = re.findall(r"^all +(\d+) +(\d+) +(\d+) +0 ", found.stdout, re.MULTILINE)
    inputs, accepted, refused = map(int, counts)
    assert inputs == 48
    assert accepted > 6
    assert refused > 14
    assert not (tmp_path / "failed").exists()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The faults of every way to break a promise."""
    program = [sys.executable, str(ROOT / "tests" / "bench" / "breaking.py"), str(tmp_path_factory.mktemp("broken"))]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    ended = subprocess.run(program, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    assert ended.returncode == 0, ended.stderr
    faults: dict[str, list[str]] = json.loads(ended.stdout)
    return faults


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_promise_is_noticed(found: dict[str, list[str]], how: str) -> None:
    assert re.search(BROKEN[how][1], " | ".join(found[how])), found[how]


def test_what_keeps_all_promises_has_no_fault(found: dict[str, list[str]]) -> None:
    assert {how: found[how] for how in KEPT} == {how: [] for how in KEPT}


def test_a_plan_has_every_kind_and_is_made_again_from_its_seed() -> None:
    fuzz = load_script("benchmarks/fuzz.py")
    plan = fuzz.planned(list(fuzz.KINDS), 500, 3)
    assert plan == fuzz.planned(list(fuzz.KINDS), 500, 3)
    assert plan != fuzz.planned(list(fuzz.KINDS), 500, 4)
    assert {kind for kind, _ in fuzz.planned(list(fuzz.KINDS), 13, 3)} == set(fuzz.KINDS)
