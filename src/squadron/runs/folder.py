"""A run folder: what was asked, what came of it, and the files in between. Typed, versioned, used by one process."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from filelock import FileLock, Timeout

from squadron.errors import RunError
from squadron.files import explain_os_errors, write_json, write_text
from squadron.runs.layout import METRICS, RECORD
from squadron.runs.run_records import SCHEMA, Record, RunRecord, read_metrics

LOCK = ".lock"
TRAIN_AGAIN = "to train a pruned run again, remove its folder and give the command that made it, with --resume"
"""What to do about a run whose record says ``pruned``: its weights are gone, all else is there."""


def require_weights(path: Path, record: Mapping[str, Any]) -> None:
    """Raise :class:`RunError` where the run at ``path``, with this record, was pruned."""
    if record.get("pruned"):
        raise RunError(f"{path}: its weights were pruned; {TRAIN_AGAIN}")


class RunFolder:
    """The folder of one run. ``record`` is what ``run.json`` holds."""

    record_name: ClassVar[str] = RECORD
    record_type: ClassVar[type[Record]] = RunRecord
    verb: ClassVar[str] = "train"
    noun: ClassVar[str] = "run"
    when_busy: ClassVar[str] = "wait for it or choose another"

    def __init__(self, path: Path, record: dict[str, Any]) -> None:
        self.path = path
        self.record = record
        self.is_new = False
        self.replaces = False
        self._lock: FileLock | None = None

    @classmethod
    def create(
        cls, path: Path, config: Mapping[str, Any], *, kind: str, resume: bool, replace: bool, may_differ: set[str]
    ) -> Self:
        """Make a run folder, or take up one that exists, as the user says: never guessed.

        ``may_differ`` are options that a resumed run may change. Raises :class:`RunError` where the folder exists and
        neither ``resume`` nor ``replace`` is asked for, is another kind of folder, was made with other options, or is
        in use by another process.
        """
        if path.exists() and not path.is_dir():
            raise RunError(f"--out {path}: a file; give a folder")
        fresh = cls(path, {"schema": SCHEMA, "kind": kind, "status": "running", "config": dict(config)})
        if not path.is_dir() or all(_is_leftover(entry) for entry in path.iterdir()):
            fresh._take()
            fresh.is_new = True
            return fresh
        if not (path / cls.record_name).is_file():
            raise RunError(
                f"--out {path}: not empty, and no {cls.noun} folder ({cls.record_name} is missing); choose another"
            )
        if replace:
            fresh._take()
            fresh.replaces = True
            return fresh
        if not resume:
            raise RunError(f"--out {path}: a {cls.noun} is there already; add --resume to go on with it, or --replace")
        folder = cls.open(path)
        before = folder.record["config"]
        # What only one of them has comes of something else that differs, which says more.
        keys = (before.keys() | config.keys()) - may_differ
        for key in sorted(keys, key=lambda key: (not (key in before and key in config), key)):
            if before.get(key) != config.get(key):
                raise RunError(
                    f"--resume {path}: {key} was {before.get(key)!r} and is now {config.get(key)!r}; "
                    f"resume with the same options, or use --replace"
                )
        folder.record["config"] = dict(config)
        folder._take()
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a run folder that exists. Raises :class:`RunError` where it is none."""
        if not path.is_dir():
            raise RunError(
                f"{path}: no such {cls.noun} folder; make one with: "
                f"squadron {cls.verb} --out {shlex.quote(path.name)} ..."
            )
        return cls(path, cls.record_type.read(path / cls.record_name).content)

    def _take(self) -> None:
        with explain_os_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if not self.try_take():
                raise RunError(f"--out {self.path}: in use by another process; {self.when_busy}")

    def try_take(self) -> bool:
        """Lock the folder, which exists, for this process; False where another one has it."""
        lock = FileLock(self.path / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        self._lock = lock
        for leftover in self.path.glob(".*.part"):  # of a write that was killed
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)
        return True

    def release(self) -> None:
        """Let other processes use the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _clear(self) -> None:
        # The record goes last: what is left after a kill in the middle is still seen to be a run.
        for entry in sorted(self.path.iterdir(), key=lambda entry: entry.name == self.record_name):
            if not _is_leftover(entry):  # questions that were made for the new run are one, for now
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def begin(self) -> None:
        """Everything that a run needs is at hand: only now does what is replaced go."""
        if self.replaces:
            self._clear()
            self.replaces = False

    def discard(self) -> None:
        """Remove a folder in which nothing worth keeping was made."""
        self.release()
        shutil.rmtree(self.path, ignore_errors=True)

    def update(self, **values: Any) -> None:
        """Change the record and write it."""
        self.record.update(values)
        write_json(self.path / self.record_name, self.record)

    def write_metrics(self, lines: list[dict[str, Any]]) -> None:
        """Write all metrics so far, a JSON object a line."""
        text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
        write_text(self.path / METRICS, text)

    def read_metrics(self) -> list[dict[str, Any]]:
        """The metrics that were written; none where there are none. Raises :class:`RunError` for a damaged line."""
        found = read_metrics(self.path / METRICS)
        if found.problems:
            raise RunError(found.problems[0])
        return list(found.lines)


def _is_leftover(entry: Path) -> bool:
    """Whether a file is no part of a run: the lock, or what a killed write left."""
    return entry.name == LOCK or (entry.name.startswith(".") and entry.suffix == ".part")
