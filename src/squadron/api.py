"""The verbs as functions: options as keywords, with the names, defaults and checks of the command line."""

from __future__ import annotations

from typing import Any

from squadron.experiments import ask as asking
from squadron.experiments import evaluate as evaluation
from squadron.experiments import export as exporting
from squadron.experiments import prepare as preparing
from squadron.experiments import score as scoring
from squadron.experiments import train as training
from squadron.experiments.options import (
    AskOptions,
    EvaluateOptions,
    ExportOptions,
    PrepareOptions,
    ScoreOptions,
    TrainOptions,
    checked,
)
from squadron.experiments.progress import Reporter


def prepare(**options: Any) -> dict[str, Any]:
    """Make a folder of train, validation and test questions (``squadron prepare --help``); return what it holds.

    Raises :class:`squadron.errors.SquadronError` for what a user can cause, in one line with the next step.
    """
    return preparing.prepare(checked(PrepareOptions, options))


def train(
    *, resume: bool = False, replace: bool = False, reporter: Reporter | None = None, **options: Any
) -> dict[str, Any]:
    """Train an adapter, or all weights, into a run folder (``squadron train --help``); return the run's summary.

    Raises :class:`squadron.errors.SquadronError` for what a user can cause; what was finished stays for ``resume``.
    """
    return training.train(checked(TrainOptions, options), resume=resume, replace=replace, reporter=reporter)


def evaluate(*, reporter: Reporter | None = None, **options: Any) -> dict[str, Any]:
    """Answer and score the questions of a split with a run or a base (``squadron evaluate --help``); return the scores.

    Raises :class:`squadron.errors.SquadronError` for what a user can cause.
    """
    return evaluation.evaluate(checked(EvaluateOptions, options), reporter=reporter)


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
