"""The types of a sweep's configuration file, validated by pydantic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    computed_field,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails

from squadron.decoding.strategies import resolve_strategies
from squadron.errors import ConfigError, option
from squadron.options.axes import ADAPTER_AXES, AXES
from squadron.options.base import Positive, Seed
from squadron.options.particulars import Particulars
from squadron.scoring.designs import METRICS
from squadron.sweeps.axes import AXIS_TYPES, DATA_OPTIONS, FROM_COMMAND, OPTIONS, STRICT, checked_name
from squadron.sweeps.mappings import keyed, list_of, unique
from squadron.sweeps.problems import MOST_RUNS, problem, refuse, suggestion
from squadron.sweeps.search_space import Range, Search
from squadron.sweeps.yaml_file import read_yaml


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        resolve_strategies(names)
    except ConfigError as unknown:
        raise ValueError(unknown.detail) from None
    return names


def _as_list(value: Any, kind: type) -> Any:
    return [value] if isinstance(value, kind) else value


def _equal_lengths(group: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    lengths = {axis: len(values) for axis, values in group.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{axis} has {length}" for axis, length in lengths.items())
        raise ValueError(f"lists of different lengths ({shown}); tied axes move together, so give as many of each")
    return group


class Evaluation(BaseModel):
    """Settings of the evaluation of adapters."""

    model_config = STRICT

    split: Literal["train", "validation", "test"] = Field(default="validation", description="Split of the questions.")
    decoding: Annotated[
        tuple[str, ...],
        Field(strict=False),
        BeforeValidator(lambda value: _as_list(value, str)),
        AfterValidator(_known),
    ] = Field(default=("greedy",), description="Decoding strategies, or all.")
    max_new_tokens: Positive = Field(default=32, description="Longest answer, tokens.")
    limit: Positive | None = Field(default=None, description="Only the first so many questions of the split.")
    samples: Positive = Field(default=1, description="Answers that each strategy that samples draws.")

    @model_validator(mode="after")
    def _something_samples(self) -> Evaluation:
        drawn = any(strategy.sample for strategy in resolve_strategies(self.decoding))
        if self.samples > 1 and not drawn:
            refuse([problem("no chosen strategy samples; add top-k or nucleus to decoding", self.samples, "samples")])
        return self

    @model_serializer(mode="wrap")
    def _without_one_sample(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave one sample out: records from before there was a choice have none."""
        return {key: value for key, value in whole(self).items() if key != "samples" or value != 1}


