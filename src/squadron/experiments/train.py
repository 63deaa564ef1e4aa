"""Train one run, from data and a base to a run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from squadron.data.prepared import load_split
from squadron.errors import InterruptedRunError, RunError, command_line_text, option
from squadron.experiments.inputs import open_inputs
from squadron.experiments.load_run import weights_path
from squadron.experiments.places import absolute_base, pinned
from squadron.experiments.pocket import base_location
from squadron.experiments.room import check_room
from squadron.experiments.trainables import adapter_spec, requested_precision
from squadron.experiments.training_job import FleetJob, Member
from squadron.options.core import TrainOptions
from squadron.ownership import refuse_inputs_inside
from squadron.runs.folder import RunFolder
from squadron.runs.places import absolute
from squadron.runs.sweep_folder import FINAL
from squadron.tracking.events import Listener, RunEnded, Stream
from squadron.tracking.interrupt import graceful_interrupt
from squadron.tracking.progress import Reporter
from squadron.training.checkpoint import CHECKPOINT
from squadron.training.precision import dtype_rule, resolve_device

MAY_DIFFER = {"base", "data", "out", "device", "max_steps", "checkpoint_seconds", "offline"}
"""Options that a resumed run may change. Base and data are compared by their checksums: they may have moved."""

_BEGINNING = {"schema", "kind", "config", "seed", "base", "data", "precision", "truncation", "environment"}
"""Keys of a run's record that are written when it begins: its summary has the others."""


def train(
    options: TrainOptions,
    *,
    resume: bool = False,
    replace: bool = False,
    reporter: Reporter | None = None,
    listeners: Sequence[Listener] = (),
) -> dict[str, Any]:
    """Train one adapter, or all weights of the base, as a fleet of one; return the summary of the run.

    The run folder has ``adapter/`` (``model/`` if all weights are trained), ``last/``, ``metrics.jsonl`` and
    ``run.json``. ``adapter/`` is of the epoch with the lowest validation loss, or of the last epoch without validation
    data. Raises a :class:`squadron.errors.SquadronError` for any problem that a user can cause; finished work is kept,
    and ``resume`` continues from it, also to more epochs than before if the learning rate is constant. A run that has
    ended stays as it is if its checkpoint is gone.
    """
    reporter = reporter or Reporter()
    stream = Stream(listeners, note=reporter.note)
    spec = adapter_spec(options)  # reports invalid options before anything is written
    if spec is None and "lr" not in options.model_fields_set:
        reporter.note(f"lr {options.lr:g} is usual for adapters; for method full, 1e-5 to 1e-4 is usual")
    places = {"base": absolute_base(options.base), "data": absolute(options.data)}
    options = options.model_copy(update=places)  # a record is read from other folders, too
    device = resolve_device(options.device)
    dtype_rule(options.precision, device)  # refuses what cannot be before anything is read
    training = load_split(options.data, "train")
    if replace:
        refuse_inputs_inside(
            Path(options.out),
            {option("data", options.data): options.data, option("base", options.base): base_location(options.base)},
        )
    folder = RunFolder.create(
        Path(options.out),
        options.settings(),
        kind="train",
        resume=resume,
        replace=replace,
        may_differ=MAY_DIFFER,
        extended=lambda before: more_epochs(before, options),
    )
    job: FleetJob | None = None
    begun = folder.is_new or folder.replaces  # else nothing of the run that is resumed has changed yet
    try:
        dtype = dtype_rule(requested_precision(options, folder), device)
        location = base_location(options.base if folder.replaces else pinned(options.base, folder.record))
        check_room(options.base, location, {"": options}, offline=options.offline, dtype=dtype, device=device)
        inputs = open_inputs(
            options.base,
            options.data,
            training=training,
            offline=options.offline,
            dtype=dtype,
            device=device,
            location=location,
        )
        job = FleetJob(inputs, [Member(options, folder)], folder.path / CHECKPOINT, reporter=reporter, stream=stream)
        check_facts(folder, inputs.facts())
        if (ended := ended_without_checkpoint(folder, job)) is not None:
            reporter.note(f"{folder.path}: has ended, and its {CHECKPOINT} is gone; nothing is trained or changed")
            return ended
        folder.begin()
        if job.checkpoint.is_file():
            job.restore(job.checkpoint, {folder.path.name: options})
        job.begin()
        begun = True
        with graceful_interrupt() as interruption:
            job.run(interruption)
        (summary,) = job.finish()
        if remarks := [text for text in (training.dataset.summary(), *inputs.cut_off()) if text]:
            reporter.note(f"training data: {'; '.join(remarks)}")
        return summary
    except (InterruptedRunError, KeyboardInterrupt):
        if begun and not folder.replaces:
            mark(folder, "interrupted", "stopped by a person", stream)
        raise
    except Exception as problem:
        if folder.is_new and (job is None or job.trainer.step_number == 0):
            folder.discard()  # nothing was trained, so the corrected command can be given again
        elif begun and not folder.replaces:
            mark(folder, "failed", command_line_text(problem), stream)
        raise
    finally:
        folder.release()
        stream.close()


