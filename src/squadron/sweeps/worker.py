"""Run the fleets of a sweep, for every engine: train, drop runs, evaluate, continuing from earlier work."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from squadron.data.prepared import Split
from squadron.errors import DeviceError, InterruptedRunError, RunError, command_line_text, is_out_of_memory, option
from squadron.experiments.evaluate import evaluate_fleet, strategy_names
from squadron.experiments.inputs import Inputs
from squadron.experiments.load_run import OpenRun, open_run, weights_path
from squadron.experiments.scores import Subject, has_scores
from squadron.experiments.train import MAY_DIFFER, check_facts, mark
from squadron.experiments.training_job import FleetJob, Member
from squadron.files import sha256_file
from squadron.model.fleet import Fleet
from squadron.options.core import EvaluateOptions, TrainOptions
from squadron.options.runs import By
from squadron.runs.folder import RunFolder, refuse_changes, refuse_half_replaced
from squadron.runs.sweep_folder import FINAL, SweepFolder, same_config
from squadron.sweeps.halving import Standing, drop_reason, standing
from squadron.sweeps.memory import shortage
from squadron.tracking.events import RunScored, Stream
from squadron.tracking.interrupt import Interruption
from squadron.tracking.progress import Reporter
from squadron.training.memory import release_memory


@dataclass(slots=True)
class SweepJob:
    """Everything that is needed to run a sweep's fleets.

    ``rungs`` are the epochs after which halving drops runs, by the metric ``by``; ``saved`` is called after every
    checkpoint.
    """

    folder: SweepFolder
    runs: dict[str, TrainOptions]
    inputs: Inputs
    evaluation: EvaluateOptions
    split: Split
    rungs: tuple[int, ...] = ()
    by: By = "f1"
    reporter: Reporter = field(default_factory=Reporter)
    stream: Stream = field(default_factory=Stream)
    interruption: Interruption = field(default_factory=Interruption)
    saved: Callable[[], None] = lambda: None

    def check_sweep(self) -> None:
        """Raise :class:`RunError` if the folder has another sweep by now than the one that this process works on.

        Only a process that joined can find that: the coordinator holds the folder's lock.
        """
        now = SweepFolder.open(self.folder.path)
        refuse_half_replaced(now.path, now.record)
        with contextlib.suppress(RunError):
            check_facts(now, self.inputs.facts())
            if same_config(*(_lasting(one.record["config"]) for one in (self.folder, now))):
                return
        raise RunError(
            f"{option('join')} {now.path}: it has another sweep, or other data, by now than when this process joined; "
            f"give the command that started it, with {option('join', True)}"
        )

    def check_ended(self, fleet: str) -> None:
        """Raise :class:`RunError` if a run of a fleet has ended, but with other options or inputs than this sweep's.

        Another process may have written it: one that had joined a sweep which was replaced since.
        """
        try:
            records = {name: self.folder.run_record(name) for name in self.folder.runs_of(fleet)}
        except RunError:
            return  # a damaged file: it is reported once the fleet runs
        for name, record in records.items():
            path = self.folder.run_path(name)
            if record.get("status") not in FINAL or name not in self.runs:
                continue
            before, now = record["config"], self.runs[name].settings()
            keys_of_one = before.keys() ^ now.keys()  # the record may be of another version
            try:
                refuse_changes(path, before, now, MAY_DIFFER | keys_of_one)
                check_facts(RunFolder(path, record), self.inputs.facts())
            except RunError as problem:
                raise RunError(
                    f"{path}: {problem.detail.partition(';')[0]}, so it is not a run of this sweep; remove it, and "
                    f"give the command again with {option('resume', True)}"
                ) from None

    def run_fleet(self, fleet: str, rung: int | None) -> None:
        """Train a fleet to the end of epoch ``rung``; if it is None, train it to its end and score its runs.

        This continues from earlier work. A fleet that does not fit in memory is split in halves, repeatedly if needed.
        """
        for part, names in tuple(self.folder.fleet_parts(fleet)):
            self._run_part(part, names, rung)

    def _run_part(self, fleet: str, names: Sequence[str], rung: int | None) -> None:
        try:
            self._train(fleet, names, rung)
            if rung is None:
                self._evaluate(names)
                self.folder.checkpoint(fleet).unlink(missing_ok=True)
            return
        except Exception as problem:
            if not is_out_of_memory(problem):
                raise
        # Outside the handler: the error's frames would keep the fleet's tensors alive.
        if len(names) == 1:
            raise DeviceError(f"{names[0]}: {shortage(self.inputs, self.runs[names[0]])}")
        for half, own in self._split(fleet, names).items():
            self._run_part(half, own, rung)

    def steps_per_epoch(self, run: str) -> int:
        """Return the number of optimizer steps of a run in an epoch."""
        options = self.runs[run]
        questions = len(self.inputs.examples(options.max_length, options.order)[0])
        return math.ceil(questions / (options.batch_size * options.gradient_accumulation))

    def standings(self, rung: int) -> dict[str, Standing]:
        """Return the standings of the runs that have reached the end of epoch ``rung``."""
        found = {}
        for run in self.runs:
            own = standing(self.folder.run_metrics(run), rung * self.steps_per_epoch(run), self.by)
            if own is not None:
                found[run] = own
        return found

    def _train(self, fleet: str, names: Sequence[str], rung: int | None) -> None:
        names = [name for name in names if self.folder.run_record(name).get("status") not in FINAL]
        if not names:
            return
        members: list[Member] = []
        try:
            members.extend(
                self._member(name) for name in names
            )  # one by one: those that are locked already must be released
            job = self._job(members, fleet)
            for member in members:
                check_facts(member.folder, self.inputs.facts())
            job.begin()
            for epoch in self.rungs:
                if rung is None or epoch < rung:
                    job.drop(self._dropped(job, epoch))
            if not job.members:
                return
            until = None if rung is None else rung * job.steps_per_epoch
            job.run(self.interruption, until=until)
            if rung is None:
                job.finish()
        except (InterruptedRunError, KeyboardInterrupt):
            self._mark(members, "interrupted", "stopped by a person")
            raise
        except Exception as problem:
            if not is_out_of_memory(problem):
                self._mark(members, "failed", command_line_text(problem))
            elif len(names) == 1:
                self._mark(members, "failed", "out of memory even alone")
            raise
        finally:
            for member in members:
                member.folder.release()

    def _job(self, members: Sequence[Member], fleet: str, source: str | None = None) -> FleetJob:
        """Return the job of these runs, restored from the checkpoint of their fleet, or of the fleet ``source``."""
        job = FleetJob(
            self.inputs,
            members,
            self.folder.checkpoint(fleet),
            reporter=self.reporter,
            stream=self.stream,
            saved=self.saved,
        )
        checkpoint = self.folder.checkpoint(source or fleet)
        if checkpoint.is_file():
            job.restore(checkpoint, self.runs)
        return job

    def _member(self, name: str) -> Member:
        options = self.runs[name]
        folder = RunFolder.create(
            self.folder.run_path(name),
            options.settings(),
            kind="train",
            resume=True,
            replace=False,
            may_differ=MAY_DIFFER,
        )
        return Member(options, folder)

    def _mark(self, members: Sequence[Member], status: str, reason: str) -> None:
        for member in members:
            if member.folder.record.get("status") not in FINAL:
                mark(member.folder, status, reason, self.stream)

    def _dropped(self, job: FleetJob, epoch: int) -> dict[str, str]:
        """Return the runs of a fleet that halving drops after an epoch, with the reasons."""
        step, found = epoch * job.steps_per_epoch, {}
        for member in job.members:
            own = standing(member.metrics, step, self.by)
            # A run that diverged before the rung is not dropped; it ends as diverged.
            reason = None if own is None else drop_reason(self.folder, epoch, member.name, own, self.by)
            # A fleet that is past the rung was decided on there.
            if reason is not None and job.trainer.step_number == step:
                found[member.name] = reason
        return found

    def _split(self, fleet: str, names: Sequence[str]) -> dict[str, list[str]]:
        """Split a fleet that did not fit in memory; return its halves, which continue from its checkpoint."""
        release_memory(self.inputs.device)
        middle = len(names) // 2
        halves = {f"{fleet}a": list(names[:middle]), f"{fleet}b": list(names[middle:])}
        self.reporter.note(f"fleet {fleet}: {len(names)} runs do not fit in memory; continuing with two halves")
        if self.folder.checkpoint(fleet).is_file():
            for half, own in halves.items():
                members = [
                    self._member(name) for name in own if self.folder.run_record(name).get("status") not in FINAL
                ]
                try:
                    if members:
                        self._job(members, half, source=fleet).save()
                finally:
                    for member in members:
                        member.folder.release()
        self.folder.split_fleet(fleet, halves)
        return halves

    def _evaluate(self, names: Sequence[str]) -> None:
        """Score the fleet's finished runs in one pass: all of them, if any has no scores yet.

        A run's answers must not depend on when the others were scored. Pruned runs keep their scores.
        """
        records = {name: self.folder.run_record(name) for name in names}
        done = [name for name, own in records.items() if own.get("status") == "done" and not own.get("pruned")]
        outs = [self.folder.run_path(name) for name in done]
        subjects = [self._subject(name) for name in done]
        strategies = strategy_names(self.evaluation)
        if all(has_scores(out, own, strategies, self.evaluation) for out, own in zip(outs, subjects, strict=True)):
            return
        opened = [self.open_run(name) for name in done]
        base = opened[0].base
        every = evaluate_fleet(
            base,
            self.inputs.tokenizer,
            Fleet.from_weights(base.model.config, [run.adapter for run in opened], device=self.inputs.device),
            subjects,
            outs,
            self.evaluation,
            max_length=self.runs[done[0]].max_length,
            progress=self.check_interruption,
        )
        for name, decodings in zip(done, every, strict=True):
            for decoding, scores in decodings.items():
                self.stream.send(RunScored(name, self.split.name, decoding, scores))

    def open_run(self, name: str) -> OpenRun:
        """Open a finished run: its adapter on the sweep's base, or the base that it trained."""
        path, base = self.folder.run_path(name), self.inputs.base
        own = None if self.runs[name].method == "full" else base
        return open_run(path, base=own, dtype=base.model.dtype, device=self.inputs.device)

    def _subject(self, name: str) -> Subject:
        weights = sha256_file(weights_path(RunFolder.open(self.folder.run_path(name))))
        own = self.evaluation
        rule = own.normalize or "official"
        return Subject(self.inputs.name, self.inputs.base.sha256, weights, self.split, own.limit, rule)

    def check_interruption(self, _done: int) -> None:
        """Raise :class:`InterruptedRunError` if a person asked to stop; called between batches of questions."""
        if self.interruption.asked:
            raise InterruptedRunError(f"{self.folder.path}: stopped while scoring")


def _lasting(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sweep's configuration without what a resumed one may change."""
    return {key: value for key, value in config.items() if key not in MAY_DIFFER | {"dataset"}}
