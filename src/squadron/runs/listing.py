"""The runs in a folder, from their files alone: no model is loaded, and a thousand runs take two files each to read."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from squadron.errors import RunError, SquadronError, command_line_text
from squadron.options.axes import AXES
from squadron.options.runs import By, RunsListOptions, RunsShowOptions
from squadron.runs.layout import LEADERBOARD, RECORD, SCORES, SWEEP
from squadron.runs.run_records import BoardRecord, RunRecord, ScoresRecord, SweepRecord, read_planned

_SCORED = ("exact_match", "f1", "exact_match_interval", "f1_interval", "questions")
_TRAINED = ("loss", "validation_loss", "trainable_parameters", "seconds", "peak_memory_bytes")
_ALWAYS = ("rank", "lr", "targets")
"""Axes that are told of every run; others where the runs differ in them."""


def list_runs(options: RunsListOptions) -> dict[str, Any]:
    """The runs of a folder, best first: those with scores, then the others by name.

    A run whose files, or what its sweep says of it, cannot be read is listed as ``unreadable`` with the reason.
    Raises :class:`RunError` where the folder has no runs.
    """
    folder = Path(options.folder)
    split, decoding = ranked_by(folder, options.split, options.decoding)
    rows = read_runs(folder, split=split, decoding=decoding, by=options.by)
    return {"folder": options.folder, "split": split, "decoding": decoding, "runs": rows}


def ranked_by(folder: Path, split: str | None, decoding: str | None) -> tuple[str, str]:
    """The split and the strategy whose scores tell: as asked, else those of a sweep's own leaderboard."""
    if split is not None and decoding is not None:
        return split, decoding
    if not (folder / LEADERBOARD).is_file():
        return split or "validation", decoding or "greedy"
    board = BoardRecord.read(folder / LEADERBOARD)
    return split or board.split, decoding or board.decoding


def read_runs(folder: Path, *, split: str, decoding: str, by: By) -> list[dict[str, Any]]:
    """One record a run, best first; see :func:`list_runs`."""
    rows = [_row(path, split, decoding) for path in find_runs(folder)]
    rows += _without_folder(folder, {row["name"] for row in rows})
    if not rows:
        raise RunError(f"{folder}: no runs in it; give a sweep folder, or a folder of run folders")
    _tell_changes(rows)
    return sorted(rows, key=lambda row: _place(row, by))


def find_runs(folder: Path) -> list[Path]:
    """The run folders within ``folder``, by name: those of a sweep lie in its ``runs``. A run folder is its only run.

    Raises :class:`RunError` where there is no such folder.
    """
    if not folder.is_dir():
        raise RunError(f"{folder}: no such folder; give a sweep folder, or a folder of run folders")
    if (folder / RECORD).is_file():
        return [folder]
    home = folder / "runs" if (folder / SWEEP).is_file() or not _holds_runs(folder) else folder
    if not home.is_dir():
        return []
    with os.scandir(home) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    return [home / name for name in names if (home / name / RECORD).is_file()]


def best_run(rows: Sequence[Mapping[str, Any]], folder: Path, *, split: str, decoding: str) -> Path:
    """The folder of the best run among :func:`read_runs`' records that was not pruned.

    Raises :class:`RunError` where none has scores.
    """
    best = next((row for row in rows if row["f1"] is not None and not row.get("pruned")), None)
    if best is None:
        raise RunError(
            f"{folder}: no run has scores on {split} by {decoding}; make them with: squadron evaluate RUN "
            f"--split {shlex.quote(split)} --decoding {shlex.quote(decoding)}"
        )
    return Path(best["folder"])


def show_run(options: RunsShowOptions) -> dict[str, Any]:
    """All that one run's record and scores say."""
    path = Path(options.run)
    record, scores = RunRecord.read(path / RECORD), _scores(path)
    splits = {} if scores is None else scores.content["splits"]
    return {"name": path.resolve().name, "folder": str(path), "record": record.content, "splits": splits}


def _holds_runs(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any((folder / entry.name / RECORD).is_file() for entry in entries if entry.is_dir())


def _scores(path: Path) -> ScoresRecord | None:
    return ScoresRecord.read(path / SCORES) if (path / SCORES).is_file() else None


def _row(path: Path, split: str, decoding: str) -> dict[str, Any]:
    """A run's line, whatever state its files are in."""
    row: dict[str, Any] = {"name": path.name, "status": "unreadable", "folder": str(path), "config": {}}
    row |= dict.fromkeys((*_SCORED, *_TRAINED))
    try:
        record = RunRecord.read(path / RECORD).content
        row |= {"status": record["status"], "config": record["config"]}
        row |= {key: record.get(key) for key in _TRAINED}
        row |= {key: record[key] for key in ("reason", "pruned") if record.get(key) is not None}
        scores = _scores(path)
        found = None if scores is None else scores.find(split, decoding)
        row |= {} if found is None else found.model_dump(include=set(_SCORED))
    except SquadronError as problem:
        row |= {"status": "unreadable", "reason": command_line_text(problem)}
    return row


def _without_folder(folder: Path, known: set[str]) -> list[dict[str, Any]]:
    """The runs that a sweep plans or has lost, which have no folder of their own; and of what its record says of its
    runs, all that cannot be read."""
    if not (folder / SWEEP).is_file():
        return []
    blank: dict[str, Any] = {"folder": None, "config": {}, **dict.fromkeys((*_SCORED, *_TRAINED))}
    try:
        planned, unreadable = read_planned(folder / SWEEP, SweepRecord.read(folder / SWEEP).runs)
    except RunError as problem:
        return [{**blank, "name": SWEEP, "status": "unreadable", "reason": command_line_text(problem)}]
    rows = [
        {**blank, **run.model_dump(include={"name", "status", "changes", "reason"}, exclude_none=True)}
        for run in planned
        if run.name not in known
    ]
    rows += [
        {**blank, "name": name, "status": "unreadable", "reason": reason}
        for name, reason in unreadable.items()
        if name not in known
    ]
    return rows


def _tell_changes(rows: list[dict[str, Any]]) -> None:
    """Put the values of the axes that the runs differ in into ``changes``, in place of the whole configuration."""
    configs = [row["config"] for row in rows if row["config"]]
    differ = [
        axis for axis, field in AXES.items() if axis in _ALWAYS or len({repr(one.get(field)) for one in configs}) > 1
    ]
    for row in rows:
        config = row.pop("config")
        own = {axis: _one(config[AXES[axis]]) for axis in differ if AXES[axis] in config}
        row["changes"] = own or row.get("changes", {})


def _one(value: Any) -> Any:
    """A list of one as its only value: ``attention`` for ``["attention"]``."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _place(row: Mapping[str, Any], by: By) -> tuple[Any, ...]:
    """Where a run stands, as on a sweep's leaderboard: runs that are done first, then by scores, then by the lower
    validation loss; those without scores last."""
    if row[by] is None:
        return (1, row["name"])
    other = row["exact_match" if by == "f1" else "f1"]
    loss = row["validation_loss"]
    return (0, row["status"] != "done", -row[by], -(other or 0.0), loss is None, loss or 0.0, row["name"])
