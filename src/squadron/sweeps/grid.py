"""Plan the runs of a sweep from a configuration file: each with a stable name and all its options.

::

    base: {epochs: 1, train_size: 200, val_size: 50}     # options of train and prepare that all runs share
    grid: {rank: [4, 8], lr: [1e-4, 1e-3], targets: [attention, [attn.q, attn.v]]}     # every combination
    tied: {alpha: [8, 16], dropout: [0, 0.1]}            # axes that move together; a list for several such groups
    exclude: [{rank: 8, lr: 1e-3}]                       # combinations to leave out
    runs: [{rank: 64, name: large}]                      # single runs, as what they change
    seeds: 3                                             # repeat each run with so many seeds
    evaluate: {split: validation, decoding: [greedy]}
    best: {split: test, decoding: [all]}

A ``search`` takes the place of grid, tied, exclude, runs and seeds: see :mod:`squadron.sweeps.search`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from squadron.options.axes import ADAPTER_AXES
from squadron.sweeps.axes import axis_options, run_name, same_run
from squadron.sweeps.config import SweepConfig, advice, read_config, run_count
from squadron.sweeps.problems import MOST_RUNS, problem, refuse, report
from squadron.sweeps.search import first_changes, next_changes

_PACKAGE = Path(__file__).resolve().parents[1]
_CONFIGS = (_PACKAGE / "configs", _PACKAGE.parents[1] / "configs")
"""The folders of the shipped configurations: in an installation, and in a checkout."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A planned run: its name, the axes that it changes, and its options of ``train`` except base, data and out."""

    name: str
    changes: Mapping[str, Any]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """The runs of a sweep in order, and their configuration."""

    runs: tuple[PlannedRun, ...]
    config: SweepConfig

    @property
    def total(self) -> int:
        """The number of runs; for an Optuna study, which proposes them batch by batch, the most there can be."""
        search = self.config.search
        return search.trials if search is not None and search.method == "optuna" else len(self.runs)


def read_sweep(path: Path | str, overrides: Mapping[str, Any] | None = None) -> SweepPlan:
    """Read a configuration and plan its runs.

    ``overrides`` (from the command line) replace what is in the file, as :func:`read_config` describes. Raises one
    :class:`ConfigError` with all problems, each on a line with the key, the value and what to do.
    """
    path = find_config(path)
    try:
        config = read_config(path, overrides or {})
        runs = plan_runs(config)
    except ValidationError as found:
        raise report(str(path), found, advice) from None
    return SweepPlan(runs, config)


def plan_runs(config: SweepConfig) -> tuple[PlannedRun, ...]:
    """Return the runs of a configuration. Raises :class:`pydantic.ValidationError` with all problems."""
    problems: list[InitErrorDetails] = []
    runs = _plan(config, problems)
    refuse(problems)
    return runs


def find_config(name: Path | str) -> Path:
    """Return the path of a configuration: the user's file if it exists, else a shipped one by its name.

    Shipped ones are named as in ``quick`` or ``paper``, or as in ``configs/paper.yaml``, their path in a checkout.
    """
    path = Path(name)
    if path.exists() and not path.is_dir():  # `--out quick` makes a folder of the name of a shipped one
        return path
    if path == Path("configs", path.name):
        path = Path(path.stem)
    shipped = (folder / f"{path}.yaml" for folder in _CONFIGS if len(path.parts) == 1)
    return next((one for one in shipped if one.is_file()), Path(name))


def _plan(config: SweepConfig, problems: list[InitErrorDetails]) -> tuple[PlannedRun, ...]:
    if config.search is not None:
        return _searched(config, first_changes(config.search, config.search_seed), problems)
    count = run_count(config)
    if count > MOST_RUNS:
        text = f"more than {MOST_RUNS:,}; give fewer values, or tie axes"
        problems.append(problem(text, f"{count:,} runs", "grid"))
        return ()
    if count == 0:
        problems.append(problem("no runs; give grid, tied, runs, seeds or search", config.grid, "grid"))
    runs: list[PlannedRun] = []
    for changes in [*_combinations(config, problems), *config.runs]:
        for seed in config.seeds or (None,):
            own = {key: value for key, value in changes.items() if key != "name"}
            if seed is not None:
                own["seed"] = seed
            name = changes.get("name", run_name(own))
            if "name" in changes and seed is not None:
                name += f"-s{seed}"
            runs.append(PlannedRun(name, own, _options(config, name, own, problems)))
    _check_each_once(runs, problems)
    return tuple(runs)


