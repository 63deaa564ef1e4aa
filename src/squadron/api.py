"""The verbs as functions: options as keywords, with the names, types, defaults and checks of the command line.

Each raises a :class:`squadron.errors.SquadronError` for any problem that a user can cause, in one line with the next
step. Finished work is kept, to be continued with ``resume`` or by the same call.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from squadron.options import runs as of_runs
from squadron.options import typed
from squadron.options.base import Options, checked
from squadron.options.core import (
    AskOptions,
    BaseInitOptions,
    DemoOptions,
    EvaluateOptions,
    ExportOptions,
    PrepareOptions,
    ScoreOptions,
)
from squadron.options.keywords import takes
from squadron.options.particulars import given_particulars
from squadron.options.reporting import AnalyzeOptions, ReportOptions
from squadron.options.requests import ReproduceRequest, SweepRequest, TrainRequest
from squadron.tracking.events import Listener
from squadron.tracking.progress import Reporter
from squadron.tracking.trackers import open_trackers

# Each function imports its verb when it is called: torch, charts and the hub's libraries are slow to import.


@takes(PrepareOptions)
def prepare(**options: Unpack[typed.PrepareKeywords]) -> dict[str, Any]:
    """Make a folder of train, validation and test questions; return what it holds."""
    from squadron.experiments.prepare import prepare as run

    return run(checked(PrepareOptions, options))


@takes(TrainRequest)
def train(
    *,
    reporter: Reporter | None = None,
    listeners: Sequence[Listener] = (),
    **options: Unpack[typed.TrainKeywords],
) -> dict[str, Any]:
    """Train an adapter, or all weights, into a run folder; return the run's summary.

    ``reporter`` receives the progress, ``listeners`` every event of the run (:mod:`squadron.tracking.events`).
    """
    from squadron.experiments.train import train as run

    request = checked(TrainRequest, options)
    every = [*listeners, *open_trackers(request.track, Path(request.out))]
    return run(request.kept(), resume=request.resume, replace=request.replace, reporter=reporter, listeners=every)


@takes(EvaluateOptions)
def evaluate(*, reporter: Reporter | None = None, **options: Unpack[typed.EvaluateKeywords]) -> dict[str, Any]:
    """Answer and score the questions of a split with a run or a base; return the scores."""
    from squadron.experiments.evaluate import evaluate as run

    return run(checked(EvaluateOptions, options), reporter=reporter)


@takes(SweepRequest)
def sweep(
    *,
    reporter: Reporter | None = None,
    listeners: Sequence[Listener] = (),
    **options: Unpack[typed.SweepKeywords],
) -> dict[str, Any]:
    """Train, score and rank the runs of a configuration; return the leaderboard, or with ``dry_run`` the plan.

    ``reporter`` receives the progress, ``listeners`` every event of every run (:mod:`squadron.tracking.events`).
    """
    request = checked(SweepRequest, options)
    if request.dry_run:
        from squadron.sweeps.dry_run import preview

        return preview(request.kept())
    from squadron.sweeps.sweep import sweep as run

    return run(
        request.kept(),
        resume=request.resume,
        replace=request.replace,
        join=request.join,
        reporter=reporter,
        listeners=[*listeners, *open_trackers(request.track, Path(request.out))],
    )


@takes(ReproduceRequest)
def reproduce(
    *,
    reporter: Reporter | None = None,
    listeners: Sequence[Listener] = (),
    **options: Unpack[typed.ReproduceKeywords],
) -> dict[str, Any]:
    """Run the whole study, from questions to reports; return scores and the paths of the reports.

    The same call again resumes a study that was stopped.
    """
    from squadron.sweeps.reproduce import reproduce as run

    request = checked(ReproduceRequest, options)
    every = [*listeners, *open_trackers(request.track, Path(request.out))]
    return run(request.kept(), replace=request.replace, reporter=reporter, listeners=every)


@takes(DemoOptions)
def demo(*, reporter: Reporter | None = None, **options: Unpack[typed.DemoKeywords]) -> dict[str, Any]:
    """Run the study in miniature on the embedded base and questions; return scores and the paths of the reports."""
    from squadron.sweeps.reproduce import demo as run

    return run(checked(DemoOptions, options), reporter=reporter)


@takes(AskOptions)
def ask(**options: Unpack[typed.AskKeywords]) -> dict[str, Any]:
    """Answer one question about a file's text; return the answers with their places in it."""
    from squadron.experiments.ask import ask as run

    return run(checked(AskOptions, options))


