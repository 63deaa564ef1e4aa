"""The folder of a run: its record (typed and versioned), results and files. One process uses it at a time."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, ClassVar, Self

from filelock import FileLock, Timeout

from squadron.errors import RunError, option
from squadron.file_records import VersionedFile
from squadron.files import explain_os_errors, sha256_file, write_json, write_text
from squadron.ownership import Layout, is_empty, only_leftovers, refuse_foreign, remove_owned, sweep_folder
from squadron.runs.contents import RUN
from squadron.runs.layout import LOCK, METRICS, RECORD, SCHEMA
from squadron.runs.reader import RunFile, read_metrics

TRAIN_AGAIN = (
    f"to train a pruned run again, remove its folder and give the command that made it, with {option('resume', True)}"
)
"""The next step for a pruned run, whose weights are gone while all other files are there."""

_REPLACING = "replacing"
"""Key in the record of a new run or sweep while the files of the one that it replaces are being removed.

Its value is the names of the old one's runs. Any command that takes over such a folder finishes the removal first.
"""


def require_weights(path: Path, record: Mapping[str, Any]) -> None:
    """Raise :class:`RunError` if the run at ``path``, with this record, was pruned or is half replaced."""
    refuse_half_replaced(path, record)
    if record.get("pruned"):
        raise RunError(f"{path}: its weights were pruned; {TRAIN_AGAIN}")


def refuse_half_replaced(path: Path, record: Mapping[str, Any]) -> None:
    """Raise :class:`RunError` if files of a replaced run may still be at ``path``."""
    if _REPLACING in record:
        raise RunError(f"{path}: is being replaced; wait for it, or give the command that replaces it again")


def verify_weights(path: Path, record: Mapping[str, Any], weights: Path, which: str = "adapter") -> None:
    """Raise :class:`RunError` if the file ``weights`` of the run at ``path`` has changed since the run ended.

    Its record has the checksum under ``which``. Without one, as in runs that have not ended and in old records, nothing
    is verified.
    """
    written = (record.get("weights_sha256") or {}).get(which)
    if written is None or not weights.is_file():  # whoever opens a missing file reports it
        return
    found = sha256_file(weights)
    if found != written:
        raise RunError(
            f"{weights}: damaged or replaced since the run ended (its sha256 was {written[:12]}..., is "
            f"{found[:12]}...); put a copy of it back, or remove {path} and train the run again"
        )


def refuse_changes(path: Path, before: Mapping[str, Any], now: Mapping[str, Any], may_differ: Set[str]) -> None:
    """Raise :class:`RunError` if the options of the run at ``path`` were others, except those in ``may_differ``."""
    # Report keys of both configurations first: a key of only one follows from another difference, which says more.
    keys = (before.keys() | now.keys()) - may_differ
    for key in sorted(keys, key=lambda key: (not (key in before and key in now), key)):
        if before.get(key) != now.get(key):
            raise RunError(
                f"{option('resume')} {path}: {key} was {before.get(key)!r} and is now {now.get(key)!r}; "
                f"resume with the same options, or use {option('replace', True)}"
            )


class RunFolder:
    """The folder of one run. ``record`` is the content of ``run.json``."""

    record_name: ClassVar[str] = RECORD
    record_type: ClassVar[type[VersionedFile]] = RunFile
    verb: ClassVar[str] = "train"
    noun: ClassVar[str] = "run"
    when_busy: ClassVar[str] = "wait for it or choose another"

    def __init__(self, path: Path, record: dict[str, Any]) -> None:
        self.path = path
        self.record = record
        self.is_new = False
        self._before: Self | None = None
        self._made = False
        self._lock: FileLock | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        config: Mapping[str, Any],
        *,
        kind: str,
        resume: bool,
        replace: bool,
        may_differ: Set[str],
        extended: Callable[[Self], Set[str]] = lambda _: frozenset(),
    ) -> Self:
        """Make a run folder, or resume or replace an existing one, only as the user asks.

        ``may_differ`` are options that a resumed run may change. ``extended`` returns others, which add work to that in
        the folder that it is given, as it is before, and raises :class:`RunError` if they would change that work.
        Raises :class:`RunError` if the folder exists and neither ``resume`` nor ``replace`` is set, if it is another
        kind of folder, if it was made with other options, or if another process uses it.
        """
        if path.exists() and not path.is_dir():
            raise RunError(f"{option('out', path)}: a file; give a folder")
        fresh = cls(path, {"schema": SCHEMA, "kind": kind, "status": "running", "config": dict(config)})
        find = functools.partial(fresh._find, resume=resume, replace=replace, may_differ=may_differ, extended=extended)
        find()  # before the lock is taken: a folder that is refused stays as it is
        fresh._take()
        try:
            before = find()  # again: the process that had the lock may have written another record since
            if before is None:
                fresh.is_new = True
            elif replace or _REPLACING in before.record:
                with fresh._parts_held():  # those that still work on it are reported before all inputs are opened
                    fresh._before = before
            else:
                fresh.record = {**before.record, "config": dict(config)}
        except BaseException:
            fresh.release()
            raise
        return fresh

    def _find(
        self, *, resume: bool, replace: bool, may_differ: Set[str], extended: Callable[[Self], Set[str]]
    ) -> Self | None:
        """Return the run in the folder, which is to be resumed or replaced; None if there is none.

        Raises :class:`RunError` as :meth:`create` does.
        """
        path, config = self.path, self.record["config"]
        with explain_os_errors(path):
            if not path.is_dir() or only_leftovers(path, self.layout, lock=LOCK):
                return None
        if not (path / self.record_name).is_file():
            raise RunError(
                f"{option('out', path)}: not empty, and not a {self.noun} folder ({self.record_name} is missing); "
                f"choose another"
            )
        if not (resume or replace):
            raise RunError(
                f"{option('out', path)}: a {self.noun} is there already; "
                f"add {option('resume', True)} to continue it, or {option('replace', True)}"
            )
        found = self.open_to_replace(path) if replace else self.open(path)
        if not replace:
            refuse_changes(path, found.record["config"], config, may_differ | extended(found))
        if replace or _REPLACING in found.record:
            refuse_foreign(path, found.layout, subject=f"{option('replace')} {path}")
        return found

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing run folder. Raises :class:`RunError` if it is not one."""
        if not path.is_dir():
            raise RunError(
                f"{path}: no such {cls.noun} folder; make one with: "
                f"squadron {cls.verb} --out {shlex.quote(path.name)} ..."
            )
        return cls(path, cls.record_type.read(path / cls.record_name).content)

    @classmethod
    def open_to_replace(cls, path: Path) -> Self:
        """Open a run folder that is to be replaced. Raises :class:`RunError` if its record is not Squadron's."""
        try:
            return cls.open(path)
        except RunError as problem:
            raise RunError(
                f"{path / cls.record_name}: not the record of a {cls.verb} run, so its folder is not replaced "
                f"({problem.detail.partition(';')[0]}); choose another folder"
            ) from None

    @property
    def layout(self) -> Layout:
        """The layout of Squadron's files in the folder."""
        return RUN

    def _run_names(self) -> list[str]:
        """Return the names of the runs within the folder."""
        return []

    @contextlib.contextmanager
    def _parts_held(self) -> Iterator[None]:
        """Lock the parts of the folder that other processes may work on without its own lock; a run has none."""
        yield

    def _take(self) -> None:
        with explain_os_errors(self.path):
            self._made = not self.path.is_dir()
            self.path.mkdir(parents=True, exist_ok=True)
            if not self.try_take():
                raise RunError(f"{option('out', self.path)}: in use by another process; {self.when_busy}")

    def try_take(self) -> bool:
        """Lock the existing folder for this process; return False if another process holds the lock."""
        lock = folder_lock(self.path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        self._lock = lock
        sweep_folder(self.path, self.layout)
        return True

    def release(self) -> None:
        """Release the lock, so that other processes can use the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def replaces(self) -> bool:
        """True while the folder still has another run, which is removed once this one begins."""
        return self._before is not None

    def begin(self, *, keep: Sequence[str] = ()) -> None:
        """Remove the run that is replaced, except the entries in ``keep``; call this once all inputs are ready.

        The new record is written first and marks the removal: if this is stopped at any point, either the old run or
        the new one is left.
        """
        if self._before is None:
            return
        layout = self._before.layout
        refuse_foreign(
            self.path, layout, subject=f"{option('replace')} {self.path}"
        )  # files may have been added meanwhile
        with explain_os_errors(self.path):
            with self._parts_held():  # a process that takes one later finds the record that says so
                self.update(**{_REPLACING: self._before._run_names()})
            remove_owned(self.path, layout, keep=(self.record_name, LOCK, *keep))
            del self.record[_REPLACING]
            self.update()
        self._before = None

    def discard(self) -> None:
        """Remove Squadron's files from a folder without results, and the folder itself if this process made it."""
        with contextlib.suppress(OSError):
            remove_owned(self.path, self.layout)
            if self._made:
                self.path.rmdir()
        self.release()

    def update(self, **values: Any) -> None:
        """Update the record and write it."""
        self.record.update(values)
        write_json(self.path / self.record_name, self.record)

    def write_metrics(self, lines: list[dict[str, Any]]) -> None:
        """Write all metrics so far, one JSON object per line."""
        text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
        write_text(self.path / METRICS, text)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the metrics from the file; an empty list without one. Raises :class:`RunError` for a damaged line."""
        return list(read_metrics(self.path / METRICS).whole())


def folder_lock(folder: Path) -> FileLock:
    """Return the lock of a run's or sweep's folder. Raises :class:`RunError` if a file of the user has its name."""
    path = folder / LOCK
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file() or not is_empty(path)):
        raise RunError(f"{path}: is not a lock file of Squadron's; rename it, or choose another folder")
    return FileLock(path)
