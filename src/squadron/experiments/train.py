"""One training run: data and base in, a run folder out."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from squadron.data.batches import Schedule
from squadron.data.encoding import Example, Truncation, encode_training
from squadron.data.prepared import Split, load_split, prepared_sizes
from squadron.data.trees import Pack
from squadron.errors import ConfigError, DataError, InterruptedRunError, RunError
from squadron.experiments.answering import answer_questions, first_questions
from squadron.experiments.environment import describe_environment, peak_memory_bytes
from squadron.experiments.interrupt import graceful_interrupt
from squadron.experiments.method import adapter_spec, asked_precision, keep, make_fleet, stored_dtype
from squadron.experiments.options import TrainOptions
from squadron.experiments.pocket import base_location
from squadron.experiments.progress import Reporter
from squadron.experiments.run_folder import RunFolder
from squadron.model.checkpoint import Base, load_base
from squadron.model.lora import LoraSpec
from squadron.model.tokenizer import Tokenizer, load_tokenizer
from squadron.scoring.evaluation import score
from squadron.training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from squadron.training.precision import precision_name, resolve_device, resolve_precision
from squadron.training.steps import FleetTrainer, StepResult, mean_losses

MAY_DIFFER = {"out", "device", "max_steps", "checkpoint_seconds", "offline"}
"""Options that a resumed run may change: where it runs, and for how long."""


@dataclass(slots=True)
class _Job:
    """All that a run holds while it trains."""

    options: TrainOptions
    folder: RunFolder
    base: Base
    tokenizer: Tokenizer
    trainer: FleetTrainer
    validation: Split | None
    validation_packs: list[Pack]
    reporter: Reporter
    metrics: list[dict[str, Any]] = field(default_factory=list)
    best_loss: float = math.inf
    best_step: int = 0
    seconds: float = 0.0
    examples: int = 0
    tokens: int = 0


def train(
    options: TrainOptions, *, resume: bool = False, replace: bool = False, reporter: Reporter | None = None
) -> dict[str, Any]:
    """Train one adapter, or the whole base, and return the summary of its run.

    The run folder has ``adapter/`` (of the epoch with the lowest validation loss, or the last where there is no
    validation data; ``model/`` where the whole base is trained), ``last/``, ``metrics.jsonl`` and ``run.json``.
    Raises a :class:`squadron.errors.SquadronError` for what a user can cause; whatever was finished stays and is taken
    up by ``resume``.
    """
    reporter = reporter or Reporter()
    spec = adapter_spec(options)
    if spec is None and "lr" not in options.model_fields_set:
        reporter.note(f"--lr {options.lr:g} is what adapters want; for --method full, 1e-5 to 1e-4 are usual")
    device = resolve_device(options.device)
    resolve_precision(options.precision, device)  # what cannot be is said before a folder is made
    training = load_split(options.data, "train", offline=options.offline)
    folder = RunFolder.create(
        Path(options.out),
        options.settings(),
        kind="train",
        resume=resume,
        replace=replace,
        may_differ=MAY_DIFFER,
    )
    job: _Job | None = None
    try:
        dtype = resolve_precision(asked_precision(options, folder), device)
        stored = stored_dtype(spec, dtype)
        base = load_base(base_location(options.base), offline=options.offline, dtype=stored, device=device)
        job, truncation = _start(options, spec, dtype, folder, base, training, reporter)
        facts = {
            "base": {"name": options.base, "sha256": base.sha256, "parameters": base.model.parameter_count},
            "data": {"train": _described(training), "validation": _described(job.validation)},
            "precision": precision_name(dtype),
        }
        _check_facts(folder, facts)
        folder.begin()
        if (folder.path / CHECKPOINT).is_file():
            _restore(job)
        folder.update(
            status="running",
            seed=options.seed,
            **facts,
            truncation=truncation.to_json(),
            trainable_parameters=job.trainer.fleet.trainable_parameters(0),
            environment=describe_environment(device),
        )
        return _run(job, device)
    except (InterruptedRunError, KeyboardInterrupt):
        if not folder.replaces:
            _mark(folder, "interrupted", "stopped by a person")
        raise
    except Exception as problem:
        if folder.is_new and (job is None or job.trainer.step_number == 0):
            folder.discard()  # nothing was trained, so the same command can be given again, put right
        elif not folder.replaces:
            _mark(folder, "failed", str(problem))
        raise
    finally:
        folder.release()


def _check_facts(folder: RunFolder, facts: Mapping[str, Any]) -> None:
    """Refuse to go on with another base, other questions or another number format than the run began with."""
    before = folder.record
    if folder.is_new or folder.replaces or "precision" not in before:
        return
    pairs = [("--precision", before["precision"], facts["precision"])]
    pairs.append(("--base: its sha256", before["base"]["sha256"], facts["base"]["sha256"]))
    for split in ("train", "validation"):
        old, new = ((one["data"][split] or {}).get("sha256") for one in (before, facts))
        pairs.append((f"--data: the sha256 of {split}", old, new))
    for what, was, now in pairs:
        if was != now:
            raise RunError(f"--resume {folder.path}: {what} was {was}, is {now}; put it back, or use --replace")


def _start(
    options: TrainOptions,
    spec: LoraSpec | None,
    dtype: torch.dtype,
    folder: RunFolder,
    base: Base,
    training: Split,
    reporter: Reporter,
) -> tuple[_Job, Truncation]:
    """Encode the data and make the trainer."""
    config = base.model.config
    if options.max_length > config.n_positions:
        raise ConfigError(f"--max-length {options.max_length}: this base has {config.n_positions} positions")
    tokenizer = load_tokenizer(base.folder)
    if tokenizer.size > config.vocab_size:
        raise ConfigError(
            f"--base {base.name}: its tokenizer has {tokenizer.size:,} tokens, its model {config.vocab_size:,}; "
            f"the files belong to different models"
        )
    examples, truncation = encode_training(training.dataset, tokenizer, max_length=options.max_length)
    if not examples:
        raise DataError(f"--max-length {options.max_length}: no question of {options.data} fits; raise it")
    batches = Schedule(
        examples,
        batch_size=options.batch_size,
        accumulation=options.gradient_accumulation,
        order=options.order,
        loss=options.loss,
        seed=options.seed,
    )
    trainer = FleetTrainer(
        base.model,
        make_fleet(spec, base, dtype),
        batches,
        learning_rates=[options.lr],
        total_steps=options.epochs * batches.steps_per_epoch,
        weight_decay=[options.weight_decay],
        gradient_clipping=[options.gradient_clipping or None],
        rate_schedules=[options.schedule],
        warmup_steps=options.warmup_steps,
    )
    validation = _validation_split(options)
    packs: list[Pack] = []
    if validation is not None:
        held_out, _ = encode_training(validation.dataset, tokenizer, max_length=options.max_length)
        packs = _validation_packs(held_out, options)
    job = _Job(options, folder, base, tokenizer, trainer, validation, packs, reporter)
    return job, truncation


def _validation_split(options: TrainOptions) -> Split | None:
    """The validation questions; none where the data is a plain file or was prepared without any."""
    if not Path(options.data).is_dir() or prepared_sizes(Path(options.data))["validation"] == 0:
        return None
    return load_split(options.data, "validation")


def _validation_packs(examples: list[Example], options: TrainOptions) -> list[Pack]:
    if not examples:
        return []
    batches = Schedule(examples, batch_size=4 * options.batch_size, order="paragraph", loss=options.loss)
    return [pack for step in range(batches.steps_per_epoch) for pack in batches.step(step)]


def _restore(job: _Job) -> None:
    tensors, state = load_checkpoint(job.folder.path / CHECKPOINT)
    job.trainer.restore(tensors, state["trainer"])
    job.best_loss = math.inf if state["best_loss"] is None else state["best_loss"]
    job.best_step, job.seconds = state["best_step"], state["seconds"]
    job.examples, job.tokens = state["examples"], state["tokens"]
    # Metrics are written before the checkpoint; what is later than it will come again.
    job.metrics = [line for line in job.folder.read_metrics() if line["step"] <= job.trainer.step_number]


def _save(job: _Job) -> None:
    """Write metrics and checkpoint; a kill between the two leaves the older checkpoint, which is as good."""
    job.folder.write_metrics(job.metrics)
    state = {
        "trainer": job.trainer.state(),
        "best_loss": job.best_loss if math.isfinite(job.best_loss) else None,
        "best_step": job.best_step,
        "seconds": job.seconds,
        "examples": job.examples,
        "tokens": job.tokens,
    }
    save_checkpoint(job.folder.path / CHECKPOINT, job.trainer.tensors(), state)


def _run(job: _Job, device: torch.device) -> dict[str, Any]:
    """The training loop."""
    trainer, options = job.trainer, job.options
    steps_per_epoch = trainer.batches.steps_per_epoch
    last_step = min(trainer.total_steps, options.max_steps or trainer.total_steps)
    job.reporter.start("training", last_step, "step")
    job.reporter.reach(trainer.step_number)
    saved = time.monotonic()
    try:
        with graceful_interrupt() as interruption:
            while trainer.step_number < last_step and not trainer.stopped:
                began = time.perf_counter()
                result = trainer.step()
                job.seconds += time.perf_counter() - began
                job.examples += result.questions
                job.tokens += result.tokens
                _note_step(job, result, steps_per_epoch)
                ended = trainer.step_number % steps_per_epoch == 0
                if ended:
                    trainer.verify()
                if ended and not trainer.stopped:
                    _end_epoch(job)
                if (
                    ended
                    or trainer.step_number == last_step
                    or interruption.asked
                    or time.monotonic() - saved >= options.checkpoint_seconds
                ):
                    _save(job)
                    saved = time.monotonic()
                if interruption.asked and trainer.step_number < last_step:
                    raise InterruptedRunError(
                        f"{job.folder.path}: stopped after step {trainer.step_number} of {last_step}; nothing is lost: "
                        f"run the same command with --resume"
                    )
    finally:
        job.reporter.finish()
    return _finish(job, device)


def _note_step(job: _Job, result: StepResult, steps_per_epoch: int) -> None:
    """Remember the figures of a step and show them."""
    loss, rate = result.losses[0], result.learning_rates[0]
    job.metrics.append(
        {
            "step": result.step + 1,
            "epoch": result.step // steps_per_epoch + 1,
            "loss": _finite(loss),
            "gradient_norm": _finite(result.gradient_norms[0]),
            "learning_rate": rate,
            "questions": result.questions,
            "tokens": result.tokens,
        }
    )
    job.reporter.reach(result.step + 1, loss=loss, **{"examples/s": job.examples / job.seconds})


def _end_epoch(job: _Job) -> None:
    """Validate, and keep the adapter if it is the best so far."""
    step = job.trainer.step_number
    loss: float | None = None
    if job.validation_packs:
        (loss,) = mean_losses(job.base.model, job.trainer.fleet, job.validation_packs)
        line: dict[str, Any] = {"step": step, "validation_loss": _finite(loss), **_validation_scores(job)}
        job.metrics.append(line)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in line.items() if name != "step" and value is not None)
        job.reporter.note(f"step {step}: {shown}")
    if loss is None or loss < job.best_loss:
        job.best_loss = math.inf if loss is None else loss
        job.best_step = step
        _keep(job, "adapter")


def _keep(job: _Job, which: str) -> None:
    """Write what is trained, as it is now, into a folder of the run."""
    keep(job.trainer.fleet, job.folder, which, options=job.options, tokenizer=job.tokenizer)


def _validation_scores(job: _Job) -> dict[str, Any]:
    """EM and F1 of greedy answers to the fixed slice of the validation questions."""
    if job.validation is None or job.options.eval_questions == 0:
        return {}
    slice_ = first_questions(job.validation.dataset, job.options.eval_questions)
    answers = answer_questions(
        job.base.model,
        job.tokenizer,
        slice_,
        fleet=job.trainer.fleet,
        max_prompt=min(job.options.max_length, job.base.model.config.n_positions - 32),
        max_new_tokens=32,
    )
    scores = score(answers["greedy"][0].predictions(), slice_.golds(), version=slice_.version, resamples=1)
    return {
        "validation_exact_match": scores.exact_match,
        "validation_f1": scores.f1,
        "validation_questions": scores.questions,
    }


def _finish(job: _Job, device: torch.device) -> dict[str, Any]:
    """Write the run's record for good and return its summary."""
    trainer = job.trainer
    trainer.verify()
    _save(job)
    _keep(job, "last")
    # A run that ends within its first epoch has no best adapter yet; this one counts as none when it goes on.
    if job.best_step == 0:
        _keep(job, "adapter")
    steps = [line for line in job.metrics if "loss" in line]
    trainable = trainer.fleet.trainable_parameters(0)
    validations = [line for line in job.metrics if "validation_loss" in line]
    summary: dict[str, Any] = {
        "status": "diverged" if trainer.stopped else "done",
        "steps": trainer.step_number,
        "best_step": job.best_step or None,
        "trainable_parameters": trainable,
        "trainable_share": trainable / job.base.model.parameter_count,
        "loss": steps[-1]["loss"] if steps else None,
        **{key: value for key, value in (validations[-1] if validations else {}).items() if key != "step"},
        "examples_per_second": job.examples / job.seconds if job.seconds else None,
        "tokens_per_second": job.tokens / job.seconds if job.seconds else None,
        "seconds": job.seconds,
        "peak_memory_bytes": peak_memory_bytes(device),
    }
    if trainer.stopped:
        summary["reason"] = trainer.stopped[0]
    job.folder.record.pop("reason", None)
    job.folder.update(**summary)
    return {"run": str(job.folder.path), **summary}


def _described(split: Split | None) -> Mapping[str, Any] | None:
    """A split, for the run's record."""
    if split is None:
        return None
    return {
        "split": split.name,
        "questions": len(split.dataset),
        "sha256": split.sha256,
        "set_aside": len(split.dataset.set_aside),
    }


def _finite(value: float) -> float | None:
    """A number that JSON has, or None."""
    return value if math.isfinite(value) else None


def _mark(folder: RunFolder, status: str, reason: str) -> None:
    """Say in the record how a run ended; where even that cannot be written, the error under way matters more."""
    try:
        folder.update(status=status, reason=reason)
    except Exception as problem:
        folder.record["reason"] = f"{reason}; the record could not be written ({problem})"
