"""The verbs as functions: options as keywords, with the names, defaults and checks of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from squadron.experiments import ask as asking
from squadron.experiments import evaluate as evaluation
from squadron.experiments import export as exporting
from squadron.experiments import prepare as preparing
from squadron.experiments import score as scoring
from squadron.experiments import train as training
from squadron.options.core import (
    AskOptions,
    EvaluateOptions,
    ExportOptions,
    PrepareOptions,
    ScoreOptions,
    TrainOptions,
    checked,
)
from squadron.options.reporting import ReportOptions
from squadron.options.sweep import ReproduceOptions, SweepOptions
from squadron.sweeps import sweep as sweeping
from squadron.tracking.events import Listener
from squadron.tracking.progress import Reporter
from squadron.tracking.trackers import open_trackers


def prepare(**options: Any) -> dict[str, Any]:
    """Make a folder of train, validation and test questions (``squadron prepare --help``); return what it holds.

    Raises :class:`squadron.errors.SquadronError` for what a user can cause, in one line with the next step.
    """
    return preparing.prepare(checked(PrepareOptions, options))


def train(
    *,
    resume: bool = False,
    replace: bool = False,
    track: Sequence[str] = (),
    reporter: Reporter | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Train an adapter, or all weights, into a run folder (``squadron train --help``); return the run's summary.

    ``track`` names trackers that log it: tensorboard, mlflow, wandb.

    Raises :class:`squadron.errors.SquadronError` for what a user can cause; what was finished stays for ``resume``.
    """
    chosen = checked(TrainOptions, options)
    listeners = open_trackers(track, Path(chosen.out))
    return training.train(chosen, resume=resume, replace=replace, reporter=reporter, listeners=listeners)


def evaluate(*, reporter: Reporter | None = None, **options: Any) -> dict[str, Any]:
    """Answer and score the questions of a split with a run or a base (``squadron evaluate --help``); return the scores.

    Raises :class:`squadron.errors.SquadronError` for what a user can cause.
    """
    return evaluation.evaluate(checked(EvaluateOptions, options), reporter=reporter)


def sweep(
    *,
    resume: bool = False,
    replace: bool = False,
    reporter: Reporter | None = None,
    track: Sequence[str] = (),
    listeners: Sequence[Listener] = (),
    **options: Any,
) -> dict[str, Any]:
    """Train, score and rank the runs of a configuration (``squadron sweep --help``); return the leaderboard.

    ``listeners`` hear every event of every run (:mod:`squadron.tracking.events`), and so do the trackers that
    ``track`` names. Raises :class:`squadron.errors.SquadronError` for what a user can cause; what was finished stays
    for ``resume``.
    """
    chosen = checked(SweepOptions, options)
    every = [*listeners, *open_trackers(track, Path(chosen.out))]
    return sweeping.sweep(chosen, resume=resume, replace=replace, reporter=reporter, listeners=every)


def score(**options: Any) -> dict[str, Any]:
    """Score a file of predictions by the official definitions (``squadron score --help``); return the scores.

    Raises :class:`squadron.errors.SquadronError` for what a user can cause.
    """
    return scoring.score(checked(ScoreOptions, options))


def ask(**options: Any) -> dict[str, Any]:
    """Answer one question about a file's text (``squadron ask --help``); return the answers with their places.

    Raises :class:`squadron.errors.SquadronError` for what a user can cause.
    """
    return asking.ask(checked(AskOptions, options))


def export(**options: Any) -> dict[str, Any]:
    """Write what a run trained, for ``peft`` or for ``transformers`` (``squadron export --help``).

    Raises :class:`squadron.errors.SquadronError` for what a user can cause.
    """
    return exporting.export(checked(ExportOptions, options))


def reproduce(
    *, replace: bool = False, track: Sequence[str] = (), reporter: Reporter | None = None, **options: Any
) -> dict[str, Any]:
    """Make the whole study, from questions to reports (``squadron reproduce --help``); return scores and reports.

    The same call again goes on with what was stopped. Raises :class:`squadron.errors.SquadronError` for what a user can
    cause.
    """
    from squadron.sweeps.reproduce import reproduce as run  # charts are slow to import

    chosen = checked(ReproduceOptions, options)
    listeners = open_trackers(track, Path(chosen.out))
    return run(chosen, replace=replace, reporter=reporter, listeners=listeners)


def report(**options: Any) -> Path:
    """Write a study up in English or Persian, as HTML or PDF (``squadron report --help``); return where it lies.

    Raises :class:`squadron.errors.SquadronError` for what a user can cause.
    """
    from squadron.reporting.report import write_report  # charts are slow to import, and no other verb draws any

    asked = checked(ReportOptions, options)
    out = None if asked.out is None else Path(asked.out)
    return write_report(Path(asked.folder), lang=asked.lang, format=asked.format, out=out)
