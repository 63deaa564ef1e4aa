"""What run and sweep folders tell a person who looks around in them. Reads small files alone; no model is loaded.

A folder may be half-made, of a sweep that is still running, or broken: what cannot be read of one run costs that run
its figures, and nothing else.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from squadron.errors import RunError, SquadronError
from squadron.files import read_json
from squadron.runs.layout import LEADERBOARD, METRICS, RECORD, SCORES, SWEEP
from squadron.runs.run_records import RunRecord, ScoresRecord, read_metrics

_POINTS = 200
"""Points of a training curve that are shown; a longer one is averaged in bins."""
_SUMMARY = ("exact_match", "f1", "questions", "exact_match_interval", "f1_interval")
_COST = ("trainable_parameters", "seconds", "peak_memory_bytes", "validation_loss", "loss")
_STUDIED = ("rank", "lr", "target_modules", "alpha", "epochs", "order")
"""Options that tell one run from another, where no sweep says which ones do."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One run of a leaderboard: its folder, and what is known of it (any figure may be missing)."""

    name: str
    path: Path
    figures: Mapping[str, Any]

    @property
    def can_answer(self) -> bool:
        """Whether there is an adapter to ask, or a model whose weights were all trained."""
        return (self.path / "adapter").is_dir() or (self.path / "model").is_dir()


@dataclass(frozen=True, slots=True)
class Curves:
    """How a run went: ``(step, value)`` by the name of what was measured, and what could not be read."""

    loss: tuple[tuple[float, float], ...] = ()
    validation_loss: tuple[tuple[float, float], ...] = ()
    validation_f1: tuple[tuple[float, float], ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Winner:
    """Paired test of the best setting of a sweep against the second: ``significant`` if it is better."""

    significant: bool
    p_value: float


@dataclass(frozen=True, slots=True)
class Board:
    """The runs of a sweep, best first, with what their scores were measured on."""

    rows: tuple[Listed, ...] = ()
    split: str = ""
    decoding: str = ""
    winner: Winner | None = None
    problems: tuple[str, ...] = ()


def read_board(sweep: Path | None, runs: Sequence[Path]) -> Board:
    """The leaderboard of a sweep folder, then single runs; each run once.

    Raises :class:`RunError` where ``sweep`` has no leaderboard that can be read.
    """
    rows: dict[Path, Listed] = {}
    split = decoding = ""
    winner: Winner | None = None
    problems: list[str] = []
    if sweep is not None:
        record = _leaderboard(sweep)
        split, decoding = str(record.get("split", "")), str(record.get("decoding", ""))
        winner = _winner(record.get("winner"))
        for row in record["runs"]:
            name = row.get("name") if isinstance(row, dict) else None
            # A name is one folder's: a row that points elsewhere is no run of this sweep.
            if not isinstance(name, str) or name in ("", "..") or "\0" in name or Path(name).name != name:
                problems.append(f"{sweep / LEADERBOARD}: a row without a usable name was left out")
                continue
            path = sweep / "runs" / name
            rows[path.resolve()] = Listed(name, path, row)
    for path in runs:
        if path.resolve() not in rows:
            try:
                rows[path.resolve()] = Listed(str(path), path, _own_figures(path))
            except SquadronError as problem:
                problems.append(str(problem))
    return Board(tuple(rows.values()), split, decoding, winner, tuple(dict.fromkeys(problems)))


def read_curves(run: Path) -> Curves:
    """The curves of a run from its ``metrics.jsonl``; lines that are none are passed over, the first of them told."""
    if not (run / METRICS).is_file():
        return Curves(problem="it has no metrics yet")
    try:
        metrics = read_metrics(run / METRICS)
    except RunError as problem:
        return Curves(problem=str(problem))
    found: dict[str, list[tuple[float, float]]] = {"loss": [], "validation_loss": [], "validation_f1": []}
    for line in metrics.lines:
        for name, points in found.items():
            if (value := line.get(name)) is not None:
                points.append((line["step"], value))
    loss = _thinned(found["loss"])
    told = next(iter(metrics.problems), "")
    return Curves(loss, tuple(found["validation_loss"]), tuple(found["validation_f1"]), told)


def _leaderboard(sweep: Path) -> dict[str, Any]:
    if not sweep.is_dir():
        raise RunError(
            f"--sweep {sweep}: no such folder; make one with: "
            f"squadron sweep CONFIG.yaml --out {shlex.quote(sweep.name)}"
        )
    # A sweep that has just begun has no leaderboard yet, and lists its runs all the same.
    path = next((sweep / name for name in (LEADERBOARD, SWEEP) if (sweep / name).is_file()), sweep / LEADERBOARD)
    record = read_json(path, what="the leaderboard of a sweep", error=RunError)
    if not isinstance(record, dict) or not isinstance(record.get("runs"), list):
        raise RunError(f"{path}: has no list of runs; give the folder that `squadron sweep --out` made")
    return record


def _winner(found: Any) -> Winner | None:
    """What a leaderboard says of its best, where it says so."""
    if not isinstance(found, dict) or not _is_number(p_value := found.get("p_value")):
        return None
    # Older leaderboards call it told_apart.
    return Winner(found.get("significant", found.get("told_apart")) is True, p_value)


def _own_figures(path: Path) -> dict[str, Any]:
    """What a run outside a sweep says of itself, in a leaderboard's words."""
    record = RunRecord.read(path / RECORD).content
    figures = {key: record.get(key) for key in (*_COST, "status", "reason")}
    changes = {key: record["config"][key] for key in _STUDIED if key in record["config"]}
    figures["changes"] = changes
    if (path / SCORES).is_file():
        scores = ScoresRecord.read(path / SCORES)
        # What was evaluated last may be another split than its neighbours': validation compares like with like.
        split = "validation" if "validation" in scores.splits else scores.split or ""
        own = scores.splits.get(split)
        decoding = "greedy" if own is not None and "greedy" in own.decodings else scores.decoding or ""
        found = scores.find(split, decoding)
        if found is None:
            raise RunError(f"{path / SCORES}: has no scores on {split!r} by {decoding!r}; {ScoresRecord.next_step}")
        figures |= found.model_dump(include=set(_SUMMARY))
        changes["scored on"] = f"{split}, {decoding}"
    return figures


def _thinned(points: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """At most so many points: each the mean of its bin, at the bin's last step."""
    width = math.ceil(len(points) / _POINTS) or 1
    bins = [points[start : start + width] for start in range(0, len(points), width)]
    return tuple((own[-1][0], sum(value for _, value in own) / len(own)) for own in bins)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
