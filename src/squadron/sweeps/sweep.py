"""Run a sweep: many runs of one base on the same questions, trained in fleets, scored and ranked.

The whole state is in the folder: the same command with ``--resume`` continues a sweep that was stopped or killed, with
the same results. A configuration with more runs adds them; those that are done stay as they are.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from squadron.data.prepared import LAYOUT as DATA
from squadron.data.prepared import load_split
from squadron.errors import ConfigError, InterruptedRunError, RunError, option
from squadron.experiments.inputs import Inputs, open_inputs
from squadron.experiments.places import absolute_base, absolute_dataset, pinned
from squadron.experiments.pocket import base_location
from squadron.experiments.room import check_room
from squadron.experiments.train import check_facts
from squadron.files import explain_os_errors
from squadron.options.core import TrainOptions
from squadron.options.sweep import SweepOptions
from squadron.ownership import refuse_foreign
from squadron.runs.layout import SWEEP
from squadron.runs.places import is_prepared
from squadron.runs.sweep_folder import FINAL, SweepFolder
from squadron.sweeps.coordinator import RunSource, SweepRun, WholePlan
from squadron.sweeps.engines import Engine, LocalEngine, join_command
from squadron.sweeps.grid import SweepPlan
from squadron.sweeps.setup import open_folder, precision_of, prepare_data, read_plan, train_options
from squadron.temporaries import temporary_name
from squadron.tracking.events import Listener, Stream
from squadron.tracking.interrupt import graceful_interrupt
from squadron.tracking.progress import Reporter
from squadron.training.precision import dtype_rule, resolve_device


def sweep(
    options: SweepOptions,
    *,
    resume: bool = False,
    replace: bool = False,
    join: bool = False,
    reporter: Reporter | None = None,
    listeners: Sequence[Listener] = (),
    engine: Engine | None = None,
    source: RunSource | None = None,
    particulars: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Train and score all runs of a configuration; return the leaderboard and the other results.

    With ``join``, work on the fleets of a sweep that another process coordinates, or coordinate it if that process was
    killed before it planned them. ``engine`` defaults to the one that ``options.engine`` names, ``source`` to the whole
    plan. ``particulars`` of the reports are kept in the folder. Raises a :class:`squadron.errors.SquadronError` for any
    problem that a user can cause; runs that fail or diverge are listed in the result with the reason.
    """
    reporter = reporter or Reporter()
    places = {"base": absolute_base(options.base), "dataset": absolute_dataset(options.dataset)}
    options = options.model_copy(update=places)  # records are read from other folders, too
    plan = read_plan(options, particulars, recorded_base(options) if resume or join else options.base)
    if join and plan.config.search is not None and plan.config.search.method == "optuna":
        raise ConfigError(
            f"{option('join', True)}: only the coordinator can propose the runs of an Optuna study; "
            f"join a random search, or a grid"
        )
    folder = open_folder(options, plan, resume=resume, replace=replace, join=join)
    stream = Stream(listeners, note=reporter.note)
    run: SweepRun | None = None
    try:
        engine = engine or open_engine(options, join=join)
        with graceful_interrupt() as interruption:
            inputs, data, summary = _open_inputs(options, plan, folder, join=join)
            if data == options.dataset and plan.config.data_options:
                names = ", ".join(plan.config.data_options)
                reporter.note(f"dataset {data}: prepared already; of the configuration, not used: {names}")
            run = SweepRun(options, plan, folder, inputs, data, stream, reporter, interruption, engine)
            source = source or WholePlan(plan, options.by)
            result = run.join(source) if join else run.coordinate(source)
            cut_off = [f"training data: {text}" for text in inputs.cut_off()]
            if remarks := [text for text in (summary, *cut_off, *run.remarks) if text]:
                reporter.note(f"data: {'; '.join(remarks)}")
            return result
    except (InterruptedRunError, KeyboardInterrupt):
        done = 0 if run is None else run.note_end("interrupted")
        joined = join and not (run is not None and run.is_coordinator)
        raise InterruptedRunError(
            f"{folder.path}: stopped with {done} of {plan.total} runs done; nothing is lost: "
            f"run the same command with {option('join' if joined else 'resume', True)}"
        ) from None
    except Exception:
        if run is not None:
            run.note_end("failed")
        elif folder.is_new:
            folder.discard()  # nothing was made, so the corrected command can be given again
        raise
    finally:
        folder.release()
        stream.close()
        if engine is not None:
            engine.close()


