"""What a sweep's configuration file says, as frozen types; whatever is wrong in it is found at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from squadron.decoding.strategies import resolve_strategies
from squadron.errors import ConfigError, option
from squadron.options.axes import AXES
from squadron.options.core import Positive, TrainOptions
from squadron.sweeps.axes import DATA_OPTIONS, axis_value, check_axis, check_option, name_problem
from squadron.sweeps.problems import MOST_RUNS, Problems, meant
from squadron.sweeps.search_space import Search, read_search
from squadron.sweeps.yaml_file import read_yaml

_FROM_COMMAND = {"base": "base", "data": "dataset", "out": "out", "device": "device", "offline": "offline"}


class Evaluation(BaseModel):
    """How adapters are evaluated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: Literal["train", "validation", "test"] = "validation"
    decoding: tuple[str, ...] = ("greedy",)
    max_new_tokens: Annotated[Positive, Field(strict=True)] = 32
    limit: Annotated[Positive, Field(strict=True)] | None = None

    @field_validator("decoding", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        names = [value] if isinstance(value, str) else value
        if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
            try:
                resolve_strategies(names)
            except ConfigError as problem:
                raise ValueError(problem.detail) from None
        return names


class SweepConfig(BaseModel):
    """A checked configuration. Values of axes are as :func:`squadron.sweeps.axes.tidy` has them."""

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
    search: Search | None = None
    """How runs are searched for, where they are not listed."""

    @property
    def search_seed(self) -> int:
        """The seed of the search: its own, else the shared one."""
        own = self.search.seed if self.search is not None else None
        return int(self.base_options.get("seed", 0)) if own is None else own


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
            problems.add(key, document[key], f"unknown key{meant(key, _SECTIONS)}; known are {', '.join(_SECTIONS)}")
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
        search=None if document.get("search") is None else read_search(document["search"], problems),
    )
    _check_axes_once(config, problems)
    if document.get("search") is not None:
        for key in ("grid", "tied", "exclude", "runs", "seeds"):
            if document.get(key) is not None:
                problems.add(key, document[key], "stands beside search, which makes the runs; keep one of the two")
        if config.evaluate.split == "test":
            problems.add("evaluate.split", "test", "a search would choose by the test questions; use validation")
    return config


_SECTIONS = ("base", "grid", "tied", "exclude", "runs", "seeds", "evaluate", "best", "search")


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
            problems.add(f"base.{key}", value, f"not set here; give it with {option(_FROM_COMMAND[key])}")
        elif field not in TrainOptions.model_fields and field not in DATA_OPTIONS:
            known = [*AXES, *TrainOptions.model_fields, *DATA_OPTIONS]
            problems.add(f"base.{key}", value, f"unknown option{meant(key, known)}; see squadron train --help")
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
        if not check_axis(key, axis, values, problems):
            continue
        if not isinstance(values, list):
            problems.add(key, values, "no list; write [...], with one value or more")
        elif not values:
            problems.add(key, values, "empty; give one value or more, or leave the axis out")
        elif len(values) > MOST_RUNS:
            problems.add(key, f"{len(values):,} values", f"more than {MOST_RUNS:,}; give fewer")
        else:
            good = [one for value in values if (one := axis_value(key, axis, value, problems)) is not None]
            found[axis] = _once(key, good, problems) if where == "grid" else tuple(good)
    return {axis: values for axis, values in found.items() if values}


def _once(key: str, values: list[Any], problems: Problems) -> tuple[Any, ...]:
    for twice in dict.fromkeys(value for value in values if values.count(value) > 1):
        problems.add(key, twice, "there more than once; keep one")
    return tuple(dict.fromkeys(values))


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
            elif check_axis(inner, axis, value, problems):
                checked = axis_value(inner, axis, value, problems)
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
        seeds = [seed for one in value if (seed := axis_value("seeds", "seed", one, problems)) is not None]
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
                text = f"unknown key{meant(name, Evaluation.model_fields)}; known are " + ", ".join(
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
