"""Train one run or many together, as one fleet on one base.

Each run keeps its own folder, metrics and best adapter. The fleet has one checkpoint, so that the parameters, optimizer
state and step counts of all its runs are of the same step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from squadron.data.batches import SCHEMES, BatchSampler, paragraph_batches
from squadron.data.encoding import Example
from squadron.errors import InterruptedRunError, RunError, option
from squadron.experiments.checkpoint_state import check_tensors, read_state
from squadron.experiments.environment import describe_environment, peak_memory_bytes
from squadron.experiments.inputs import Inputs
from squadron.experiments.load_run import weights_path
from squadron.experiments.predict import answer_questions, first_questions
from squadron.experiments.trainables import make_fleet, needs_checkpointing, save_trained, update_facts
from squadron.file_records import shown
from squadron.files import sha256_file
from squadron.options.core import ROLES, TrainOptions
from squadron.runs.folder import RunFolder
from squadron.scoring.evaluation import score
from squadron.tracking.events import EpochEnded, RunEnded, RunStarted, Stepped, Stream
from squadron.tracking.interrupt import Interruption
from squadron.tracking.progress import Reporter
from squadron.training.checkpoint import load_checkpoint, save_checkpoint
from squadron.training.steps import FleetTrainer, StepResult, mean_losses
from squadron.training.subset import subset

OWN_OPTIONS = {name for name, role in ROLES.items() if role.own}
"""Options in which the runs of a fleet may differ; all others are the same."""


@dataclass(slots=True)
class Member:
    """One run of a fleet: its options, its folder, and its results so far."""

    options: TrainOptions
    folder: RunFolder
    metrics: list[dict[str, Any]] = field(default_factory=list)
    best_loss: float = math.inf
    best_step: int = 0

    @property
    def name(self) -> str:
        """The name of the run: that of its folder."""
        return self.folder.path.name


def shared_options(options: TrainOptions) -> dict[str, Any]:
    """Return the options that are the same for all runs of a fleet."""
    return options.model_dump(mode="json", exclude=OWN_OPTIONS)


def make_batches(inputs: Inputs, run: TrainOptions, examples: Sequence[Example] | None = None) -> BatchSampler:
    """Return the batches that a run trains on, from all examples unless some are given."""
    return BatchSampler(
        inputs.examples(run.max_length, run.order)[0] if examples is None else examples,
        batch_size=run.batch_size,
        accumulation=run.gradient_accumulation,
        order=run.order,
        loss=run.loss,
        seed=run.seed,
    )


def last_step(run: TrainOptions, batches: BatchSampler) -> int:
    """Return the step after which a run's training ends: of its last epoch, or ``max_steps`` if that is earlier."""
    total = run.epochs * batches.steps_per_epoch
    return min(total, run.max_steps or total)


def make_trainer(
    inputs: Inputs, runs: Sequence[TrainOptions], examples: Sequence[Example] | None = None
) -> FleetTrainer:
    """Return an untrained fleet of these runs, which differ in :data:`OWN_OPTIONS` alone.

    It trains on all examples unless some are given.
    """
    first = runs[0]
    assert all(shared_options(run) == shared_options(first) for run in runs), [run.out for run in runs]
    batches = make_batches(inputs, first, examples)
    model, fleet = make_fleet(runs, inputs.base)
    return FleetTrainer(
        model,
        fleet,
        batches,
        learning_rates=[run.lr for run in runs],
        total_steps=first.epochs * batches.steps_per_epoch,
        weight_decay=[run.weight_decay for run in runs],
        gradient_clipping=[run.gradient_clipping or None for run in runs],
        rate_schedules=[run.schedule for run in runs],
        warmup_steps=first.warmup_steps,
        checkpoint_activations=needs_checkpointing(runs, inputs.base.model, batches.examples),
    )


