"""One process of a sweep: its coordinator, which plans, ranks and ends it, or one that joined."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from squadron.data.prepared import load_split
from squadron.errors import command_line_text
from squadron.experiments.environment import describe_environment
from squadron.experiments.evaluate import evaluate_fleet, selected_questions, strategy_names
from squadron.experiments.inputs import Inputs, describe_split
from squadron.experiments.load_run import OpenRun
from squadron.experiments.scores import Subject, has_scores
from squadron.files import sha256_file
from squadron.model.fleet import Fleet
from squadron.options.core import EvaluateOptions
from squadron.options.runs import By
from squadron.options.sweep import SweepOptions
from squadron.runs.layout import answers_stem
from squadron.runs.sweep_folder import FINAL, SweepFolder
from squadron.sweeps.config import Evaluation
from squadron.sweeps.engines import Engine
from squadron.sweeps.fleets import plan_fleets
from squadron.sweeps.grid import PlannedRun, SweepPlan, next_runs
from squadron.sweeps.halving import decide
from squadron.sweeps.leaderboard import CSV_FILE, Known, compare_settings, rank_runs, rank_settings, write_leaderboard
from squadron.sweeps.memory import choose_fleet_size
from squadron.sweeps.setup import evaluate_options, normalization_of, plan_rungs, train_options
from squadron.sweeps.worker import SweepJob
from squadron.tracking.events import RunScored, Stream
from squadron.tracking.interrupt import Interruption
from squadron.tracking.progress import Reporter

_PAUSE_SECONDS = 0.5


class RunSource(Protocol):
    """The source of a sweep's runs, batch by batch."""

    def ask(self, results: Sequence[Mapping[str, Any]]) -> Sequence[PlannedRun]:
        """Return the next runs, given the leaderboard's entries of all before; an empty sequence ends the sweep.

        Equal results must give equal runs, so that a resumed sweep finds its own runs again.
        """
        ...


class WholePlan:
    """All runs of a plan, then the runs that a search proposes from their scores by a metric, batch by batch."""

    def __init__(self, plan: SweepPlan, by: By = "f1") -> None:
        self._plan, self._by = plan, by

    def ask(self, results: Sequence[Mapping[str, Any]]) -> Sequence[PlannedRun]:
        """Return the plan's own runs first, then those of its search."""
        if not results:
            return self._plan.runs
        return next_runs(self._plan.config, {entry["name"]: entry[self._by] for entry in results})


