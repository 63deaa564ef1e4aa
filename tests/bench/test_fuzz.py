"""``benchmarks/fuzz.py``: damaged inputs break no promise of the command line, and a broken promise is noticed."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from helpers import ROOT, load_script

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the fuzzer reads /proc and limits memory as Linux does"
)


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    load_script("benchmarks/fuzz.py")  # which lets its parts be imported
    return importlib.import_module("fuzzing.running")


def test_damaged_inputs_break_no_promise(tmp_path: Path) -> None:
    kinds = "data,predictions,config,context,prepared,run,sweep,checkpoint,adapter,base,shards,tokenizer"
    command = [sys.executable, ROOT / "benchmarks" / "fuzz.py", "--inputs", "70", "--kinds", kinds, "--seed", "7"]
    found = subprocess.run(
        [*map(str, command), "--workers", "2", "--out", str(tmp_path / "failed")], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr
    (counts,) = re.findall(r"^all +(\d+) +(\d+) +(\d+) +0 ", found.stdout, re.MULTILINE)
    inputs, accepted, refused = map(int, counts)
    assert inputs == 70
    assert accepted > 10
    assert refused > 20
    assert not (tmp_path / "failed").exists()


def refuse(text: str = "squadron: error: in.json: damaged; fetch it again\n") -> None:
    sys.stderr.write(text)
    raise SystemExit(2)


def allocate() -> None:
    held = [bytearray(2**28) for _ in range(9)]
    time.sleep(5)
    raise SystemExit(len(held))


def warn() -> None:
    sys.stderr.write("made.py:1: RuntimeWarning: odd\n  made()\n")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a traceback": (lambda _: 1 / 0, "exit code 1"),
    "a traceback in the text": (
        lambda _: refuse("Traceback (most recent call last)\nsquadron: error: x\n"),
        "Traceback",
    ),
    "a mistake that is told": (lambda _: refuse("squadron: error: KeyError: 'x' (a bug in Squadron)\n"), "a bug in"),
    "a panic": (lambda _: os.kill(os.getpid(), signal.SIGABRT), "ended by SIGABRT"),
    "a hang": (lambda _: time.sleep(60), r"hang: \d\.\d s.*test_fuzz\.py"),
    "memory": (lambda _: allocate(), r"memory: 2\.\d GB"),
    "a warning": (lambda _: warn(), "RuntimeWarning"),
    "a silent refusal": (lambda _: refuse(""), "without an error"),
    "a refusal in two lines": (lambda _: refuse("squadron: error: x\nmore\n"), "more than one line"),
    "a whole file in the error": (lambda _: refuse(f"squadron: error: {'x' * 5000}\n"), "an error of 5,001 characters"),
    "a control character": (lambda _: refuse("squadron: error: \x1b[2J\n"), "prints '.x1b'"),
    "a half result": (lambda _: (sys.stdout.write("{}"), refuse()), "yet a result"),
    "no JSON": (lambda _: sys.stdout.write("NaN"), "--json prints no JSON"),
    "a file outside": (lambda box: (box / "elsewhere" / "made").write_text("x"), "outside: .*elsewhere/made made"),
    "a file in the working folder": (lambda _: Path("made").write_text("x"), "outside: .*cwd/made made"),
    "a changed input": (lambda box: (box / "in" / "mine").write_text("other"), "outside: .*in/mine changed"),
    "a removed input": (lambda box: (box / "in" / "mine").unlink(), "outside: .*in/mine removed"),
    "a file far outside": (lambda box: (box.parent / "far").write_text("x"), r"event: open .*far"),
    "a leftover": (lambda box: (box / ".x.squadron-01234567.part").mkdir(), "leaves behind: "),
    "a program": (lambda _: os.system("true"), "event: os.system"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_promise_is_noticed(fuzz: ModuleType, tmp_path: Path, how: str) -> None:
    broken, words = BROKEN[how]
    found = judged(fuzz, tmp_path, broken, most_seconds=1.0 if how == "a hang" else 30.0)
    assert re.search(words, " | ".join(found)), found


def test_what_keeps_all_promises_has_no_fault(fuzz: ModuleType, tmp_path: Path) -> None:
    def write(box: Path) -> None:
        (box / "out").mkdir()
        (box / "out" / "made").write_text("x")
        sys.stdout.write("{}")

    assert judged(fuzz, tmp_path, write) == []
    assert judged(fuzz, tmp_path, lambda _: refuse()) == []


def judged(fuzz: ModuleType, home: Path, broken: Callable[[Path], object], *, most_seconds: float = 30.0) -> list[str]:
    """Run a function as a command that may write to ``out`` alone; return its faults."""
    box = home / "box"
    fuzz.clear(box)
    (box / "in" / "mine").write_text("mine")

    def call(_: Sequence[str]) -> None:
        broken(box)

    outcome = fuzz.run(fuzz.Command(("--json",), (box / "out",)), box, call, most_seconds=most_seconds)
    found: list[str] = fuzz.faults(outcome)
    return found


def test_an_input_is_made_again_by_its_kind_and_seed(fuzz: ModuleType) -> None:
    assert fuzz.planned(list(fuzz.KINDS), 500, 3) == fuzz.planned(list(fuzz.KINDS), 500, 3)
    assert {kind for kind, _ in fuzz.planned(list(fuzz.KINDS), 13, 3)} == set(fuzz.KINDS)
