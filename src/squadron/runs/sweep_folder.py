"""The folder of a sweep: its record, its runs, and its fleets, each of which is run by one process at a time.

::

    sweep.json                the record: configuration, base, data, runs with their states
    data/  baseline/  runs/NAME/  leaderboard.json  leaderboard.csv
    fleets/01.json            the runs that train together; {"split": [...]} after a split for lack of memory
    fleets/01.safetensors     their checkpoint; removed once they are done
    fleets/01.lock            held by the process that runs the fleet
    fleets/rung-1.json        the runs that successive halving kept after epoch 1
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from filelock import FileLock, Timeout

from squadron.errors import RunError, option
from squadron.file_records import VersionedFile
from squadron.files import explain_os_errors, write_bytes, write_json
from squadron.ownership import Layout
from squadron.runs.contents import sweep_layout
from squadron.runs.folder import RunFolder
from squadron.runs.layout import LOCK, RECORD, SWEEP
from squadron.runs.reader import FleetFile, RunFile, SweepFile

FINAL = ("done", "diverged", "stopped")
"""Statuses of runs whose training has ended."""


class SweepFolder(RunFolder):
    """The folder of a sweep. ``record`` is the content of ``sweep.json``."""

    record_name: ClassVar[str] = SWEEP
    record_type: ClassVar[type[VersionedFile]] = SweepFile
    verb: ClassVar[str] = "sweep"
    noun: ClassVar[str] = "sweep"
    when_busy: ClassVar[str] = f"add {option('join', True)} to help it, wait for it, or choose another"

    @property
    def layout(self) -> Layout:
        """The layout of Squadron's files in the folder."""
        return sweep_layout(self._run_names())

    def _run_names(self) -> list[str]:
        """Return the names of the sweep's runs, from its record and its fleets."""
        named = [run.get("name") for run in self.record.get("runs", []) if isinstance(run, dict)]
        for path in sorted((self.path / "fleets").glob("*.json")):
            with contextlib.suppress(RunError):  # a damaged file, or one of a rung, names no runs
                named += FleetFile.read(path).runs
        named += self.record.get("replacing", [])
        return sorted({name for name in named if isinstance(name, str)})

    @contextlib.contextmanager
    def _parts_held(self) -> Iterator[None]:
        """Hold the locks of all fleets: processes that joined work without that of the folder.

        Raises :class:`RunError` if another process has one, or that of a run. All files in the folder must be
        Squadron's.
        """
        with contextlib.ExitStack() as held, explain_os_errors(self.path):
            for path in sorted([*self.path.glob("fleets/*.lock"), *self.path.glob(f"runs/*/{LOCK}")]):
                lock = FileLock(path)
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    part = path.parent if path.name == LOCK else path.with_suffix("")
                    raise RunError(
                        f"{option('replace')} {self.path}: another process still works on "
                        f"{part.relative_to(self.path).as_posix()}, maybe one that joined before the coordinator was "
                        f"killed; wait for it, or stop it"
                    ) from None
                if path.name == LOCK:  # of a run: there may be more than a process can hold
                    lock.release()
                else:
                    held.callback(lock.release)
            yield

    def run_path(self, run: str) -> Path:
        """Return the folder of a run."""
        return self.path / "runs" / run

    def run_record(self, run: str) -> dict[str, Any]:
        """Return the content of a run's ``run.json``; empty if the run has not begun."""
        path = self.run_path(run) / RECORD
        if not path.is_file():
            return {}
        return RunFile.read(path).content

    def run_metrics(self, run: str) -> list[dict[str, Any]]:
        """Return the lines of a run's ``metrics.jsonl``."""
        return RunFolder(self.run_path(run), {}).read_metrics()

    def add_fleets(self, fleets: Sequence[Sequence[str]]) -> list[str]:
        """Write the files of new fleets; return their names, numbered after those that exist."""
        first = len(self.record.get("fleets", ())) + 1
        names = [f"{first + number:02}" for number in range(len(fleets))]
        for name, runs in zip(names, fleets, strict=True):
            write_json(self._fleet(name), {"runs": list(runs)})
        return names

    def fleet_parts(self, fleet: str) -> Iterator[tuple[str, list[str]]]:
        """Yield the parts that a fleet was split into, with their runs; the fleet itself if it was not split."""
        found = FleetFile.read(self._fleet(fleet))
        if found.split is None:
            yield fleet, list(found.runs)
            return
        for part in found.split:
            yield from self.fleet_parts(part)

    def split_fleet(self, fleet: str, halves: Mapping[str, Sequence[str]]) -> None:
        """Record that a fleet continues as these ``halves``, which have checkpoints; remove the fleet's own."""
        for half, runs in halves.items():
            write_json(self._fleet(half), {"runs": list(runs)})
        write_json(self._fleet(fleet), {"split": list(halves)})
        self.checkpoint(fleet).unlink(missing_ok=True)

    def runs_of(self, fleet: str) -> list[str]:
        """Return all runs of a fleet."""
        return [run for _, runs in self.fleet_parts(fleet) for run in runs]

    def read_part(self, fleet: str) -> dict[str, bytes]:
        """Return the content of all files of a fleet by their paths in the folder: enough to continue it elsewhere.

        Checkpoints are read first: anything newer in the other files will be produced again.
        """
        tree = self._tree(fleet)
        paths = [self.checkpoint(name) for name in tree] + [self._fleet(name) for name in tree]
        paths += sorted((self.path / "fleets").glob("rung-*.json"))
        for run in self.runs_of(fleet):
            paths += sorted(path for path in self.run_path(run).rglob("*") if not path.name.startswith("."))
        return {path.relative_to(self.path).as_posix(): path.read_bytes() for path in paths if path.is_file()}

    def write_part(self, fleet: str, files: Mapping[str, bytes]) -> None:
        """Write the files that :meth:`read_part` returned, in an order that can be resumed from after a kill.

        A run's record is written after its other files, then the halves of a fleet, and the fleet last.
        """

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
        """Return the path of a fleet's checkpoint."""
        return self.path / "fleets" / f"{fleet}.safetensors"

    def fleet_lock(self, fleet: str) -> FileLock:
        """Return the lock of a fleet."""
        (self.path / "fleets").mkdir(exist_ok=True)
        return FileLock(self.path / "fleets" / f"{fleet}.lock")

    def rung_path(self, epoch: int) -> Path:
        """Return the path of the halving decision after an epoch."""
        return self.path / "fleets" / f"rung-{epoch}.json"

    def _tree(self, fleet: str) -> list[str]:
        """Return a fleet and all parts that it was split into, recursively."""
        halves = FleetFile.read(self._fleet(fleet)).split or []
        return [fleet, *(name for half in halves for name in self._tree(half))]

    def _fleet(self, fleet: str) -> Path:
        return self.path / "fleets" / f"{fleet}.json"


def same_config(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return True if two configurations are equal as JSON, where tuples are lists."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