_Names = Annotated[
    tuple[str, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(lambda own: _as_list(own, str)),
    AfterValidator(unique),
]


class AnalysisPlan(BaseModel):
    """What the report tests, fixed before the runs."""

    model_config = STRICT

    axes: _Names | None = Field(default=None, description="Axes of the primary tests. Default: all that vary.")
    margin: float = Field(
        default=1.0, gt=0, le=100, strict=False, description="Differences below it are equivalent, points."
    )
    metrics: _Names = Field(default=METRICS, description="Metrics to test, the primary one first.")
    family: Literal["metric", "all"] = Field(
        default="metric", description="Tests that are corrected together: the axes of each metric, or of all metrics."
    )


_Tied = Annotated[
    dict[str, tuple[Any, ...]],
    keyed({axis: list_of(kind) for axis, kind in AXIS_TYPES.items()}),
    Field(min_length=2),
    AfterValidator(_equal_lengths),
]
_Excluded = Annotated[dict[str, Any], keyed(AXIS_TYPES), Field(min_length=1)]
_Run = Annotated[
    dict[str, Any], keyed({**AXIS_TYPES, "name": Annotated[str, BeforeValidator(checked_name)]}), Field(min_length=1)
]
_BASE = {**OPTIONS, **{axis: OPTIONS[field] for axis, field in AXES.items()}}
_Many = Field(strict=False, max_length=MOST_RUNS)


class SweepConfig(BaseModel):
    """A validated configuration. Its fields are the sections of the file."""

    model_config = STRICT

    base: Annotated[dict[str, Any], keyed(_BASE)] = Field(
        {},
        exclude=True,
        description="Options of train and prepare that all runs share.",
        examples=["{epochs: 1, train_size: 200}"],
    )
    grid: Annotated[
        dict[str, tuple[Any, ...]],
        keyed({axis: Annotated[list_of(kind), AfterValidator(unique)] for axis, kind in AXIS_TYPES.items()}),
    ] = Field(
        {},
        description="Axes with their values: every combination is a run, the last axis moving fastest.",
        examples=["{rank: [4, 8], lr: [1e-4, 1e-3]}"],
    )
    tied: Annotated[tuple[_Tied, ...], _Many, BeforeValidator(lambda value: _as_list(value, dict))] = Field(
        (),
        description="Axes that move together; a list for several such groups.",
        examples=["{alpha: [8, 16], dropout: [0, 0.1]}"],
    )
    exclude: Annotated[tuple[_Excluded, ...], _Many] = Field(
        (), description="Combinations to leave out.", examples=["[{rank: 8, lr: 1e-3}]"]
    )
    runs: Annotated[tuple[_Run, ...], _Many] = Field(
        (), description="Single runs: what each changes, and its name.", examples=["[{rank: 64, name: large}]"]
    )
    seeds: Annotated[tuple[Annotated[Seed, Field(strict=True)], ...], _Many, AfterValidator(unique)] = Field(
        (),
        description="Each run once a seed: how many seeds, counted from the shared one, or a list of them.",
        examples=["3"],
    )
    evaluate: Evaluation = Field(
        Evaluation(),
        description="How every adapter is evaluated.",
        examples=["{split: validation, decoding: [greedy]}"],
    )
    best: Evaluation | None = Field(
        None, description="How the best adapter is evaluated in the end.", examples=["{split: test, decoding: [all]}"]
    )
    analysis: AnalysisPlan | None = Field(
        None,
        description="What the report tests, fixed before the runs.",
        examples=["{axes: [lr, rank], margin: 1.0, metrics: [f1, p_gold], family: metric}"],
    )
    report: Particulars | None = Field(
        None,
        description="What stands on the cover of the reports.",
        examples=["{title: ..., author: ..., student_id: '...', supervisor: ..., university: ..., course: ...}"],
    )
    search: Search | None = Field(
        None,
        description="How runs are searched for, in place of listing them.",
        examples=["{method: random, trials: 20, space: {rank: [4, 8], lr: {low: 1e-5, high: 1e-2, log: true}}}"],
    )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def base_options(self) -> dict[str, Any]:
        """Options of ``train`` that all runs share."""
        options = {AXES.get(key, key): value for key, value in self.base.items()}
        return {field: value for field, value in options.items() if field not in DATA_OPTIONS}

    @computed_field  # type: ignore[prop-decorator]
    @property
    def data_options(self) -> dict[str, Any]:
        """Options of ``prepare``: the sizes of the splits, and how they are drawn."""
        return {field: value for field, value in self.base.items() if field in DATA_OPTIONS}

    @property
    def search_seed(self) -> int:
        """The seed of the search: its own, else the shared one."""
        own = self.search.seed if self.search is not None else None
        return int(self.base_options.get("seed", 0)) if own is None else own

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, given: Any) -> Any:
        """Drop sections that are empty in the file."""
        if not isinstance(given, dict):
            raise ValueError("not a mapping; write base: {...} and grid: {axis: [values]}")
        return {key: value for key, value in given.items() if value is not None or key not in cls.model_fields}

    @field_validator("seeds", mode="before")
    @classmethod
    def _counted(cls, value: Any, info: ValidationInfo) -> Any:
        """Expand a number into that many seeds, counted from the shared one."""
        if type(value) is int and 1 <= value <= MOST_RUNS:
            first = info.data.get("base", {}).get("seed", 0)
            return tuple(range(first, first + value))
        if not isinstance(value, (list, tuple)) or not value:
            raise ValueError(f"a number from 1 to {MOST_RUNS:,} or a list of seeds is expected")
        return value

    @model_validator(mode="after")
    def _sections_fit(self) -> SweepConfig:
        """Refuse an axis in two places, and sections that conflict with a search."""
        found = []
        seen = dict.fromkeys(self.grid, "grid")
        for number, group in enumerate(self.tied):
            for axis in group:
                if axis in seen:
                    found.append(problem(f"is in {seen[axis]} too; keep one", group[axis], "tied", number, axis))
                seen[axis] = f"tied[{number}]"
        if self.seeds and ("seed" in seen or any("seed" in run for run in self.runs)):
            found.append(problem("seed is an axis of the runs too; keep one", self.seeds[:3], "seeds"))
        varied = {*seen, *(axis for run in self.runs for axis in run), *(self.search.space if self.search else ())}
        for place, axis in enumerate((self.analysis.axes if self.analysis is not None else None) or ()):
            if axis not in varied:
                text = f"does not vary, so there is nothing to test{suggestion(axis, varied)}; remove it"
                found.append(problem(text, axis, "analysis", "axes", place))
        for place, metric in enumerate(self.analysis.metrics if self.analysis is not None else ()):
            if metric not in METRICS:
                text = f"no such metric{suggestion(metric, METRICS)}; known are {', '.join(METRICS)}"
                found.append(problem(text, metric, "analysis", "metrics", place))
        if self.search is not None:
            text = "cannot be combined with search, which makes the runs; keep one of the two"
            listed = [key for key in ("grid", "tied", "exclude", "runs", "seeds") if key in self.model_fields_set]
            found += [problem(text, getattr(self, key), key) for key in listed]
            methods = self.search.space.get("method", ())
            without = [axis for axis in ADAPTER_AXES if axis in self.search.space]
            if "full" in methods and without:
                text = f"full trains all weights and has no {' or '.join(without)}; remove full, or search it apart"
                found.append(problem(text, methods, "search", "space", "method"))
            if self.evaluate.split == "test":
                text = "a search would choose by the test questions; use validation"
                found.append(problem(text, "test", "evaluate", "split"))
        refuse(found)
        return self


