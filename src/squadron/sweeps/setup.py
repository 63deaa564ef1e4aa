"""Set up a sweep: check its plan and base in one report, open its folder, prepare its questions."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from squadron.data.prepared import prepared_hashes
from squadron.errors import ConfigError, RunError, SquadronError, argument, option
from squadron.experiments.places import absolute_dataset
from squadron.experiments.pocket import base_location
from squadron.experiments.prepare import prepare
from squadron.model.checkpoint import weight_files
from squadron.model.config import GPT2Config, Precision, read_config
from squadron.model.hub import locate
from squadron.model.targets import check_rank
from squadron.model.tokenizer import load_tokenizer
from squadron.options.base import checked
from squadron.options.core import EvaluateOptions, PrepareOptions, TrainOptions
from squadron.options.sweep import SweepOptions
from squadron.ownership import refuse_inputs_inside
from squadron.pocket.base import NAME as POCKET
from squadron.runs.folder import refuse_half_replaced
from squadron.runs.layout import SWEEP
from squadron.runs.places import absolute, is_prepared
from squadron.runs.sweep_folder import SweepFolder, same_config
from squadron.scoring.metrics import Normalization
from squadron.sweeps.config import Evaluation
from squadron.sweeps.grid import PlannedRun, SweepPlan, read_sweep
from squadron.sweeps.growth import more_runs
from squadron.sweeps.halving import rung_epochs

MAY_DIFFER = {
    *("base", "config", "out", "device", "offline", "report"),
    *("engine", "ray_address", "gpus_per_fleet", "cpus_per_fleet"),
}
"""Options that say where a sweep runs, and the particulars of its reports; a resumed sweep may change them. The base is
compared by its checksum."""


_OF_THE_DATA = ("train_size", "val_size", "test_size", "test_split", "hub_config", "columns")
"""Options of ``prepare`` that may be given to a sweep."""


def read_plan(
    options: SweepOptions, particulars: Mapping[str, str] | None = None, base: str | None = None
) -> SweepPlan:
    """Return the plan, checked with the base and all options. Raises one :class:`ConfigError` with all problems.

    ``particulars`` of the reports, if there are any, are kept in place of the configuration's. ``base`` is the base at
    the commit that a resumed sweep has of it, by default the one that the options name.
    """
    over = {"seeds", "seed", "epochs", "normalize", *_OF_THE_DATA}
    overrides = options.model_dump(include=over, exclude_none=True)
    if particulars:
        overrides["report"] = dict(particulars)
    problems: list[str] = []

    def attempt(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except SquadronError as problem:
            problems.append(problem.marked)
            return None

    plan: SweepPlan | None = attempt(lambda: read_sweep(options.config, overrides))
    config: GPT2Config | None = attempt(lambda: _check_base(base or options.base, offline=options.offline))
    if options.engine != "ray":
        given = options.model_dump(include={"ray_address", "gpus_per_fleet", "cpus_per_fleet"}, exclude_none=True)
        problems += [
            f"{option(name, value)}: applies only to {option('engine', 'ray')}" for name, value in given.items()
        ]
    if is_prepared(options.dataset):
        sizes = options.model_dump(include=set(_OF_THE_DATA), exclude_none=True)
        problems += [
            f"{option(name, value)}: {options.dataset} is prepared already; leave it out, or prepare another"
            for name, value in sizes.items()
        ]
    if plan is not None and config is not None:
        attempt(lambda: _check_fit(plan, config))
    named = plan.config.data_options.get("test_split") if plan is not None and options.test_split is None else None
    if named is not None and options.dataset == POCKET:
        problems.append(
            f"{option('dataset', POCKET)}: has no split {named!r}, which {options.config} tests on; give "
            f"{option('test_size')} with a number of test questions"
        )
    if plan is not None and options.halving is not None:
        if plan.config.search is not None and plan.config.search.method == "optuna":
            problems.append(
                f"{option('halving', options.halving)}: an Optuna study needs complete runs; leave one of the two out"
            )
        attempt(lambda: plan_rungs(options, plan))
    if plan is None or problems:
        raise ConfigError("\n".join(problems))
    return plan


def plan_rungs(options: SweepOptions, plan: SweepPlan) -> tuple[int, ...]:
    """Return the epochs after which runs are dropped; none without ``--halving``."""
    if options.halving is None:
        return ()
    defaults = TrainOptions.model_fields
    if plan.config.base_options.get("eval_questions", defaults["eval_questions"].default) == 0:
        raise ConfigError(
            f"{option('halving', options.halving)}: compares runs by their answers, and eval_questions is 0; raise it"
        )
    epochs = [run.options.get("epochs", defaults["epochs"].default) for run in plan.runs]
    return rung_epochs(epochs, len(plan.runs), options.halving)


def open_folder(options: SweepOptions, plan: SweepPlan, *, resume: bool, replace: bool, join: bool) -> SweepFolder:
    """Return the sweep's folder, locked for this process unless it joins.

    Raises :class:`RunError` if the folder cannot be created, resumed, replaced or joined as requested.
    """
    config = {
        "base": options.base,
        "dataset": options.dataset,
        **plan.config.model_dump(mode="json"),
        **options.model_dump(mode="json", include={"halving", "fleet_size", "seed", "device", "precision", "offline"}),
        "engine": options.engine,
    }
    if options.by != "f1":  # records from before there was a choice have none
        config["by"] = options.by
    path = Path(options.out)
    if replace:
        refuse_inputs_inside(
            path,
            {
                argument("config", options.config): options.config,
                option("base", options.base): base_location(options.base),
                option("dataset", options.dataset): options.dataset,
            },
        )
    may_differ = MAY_DIFFER
    if (resume or join) and _is_same_dataset(options, plan, path):
        may_differ = MAY_DIFFER | {"dataset"}
    if not join:
        return SweepFolder.create(
            path,
            config,
            kind="sweep",
            resume=resume,
            replace=replace,
            may_differ=may_differ,
            extended=lambda before: more_runs(before, config, plan),
        )
    folder = SweepFolder.open(path)
    refuse_half_replaced(path, folder.record)
    before = folder.record["config"]
    for key in sorted((before.keys() | config.keys()) - may_differ):
        if not same_config({"": before.get(key)}, {"": config.get(key)}):
            raise RunError(
                f"{option('join')} {path}: {key} is {before.get(key)!r} there and {config.get(key)!r} here; "
                f"give the command that started it, with {option('join', True)}"
            )
    return folder


def _is_same_dataset(options: SweepOptions, plan: SweepPlan, path: Path) -> bool:
    """Return True if the data set is the one of the sweep at ``path``, which may have been named by another path.

    Of a prepared folder, the checksums decide once it is opened. Any other is prepared anew, to compare the checksums.
    """
    if is_prepared(options.dataset):
        return True
    if not (path / SWEEP).is_file() or not os.path.exists(options.dataset):
        return False  # nothing to compare, or a name of the hub, which is compared as it is typed
    before = SweepFolder.open(path).record["config"].get("dataset")
    if isinstance(before, str) and options.dataset in (absolute_dataset(before), absolute(str(path.parent / before))):
        return True
    if not is_prepared(str(path / "data")):
        return False
    with tempfile.TemporaryDirectory() as scratch:
        prepare_data(options, plan, Path(scratch) / "data")
        return prepared_hashes(Path(scratch) / "data") == prepared_hashes(path / "data")


def prepare_data(options: SweepOptions, plan: SweepPlan, out: Path) -> str:
    """Make the folder of splits; return in one line which rows were set aside or read differently, or "".

    Raises :class:`squadron.errors.DataError` for unusable data or sizes.
    """
    values = {"seed": plan.config.base_options.get("seed", 0), **plan.config.data_options}
    made = prepare(
        checked(PrepareOptions, {"dataset": options.dataset, "out": str(out), "offline": options.offline, **values})
    )
    return str(made["summary"])


def train_options(options: SweepOptions, plan: SweepPlan, run: PlannedRun, *, data: str, out: Path) -> TrainOptions:
    """Return the options with which ``squadron train`` makes the same run alone."""
    values: Mapping[str, Any] = {
        **run.options,
        **_where(options, plan),
        "base": options.base,
        "data": data,
        "out": str(out),
    }
    return checked(TrainOptions, values)


def evaluate_options(options: SweepOptions, plan: SweepPlan, evaluation: Evaluation) -> EvaluateOptions:
    """Return the options with which ``squadron evaluate`` scores a run in the same way."""
    values = {"seed": plan.config.base_options.get("seed", 0), "normalize": normalization_of(plan)}
    return checked(EvaluateOptions, {**evaluation.model_dump(), **values, **_where(options, plan)})


def normalization_of(plan: SweepPlan) -> Normalization:
    """Return what makes the answers of all runs alike before they are compared."""
    found: Normalization = plan.config.base_options.get("normalize", "official")
    return found


def precision_of(options: SweepOptions, plan: SweepPlan) -> Precision:
    """Return the requested precision: that of the command line, else of the configuration."""
    given: Precision = plan.config.base_options.get("precision", "auto")
    return given if options.precision == "auto" else options.precision


def _where(options: SweepOptions, plan: SweepPlan) -> dict[str, Any]:
    return {"device": options.device, "precision": precision_of(options, plan), "offline": options.offline}


def _check_base(base: str, *, offline: bool) -> GPT2Config:
    """Return the shape of the base. Weights of the hub are not fetched yet: they may be too large for this machine."""
    located = locate(base_location(base), offline=offline, weights=offline)
    config = read_config(located.folder / "config.json")
    if located.hub is None:
        weight_files(located.folder)
    load_tokenizer(located.folder, vocab_size=config.vocab_size)
    return config


def _check_fit(plan: SweepPlan, config: GPT2Config) -> None:
    """Refuse ranks and lengths that are too large for this base. Raises :class:`ConfigError`."""
    defaults = TrainOptions.model_fields
    for run in plan.runs:
        if run.options.get("method", defaults["method"].default) != "full":
            rank, targets = (run.options.get(key, defaults[key].default) for key in ("rank", "target_modules"))
            check_rank(config, targets, rank)
    default = defaults["max_length"].default
    for length in sorted({run.options.get("max_length", default) for run in plan.runs}):
        if length > config.n_positions:
            raise ConfigError(f"max_length {length}: this base has {config.n_positions} positions; lower it")
    for evaluation in (plan.config.evaluate, plan.config.best):
        if evaluation is not None and evaluation.max_new_tokens >= config.n_positions:
            raise ConfigError(
                f"max_new_tokens {evaluation.max_new_tokens}: this base has {config.n_positions} positions; lower it"
            )
