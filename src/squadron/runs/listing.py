"""List the runs in a folder from their files: two per run are read, and no model is loaded."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from squadron.errors import RunError, SquadronError, command_line_text, option
from squadron.options.axes import AXES
from squadron.options.runs import By, RunsListOptions, RunsShowOptions
from squadron.runs.layout import LEADERBOARD, RECORD, SCORES, SWEEP
from squadron.runs.ranking import known_status, rank_key, standing
from squadron.runs.reader import LeaderboardFile, PlannedRun, RunFile, ScoresFile, SweepFile, read_rows

_SCORED = (
    *("exact_match", "f1", "p_gold", "exact_match_interval", "f1_interval", "p_gold_interval", "questions"),
    "normalize",
)
_TRAINED = ("loss", "validation_loss", "trainable_parameters", "seconds", "peak_memory_bytes")
_ALWAYS = ("rank", "lr", "targets")
"""Axes that are always shown; others only if the runs differ in them."""


def list_runs(options: RunsListOptions) -> dict[str, Any]:
    """Return the runs of a folder, in the order of :func:`rank_key`.

    A run whose files or entry in the sweep's record cannot be read is listed as ``unreadable`` with the reason.
    Raises :class:`RunError` if the folder has no runs.
    """
    folder = Path(options.folder)
    ranked = ranked_by(folder, options.split, options.decoding, options.by)
    rows = read_runs(folder, **ranked)
    return {"folder": options.folder, **ranked, "runs": rows}


class RankedBy(TypedDict):
    """The split, the strategy and the metric to rank by."""

    split: str
    decoding: str
    by: By


def ranked_by(folder: Path, split: str | None, decoding: str | None, by: By | None) -> RankedBy:
    """Return what to rank by: what is requested, else what the sweep's leaderboard is ranked by."""
    if split is not None and decoding is not None and by is not None:
        return {"split": split, "decoding": decoding, "by": by}
    if not (folder / LEADERBOARD).is_file():
        return {"split": split or "validation", "decoding": decoding or "greedy", "by": by or "f1"}
    board = LeaderboardFile.read(folder / LEADERBOARD)
    return {"split": split or board.split, "decoding": decoding or board.decoding, "by": by or board.by}


def read_runs(folder: Path, *, split: str, decoding: str, by: By) -> list[dict[str, Any]]:
    """Return a row for each run, best first; see :func:`list_runs`."""
    paths = find_runs(folder)
    plans, lost = _planned(folder)
    ranked = [_row(path, plans.get(path.name), split, decoding, by) for path in paths]
    known = {path.name for path in paths}
    ranked += [(rank_key(row["name"], row["status"]), row) for row in lost if row["name"] not in known]
    if not ranked:
        raise RunError(f"{folder}: no runs in it; give a sweep folder, or a folder of run folders")
    rows = [row for _, row in sorted(ranked, key=lambda pair: pair[0])]
    _add_changes(rows)
    return rows


def find_runs(folder: Path) -> list[Path]:
    """Return the run folders within ``folder`` by name, for a sweep those in ``runs/``; a run folder is its only run.

    Raises :class:`RunError` if there is no such folder.
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
    """Return the folder of the best run among ``rows``, from :func:`read_runs`, that was not pruned.

    Raises :class:`RunError` if no such run has scores, or their scores cannot be compared.
    """
    require_one_normalization(rows, folder)
    best = next((row for row in rows if row["f1"] is not None and not row.get("pruned")), None)
    if best is None:
        raise RunError(
            f"{folder}: no run has scores on {split} by {decoding}; make them with: squadron evaluate RUN "
            f"--split {shlex.quote(split)} --decoding {shlex.quote(decoding)}"
        )
    return Path(best["folder"])


def require_one_normalization(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Raise :class:`RunError` if the scores of ``rows``, from :func:`read_runs`, are after different normalizations."""
    named = {row["normalize"]: row["name"] for row in reversed(rows) if row["normalize"] is not None}
    if len(named) > 1:
        told = " and ".join(f"{rule} ({name})" for rule, name in sorted(named.items()))
        raise RunError(
            f"{folder}: its runs are scored after different normalizations of answers, {told}, so none is the best; "
            f"score all after one with: squadron evaluate RUN {option('normalize', min(named))}"
        )