class FleetJob:
    """The training of a fleet of runs, from the start or a checkpoint to the end."""

    def __init__(
        self,
        inputs: Inputs,
        members: Sequence[Member],
        checkpoint: Path,
        *,
        reporter: Reporter,
        stream: Stream,
        saved: Callable[[], None] = lambda: None,
    ) -> None:
        """Make the trainer; ``saved`` is called after every checkpoint.

        Raises a :class:`squadron.errors.SquadronError` for any problem that a user can cause.
        """
        self.inputs, self.checkpoint = inputs, checkpoint
        self.members = list(members)
        self.options = members[0].options  # for the options that all of them share
        self.reporter, self.stream, self._saved = reporter, stream, saved
        self.trainer = make_trainer(inputs, [member.options for member in members])
        self.validation_batches = paragraph_batches(
            inputs.held_out(self.options.max_length), batch_size=4 * self.options.batch_size, loss=self.options.loss
        )
        self.seconds = 0.0  # a run's share of the fleet's training time
        self.examples = self.tokens = 0

    @property
    def last_step(self) -> int:
        """The step after which training ends."""
        return last_step(self.options, self.trainer.batches)

    @property
    def steps_per_epoch(self) -> int:
        """The number of optimizer steps in an epoch."""
        return self.trainer.batches.steps_per_epoch

    def restore(self, path: Path, known: Mapping[str, TrainOptions]) -> None:
        """Restore a checkpoint of this fleet, or of a larger one; ``known`` has the options of all its runs.

        Raises :class:`RunError` if it is not one, or was trained on batches drawn by another rule.
        """
        tensors, content = load_checkpoint(path)
        state = read_state(path, content, order=self.options.order)
        names = [one.name for one in state.members]
        whole, places = self.trainer, list(range(len(names)))
        if len(names) != len(self.members):  # else the names need not match: a run's folder may be renamed
            if lacking := [member.name for member in self.members if member.name not in names]:
                raise RunError(
                    f"{path}: has no run {lacking[0]}; put the fleet's own back, or remove it to start again"
                )
            if unknown := [name for name in names if name not in known]:
                raise RunError(f"{path}: has a run {shown(unknown[0])} that is not planned; remove it to start again")
            whole = make_trainer(self.inputs, [known[name] for name in names])
            places = [names.index(member.name) for member in self.members]
        check_tensors(path, tensors, whole.tensors())
        whole.restore(tensors, content["trainer"])
        self.trainer = whole if whole is self.trainer else subset(whole, places)
        for member, place in zip(self.members, places, strict=True):
            kept = state.members[place]
            member.best_loss = math.inf if kept.best_loss is None else kept.best_loss
            member.best_step = kept.best_step
            # Metrics are written before the checkpoint; later lines will be produced again.
            member.metrics = [line for line in member.folder.read_metrics() if line["step"] <= self.trainer.step_number]
        self.seconds, self.examples, self.tokens = state.seconds, state.examples, state.tokens

    def begin(self) -> None:
        """Write every run's record, and send the event that it starts."""
        environment = describe_environment(self.inputs.device)
        truncation = self.inputs.examples(self.options.max_length, self.options.order)[1].to_json()
        for k, member in enumerate(self.members):
            trainable = self.trainer.fleet.trainable_parameters(k)
            for stale in ("pruned", "weights_sha256", "update"):  # of weights that are gone or about to change
                member.folder.record.pop(stale, None)
            member.folder.update(
                status="running",
                seed=self.options.seed,
                **self.inputs.facts(),
                truncation=truncation,
                trainable_parameters=trainable,
                environment=environment,
            )
            config, folder = member.folder.record["config"], str(member.folder.path)
            self.stream.send(
                RunStarted(member.name, folder, config, trainable, self.trainer.step_number, self.last_step)
            )

    def run(self, interruption: Interruption, *, until: int | None = None) -> None:
        """Run the training loop up to step ``until`` or the last.

        After an interruption, finish the current step, save everything and raise :class:`InterruptedRunError`.
        """
        trainer, last = self.trainer, min(until or self.last_step, self.last_step)
        self.reporter.start("training", self.last_step, "step")
        self.reporter.reach(trainer.step_number)
        saved = time.monotonic()
        try:
            while trainer.step_number < last and len(trainer.stopped) < len(self.members):
                active = [k for k in range(len(self.members)) if k not in trainer.stopped]
                began = time.perf_counter()
                result = trainer.step()
                self.seconds += (time.perf_counter() - began) / len(self.members)
                self.examples += result.questions
                self.tokens += result.tokens
                self._note_step(result, active)
                ended = trainer.step_number % self.steps_per_epoch == 0
                if ended:
                    trainer.verify()
                    self._end_epoch()
                if (
                    ended
                    or trainer.step_number == last
                    or interruption.asked
                    or time.monotonic() - saved >= self.options.checkpoint_seconds
                ):
                    self.save()
                    saved = time.monotonic()
                if interruption.asked and trainer.step_number < self.last_step:
                    raise InterruptedRunError(
                        f"{self.members[0].folder.path}: stopped after step {trainer.step_number} of "
                        f"{self.last_step}; nothing is lost: run the same command with {option('resume', True)}"
                    )
        finally:
            self.reporter.finish()

    def save(self) -> None:
        """Write metrics and checkpoint; if killed between the two, training resumes from the older checkpoint."""
        for member in self.members:
            member.folder.write_metrics(member.metrics)
        state = {
            "trainer": self.trainer.state(),
            "members": [
                {
                    "name": member.name,
                    "best_loss": member.best_loss if math.isfinite(member.best_loss) else None,
                    "best_step": member.best_step,
                }
                for member in self.members
            ],
            "seconds": self.seconds,
            "examples": self.examples,
            "tokens": self.tokens,
            "batches": SCHEMES[self.options.order],
        }
        save_checkpoint(self.checkpoint, self.trainer.tensors(), state)
        self._saved()

    def drop(self, reasons: Mapping[str, str]) -> None:
        """End the runs named in ``reasons`` now, and continue with the others as a smaller fleet."""
        for k, member in enumerate(self.members):
            if member.name in reasons:
                self._end(k, "stopped", reasons[member.name])
        keep = [k for k, member in enumerate(self.members) if member.name not in reasons]
        self.members = [self.members[k] for k in keep]
        if self.members and reasons:
            self.trainer = subset(self.trainer, keep)
            self.save()

    def finish(self) -> list[dict[str, Any]]:
        """Write every run's final record and return the summaries."""
        self.trainer.verify()
        self.save()
        return [
            self._end(k, "diverged" if k in self.trainer.stopped else "done", self.trainer.stopped.get(k))
            for k in range(len(self.members))
        ]

    def _note_step(self, result: StepResult, active: Sequence[int]) -> None:
        """Add a step to the metrics and report it."""
        for k in active:
            line = {
                "step": result.step + 1,
                "epoch": result.step // self.steps_per_epoch + 1,
                "loss": _finite(result.losses[k]),
                "gradient_norm": _finite(result.gradient_norms[k]),
                "learning_rate": result.learning_rates[k],
                "questions": result.questions,
                "tokens": result.tokens,
            }
            self.members[k].metrics.append(line)
            self.stream.send(Stepped(self.members[k].name, result.step + 1, line))
        rate = self.examples / self.seconds
        self.reporter.reach(result.step + 1, loss=result.losses[active[0]], **{"examples/s": rate})

    def _end_epoch(self) -> None:
        """Validate all runs in one pass, and save each adapter that is the best so far."""
        step, active = self.trainer.step_number, [k for k in range(len(self.members)) if k not in self.trainer.stopped]
        losses: list[float] = []
        scores: list[dict[str, Any]] = [{} for _ in self.members]
        if self.validation_batches and active:
            losses = mean_losses(self.trainer.model, self.trainer.fleet, self.validation_batches)
            scores = self._validation_scores()
        for k in active:
            member = self.members[k]
            line: dict[str, Any] = {}
            if losses:
                line = {"step": step, "validation_loss": _finite(losses[k]), **scores[k]}
                member.metrics.append(line)
            self.stream.send(EpochEnded(member.name, step, line))
            if not losses or losses[k] < member.best_loss:
                member.best_loss = losses[k] if losses else math.inf
                member.best_step = step
                self._save_weights(k, "adapter")
        if losses and len(self.members) == 1:
            shown = {name: value for name, value in self.members[0].metrics[-1].items() if value is not None}
            shown.pop("step")
            self.reporter.note(f"step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in shown.items()))

    def _validation_scores(self) -> list[dict[str, Any]]:
        """Return every run's EM, F1 and P(gold), greedily, on the first ``eval_questions`` validation questions."""
        options, validation = self.options, self.inputs.validation
        if validation is None or options.eval_questions == 0:
            return [{} for _ in self.members]
        slice_ = first_questions(validation.dataset, options.eval_questions)
        model = self.trainer.model
        answers = answer_questions(
            model,
            self.inputs.tokenizer,
            slice_,
            fleet=self.trainer.fleet,
            max_prompt=min(options.max_length, model.config.n_positions - 32),
            max_new_tokens=32,
            score_golds=True,
        )
        every = [
            score(
                own.predictions(),
                slice_.golds(),
                version=slice_.version,
                normalize=options.normalize,
                gold_probabilities=own.gold_probabilities(),
                resamples=1,
            )
            for own in answers["greedy"]
        ]
        return [
            {
                "validation_exact_match": scores.exact_match,
                "validation_f1": scores.f1,
                **({} if scores.p_gold is None else {"validation_p_gold": scores.p_gold.mean}),
                "validation_questions": scores.questions,
            }
            for scores in every
        ]

    def _save_weights(self, k: int, which: str) -> None:
        """Write the current weights of a run to its folder."""
        member = self.members[k]
        save_trained(
            self.trainer.fleet,
            k,
            member.folder,
            which,
            options=member.options,
            tokenizer=self.inputs.tokenizer,
        )

    def _end(self, k: int, status: str, reason: str | None) -> dict[str, Any]:
        """Write one run's final record and return its summary."""
        member = self.members[k]
        self._save_weights(k, "last")
        # A run that ends within its first epoch has no best adapter yet; with best_step 0, a resumed run replaces it.
        if member.best_step == 0:
            self._save_weights(k, "adapter")
        steps = [line for line in member.metrics if "loss" in line]
        validations = [line for line in member.metrics if "validation_loss" in line]
        trainable = self.trainer.fleet.trainable_parameters(k)
        summary: dict[str, Any] = {
            "status": status,
            "steps": steps[-1]["step"] if steps else self.trainer.step_number,
            "best_step": member.best_step or None,
            "trainable_parameters": trainable,
            "trainable_share": trainable / self.inputs.base.model.parameter_count,
            "loss": steps[-1]["loss"] if steps else None,
            **{key: value for key, value in (validations[-1] if validations else {}).items() if key != "step"},
            "examples_per_second": self.examples / self.seconds if self.seconds else None,
            "tokens_per_second": self.tokens / self.seconds if self.seconds else None,
            "seconds": self.seconds,
            "fleet_size": len(self.members),
            "peak_memory_bytes": peak_memory_bytes(self.inputs.device),
            "weights_sha256": {which: sha256_file(weights_path(member.folder, which)) for which in ("adapter", "last")},
            **update_facts(member.folder, self.inputs.base.model.config),
        }
        member.folder.record.pop("reason", None)
        if reason is not None:
            summary["reason"] = reason
        member.folder.update(**summary)
        summary = {"run": str(member.folder.path), **summary}
        self.stream.send(RunEnded(member.name, status, summary))
        return summary


def _finite(value: float) -> float | None:
    """Return a finite number unchanged, else None, since JSON has no NaN or infinity."""
    return value if math.isfinite(value) else None
