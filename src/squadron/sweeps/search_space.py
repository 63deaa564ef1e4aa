"""What a configuration says of a search: how, how often, and among which values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from squadron.options.core import Count, Positive
from squadron.sweeps.axes import axis_value, check_axis
from squadron.sweeps.problems import MOST_RUNS, Problems


class Range(BaseModel):
    """Numbers from ``low`` to ``high``, both included; whole ones where both are. ``log``: even by their logarithm."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    low: int | float
    high: int | float
    log: bool = False


class Search(BaseModel):
    """How runs are searched for. ``seed`` is the shared one where it is absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    method: Literal["random", "optuna"]
    trials: Annotated[int, Field(ge=1, le=MOST_RUNS)]
    batch: Positive = 8
    seed: Count | None = None
    space: dict[str, Range | tuple[Any, ...]]


def read_search(section: Any, problems: Problems) -> Search | None:
    """The checked section ``search``; None where it is not usable, which is then told."""
    if not isinstance(section, dict):
        problems.add("search", section, "no mapping; write {method: random, trials: 20, space: {...}}")
        return None
    given = section.get("space")
    space: dict[str, Range | tuple[Any, ...]] = {}
    if isinstance(given, dict) and given:
        for axis, values in given.items():
            key = f"search.space.{axis}"
            if check_axis(key, axis, values, problems):
                found = (
                    _range(key, axis, values, problems)
                    if isinstance(values, dict)
                    else _choices(key, axis, values, problems)
                )
                if found is not None:
                    space[axis] = found
    else:
        problems.add("search.space", given, "no axes to search; write {rank: [4, 8], lr: {low: 1e-5, high: 1e-2}}")
    try:
        return Search(**{**section, "space": space})
    except ValidationError as problem:
        for error in problem.errors(include_url=False):
            name = str(error["loc"][0])
            if error["type"] == "extra_forbidden":
                problems.add(
                    f"search.{name}", section[name], f"unknown key; known are {', '.join(Search.model_fields)}"
                )
            else:
                text = "missing; give it" if error["type"] == "missing" else error["msg"]
                problems.add(f"search.{name}", section.get(name), text[:1].lower() + text[1:])
        return None


def _choices(key: str, axis: str, values: Any, problems: Problems) -> tuple[Any, ...] | None:
    if not isinstance(values, list) or not values:
        problems.add(key, values, "no list of values, and no range; write [...] or {low: ..., high: ...}")
        return None
    return tuple(found for value in values if (found := axis_value(key, axis, value, problems)) is not None)


def _range(key: str, axis: str, values: Mapping[str, Any], problems: Problems) -> Range | None:
    try:
        found = Range(**values)
    except (ValidationError, TypeError):
        problems.add(key, values, "no range; write {low: 1e-5, high: 1e-2, log: true}")
        return None
    ends = [axis_value(f"{key}.{end}", axis, value, problems) for end, value in values.items() if end != "log"]
    if any(end is None for end in ends):
        return None
    if isinstance(ends[0], (str, tuple)):
        problems.add(key, values, "no axis of numbers; write a list of values")
    elif found.low >= found.high:
        problems.add(key, values, "low is not below high; turn them round, or give a list of values")
    elif found.log and found.low <= 0:
        problems.add(key, values, "log needs a low above 0; raise it, or leave log out")
    else:
        # An axis of fractions stays one, however its ends are written.
        return Range(low=min(ends), high=max(ends), log=found.log)
    return None