def show_run(options: RunsShowOptions) -> dict[str, Any]:
    """Return the record and the scores of one run."""
    path = Path(options.run)
    record, scores = RunFile.read(path / RECORD), _scores(path)
    splits = {} if scores is None else scores.content["splits"]
    return {"name": path.resolve().name, "folder": str(path), "record": record.content, "splits": splits}


def _holds_runs(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any((folder / entry.name / RECORD).is_file() for entry in entries if entry.is_dir())


def _scores(path: Path) -> ScoresFile | None:
    return ScoresFile.read(path / SCORES) if (path / SCORES).is_file() else None


def _row(
    path: Path, plan: PlannedRun | None, split: str, decoding: str, by: By
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a run's sorting key and its row, whatever state its files are in."""
    row: dict[str, Any] = {"name": path.name, "status": "unreadable", "folder": str(path), "config": {}}
    row |= dict.fromkeys((*_SCORED, *_TRAINED))
    try:
        record = RunFile.read(path / RECORD)
        content = record.content
        row |= {"status": record.status, "config": content["config"]}
        row |= {key: content.get(key) for key in _TRAINED}
        row |= {key: content[key] for key in ("reason", "pruned") if content.get(key) is not None}
        scores = _scores(path)
        found = None if scores is None else scores.find(split, decoding)
        row |= {} if found is None else found.model_dump(include=set(_SCORED))
    except SquadronError as problem:
        row |= {"status": "unreadable", "reason": command_line_text(problem)}
        return rank_key(path.name, "unreadable"), row
    if plan is not None:
        row["status"] = known_status(record.status, plan.status, scored=scores is not None and bool(scores.splits))
        if row["status"] != record.status and plan.reason is not None:
            row["reason"] = plan.reason
    figures = standing(row["status"], record, row["f1"], row["exact_match"], row["p_gold"])
    return rank_key(path.name, row["status"], *figures, by=by), row


def _planned(folder: Path) -> tuple[dict[str, PlannedRun], list[dict[str, Any]]]:
    """Return the runs that a sweep's record lists, by name, and a row for each of them and for each damaged entry.

    The rows are for runs without a folder: those that have not begun, or whose folder is gone.
    """
    if not (folder / SWEEP).is_file():
        return {}, []
    blank: dict[str, Any] = {"folder": None, "config": {}, **dict.fromkeys((*_SCORED, *_TRAINED))}
    try:
        planned, unreadable = read_rows(PlannedRun, folder / SWEEP, SweepFile.read(folder / SWEEP))
    except RunError as problem:
        return {}, [{**blank, "name": SWEEP, "status": "unreadable", "reason": command_line_text(problem)}]
    rows = [
        {**blank, **run.model_dump(include={"name", "status", "changes", "reason"}, exclude_none=True)}
        for run, _ in planned
    ]
    rows += [{**blank, "name": name, "status": "unreadable", "reason": why} for name, why in unreadable.items()]
    return {run.name: run for run, _ in planned}, rows


def _add_changes(rows: list[dict[str, Any]]) -> None:
    """Replace each row's ``config`` by ``changes``: the values of the axes in which the runs differ."""
    configs = [row["config"] for row in rows if row["config"]]
    differ = [
        axis for axis, field in AXES.items() if axis in _ALWAYS or len({repr(one.get(field)) for one in configs}) > 1
    ]
    for row in rows:
        config = row.pop("config")
        own = {axis: _unwrapped(config[AXES[axis]]) for axis in differ if AXES[axis] in config}
        row["changes"] = own or row.get("changes", {})


def _unwrapped(value: Any) -> Any:
    """Return the only value of a list of one, any other value unchanged: ``attention`` for ``["attention"]``."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
