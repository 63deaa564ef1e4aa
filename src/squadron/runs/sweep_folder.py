"""The folder of a sweep: its record, its runs, and its fleets, each of which one process works on at a time.

::

    sweep.json                the record: configuration, base, data, runs with their states
    data/  baseline/  runs/NAME/  leaderboard.json  leaderboard.csv
    fleets/01.json            the runs that train together; {"split": [...]} once it was too large for the memory
    fleets/01.safetensors     where they stand; gone once they are done
    fleets/01.lock            held by the process that works on it
    fleets/rung-1.json        which runs successive halving kept after epoch 1
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from filelock import FileLock

from squadron.errors import RunError, option
from squadron.file_records import VersionedFile
from squadron.files import write_bytes, write_json
from squadron.ownership import Layout
from squadron.runs.contents import sweep_layout
from squadron.runs.folder import RunFolder
from squadron.runs.layout import RECORD, SWEEP
from squadron.runs.reader import FleetFile, RunFile, SweepFile

FINAL = ("done", "diverged", "stopped")
"""States of runs that nothing is left to train of."""


class SweepFolder(RunFolder):
    """The folder of a sweep. ``record`` is what ``sweep.json`` holds."""

    record_name: ClassVar[str] = SWEEP
    record_type: ClassVar[type[VersionedFile]] = SweepFile
    verb: ClassVar[str] = "sweep"
    noun: ClassVar[str] = "sweep"
    when_busy: ClassVar[str] = f"add {option('join', True)} to help it, wait for it, or choose another"

    @property
    def layout(self) -> Layout:
        """What the folder may hold that is Squadron's."""
        return sweep_layout(self._run_names())

    def _run_names(self) -> list[str]:
        """The sweep's runs, as its record and its fleets name them."""
        named = [run.get("name") for run in self.record.get("runs", []) if isinstance(run, dict)]
        for path in sorted((self.path / "fleets").glob("*.json")):
            with contextlib.suppress(RunError):  # a damaged file, or one of a rung, names no runs
                named += FleetFile.read(path).runs
        named += self.record.get("replacing", [])
        return sorted({name for name in named if isinstance(name, str)})

    def run_path(self, run: str) -> Path:
        """The folder of a run."""
        return self.path / "runs" / run

    def run_record(self, run: str) -> dict[str, Any]:
        """What a run's ``run.json`` holds; empty where it has not begun."""
        path = self.run_path(run) / RECORD
        if not path.is_file():
            return {}
        return RunFile.read(path).content

    def run_metrics(self, run: str) -> list[dict[str, Any]]:
        """The lines of a run's ``metrics.jsonl``."""
        return RunFolder(self.run_path(run), {}).read_metrics()

    def add_fleets(self, fleets: Sequence[Sequence[str]]) -> list[str]:
        """Write fleets of runs down; returns their names, which count on from those that are there."""
        first = len(self.record.get("fleets", ())) + 1
        names = [f"{first + number:02}" for number in range(len(fleets))]
        for name, runs in zip(names, fleets, strict=True):
            write_json(self._fleet(name), {"runs": list(runs)})
        return names

    def fleet_parts(self, fleet: str) -> Iterator[tuple[str, list[str]]]:
        """The parts that a fleet was split into and their runs; itself where it was not."""
        found = FleetFile.read(self._fleet(fleet))
        if found.split is None:
            yield fleet, list(found.runs)
            return
        for part in found.split:
            yield from self.fleet_parts(part)

    def split_fleet(self, fleet: str, halves: Mapping[str, Sequence[str]]) -> None:
        """Write down that a fleet goes on as these ``halves``, whose checkpoints are there; its own goes."""
        for half, runs in halves.items():
            write_json(self._fleet(half), {"runs": list(runs)})
        write_json(self._fleet(fleet), {"split": list(halves)})
        self.checkpoint(fleet).unlink(missing_ok=True)

    def runs_of(self, fleet: str) -> list[str]:
        """All runs of a fleet."""
        return [run for _, runs in self.fleet_parts(fleet) for run in runs]

    def read_part(self, fleet: str) -> dict[str, bytes]:
        """All files that have to do with a fleet, by their paths in the folder: so much of it makes a folder in which
        the fleet can go on, anywhere.

        Checkpoints are read first: whatever else is newer than they are comes again.
        """
        tree = self._tree(fleet)
        paths = [self.checkpoint(name) for name in tree] + [self._fleet(name) for name in tree]
        paths += sorted((self.path / "fleets").glob("rung-*.json"))
        for run in self.runs_of(fleet):
            paths += sorted(path for path in self.run_path(run).rglob("*") if not path.name.startswith("."))
        return {path.relative_to(self.path).as_posix(): path.read_bytes() for path in paths if path.is_file()}

    def write_part(self, fleet: str, files: Mapping[str, bytes]) -> None:
        """Take over what :meth:`read_part` gave, so that a kill in the middle leaves what can be taken up: a run's
        record comes after its other files, the fleet last, and its halves before it."""

        def late(name: str) -> tuple[int, bool]:
            return name.startswith("fleets/"), name.endswith(f"/{RECORD}")

        for name in sorted(sorted(files, reverse=True), key=late):
            path = self.path / name
            if not path.is_file() or path.read_bytes() != files[name]:
                write_bytes(path, files[name])
        for part in self._tree(fleet):
            if self.checkpoint(part).relative_to(self.path).as_posix() not in files:
                self.checkpoint(part).unlink(missing_ok=True)

    def checkpoint(self, fleet: str) -> Path:
        """Where a fleet's checkpoint lies."""
        return self.path / "fleets" / f"{fleet}.safetensors"

    def fleet_lock(self, fleet: str) -> FileLock:
        """The lock of a fleet."""
        (self.path / "fleets").mkdir(exist_ok=True)
        return FileLock(self.path / "fleets" / f"{fleet}.lock")

    def rung_path(self, epoch: int) -> Path:
        """Where the decision after an epoch lies."""
        return self.path / "fleets" / f"rung-{epoch}.json"

    def _tree(self, fleet: str) -> list[str]:
        """A fleet, its halves, and theirs."""
        halves = FleetFile.read(self._fleet(fleet)).split or []
        return [fleet, *(name for half in halves for name in self._tree(half))]

    def _fleet(self, fleet: str) -> Path:
        return self.path / "fleets" / f"{fleet}.json"


def same_config(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two configurations are the same as JSON has them (which knows no tuples)."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
