"""Break every promise that the fuzzer watches, as a program of its own: ``python breaking.py FOLDER``.

Prints one JSON object: for each way of breaking one, the faults that were found. It forks, so it computes nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from helpers import load_script


def refuse(text: str = "squadron: error: in.json: damaged; fetch it again\n") -> None:
    sys.stderr.write(text)
    raise SystemExit(2)


def allocate() -> None:
    held = [bytearray(2**28) for _ in range(3)]
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
    "a hang": (lambda _: time.sleep(60), r"hang: \d\.\d s.*breaking\.py"),
    "memory": (lambda _: allocate(), r"memory: \d\.\d GB"),
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


KEPT: dict[str, Callable[[Path], object]] = {
    "a result in the folder": lambda box: (
        (box / "out").mkdir(),
        (box / "out" / "made").write_text("x"),
        sys.stdout.write("{}"),
    ),
    "a refusal": lambda _: refuse(),
}


def judged(home: Path, broken: Callable[[Path], object], *, most_seconds: float) -> list[str]:
    """Run a function as a command that may write to ``out`` alone; return its faults."""
    load_script("benchmarks/fuzz.py")  # which lets its parts be imported
    from fuzzing import judge, sandbox
    from fuzzing.sandbox import Command, clear, run

    judge.MOST_BYTES = sandbox.MOST_BYTES = 7 * 10**8  # memory is broken at less cost
    box = home / "box"
    clear(box)
    (box / "in" / "mine").write_text("mine")

    def call(_: Sequence[str]) -> None:
        broken(box)

    return judge.faults(run(Command(("--json",), (box / "out",)), box, call, most_seconds=most_seconds))


def main(home: Path) -> None:
    """Print the faults of all."""
    ways = {how: broken for how, (broken, _) in BROKEN.items()} | KEPT
    found = {how: judged(home, way, most_seconds=1.0 if how == "a hang" else 60.0) for how, way in ways.items()}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