class SweepRun:
    """A sweep as one process works on it: as its coordinator, or as one that joined."""

    def __init__(
        self,
        options: SweepOptions,
        plan: SweepPlan,
        folder: SweepFolder,
        inputs: Inputs,
        data: str,
        stream: Stream,
        reporter: Reporter,
        interruption: Interruption,
        engine: Engine,
    ) -> None:
        self.options, self.plan, self.folder, self.data = options, plan, folder, data
        self.stream, self.reporter, self.engine = stream, reporter, engine
        self.job = SweepJob(
            folder,
            {},
            inputs,
            evaluate_options(options, plan, plan.config.evaluate),
            load_split(data, plan.config.evaluate.split),
            rungs=plan_rungs(options, plan),
            by=options.by,
            stream=stream,
            reporter=_NotesOnly(reporter),
            interruption=interruption,
        )
        self.changes: dict[str, Mapping[str, Any]] = {}
        self.failed: dict[str, str] = {}
        self.is_coordinator = False
        self._known: Known = {}
        self.remarks: dict[str, None] = {}
        """Lines on evaluation questions that were left out or lost context, in order."""
        self._began = time.monotonic()
        self._seconds_before = float(folder.record.get("seconds", 0.0))

    def coordinate(self, source: RunSource) -> dict[str, Any]:
        """Run the sweep to its end as its coordinator; return the result."""
        self.is_coordinator = True
        facts = self.job.inputs.facts()
        if self.plan.config.best is not None:
            facts["data"] = {
                **facts["data"],
                "test": describe_split(load_split(self.data, self.plan.config.best.split)),
            }
        self.folder.update(
            status="running",
            **facts,
            seed=self.plan.config.base_options.get("seed", 0),
            environment=describe_environment(self.job.inputs.device),
            started=self.folder.record.get("started", datetime.now(UTC).isoformat(timespec="seconds")),
            seconds=self._seconds_before,
            fleets=self.folder.record.get("fleets", []),
            runs=self.folder.record.get("runs", []),
        )
        self._score_base(self.plan.config.evaluate)
        self.reporter.start("sweep", self.plan.total, "run")
        try:
            results: list[dict[str, Any]] = []
            while batch := source.ask(results):
                self._plan_batch(batch)
                self._run_fleets(self._fleets_of(batch))
                results = self._entries()
        finally:
            self.reporter.finish()
        return self._finish(results)

    def join(self, source: RunSource) -> dict[str, Any]:
        """Work on the fleets of a sweep that another process coordinates, until none are left; return the result.

        If the coordinator was killed before it planned any fleet, this process becomes the coordinator.
        """
        for run in self.plan.runs:
            self._register(run)
        finished: list[str] = []
        while True:
            record = SweepFolder.open(self.folder.path).record
            fleets = [fleet for fleet in record.get("fleets", []) if fleet not in finished]
            if fleets:
                self._run_fleets(fleets)
                finished += fleets
            elif finished or record["status"] != "running":
                break
            elif self._take_over():
                return self.coordinate(source)
            else:  # the coordinator has not planned it yet
                self.job.check_interruption(0)
                time.sleep(_PAUSE_SECONDS)
        return self._result(self._entries(), status="joined")

    def _take_over(self) -> bool:
        """Become the coordinator if the previous one is gone without having planned a fleet; return True if so.

        The folder is then locked for this process. Only one of the joined processes can get the lock; the others find
        the fleets that it plans.
        """
        if not self.folder.try_take():
            return False
        # The coordinator may have planned fleets or ended meanwhile.
        record = SweepFolder.open(self.folder.path).record
        if record["status"] != "running" or record.get("fleets"):
            self.folder.release()
            return False
        self.job.check_sweep()
        self.folder.record = record
        self.reporter.note(
            f"{self.folder.path}: its coordinator is gone and had planned nothing; this process coordinates now"
        )
        return True

    def note_end(self, status: str) -> int:
        """Record how the sweep ended, if that is possible; return the number of runs that are done."""
        try:
            entries = self._entries()
            if self.is_coordinator:
                self._write(entries, status)
            return sum(entry["status"] in ("done", "stopped") for entry in entries)
        except Exception as problem:  # the error being handled matters more
            self.reporter.note(f"{self.folder.path}: the record could not be written ({command_line_text(problem)})")
            return 0

    def _register(self, run: PlannedRun) -> None:
        out = self.folder.run_path(run.name)
        self.job.runs[run.name] = train_options(self.options, self.plan, run, data=self.data, out=out)
        self.changes[run.name] = run.changes

    def _plan_batch(self, batch: Sequence[PlannedRun]) -> None:
        """Plan fleets for new runs; runs that already have a fleet, from before an interruption, keep it."""
        for run in batch:
            self._register(run)
        planned = {run for fleet in self.folder.record["fleets"] for run in self.folder.runs_of(fleet)}
        fresh = {run.name: self.job.runs[run.name] for run in batch if run.name not in planned}
        if not fresh:
            return
        inputs = self.job.inputs
        size = choose_fleet_size(inputs, fresh, asked=self.options.fleet_size)
        fleets = plan_fleets(fresh, inputs.base.model.config, size=size.runs, at_least=self.engine.workers)
        names = self.folder.add_fleets(fleets)
        # Fleets are recorded only once their files are written.
        chosen = {"most_runs": size.runs, "reason": size.reason}
        self._write(
            self._entries(), "running", fleets=[*self.folder.record["fleets"], *names], chosen_fleet_size=chosen
        )

    def _fleets_of(self, batch: Sequence[PlannedRun]) -> list[str]:
        names = {run.name for run in batch}
        return [fleet for fleet in self.folder.record["fleets"] if names & set(self.folder.runs_of(fleet))]

    def _run_fleets(self, fleets: Sequence[str]) -> None:
        def after() -> None:
            entries = self._entries()
            if self.is_coordinator:
                self._write(entries, "running")
            self.reporter.reach(sum(entry["status"] in FINAL for entry in entries))

        for rung in (*self.job.rungs, None):
            self.engine.run(self.job, fleets, rung, failed=self.failed, after=after)
            if rung is not None:
                assert self.options.halving is not None
                with self.folder.fleet_lock(f"rung-{rung}"):
                    decide(self.folder, rung, self.job.standings(rung), self.options.halving)

    def _entries(self) -> list[dict[str, Any]]:
        failed = {run: reason for fleet, reason in self.failed.items() for run in self.folder.runs_of(fleet)}
        return rank_runs(
            self.folder,
            self.changes,
            split=self.job.split.name,
            decoding=self._decoding,
            by=self.options.by,
            normalize=normalization_of(self.plan),
            failed=failed,
            evaluation=self.job.evaluation,
            known=self._known,
        )

    @property
    def _decoding(self) -> str:
        """The strategy that runs are ranked by: the first one."""
        return strategy_names(self.job.evaluation)[0]

    @property
    def _ranking(self) -> dict[str, Any]:
        """The split, the strategy, the metric and the normalization that runs are ranked by."""
        return {
            "split": self.job.split.name,
            "decoding": self._decoding,
            "by": self.options.by,
            "normalize": normalization_of(self.plan),
        }

    def _write(self, entries: Sequence[Mapping[str, Any]], status: str, **more: Any) -> None:
        """Write leaderboard and record."""
        board = {**self._ranking, "runs": list(entries)}
        write_leaderboard(
            self.folder.path, {**board, **{key: more.pop(key) for key in ("settings", "winner") if key in more}}
        )
        by_name = {entry["name"]: entry for entry in entries}
        runs = [
            {"name": name, "changes": dict(changes)}
            | {key: by_name[name][key] for key in ("status", "reason") if key in by_name[name]}
            for name, changes in self.changes.items()
        ]
        seconds = self._seconds_before + time.monotonic() - self._began
        self.folder.update(status=status, runs=runs, seconds=seconds, **more)

    def _finish(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """Evaluate the best setting of each method, compare the settings, write the final leaderboard and record."""
        # The best setting by the mean over its seeds, then its first seed: the luckiest seed says least of the setting.
        pruned = {entry["name"] for entry in entries if entry.get("pruned")}
        chosen = (
            next((name for name in own["runs"] if name not in pruned), None)
            for own in rank_settings(entries, self.options.by)
        )
        ranked = [name for name in chosen if name is not None]
        best = next(iter(ranked), None)
        # First: `best:` may ask the same questions with other settings, and its answers then replace these.
        stem = answers_stem(self._decoding, self.job.split.name)
        dataset = selected_questions(self.job.split, self.job.evaluation)
        settings, winner = compare_settings(
            self.folder, entries, dataset, self._decoding, stem, self.options.by, normalization_of(self.plan)
        )
        if best is not None and self.plan.config.best is not None:
            self._score_base(self.plan.config.best)
            # Adapters and full fine-tuning are compared by their best runs, so both answer the same questions.
            best_by_method = {self.job.runs[name].method: name for name in reversed(ranked)}
            for name in best_by_method.values():
                self._score_best(name, self.plan.config.best)
        status = "failed" if any(entry["status"] in ("failed", "unreadable") for entry in entries) else "done"
        self._write(entries, status, settings=settings, winner=winner, best=best)
        return self._result(entries, status=status, settings=settings, winner=winner, best=best)

    def _result(self, entries: Sequence[Mapping[str, Any]], *, status: str, **more: Any) -> dict[str, Any]:
        return {
            "out": str(self.folder.path),
            "status": status,
            **self._ranking,
            "runs": list(entries),
            **more,
            "leaderboard": str(self.folder.path / CSV_FILE),
            "seconds": self._seconds_before + time.monotonic() - self._began,
        }

    def _score_base(self, evaluation: Evaluation) -> None:
        """Score the untouched base, unless it has its scores already.

        One sample does: no strategy of the base is compared with another.
        """
        length = train_options(
            self.options, self.plan, self.plan.runs[0], data=self.data, out=self.folder.path
        ).max_length
        self._score(evaluation.model_copy(update={"samples": 1}), self.folder.path / "baseline", None, length)

    def _score_best(self, name: str, evaluation: Evaluation) -> None:
        out, run = self.folder.run_path(name), self.job.open_run(name)
        for decoding, scores in self._score(evaluation, out, run, self.job.runs[name].max_length).items():
            self.stream.send(RunScored(name, evaluation.split, decoding, scores))

    def _score(self, evaluation: Evaluation, out: Path, run: OpenRun | None, max_length: int) -> dict[str, Any]:
        """Score a run, or the untouched base if ``run`` is None; return the new scores by strategy."""
        options: EvaluateOptions = evaluate_options(self.options, self.plan, evaluation)
        inputs, split = self.job.inputs, load_split(self.data, evaluation.split)
        trained = None if run is None else sha256_file(run.weights)
        rule = options.normalize or "official"
        subject = Subject(inputs.name, inputs.base.sha256, trained, split, options.limit, rule)
        if has_scores(out, subject, strategy_names(options), options):
            return {}
        base = inputs.base if run is None else run.base
        fleet = None if run is None else Fleet.from_weights(base.model.config, [run.adapter], device=inputs.device)
        (decodings,) = evaluate_fleet(
            base,
            inputs.tokenizer,
            fleet,
            [subject],
            [out],
            options,
            max_length=max_length,
            progress=self.job.check_interruption,
            remark=lambda text: self.remarks.update({f"{split.name} data: {text}": None}),
        )
        return decodings


class _NotesOnly(Reporter):
    """Pass notes on, but not progress: the progress of a fleet is not that of the sweep."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def note(self, text: str) -> None:
        self._reporter.note(text)
