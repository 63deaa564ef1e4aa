"""Compare the runs of a sweep's record with those of a configuration: a resumed sweep may get more runs, not others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from squadron.errors import RunError, option
from squadron.runs.sweep_folder import SweepFolder, same_config
from squadron.sweeps.config import SweepConfig
from squadron.sweeps.grid import PlannedRun, SweepPlan, plan_runs

_SECTIONS = ("grid", "tied", "exclude", "runs", "seeds", "search")
"""The sections of a configuration that make its runs."""


def more_runs(before: SweepFolder, config: Mapping[str, Any], plan: SweepPlan) -> set[str]:
    """Return the keys in which ``config``, to be recorded, may differ from a sweep's record, to give it more runs.

    These are the sections that make runs, if every run of the record is in ``plan`` as it was; none if no run differs,
    or if other keys would change all runs. Raises :class:`RunError` if a run would be gone or changed, or if the sweep
    chooses its runs by comparing all of them.
    """
    old: Mapping[str, Any] = before.record["config"]
    section = next((key for key in _SECTIONS if not same_config({"": old.get(key)}, {"": config.get(key)})), None)
    if section is None or old.get("base_options") != config.get("base_options"):
        return set()
    resumed = f"{option('resume')} {before.path}: {section} was {old.get(section)!r} and is now {config.get(section)!r}"
    advice = f"resume with the same configuration, or use another {option('out')} or {option('replace', True)}"
    try:
        recorded = _recorded(old)
        for search in (recorded.search, plan.config.search):
            if search is not None and search.method == "optuna":
                raise RunError(
                    f"{resumed}, but an Optuna study proposes runs from the scores of others, so the sweep "
                    f"cannot grow; {advice}"
                )
        runs = plan_runs(recorded)
    except ValidationError:  # damaged, or of another version: the difference itself is reported
        return set()
    planned = {run.name: run for run in plan.runs}
    for run in runs:
        if change := _change(run, planned.get(run.name)):
            raise RunError(f"{resumed}, so {change}; a sweep can get more runs but keeps those it has: {advice}")
    if len(planned) > len(runs) and config.get("halving") is not None:
        raise RunError(
            f"{resumed}, but {option('halving', config['halving'])} chose among all runs that there were, so the sweep "
            f"cannot grow; {advice}"
        )
    return set(_SECTIONS)


def _recorded(config: Mapping[str, Any]) -> SweepConfig:
    """Return the configuration in a sweep's record. Raises :class:`ValidationError` if it is damaged."""
    sections = {key: config[key] for key in _SECTIONS if config.get(key)}
    shared = [config.get(key) for key in ("base_options", "data_options")]
    base = {key: value for own in shared if isinstance(own, dict) for key, value in own.items()}
    return SweepConfig.model_validate({**sections, "base": base})


def _change(before: PlannedRun, now: PlannedRun | None) -> str | None:
    """Return how a run would change; None if it stays as it was."""
    if now is None:
        return f"run {before.name} would be gone"
    for key in sorted(before.options.keys() | now.options.keys()):
        was, new = before.options.get(key), now.options.get(key)
        if not same_config({"": was}, {"": new}):
            return f"run {before.name} would change: {key} was {was!r} and is now {new!r}"
    return None
