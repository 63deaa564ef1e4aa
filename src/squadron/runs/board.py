"""Read the leaderboard and the training curves of run and sweep folders for display, without loading a model.

A folder may be incomplete, damaged, or of a sweep that is still running: if the files of one run cannot be read, only
its own figures are missing.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squadron.errors import RunError, SquadronError, command_line_text, option
from squadron.options.core import LATER_OPTIONS
from squadron.options.runs import By
from squadron.runs.layout import LEADERBOARD, METRICS, RECORD, SCORES, SWEEP
from squadron.runs.ranking import rank_key
from squadron.runs.reader import (
    LeaderboardFile,
    LeaderboardRow,
    RunFile,
    ScoresFile,
    SweepFile,
    read_metrics,
    read_rows,
)

_POINTS = 200
"""Most points of a training curve; a longer one is averaged in bins."""
_SUMMARY = ("exact_match", "f1", "p_gold", "questions", "exact_match_interval", "f1_interval", "p_gold_interval")
_COST = ("trainable_parameters", "seconds", "peak_memory_bytes", "validation_loss", "loss")
_STUDIED = ("rank", "lr", "target_modules", "alpha", "epochs", "order", *LATER_OPTIONS)
"""Options to show of a run if no sweep says in which options its runs differ."""


NO_METRICS = "it has no metrics yet"
"""The problem of the curves of a run that has just begun."""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """One run of a leaderboard: its folder and its figures, any of which may be missing."""

    name: str
    path: Path
    figures: Mapping[str, Any]

    @property
    def can_answer(self) -> bool:
        """True if the run has an adapter or a fully trained model to ask."""
        return (self.path / "adapter").is_dir() or (self.path / "model").is_dir()


@dataclass(frozen=True, slots=True)
class Curves:
    """The curves of a run as ``(step, value)`` pairs, and the first problem in reading them."""

    loss: tuple[tuple[float, float], ...] = ()
    validation_loss: tuple[tuple[float, float], ...] = ()
    validation_f1: tuple[tuple[float, float], ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Winner:
    """The paired test of a sweep's best setting against the second: ``significant`` if the best one is better."""

    significant: bool
    p_value: float


@dataclass(frozen=True, slots=True)
class Board:
    """The runs of a sweep, best first, with the split and the decoding strategy of their scores."""

    rows: tuple[ListedRun, ...] = ()
    split: str = ""
    decoding: str = ""
    winner: Winner | None = None
    problems: tuple[str, ...] = ()


def read_board(sweep: Path | None, runs: Sequence[Path]) -> Board:
    """Return the runs of a sweep's leaderboard, then single runs, each run once.

    Raises :class:`RunError` if ``sweep`` has no leaderboard that can be read.
    """
    rows: dict[Path, ListedRun] = {}
    split = decoding = ""
    by: By = "f1"
    winner: Winner | None = None
    problems: list[str] = []
    if sweep is not None:
        path, record = _leaderboard(sweep)
        if isinstance(record, LeaderboardFile):
            split, decoding, by = record.split, record.decoding, record.by
            winner = None if record.winner is None else Winner(record.winner.significant, record.winner.p_value)
        listed, unreadable = read_rows(LeaderboardRow, path, record)
        problems += unreadable.values()
        listed.sort(key=lambda pair: _place(pair[0], by))
        for row, figures in listed:
            home = sweep / "runs" / row.name
            rows[home.resolve()] = ListedRun(row.name, home, figures)
    for path in runs:
        if path.resolve() not in rows:
            try:
                rows[path.resolve()] = ListedRun(str(path), path, _run_figures(path))
            except SquadronError as problem:
                problems.append(command_line_text(problem))
    return Board(tuple(rows.values()), split, decoding, winner, tuple(dict.fromkeys(problems)))


def read_curves(run: Path) -> Curves:
    """Return the curves of a run from its ``metrics.jsonl``, without damaged lines; the first is the ``problem``."""
    if not (run / METRICS).is_file():
        return Curves(problem=NO_METRICS)
    try:
        metrics = read_metrics(run / METRICS)
    except RunError as problem:
        return Curves(problem=command_line_text(problem))
    found: dict[str, list[tuple[float, float]]] = {"loss": [], "validation_loss": [], "validation_f1": []}
    for line in metrics.lines:
        for name, points in found.items():
            if (value := line.get(name)) is not None:
                points.append((line["step"], value))
    loss = _thinned(found["loss"])
    first = next(iter(metrics.problems), "")
    return Curves(loss, tuple(found["validation_loss"]), tuple(found["validation_f1"]), first)


def _leaderboard(sweep: Path) -> tuple[Path, LeaderboardFile | SweepFile]:
    if not sweep.is_dir():
        raise RunError(
            f"{option('sweep', sweep)}: no such folder; make one with: "
            f"squadron sweep CONFIG.yaml --out {shlex.quote(sweep.name)}"
        )
    # A sweep that has just begun has no leaderboard yet, but its record lists the runs.
    if (sweep / SWEEP).is_file() and not (sweep / LEADERBOARD).is_file():
        return sweep / SWEEP, SweepFile.read(sweep / SWEEP)
    return sweep / LEADERBOARD, LeaderboardFile.read(sweep / LEADERBOARD)


def _place(row: LeaderboardRow, by: By) -> tuple[Any, ...]:
    return rank_key(row.name, row.status, row.f1, row.exact_match, row.validation_loss, row.p_gold, by=by)


def _run_figures(path: Path) -> dict[str, Any]:
    """Return the figures of a run outside a sweep, under the keys of a leaderboard."""
    record = RunFile.read(path / RECORD).content
    figures = {key: record.get(key) for key in (*_COST, "status", "reason")}
    changes = {key: record["config"][key] for key in _STUDIED if key in record["config"]}
    figures["changes"] = changes
    if (path / SCORES).is_file() and (scores := ScoresFile.read(path / SCORES)).splits:
        # The split that was evaluated last may differ between runs: prefer validation, so that scores are comparable.
        split = "validation" if "validation" in scores.splits else scores.split or ""
        own = scores.splits.get(split)
        decoding = "greedy" if own is not None and "greedy" in own.decodings else scores.decoding or ""
        found = scores.find(split, decoding)
        if found is None:
            raise RunError(f"{path / SCORES}: has no scores on {split!r} by {decoding!r}; {ScoresFile.next_step}")
        figures |= found.model_dump(include=set(_SUMMARY))
        rule = "" if found.normalize == "official" else f", {found.normalize} normalization"
        changes["scored on"] = f"{split}, {decoding}{rule}"
    return figures


def _thinned(points: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return at most ``_POINTS`` points: the mean of each bin, at the bin's last step."""
    width = math.ceil(len(points) / _POINTS) or 1
    bins = [points[start : start + width] for start in range(0, len(points), width)]
    return tuple((own[-1][0], sum(value for _, value in own) / len(own)) for own in bins)