def more_epochs(before: RunFolder, options: TrainOptions) -> set[str]:
    """Return the option in which a resumed run may differ if it is only to train for more epochs; none if it is not.

    Batches and dropout depend on the seed and the step alone, so the result is that of a run with so many epochs from
    the start. Raises :class:`RunError` if it would not be, or if a run that has ended has no checkpoint to continue.
    """
    old = before.record["config"].get("epochs")
    if not isinstance(old, int) or options.epochs <= old:
        return set()
    resumed = f"{option('resume')} {before.path}: epochs was {old} and is now {options.epochs}"
    if options.schedule != "constant":
        raise RunError(
            f"{resumed}, but the {options.schedule} schedule falls over all epochs, so a longer one is another run; "
            f"choose another {option('out')}, or use {option('replace', True)}"
        )
    if before.record["status"] in FINAL and not (before.path / CHECKPOINT).is_file():
        raise RunError(
            f"{resumed}, but its {CHECKPOINT} is gone, so it cannot be continued; train from the start, "
            f"in another {option('out')} or with {option('replace', True)}"
        )
    return {"epochs"}


def ended_without_checkpoint(folder: RunFolder, job: FleetJob) -> dict[str, Any] | None:
    """Return the summary of a run that has ended if its checkpoint is gone and its weights are there; None for others.

    Training it would start again and overwrite the weights. Raises :class:`RunError` if it has steps left.
    """
    record = folder.record
    if record["status"] not in FINAL or job.checkpoint.is_file() or not weights_path(folder).is_file():
        return None
    steps = record.get("steps")
    if record["status"] != "diverged" and (steps is None or steps < job.last_step):
        raise RunError(
            f"{option('resume')} {folder.path}: ended after step {steps} and is now to end after step {job.last_step}, "
            f"but its {CHECKPOINT} is gone, so it cannot be continued; train from the start, "
            f"in another {option('out')} or with {option('replace', True)}"
        )
    return {"run": str(folder.path), **{key: value for key, value in record.items() if key not in _BEGINNING}}


def check_facts(folder: RunFolder, facts: Mapping[str, Any]) -> None:
    """Refuse to resume a run with another base, other questions or another number format.

    Raises :class:`RunError` that names what differs.
    """
    before = folder.record
    if folder.is_new or folder.replaces or "precision" not in before:
        return
    places = {option("precision"): ("precision",), f"{option('base')}: its sha256": ("base", "sha256")}
    for split in ("train", "validation"):
        places[f"{option('data')}: the sha256 of {split}"] = ("data", split, "sha256")
    for what, place in places.items():
        was, now = _at(before, *place), _at(facts, *place)
        if was != now:
            raise RunError(
                f"{option('resume')} {folder.path}: {what} was {was}, is {now}; "
                f"put it back, or use {option('replace', True)}"
            )


def _at(content: Any, *keys: str) -> Any:
    """Return the value at a place in a record; None if it, or an object around it, is not there."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def mark(folder: RunFolder, status: str, reason: str, stream: Stream) -> None:
    """Record how a run ended; a failure to write is only noted, since the error being handled matters more."""
    try:
        folder.update(status=status, reason=reason)
    except Exception as problem:
        folder.record["reason"] = f"{reason}; the record could not be written ({command_line_text(problem)})"
    stream.send(RunEnded(folder.path.name, status, {"reason": folder.record["reason"]}))
