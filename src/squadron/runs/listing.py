"""The runs in a folder, from their files alone: no model is loaded, and a thousand runs take two files each to read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from squadron.errors import RunError, SquadronError
from squadron.files import read_json
from squadron.options.axes import AXES
from squadron.options.runs import By, RunsListOptions, RunsShowOptions
from squadron.runs.layout import LEADERBOARD, RECORD, SCHEMA, SCORES, SWEEP

_SCORED = ("exact_match", "f1", "exact_match_interval", "f1_interval", "questions")
_TRAINED = ("loss", "validation_loss", "trainable_parameters", "seconds", "peak_memory_bytes")
_ALWAYS = ("rank", "lr", "targets")
"""Axes that are told of every run; others where the runs differ in them."""


def list_runs(options: RunsListOptions) -> dict[str, Any]:
    """The runs of a folder, best first: those with scores, then the others by name.

    A run whose files cannot be read is listed as ``unreadable`` with the reason. Raises :class:`RunError` where the
    folder has no runs.
    """
    folder = Path(options.folder)
    split, decoding = ranked_by(folder, options.split, options.decoding)
    rows = read_runs(folder, split=split, decoding=decoding, by=options.by)
    return {"folder": options.folder, "split": split, "decoding": decoding, "runs": rows}


def ranked_by(folder: Path, split: str | None, decoding: str | None) -> tuple[str, str]:
    """The split and the strategy whose scores tell: as asked, else those of a sweep's own leaderboard."""
    board: Any = {}
    if (split is None or decoding is None) and (folder / LEADERBOARD).is_file():
        board = read_json(folder / LEADERBOARD, what="the leaderboard of a sweep", error=RunError)
        board = board if isinstance(board, dict) else {}
    return split or board.get("split", "validation"), decoding or board.get("decoding", "greedy")


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
            f"--split {split} --decoding {decoding}"
        )
    return Path(best["folder"])


def show_run(options: RunsShowOptions) -> dict[str, Any]:
    """All that one run's record and scores say."""
    path = Path(options.run)
    record = _record(path)
    scores = _scores(path)
    return {"name": path.resolve().name, "folder": str(path), "record": record, "splits": scores.get("splits", {})}


def _holds_runs(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any((folder / entry.name / RECORD).is_file() for entry in entries if entry.is_dir())


def _record(path: Path) -> dict[str, Any]:
    record = read_json(path / RECORD, what="the record of a run", error=RunError)
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or not isinstance(record.get("config"), dict):
        raise RunError(f"{path / RECORD}: not the record of a run of schema {SCHEMA}")
    return record


def _scores(path: Path) -> dict[str, Any]:
    if not (path / SCORES).is_file():
        return {}
    scores = read_json(path / SCORES, what="the scores of a run", error=RunError)
    if not isinstance(scores, dict) or not isinstance(scores.get("splits"), dict):
        raise RunError(f"{path / SCORES}: not the scores of a run; evaluate it again")
    return scores


def _row(path: Path, split: str, decoding: str) -> dict[str, Any]:
    """A run's line, whatever state its files are in."""
    row: dict[str, Any] = {"name": path.name, "status": "unreadable", "folder": str(path), "config": {}}
    row |= dict.fromkeys((*_SCORED, *_TRAINED))
    try:
        record = _record(path)
        row |= {"status": record.get("status"), "config": record["config"]}
        row |= {key: record.get(key) for key in _TRAINED}
        row |= {key: record[key] for key in ("reason", "pruned") if key in record}
        found = _scores(path).get("splits", {}).get(split, {}).get("decodings", {}).get(decoding, {})
        row |= {key: found.get(key) for key in _SCORED}
    except SquadronError as problem:
        row |= {"status": "unreadable", "reason": str(problem)}
    return row


def _without_folder(folder: Path, known: set[str]) -> list[dict[str, Any]]:
    """The runs that a sweep plans or has lost, which have no folder of their own."""
    if not (folder / SWEEP).is_file():
        return []
    sweep = read_json(folder / SWEEP, what="the record of a sweep", error=RunError)
    planned = sweep.get("runs", []) if isinstance(sweep, dict) else []
    return [
        {
            "name": run["name"],
            "status": run["status"],
            "folder": None,
            "config": {},
            "changes": run.get("changes", {}),
            **dict.fromkeys((*_SCORED, *_TRAINED)),
            **({"reason": run["reason"]} if "reason" in run else {}),
        }
        for run in planned
        if run["name"] not in known
    ]


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
