"""What a sweep's configuration file says, as frozen types; whatever is wrong in it is found at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from squadron.decoding.strategies import resolve_strategies
from squadron.errors import ConfigError
from squadron.experiments.axes import AXES, DATA_OPTIONS, check_option, name_problem, tidy
from squadron.experiments.options import Positive, TrainOptions
from squadron.experiments.yaml_file import read_yaml

MOST_RUNS = 10_000
_MOST_SHOWN = 30
"""Problems told of one file; where there are more, their number is told."""
_FROM_COMMAND = {"base": "--base", "data": "--dataset", "out": "--out"}


class Evaluation(BaseModel):
    """How adapters are evaluated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: Literal["train", "validation", "test"] = "validation"
    decoding: tuple[str, ...] = ("greedy",)
    max_new_tokens: Positive = 32
    limit: Positive | None = None

    @field_validator("decoding", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        names = [value] if isinstance(value, str) else value
        if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
            try:
                resolve_strategies(names)
            except ConfigError as problem:
                raise ValueError(str(problem).partition(": ")[2]) from None
        return names


class SweepConfig(BaseModel):
    """A checked configuration. Values of axes are as :func:`squadron.experiments.axes.tidy` has them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_options: dict[str, Any] = Field(default_factory=dict)
    """Options of ``train`` that all runs share."""
    data_options: dict[str, Any] = Field(default_factory=dict)
    """Options of ``prepare``: sizes of the splits, and how they are drawn."""
    grid: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    tied: tuple[dict[str, tuple[Any, ...]], ...] = ()
    exclude: tuple[dict[str, Any], ...] = ()
    runs: tuple[dict[str, Any], ...] = ()
    """Single runs: what each changes, and ``name`` where it was given one."""
    seeds: tuple[int, ...] = ()
    evaluate: Evaluation = Evaluation()
    best: Evaluation | None = None
    """How the best adapter is evaluated in the end, beside the others' evaluation."""


class Problems:
    """All that is wrong with a configuration, collected."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: list[str] = []

    def add(self, key: str, value: Any, text: str) -> None:
        """Note that ``key`` has the ``value``, and what is wrong with it."""
        shown = repr(value)
        self.lines.append(f"{key} {shown if len(shown) <= 60 else shown[:59] + '…'}: {text}")

    def raise_if_any(self) -> None:
        """Raise one :class:`ConfigError` with all problems, a line each."""
        lines = list(dict.fromkeys(self.lines))
        if lines:
            head = f"{self.source}: {len(lines)} {'problem' if len(lines) == 1 else 'problems'}; nothing was started"
            more = [f"... and {len(lines) - _MOST_SHOWN:,} more"] if len(lines) > _MOST_SHOWN else []
            raise ConfigError("\n".join([head, *lines[:_MOST_SHOWN], *more]))


def read_config(path: Path, overrides: Mapping[str, Any], problems: Problems) -> SweepConfig | None:
    """The configuration in a file with ``overrides`` written over it: options of ``train`` and ``prepare`` over its
    ``base``, those of its ``evaluate`` over that, anything else at the top.

    What is wrong is added to ``problems``; the configuration is then of what was right, or None where nothing was.
    """
    document = read_yaml(path)
    if not isinstance(document, dict):
        problems.add("the file", document, "no mapping; write base: {...} and grid: {axis: [values]}")
        return None
    document = _overridden(document, overrides)
    for key in document:
        if key not in _SECTIONS:
            problems.add(key, document[key], f"unknown key{_meant(key, _SECTIONS)}; known are {', '.join(_SECTIONS)}")
    base_options, data_options = _base(_typed(document, "base", dict, problems), problems)
    grid = _axes("grid", _typed(document, "grid", dict, problems), problems)
    tied = document.get("tied")
    groups = _typed(document, "tied", list, problems) if not isinstance(tied, dict) else [tied]
    config = SweepConfig(
        base_options=base_options,
        data_options=data_options,
        grid=grid,
        tied=_tied(groups, problems),
        exclude=_assignments("exclude", _typed(document, "exclude", list, problems), problems),
        runs=_assignments("runs", _typed(document, "runs", list, problems), problems, named=True),
        seeds=_seeds(document.get("seeds"), base_options.get("seed", 0), problems),
        evaluate=_evaluation(document, "evaluate", problems) or Evaluation(),
        best=_evaluation(document, "best", problems),
    )
    _check_axes_once(config, problems)
    return config


_SECTIONS = ("base", "grid", "tied", "exclude", "runs", "seeds", "evaluate", "best")


def _overridden(document: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    document = dict(document)
    for key, value in overrides.items():
        if key in _SECTIONS:
            document[key] = value
            continue
        section = "evaluate" if key in Evaluation.model_fields else "base"
        inside = document.get(section)
        if inside is None or isinstance(inside, dict):  # anything else is told as a problem anyhow
            document[section] = {**(inside or {}), key: value}
    return document


def _typed(document: Mapping[str, Any], key: str, kind: type, problems: Problems) -> Any:
    """A section, empty where it is absent or is no ``kind``."""
    value = document.get(key)
    if value is not None and not isinstance(value, kind):
        problems.add(key, value, f"no {'mapping; write {key: value}' if kind is dict else 'list; write [...]'}")
    return value if isinstance(value, kind) else kind()


def _base(section: Mapping[str, Any], problems: Problems) -> tuple[dict[str, Any], dict[str, Any]]:
    options: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for key, value in section.items():
        field = AXES.get(key, key)
        if key in _FROM_COMMAND:
            problems.add(f"base.{key}", value, f"not set here; give it with {_FROM_COMMAND[key]}")
        elif field not in TrainOptions.model_fields and field not in DATA_OPTIONS:
            known = [*AXES, *TrainOptions.model_fields, *DATA_OPTIONS]
            problems.add(f"base.{key}", value, f"unknown option{_meant(key, known)}; see squadron train --help")
        else:
            try:
                (data if field in DATA_OPTIONS else options)[field] = check_option(field, value)
            except ValueError as problem:
                problems.add(f"base.{key}", value, str(problem))
    return options, data


def _axes(where: str, section: Mapping[str, Any], problems: Problems) -> dict[str, tuple[Any, ...]]:
    """Axes with their values."""
    found: dict[str, tuple[Any, ...]] = {}
    for axis, values in section.items():
        key = f"{where}.{axis}"
        if not _is_axis(key, axis, values, problems):
            continue
        if not isinstance(values, list):
            problems.add(key, values, "no list; write [...], with one value or more")
        elif not values:
            problems.add(key, values, "empty; give one value or more, or leave the axis out")
        elif len(values) > MOST_RUNS:
            problems.add(key, f"{len(values):,} values", f"more than {MOST_RUNS:,}; give fewer")
        else:
            good = [one for value in values if (one := _value(key, axis, value, problems)) is not None]
            found[axis] = _once(key, good, problems) if where == "grid" else tuple(good)
    return {axis: values for axis, values in found.items() if values}


def _once(key: str, values: list[Any], problems: Problems) -> tuple[Any, ...]:
    for twice in dict.fromkeys(value for value in values if values.count(value) > 1):
        problems.add(key, twice, "there more than once; keep one")
    return tuple(dict.fromkeys(values))


def _value(key: str, axis: str, value: Any, problems: Problems) -> Any:
    try:
        return tidy(axis, value)
    except ValueError as problem:
        problems.add(key, value, str(problem))
        return None


def _is_axis(key: str, axis: str, value: Any, problems: Problems) -> bool:
    if axis in AXES:
        return True
    if axis in TrainOptions.model_fields or axis in DATA_OPTIONS:
        problems.add(key, value, "the same for all runs of a sweep; put it under base")
    else:
        problems.add(key, value, f"unknown axis{_meant(axis, AXES)}; known are {', '.join(AXES)}")
    return False


def _tied(groups: list[Any], problems: Problems) -> tuple[dict[str, tuple[Any, ...]], ...]:
    found = []
    for number, group in enumerate(groups):
        key = f"tied[{number}]"
        if not isinstance(group, dict) or len(group) < 2:
            problems.add(key, group, "no mapping of two axes or more; write {rank: [4, 8], alpha: [8, 16]}")
            continue
        lengths = {axis: len(values) for axis, values in group.items() if isinstance(values, list)}
        if len(set(lengths.values())) > 1:
            problems.add(key, lengths, "lists of different lengths; tied axes move together, so give as many of each")
            continue
        axes = _axes(key, group, problems)
        if axes.keys() == group.keys() and len({len(values) for values in axes.values()}) == 1:
            found.append(axes)
    return tuple(found)


def _assignments(
    where: str, items: list[Any], problems: Problems, *, named: bool = False
) -> tuple[dict[str, Any], ...]:
    """Axes with one value each: partial assignments to exclude, or single runs, which may have a name."""
    found = []
    if len(items) > MOST_RUNS:
        problems.add(where, f"{len(items):,} entries", f"more than {MOST_RUNS:,}; give fewer")
        return ()
    for number, item in enumerate(items):
        key = f"{where}[{number}]"
        if not isinstance(item, dict) or not item:
            problems.add(key, item, "no mapping of axes; write {rank: 4, lr: 1e-3}")
            continue
        own: dict[str, Any] = {}
        for axis, value in item.items():
            inner = f"{key}.{axis}"
            if named and axis == "name":
                wrong = name_problem(value)
                if wrong:
                    problems.add(inner, value, wrong)
                else:
                    own[axis] = value
            elif _is_axis(inner, axis, value, problems):
                checked = _value(inner, axis, value, problems)
                if checked is not None:
                    own[axis] = checked
        if own.keys() == item.keys():
            found.append(own)
    return tuple(found)


def _seeds(value: Any, first: int, problems: Problems) -> tuple[int, ...]:
    """Seeds of replicates: a list, or how many, counted from the shared seed."""
    if value is None:
        return ()
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_RUNS:
        return tuple(range(first, first + value))
    if isinstance(value, (list, tuple)) and 1 <= len(value) <= MOST_RUNS:
        seeds = [seed for one in value if (seed := _value("seeds", "seed", one, problems)) is not None]
        return _once("seeds", seeds, problems)
    problems.add("seeds", value, f"a number from 1 to {MOST_RUNS:,} or a list of seeds is expected")
    return ()


def _evaluation(document: Mapping[str, Any], key: str, problems: Problems) -> Evaluation | None:
    section = _typed(document, key, dict, problems)
    if document.get(key) is None:
        return None
    try:
        return Evaluation(**section)
    except ValidationError as found:
        for error in found.errors(include_url=False):
            name = str(error["loc"][0])
            text = error["msg"].removeprefix("Value error, ")
            if error["type"] == "extra_forbidden":
                text = f"unknown key{_meant(name, Evaluation.model_fields)}; known are " + ", ".join(
                    Evaluation.model_fields
                )
            problems.add(f"{key}.{name}", section.get(name), text[:1].lower() + text[1:])
        return None


def _check_axes_once(config: SweepConfig, problems: Problems) -> None:
    """An axis belongs to one place; replicates take the axis ``seed``."""
    seen = dict.fromkeys(config.grid, "grid")
    for number, group in enumerate(config.tied):
        for axis in group:
            if axis in seen:
                problems.add(f"tied[{number}].{axis}", group[axis], f"is in {seen[axis]} too; keep one")
            seen[axis] = f"tied[{number}]"
    if config.seeds and ("seed" in seen or any("seed" in run for run in config.runs)):
        problems.add("seeds", list(config.seeds[:3]), "seed is an axis of the runs too; keep one")


def run_count(config: SweepConfig) -> int:
    """How many runs a configuration asks for before any is excluded, without writing them out."""
    combined = math.prod([*map(len, config.grid.values()), *(len(next(iter(group.values()))) for group in config.tied)])
    if not config.grid and not config.tied:
        combined = 0 if config.runs or not config.seeds else 1
    return (combined + len(config.runs)) * max(1, len(config.seeds))


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", perhaps {close[0]}" if close else ""
