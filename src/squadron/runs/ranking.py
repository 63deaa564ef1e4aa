"""The order of runs in `squadron runs`, the leaderboard, the playground and the reports."""

from __future__ import annotations

from typing import Any

from squadron.options.runs import By
from squadron.runs.reader import RunFile

_GROUPS = {"done": 0, "stopped": 1, "running": 2, "interrupted": 2, "waiting": 2}
_LAST = 3
"""The group of runs that diverged, failed or cannot be read."""


def rank_key(
    name: str,
    status: str | None,
    f1: float | None = None,
    exact_match: float | None = None,
    validation_loss: float | None = None,
    p_gold: float | None = None,
    *,
    by: By = "f1",
) -> tuple[Any, ...]:
    """Return the key that sorts runs best first.

    Runs that are done come first, then those that successive halving stopped, then those that are waiting, running or
    interrupted, and last those that diverged, failed or cannot be read. Within each group, runs with scores come first:
    by the two :func:`ranking_metrics`, then by the lower validation loss, then by name. Only runs that are done or
    stopped have scores here; a stopped run has those of :func:`standing`.
    """
    scored = status in ("done", "stopped")
    scores = {"f1": f1, "exact_match": exact_match, "p_gold": p_gold}
    figures = [scores[metric] if scored else None for metric in ranking_metrics(by)]
    falling = [(value is None, -(value or 0.0)) for value in figures]
    group = _GROUPS.get(status or "waiting", _LAST)
    return group, *falling, validation_loss is None, validation_loss or 0.0, name


def ranking_metrics(by: By) -> tuple[By, By]:
    """Return the metric that ranks runs, and the one that decides between runs that tie in it."""
    return by, "exact_match" if by == "f1" else "f1"


def standing(
    status: str, record: RunFile, f1: float | None, exact_match: float | None, p_gold: float | None
) -> tuple[float | None, float | None, float | None, float | None]:
    """Return the F1, exact match, validation loss and P(gold) that a run with these scores is ranked by.

    A stopped run is ranked by its validation scores at the time when it was stopped.
    """
    if status == "stopped":
        f1, exact_match, p_gold = record.validation_f1, record.validation_exact_match, record.validation_p_gold
    return f1, exact_match, record.validation_loss, p_gold


def known_status(own: str, planned: str | None, *, scored: bool) -> str:
    """Return the status of a run, from its ``own`` record and from the record of its sweep (``planned``).

    A sweep may stop a run, or fail to finish it, without changing the run's record. A run that diverged, was stopped or
    has scores did end, even if an earlier attempt of the sweep failed.
    """
    if planned == "stopped" or (planned == "failed" and not scored and own not in ("diverged", "stopped")):
        return planned
    return own