@takes(ScoreOptions)
def score(**options: Unpack[typed.ScoreKeywords]) -> dict[str, Any]:
    """Score a file of predictions by the official definitions; return the scores."""
    from squadron.experiments.score import score as run

    return run(checked(ScoreOptions, options))


@takes(ExportOptions)
def export(*, reporter: Reporter | None = None, **options: Unpack[typed.ExportKeywords]) -> dict[str, Any]:
    """Export a model for ``peft`` or ``transformers``, and push it to the hub; return the path and what was pushed."""
    from squadron.experiments.export import export as run

    return run(checked(ExportOptions, options), reporter=reporter)


@takes(AnalyzeOptions)
def analyze(**options: Unpack[typed.AnalyzeKeywords]) -> dict[str, Any]:
    """Write a study's findings as tables and charts; return the findings and the paths."""
    from squadron.reporting.analyze import write_analysis

    asked = checked(AnalyzeOptions, options)
    return write_analysis(asked.results_dir, out=asked.out, lang=asked.lang)


@takes(ReportOptions)
def report(**options: Unpack[typed.ReportKeywords]) -> Path:
    """Write a study up in English or Persian, as HTML or PDF; return the path of the report."""
    from squadron.reporting.report import write_report

    asked = checked(ReportOptions, options)
    out = None if asked.out is None else Path(asked.out)
    given = given_particulars(asked)
    return write_report(Path(asked.folder), lang=asked.lang, format=asked.format, out=out, particulars=given)


@takes(BaseInitOptions)
def init_base(**options: Unpack[typed.InitBaseKeywords]) -> dict[str, Any]:
    """Make a checkpoint with seeded random weights in the hub's layout; return its path and size."""
    from squadron.experiments.bases import init_base as run

    return run(checked(BaseInitOptions, options))


@takes(Options)
def doctor(**options: Unpack[typed.DoctorKeywords]) -> dict[str, Any]:
    """Return the abilities of this machine: device, precision, memory, matrix-product rates, extras."""
    from squadron.experiments.doctor import examine

    return examine(checked(Options, options))


@takes(of_runs.RunsListOptions)
def list_runs(**options: Unpack[typed.ListRunsKeywords]) -> dict[str, Any]:
    """Return the runs of a folder with their scores, best first."""
    from squadron.runs.listing import list_runs as run

    return run(checked(of_runs.RunsListOptions, options))


@takes(of_runs.RunsShowOptions)
def show_run(**options: Unpack[typed.ShowRunKeywords]) -> dict[str, Any]:
    """Return the record and the scores of a run."""
    from squadron.runs.listing import show_run as run

    return run(checked(of_runs.RunsShowOptions, options))


@takes(of_runs.RunsCompareOptions)
def compare_runs(**options: Unpack[typed.CompareRunsKeywords]) -> dict[str, Any]:
    """Test whether one run is better than another, question by question; return both scores and the test."""
    from squadron.runs.compare import compare_runs as run

    return run(checked(of_runs.RunsCompareOptions, options))


@takes(of_runs.RunsPruneOptions)
def prune_runs(**options: Unpack[typed.PruneRunsKeywords]) -> dict[str, Any]:
    """Remove weights and checkpoints that are not needed, or without ``yes`` list them; return paths and sizes."""
    from squadron.runs.maintenance import prune as run

    return run(checked(of_runs.RunsPruneOptions, options))


@takes(of_runs.RunsPromoteOptions)
def promote_run(**options: Unpack[typed.PromoteRunKeywords]) -> dict[str, Any]:
    """Copy a run, or the best of a folder of runs, to a folder of its own; return both paths."""
    from squadron.runs.maintenance import promote as run

    return run(checked(of_runs.RunsPromoteOptions, options))
