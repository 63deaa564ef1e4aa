"""Runs that are searched for instead of listed: at random, or by an Optuna study of the validation scores.

::

    search:
      method: optuna             # or random
      trials: 40
      batch: 8                   # runs that are proposed at once, and train beside each other
      space:
        rank: [4, 8, 16]         # one of these
        lr: {low: 1e-5, high: 1e-2, log: true}

Both are pure functions of the seed and of the scores so far. A search that was stopped proposes its own runs again,
finds them done, and goes on: nothing is kept but the runs themselves.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from squadron.errors import ConfigError
from squadron.randomness import numpy_generator
from squadron.sweeps.axes import run_name
from squadron.sweeps.search_space import Range, Search

if TYPE_CHECKING:
    import optuna

_TRIES = 20
"""Draws for a run that was not drawn before, until the space is taken to be used up."""


def first_changes(search: Search, seed: int) -> list[dict[str, Any]]:
    """What the first runs of a search change: all of them at random, the first batch of a study.

    Raises :class:`ConfigError` where Optuna is asked for and not installed.
    """
    if search.method == "random":
        return list(_random_changes(search, seed))
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError("search.method optuna: not installed; pip install 'squadron[search]', or use random")
    return next_changes(search, seed, {})


def next_changes(search: Search, seed: int, scores: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """What the next batch of a study changes, given the scores of all runs before by their names.

    A score of None is that of a run that gave none: it diverged, or failed. Empty where all trials were made.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Runs of a batch do not know each other's scores; the liar keeps them from all going to one place.
    sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    seen: set[str] = set()
    for start in range(0, search.trials, search.batch):
        trials = [study.ask() for _ in range(min(search.batch, search.trials - start))]
        proposed = [(trial, _suggested(trial, search.space)) for trial in trials]
        batch = {run_name(changes): changes for _, changes in proposed}
        fresh = [changes for name, changes in batch.items() if name not in seen]
        if any(run_name(changes) not in scores for changes in fresh):
            return fresh
        seen |= batch.keys()
        for trial, changes in proposed:
            _tell(study, trial, scores[run_name(changes)])
    return []


def _tell(study: optuna.Study, trial: optuna.Trial, score: float | None) -> None:
    if score is None:
        from optuna.trial import TrialState

        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, score)


def _suggested(trial: optuna.Trial, space: Mapping[str, Range[Any] | tuple[Any, ...]]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for axis, values in space.items():
        if not isinstance(values, Range):
            # By place: a value may be a list of modules, which Optuna does not take.
            changes[axis] = values[trial.suggest_categorical(axis, list(range(len(values))))]
        elif isinstance(values.low, int):
            changes[axis] = trial.suggest_int(axis, values.low, int(values.high), log=values.log)
        else:
            changes[axis] = _rounded(trial.suggest_float(axis, values.low, values.high, log=values.log), values)
    return changes


def _random_changes(search: Search, seed: int) -> Iterator[dict[str, Any]]:
    """As many different draws as there are trials, or as the space has."""
    generator = numpy_generator(seed, "search")
    seen: set[str] = set()
    for _ in range(search.trials):
        for _ in range(_TRIES):
            changes = {axis: _drawn(values, float(generator.random())) for axis, values in search.space.items()}
            if run_name(changes) not in seen:
                seen.add(run_name(changes))
                yield changes
                break


def _drawn(values: Range[Any] | Sequence[Any], share: float) -> Any:
    """The value at a share, from 0 up to 1, of what there is to choose from."""
    if not isinstance(values, Range):
        return values[int(share * len(values))]
    # Every whole number of a range has a share of its own.
    low, high = values.low, values.high + isinstance(values.low, int)
    drawn = math.exp(math.log(low) + share * math.log(high / low)) if values.log else low + share * (high - low)
    return min(math.floor(drawn), int(values.high)) if isinstance(values.low, int) else _rounded(drawn, values)


def _rounded(value: float, values: Range[float]) -> float:
    """Three digits, within the range: more tell nothing, and names would show them."""
    return min(max(float(f"{value:.3g}"), values.low), values.high)