def next_runs(config: SweepConfig, scores: Mapping[str, float | None]) -> tuple[PlannedRun, ...]:
    """Return the next batch of an Optuna study, given the scores of all runs before it (None for a run without scores).

    It is empty if there are no more runs, and for any other configuration, whose runs are all in the plan.
    """
    if config.search is None or config.search.method == "random":
        return ()
    # Its problems are those of its space, which the configuration's checks find.
    return _searched(config, next_changes(config.search, config.search_seed, scores), [])


def _searched(
    config: SweepConfig, every: Sequence[Mapping[str, Any]], problems: list[InitErrorDetails]
) -> tuple[PlannedRun, ...]:
    named = [(run_name(own), own) for own in every]
    return tuple(PlannedRun(name, own, _options(config, name, own, problems)) for name, own in named)


def _options(
    config: SweepConfig, name: str, changes: Mapping[str, Any], problems: list[InitErrorDetails]
) -> dict[str, Any]:
    """Return all options of a run: the shared ones, overridden by its changes."""
    options = {**config.base_options, **axis_options(changes)}
    if options.get("method") != "full":
        return options
    given = [axis for axis in ADAPTER_AXES if axis in changes]
    if given:
        text = f"trains all weights and has no adapter: leave {', '.join(given)} out, or make it one of runs"
        problems.append(problem(text, name, "method full of"))
    # The adapter options of ``base`` are for the other runs.
    return {field: value for field, value in options.items() if field not in ADAPTER_AXES.values()}


def _combinations(config: SweepConfig, problems: list[InitErrorDetails]) -> Iterator[dict[str, Any]]:
    """Yield every combination of the axes that is not excluded; the last axis varies fastest."""
    if not config.grid and not config.tied:
        if config.seeds and not config.runs:
            yield {}  # one setting, repeated with each seed
        for number, excluded in enumerate(config.exclude):
            problems.append(problem("matches no run: there is no grid; remove it", excluded, "exclude", number))
        return
    steps = [[{axis: value} for value in values] for axis, values in config.grid.items()]
    steps += [
        [dict(zip(group, row, strict=True)) for row in zip(*group.values(), strict=True)] for group in config.tied
    ]
    matched = [0] * len(config.exclude)
    kept = 0
    for parts in itertools.product(*steps):
        changes = {axis: value for part in parts for axis, value in part.items()}
        hits = [n for n, one in enumerate(config.exclude) if one.items() <= changes.items()]
        for number in hits:
            matched[number] += 1
        if not hits:
            kept += 1
            yield changes
    for number, hit in enumerate(matched):
        if not hit:
            text = "matches no run; remove it, or correct its values"
            problems.append(problem(text, config.exclude[number], "exclude", number))
    if not kept and not config.runs:
        problems.append(problem("leaves no run; exclude fewer", list(config.exclude), "exclude"))


def _check_each_once(runs: list[PlannedRun], problems: list[InitErrorDetails]) -> None:
    """Refuse two runs that train the same adapter or share a folder, on case-insensitive file systems too."""
    by_name: dict[str, PlannedRun] = {}
    by_options: dict[str, PlannedRun] = {}
    for run in runs:
        other = by_options.setdefault(same_run(run.options), run)
        if other is not run:
            text = f"trains the same adapter as {other.name}; remove one of them"
            problems.append(problem(text, run.name, "runs"))
            continue
        other = by_name.setdefault(run.name.casefold(), run)
        if other is not run:
            text = f"has the same name as another run, {other.name}; give it another name"
            problems.append(problem(text, run.name, "runs"))
