"""Preview a sweep without running it: runs, fleets, memory, and a time estimate from a short trial."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from squadron.data.prepared import load_split
from squadron.errors import as_flags
from squadron.experiments.inputs import open_inputs
from squadron.experiments.pocket import base_location
from squadron.experiments.room import check_room
from squadron.experiments.trainables import run_parameters
from squadron.options.sweep import SweepOptions
from squadron.runs.places import is_prepared
from squadron.sweeps.fleets import plan_fleets
from squadron.sweeps.memory import (
    answering_seconds,
    choose_fleet_size,
    run_trial,
    shortage,
    training_seconds,
)
from squadron.sweeps.setup import (
    evaluate_options,
    plan_rungs,
    precision_of,
    prepare_data,
    read_plan,
    train_options,
)
from squadron.sweeps.sweep import open_engine
from squadron.training.precision import dtype_rule, precision_name, resolve_device


def preview(options: SweepOptions) -> dict[str, Any]:
    """Return the runs with their trainable parameters, the fleets with their memory in bytes, and the total seconds.

    ``unfit`` has the runs that do not fit in memory even alone, each with what it needs and what to lower.

    Nothing is left on the disk. Raises a :class:`squadron.errors.SquadronError` for any problem that a user can cause.
    """
    plan = read_plan(options)
    workers = _workers(options)
    device = resolve_device(options.device)
    dtype = dtype_rule(precision_of(options, plan), device)
    with tempfile.TemporaryDirectory() as scratch:
        data = options.dataset if is_prepared(options.dataset) else str(Path(scratch) / "data")
        runs = {
            run.name: train_options(options, plan, run, data=data, out=Path(options.out) / "runs" / run.name)
            for run in plan.runs
        }
        location = base_location(options.base)
        check_room(options.base, location, runs, offline=options.offline, dtype=dtype, device=device)
        if data != options.dataset:
            prepare_data(options, plan, Path(data))
        inputs = open_inputs(
            options.base, data, training=load_split(data, "train"), offline=options.offline, dtype=dtype, device=device
        )
        model = inputs.base.model
        trial = run_trial(inputs, runs)
        size = choose_fleet_size(inputs, runs, trial, asked=options.fleet_size)
        fleets = plan_fleets(runs, model.config, size=size.runs, at_least=workers)
        at_once = min(_undisturbed(options, workers, device), len(fleets))
        trials = {"lora": trial}
        training = 0.0
        for method in ("lora", "full"):
            own = {name: run for name, run in runs.items() if run.method == method}
            if own:
                trials[method] = trial if len(own) == len(runs) or method == "lora" else run_trial(inputs, own)
                training += training_seconds(inputs, own, trials[method]) / at_once
        memory = [trials[runs[names[0]].method].fleet_bytes(len(names)) for names in fleets]
        names = {name for one in trials.values() for name in one.unfit}
        unfit = {name: shortage(inputs, runs[name]) for name in runs if name in names}
        evaluation = evaluate_options(options, plan, plan.config.evaluate)
        split = load_split(data, evaluation.split)
        longest = max(run.max_length for run in runs.values())
        # The base and the best runs are scored by the coordinator alone.
        answering = (len(runs) / at_once + 1) * answering_seconds(inputs, split, evaluation, longest)
        best = 0.0
        if plan.config.best is not None:
            final = evaluate_options(options, plan, plan.config.best)
            methods = {run.method for run in runs.values()}  # the best run of each method is evaluated, and the base
            best = (len(methods) + 1) * answering_seconds(inputs, load_split(data, final.split), final, longest)
    return {
        "runs": [
            {
                "name": run.name,
                "status": "planned",
                "changes": dict(run.changes),
                "trainable_parameters": run_parameters(runs[run.name], model),
            }
            for run in plan.runs
        ],
        "fleets": [{"runs": names, "memory_bytes": bytes_} for names, bytes_ in zip(fleets, memory, strict=True)],
        "fleets_at_once": min(workers, len(fleets)),
        "fleet_size": size.runs,
        "fleet_size_reason": size.reason,
        "unfit": {name: as_flags(text) for name, text in unfit.items()},
        "free_bytes": trial.free_bytes,
        "precision": precision_name(model.dtype),
        "halving_epochs": list(plan_rungs(options, plan)),
        # Without the time that halving saves, which is known only once runs are dropped.
        "training_seconds": training,
        "answering_seconds": answering,
        "best_seconds": best,
        "seconds": training + answering + best,
    }


def _workers(options: SweepOptions) -> int:
    """Return the number of fleets that the sweep would run at the same time."""
    engine = open_engine(options)
    try:
        return engine.workers
    finally:
        engine.close()


def _undisturbed(options: SweepOptions, workers: int, device: torch.device) -> int:
    """Return the number of fleets that run at the same time as fast as the trial: those with a GPU of their own."""
    if options.engine == "local":
        return workers
    if device.type == "cpu":
        return 1  # the trial had all the cores, of which each worker has some
    return max(1, int(workers * min(1.0, options.gpus_per_fleet or 1.0)))
