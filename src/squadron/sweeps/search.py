"""Search for runs instead of listing them: at random, or by an Optuna study of the validation scores.

::

    search:
      method: optuna             # or random
      trials: 40
      batch: 8                   # runs that are proposed at once, and train together
      space:
        rank: [4, 8, 16]         # one of these
        lr: {low: 1e-5, high: 1e-2, log: true}

Both are pure functions of the seed and of the scores so far. A resumed search proposes the same runs again, finds them
done, and continues: no state is kept but the runs themselves.
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
"""Most draws for a run that was not drawn before; after these, the space counts as exhausted."""


def first_changes(search: Search, seed: int) -> list[dict[str, Any]]:
    """Return the changes of a search's first runs: all runs of a random search, the first batch of an Optuna study.

    Raises :class:`ConfigError` if Optuna is requested and not installed.
    """
    if search.method == "random":
        return list(_random_changes(search, seed))
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError("search.method optuna: not installed; pip install 'squadron[search]', or use random")
    return next_changes(search, seed, {})


def next_changes(search: Search, seed: int, scores: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """Return the changes of an Optuna study's next batch, given the scores of all runs before it, by name.

    The score of a run that diverged or failed is None. The batch is empty if all trials were made.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Runs of a batch are proposed without each other's scores; the constant liar keeps them apart in the space.
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
            _report(study, trial, scores[run_name(changes)])
    return []


def _report(study: optuna.Study, trial: optuna.Trial, score: float | None) -> None:
    if score is None:
        from optuna.trial import TrialState

        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, score)


def _suggested(trial: optuna.Trial, space: Mapping[str, Range[Any] | tuple[Any, ...]]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for axis, values in space.items():
        if not isinstance(values, Range):
            # By index: a value may be a list of modules, which Optuna does not accept.
            changes[axis] = values[trial.suggest_categorical(axis, list(range(len(values))))]
        elif isinstance(values.low, int):
            changes[axis] = trial.suggest_int(axis, values.low, int(values.high), log=values.log)
        else:
            changes[axis] = _rounded(trial.suggest_float(axis, values.low, values.high, log=values.log), values)
    return changes


def _random_changes(search: Search, seed: int) -> Iterator[dict[str, Any]]:
    """Yield one different draw per trial, or fewer if the space is exhausted."""
    generator = numpy_generator(seed, "search")
    seen: set[str] = set()
    for _ in range(search.trials):
        for _ in range(_TRIES):
            changes = {axis: _value_at(values, float(generator.random())) for axis, values in search.space.items()}
            if run_name(changes) not in seen:
                seen.add(run_name(changes))
                yield changes
                break


def _value_at(values: Range[Any] | Sequence[Any], share: float) -> Any:
    """Return the value at a ``share`` (0 to below 1) of the range or list."""
    if not isinstance(values, Range):
        return values[int(share * len(values))]
    # Every integer of a range, the last included, has an equal share.
    low, high = values.low, values.high + isinstance(values.low, int)
    drawn = math.exp(math.log(low) + share * math.log(high / low)) if values.log else low + share * (high - low)
    return min(math.floor(drawn), int(values.high)) if isinstance(values.low, int) else _rounded(drawn, values)


def _rounded(value: float, values: Range[float]) -> float:
    """Round to three digits within the range: more are of no use, and would lengthen names."""
    return min(max(float(f"{value:.3g}"), values.low), values.high)
