"""Run inputs in forked processes, a sandbox each, judge what they did, and tally it by kind."""

from __future__ import annotations

import contextlib
import gc
import importlib
import random
import shlex
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fuzzing.judge import faults
from fuzzing.kinds import KINDS, Place
from fuzzing.sandbox import Command, Outcome, Running, clear, run
from fuzzing.valid import make_valid
from squadron.cli import main as command_line

_PER_SEED = 10**6
_OF_REPORTS = ("squadron.reporting.report", "squadron.reporting.analyze", "altair", "vl_convert", "typst")
"""What a report imports: making one takes seconds, and no input needs one."""


@dataclass(slots=True)
class Tally:
    """What became of the inputs of one kind."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0


@dataclass(slots=True)
class Fuzzer:
    """Runs inputs in ``workers`` processes at once, each in a sandbox of its own under ``home``."""

    home: Path
    out: Path
    workers: int
    tallies: dict[str, Tally] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def valid(self) -> Path:
        return self.home / "valid"

    def prepare(self) -> None:
        """Make the valid files, and import what the commands imported that made them."""

        def make(_: Sequence[str]) -> None:
            make_valid(self.valid, command_line.main)
            print("modules:", *sys.modules)

        box = self.home / "first"
        clear(box)
        made = run(Command((), (self.home,)), box, make, most_seconds=120)
        if made.code:
            raise RuntimeError(f"the valid files cannot be made: {made.err[-2000:]}")
        _preload(made)

    def run(self, inputs: Sequence[tuple[str, int]]) -> None:
        """Run all inputs, each a kind and a seed, and tally them."""
        gc.collect()
        gc.freeze()  # so that forked processes share the memory
        waiting = iter(inputs)
        slots: list[tuple[str, int, Running] | None] = [None] * self.workers
        more = True
        while more or any(slots):
            for number, slot in enumerate(slots):
                if slot is not None:
                    kind, seed, running = slot
                    outcome = running.poll()
                    if outcome is None:
                        continue
                    slots[number] = None
                    self._judge(kind, seed, outcome, self.home / f"box{number}")
                if more:
                    following = next(waiting, None)
                    if following is None:
                        more = False
                    else:
                        slots[number] = (*following, self._start(*following, self.home / f"box{number}"))
            time.sleep(0.002)

    def _start(self, kind: str, seed: int, box: Path) -> Running:
        command = self.input(kind, seed, box)
        return Running(command, box, command_line.main, (self.valid,))

    def input(self, kind: str, seed: int, box: Path) -> Command:
        """Write the input of a kind and a seed to a sandbox; return its command."""
        clear(box)
        return KINDS[kind].make(Place(self.valid, box), random.Random(f"{kind} {seed}"))

    def _judge(self, kind: str, seed: int, outcome: Outcome, box: Path) -> None:
        found = faults(outcome)
        tally = self.tallies.setdefault(kind, Tally())
        tally.inputs += 1
        tally.accepted += outcome.code == 0
        tally.refused += outcome.code == 2
        tally.seconds = max(tally.seconds, outcome.seconds)
        tally.peak_bytes = max(tally.peak_bytes, outcome.peak_bytes)
        if found:
            tally.failed += 1
            kept = self.out / f"{kind}-{seed}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(box, kept, symlinks=True, ignore=shutil.ignore_patterns("bomb*", "sparse*"))
            words = shlex.join(outcome.command.words)
            for fault in found[:4]:
                self.failures.append(f"{kind} {seed}: {fault}")
                print(f"FAILED {kind} {seed}: {' '.join(fault.split())[:900]}\n    squadron {words[:600]}", flush=True)


def _preload(made: Outcome) -> None:
    """Import what the making of the valid files imported: once here, in place of once an input."""
    names = [*made.out.rpartition("modules: ")[2].split(), *_OF_REPORTS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            if name not in sys.modules:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)


def planned(kinds: Sequence[str], count: int, seed: int) -> list[tuple[str, int]]:
    """Return ``count`` inputs: kinds by their weights, every kind at least once, in an order that mixes them."""
    weights = [KINDS[kind].weight for kind in kinds]
    draw = random.Random(seed)
    chosen = [*kinds, *draw.choices(kinds, weights, k=max(count - len(kinds), 0))][:count]
    draw.shuffle(chosen)
    return [(kind, seed * _PER_SEED + number) for number, kind in enumerate(chosen)]


def table(tallies: dict[str, Tally]) -> Iterator[str]:
    """Yield the lines of a table: inputs by kind, what became of them, the slowest and the largest."""
    yield f"{'kind':12}{'inputs':>8}{'accepted':>10}{'refused':>9}{'failed':>8}{'slowest s':>11}{'largest MB':>12}"
    for kind in [*sorted(tallies), "all"]:
        own = list(tallies.values()) if kind == "all" else [tallies[kind]]
        counts = [sum(getattr(one, name) for one in own) for name in ("inputs", "accepted", "refused", "failed")]
        seconds, peak = max(one.seconds for one in own), max(one.peak_bytes for one in own)
        yield f"{kind:12}{counts[0]:8,}{counts[1]:10,}{counts[2]:9,}{counts[3]:8,}{seconds:11.1f}{peak / 1e6:12,.0f}"


def replay(fuzzer: Fuzzer, kind: str, seed: int) -> int:
    """Run one input again, show all that it printed, and keep its files."""
    box = fuzzer.home / "box"
    command = fuzzer.input(kind, seed, box)
    print(f"squadron {shlex.join(command.words)}")
    outcome = run(command, box, command_line.main, (fuzzer.valid,))
    found = faults(outcome)
    print(f"{outcome.out}{outcome.err}exit code {outcome.code}, {outcome.seconds:.1f} s")
    print("\n".join(found) or "it keeps to all rules")
    if found:
        command = fuzzer.input(kind, seed, box)
        debug = Command((*command.words, "--debug"), command.owns, command.codes)
        print(run(debug, box, command_line.main).err)
    kept = fuzzer.out / f"{kind}-{seed}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(box, kept, symlinks=True)
    print(f"its files: {kept}")
    return int(bool(found))