def read_config(path: Path, overrides: Mapping[str, Any]) -> SweepConfig:
    """Return the configuration in a file, with ``overrides`` applied.

    Overrides with the name of a section replace it, options of ``evaluate`` are set there, and all others are set in
    ``base``. A test size without a test split drops the configuration's own. Raises :class:`ConfigError` if the file
    cannot be read, and :class:`pydantic.ValidationError` with all problems in it.
    """
    document = read_yaml(path)
    if not isinstance(document, dict):
        return SweepConfig.model_validate(document)
    for key, value in overrides.items():
        if key in SweepConfig.model_fields:
            document[key] = value
            continue
        section = "evaluate" if key in Evaluation.model_fields else "base"
        inside = document.get(section)
        if inside is None or isinstance(inside, dict):  # anything else is reported as a problem
            document[section] = {**(inside or {}), key: value}
    if "test_size" in overrides and "test_split" not in overrides and isinstance(document.get("base"), dict):
        document["base"].pop("test_split", None)  # so many questions of the data that all others are of
    return SweepConfig.model_validate(document)


def advice(error: ErrorDetails) -> str:
    """Return the problem with a value or key of a configuration, and what to do about it."""
    *place, key = error["loc"] or ("",)
    match error["type"]:
        case "extra_forbidden":
            return _unknown(place, str(key))
        case "missing":
            section = _section(place)
            return f"missing; give {section.model_fields[str(key)].description if section else 'it'}"
        case "model_type" | "dict_type":
            text = "not a mapping"
        case "tuple_type":
            text = "not a list"
        case "too_short":
            text = f"too short; give {error['ctx']['min_length']} or more, or leave it out"
        case "too_long":
            text = f"more than {error['ctx']['max_length']:,}; give fewer"
        case _:
            text = error["msg"].removeprefix("Value error, ")
            return text[:1].lower() + text[1:]
    (example,) = SweepConfig.model_fields[str(error["loc"][0])].examples or ("",)
    return f"{text}; an example is {error['loc'][0]}: {example}"


def _unknown(place: list[int | str], key: str) -> str:
    section = _section(place)
    if section is not None:
        return f"unknown key{suggestion(key, section.model_fields)}; known are {', '.join(section.model_fields)}"
    if place == ["base"]:
        if key in FROM_COMMAND:
            return f"not set here; give it with {option(FROM_COMMAND[key])}"
        return f"unknown option{suggestion(key, _BASE)}; see squadron train --help"
    if key in OPTIONS:
        return "the same for all runs of a sweep; put it under base"
    return f"unknown axis{suggestion(key, AXES)}; known are {', '.join(AXES)}"


def _section(place: list[int | str]) -> type[BaseModel] | None:
    """Return the type of a section; None for one with axes or options as keys."""
    if place[:2] == ["search", "space"]:
        return Range if len(place) > 2 else None
    sections: dict[str, type[BaseModel]] = {
        "": SweepConfig,
        "evaluate": Evaluation,
        "best": Evaluation,
        "search": Search,
        "analysis": AnalysisPlan,
        "report": Particulars,
    }
    return sections.get(".".join(map(str, place)))


def run_count(config: SweepConfig) -> int:
    """Return the number of runs that a configuration requests before exclusions, without making the list."""
    combined = math.prod([*map(len, config.grid.values()), *(len(next(iter(group.values()))) for group in config.tied)])
    if not config.grid and not config.tied:
        combined = 0 if config.runs or not config.seeds else 1
    return (combined + len(config.runs)) * max(1, len(config.seeds))