def recorded_base(options: SweepOptions) -> str:
    """Return the base at the commit that the sweep in ``--out`` has of it; the base as it is named if there is none."""
    path = Path(options.out)
    return pinned(options.base, SweepFolder.open(path).record) if (path / SWEEP).is_file() else options.base


def open_engine(options: SweepOptions, *, join: bool = False) -> Engine:
    """Return the engine of a sweep; its workers start with the first fleet.

    Raises a :class:`squadron.errors.SquadronError` if Ray is asked for and not there, or its cluster is too small.
    """
    if options.engine == "ray":
        if join:
            raise ConfigError(
                f"{option('join', True)} and {option('engine', 'ray')}: a process that joins works on this "
                f"machine; leave {option('engine')} out"
            )
        from squadron.sweeps.ray_engine import RayEngine

        return RayEngine(options.ray_address, gpus=options.gpus_per_fleet, cpus=options.cpus_per_fleet or 1)
    others = [] if join or options.device != "auto" else gpus()[1:]
    return LocalEngine([join_command(options, device) for device in others])


def gpus() -> list[str]:
    """Return the names of this machine's GPUs; a process uses the first by default."""
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def _open_inputs(options: SweepOptions, plan: SweepPlan, folder: SweepFolder, *, join: bool) -> tuple[Inputs, str, str]:
    """Open the base and the questions, and prepare the questions if necessary.

    Return them with the data's folder, and in one line which rows of the data were set aside or read differently.
    A sweep that is to be replaced is removed only once all new inputs are ready.
    """
    device = resolve_device(options.device)
    precision = precision_of(options, plan)
    if precision == "auto" and not folder.replaces:
        precision = folder.record.get("precision", precision)  # a resumed sweep keeps its number format
    dtype = dtype_rule(precision, device)
    data = options.dataset if is_prepared(options.dataset) else str(folder.path.absolute() / "data")
    location = base_location(options.base if folder.replaces else pinned(options.base, folder.record))
    check_room(
        options.base,
        location,
        _runs_to_train(options, plan, folder, data),
        offline=options.offline,
        dtype=dtype,
        device=device,
    )
    # Within the folder: its parent may be on another disk, or not writable.
    fresh = temporary_name(folder.path / "data")
    if join and data != options.dataset and not is_prepared(data):
        raise RunError(
            f"{option('join')} {folder.path}: its questions are not there yet; try again, or, if its coordinator "
            f"was killed, give {option('resume', True)} instead of {option('join', True)}"
        )
    making = data != options.dataset and not join and (folder.replaces or not is_prepared(data))
    if making and not folder.replaces and Path(data).is_dir():
        # It may be unfinished, or not Squadron's.
        refuse_foreign(Path(data), DATA, subject=f"{option('resume')} {data}")
    try:
        summary = prepare_data(options, plan, fresh) if making else ""
        source = str(fresh) if making else data
        inputs = open_inputs(
            options.base,
            source,
            training=load_split(source, "train"),
            offline=options.offline,
            dtype=dtype,
            device=device,
            location=location,
        )
        load_split(source, plan.config.evaluate.split)
        if plan.config.best is not None:
            load_split(source, plan.config.best.split)
        if options.halving is not None and inputs.validation is None:
            raise ConfigError(
                f"{option('halving', options.halving)}: compares runs on validation questions, and there are none; "
                f"raise val_size, or leave it out"
            )
        check_facts(folder, inputs.facts())
        if not join:  # the record is the coordinator's, which may have written a newer one by now
            folder.begin(keep=[fresh.name])
            folder.update(status="running")  # first: a folder without its record would not be recognized as Squadron's
        if making:
            with explain_os_errors(folder.path):
                fresh.rename(data)
    finally:
        if making:
            shutil.rmtree(fresh, ignore_errors=True)
    return dataclasses.replace(inputs, data=data), data, summary


def _runs_to_train(options: SweepOptions, plan: SweepPlan, folder: SweepFolder, data: str) -> dict[str, TrainOptions]:
    """Return the planned runs that are yet to be trained here: on a cluster, its workers train them."""
    if options.engine == "ray":
        return {}
    before = [] if folder.replaces else folder.record.get("runs", [])
    ended = [run.get("name") for run in before if isinstance(run, dict) and run.get("status") in FINAL]
    return {
        run.name: train_options(options, plan, run, data=data, out=folder.run_path(run.name))
        for run in plan.runs
        if run.name not in ended
    }
