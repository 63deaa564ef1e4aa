"""The records of runs and sweeps, from disk to typed values: one reader for all who only look.

Whatever a file holds, a reader gets a value of the types below or one :class:`RunError`: one line with the file, the
key, the value that is wrong, and the next step. Keys that are not named here are kept as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from squadron.errors import RunError, command_line_text, option
from squadron.files import read_json
from squadron.runs.layout import SCHEMA

_DEEPEST = 50
"""Levels of a record; one that was written has less than ten."""
_LARGEST = 2**63
_LONGEST_SHOWN = 60
_METRICS_STEP = "put the file back, or train the run again"

Model = TypeVar("Model", bound=BaseModel)
Status = Literal["waiting", "running", "interrupted", "done", "diverged", "stopped", "failed"]
Count = Annotated[int, Field(ge=0)]
Figure = Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Points = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Interval = Annotated[list[Figure], Field(min_length=2, max_length=2)]


class _Part(BaseModel):
    """A part of a record: types are not converted, and keys that are not named stay."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class Record(_Part):
    """What one file holds. ``content`` is the same, to the letter."""

    what: ClassVar[str]
    next_step: ClassVar[str]
    _content: dict[str, Any] = PrivateAttr(default_factory=dict)
    schema_version: Literal[1] = Field(alias="schema")

    @property
    def content(self) -> dict[str, Any]:
        """What the file holds, as JSON has it."""
        return self._content

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file at ``path``. Raises :class:`RunError`, one line, for whatever is wrong with it."""
        return cls.of(path, read_json(path, what=cls.what, error=RunError))

    @classmethod
    def of(cls, path: Path, content: Any) -> Self:
        """The record that the ``content`` of the file at ``path`` is. Raises :class:`RunError` as :meth:`read`."""
        record = _validated(cls, path, content, next_step=cls.next_step)
        record._content = content
        return record


class RunConfig(_Part):
    """The options of a run; those that others build on have types."""

    base: str | None = None
    data: str | None = None
    method: str | None = None
    max_length: Count | None = None


class TrainedConfig(RunConfig):
    """The options of a run that has weights."""

    base: str
    data: str
    max_length: Annotated[int, Field(ge=1)]


class BaseFacts(_Part):
    """The base that a run was trained on."""

    name: str | None = None
    sha256: str
    parameters: Count | None = None


class SplitFacts(_Part):
    """The questions of a split."""

    sha256: str | None = None
    questions: Count | None = None


class RunRecord(Record):
    """``run.json``. What a run says only once it has begun, or ended, may be missing."""

    what: ClassVar[str] = "the record of a run"
    next_step: ClassVar[str] = "put the file back, or remove the run's folder and train it again"
    kind: Literal["train"]
    status: Status
    config: RunConfig
    base: BaseFacts | None = None
    data: dict[str, SplitFacts | None] | None = None
    precision: str | None = None
    reason: str | None = None
    pruned: bool = False
    weights_sha256: dict[str, str] | None = None
    loss: Figure | None = None
    validation_loss: Figure | None = None
    validation_exact_match: Points | None = None
    validation_f1: Points | None = None
    validation_questions: Count | None = None
    trainable_parameters: Count | None = None
    steps: Count | None = None
    best_step: Count | None = None
    seconds: Amount | None = None
    peak_memory_bytes: Count | None = None


class TrainingFacts(SplitFacts):
    """The questions that a run was trained on."""

    sha256: str


class DataFacts(_Part):
    """The data that a run was trained on."""

    train: TrainingFacts
    validation: SplitFacts | None = None


class TrainedRecord(RunRecord):
    """``run.json`` of a run that has weights: with all that is needed to use them."""

    config: TrainedConfig
    base: BaseFacts
    data: DataFacts  # type: ignore[assignment]


class BoardRecord(Record):
    """``leaderboard.json``, as far as it says what its runs are ranked by."""

    what: ClassVar[str] = "the leaderboard of a sweep"
    next_step: ClassVar[str] = "put the file back, or remove it: `squadron sweep --resume` writes it again"
    split: str = "validation"
    decoding: str = "greedy"
    runs: list[Any] = []


class SweepRecord(Record):
    """``sweep.json``. Its runs are read one by one, with :func:`read_planned`."""

    what: ClassVar[str] = "the record of a sweep"
    next_step: ClassVar[str] = f"put the file back, or give the sweep's command again with {option('replace', True)}"
    kind: Literal["sweep"]
    status: str | None = None
    config: dict[str, Any] = {}
    base: BaseFacts | None = None
    data: dict[str, SplitFacts | None] | None = None
    fleets: list[str] = []
    seconds: Amount = 0.0
    runs: list[Any] = []


class PlannedRun(_Part):
    """What a sweep says of one of its runs."""

    name: Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=255)]
    status: Status | Literal["unreadable"]
    changes: dict[str, Any] = {}
    reason: str | None = None


class DecodingScores(_Part):
    """Scores of one strategy on one split; points are 0 to 100."""

    exact_match: Points
    f1: Points
    questions: Count
    exact_match_interval: Interval | None = None
    f1_interval: Interval | None = None


class SplitScores(_Part):
    """Scores on one split, by strategy, and what they were measured on."""

    sha256: str | None = None
    limit: Count | None = None
    base_sha256: str | None = None
    adapter_sha256: str | None = None
    decodings: dict[str, DecodingScores]


class ScoresRecord(Record):
    """``scores.json``."""

    what: ClassVar[str] = "the scores of a run"
    next_step: ClassVar[str] = "remove the file and evaluate the run again"
    split: str | None = None
    decoding: str | None = None
    splits: dict[str, SplitScores]

    def find(self, split: str, decoding: str) -> DecodingScores | None:
        """The scores of a strategy on a split; None where there are none."""
        found = self.splits.get(split)
        return None if found is None else found.decodings.get(decoding)


class MetricsLine(_Part):
    """A line of ``metrics.jsonl``: of a step, with its ``loss``, or of an epoch's end."""

    step: Count
    loss: Figure | None = None
    validation_loss: Figure | None = None
    validation_f1: Points | None = None
    validation_exact_match: Points | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """The lines of a ``metrics.jsonl`` that can be read, and one line of words on each that cannot."""

    lines: tuple[dict[str, Any], ...] = ()
    problems: tuple[str, ...] = ()


def read_planned(path: Path, runs: list[Any]) -> tuple[list[PlannedRun], dict[str, str]]:
    """The ``runs`` of the sweep's record at ``path``, and of each that cannot be read its name, or place, and why."""
    planned: list[PlannedRun] = []
    unreadable: dict[str, str] = {}
    for place, run in enumerate(runs):
        try:
            own = _validated(PlannedRun, path, run, next_step=SweepRecord.next_step, within=f"runs.{place}")
            if own.name in (".", ".."):
                raise RunError(f"{path}: runs.{place}.name: {own.name!r} is no folder's name; {SweepRecord.next_step}")
        except RunError as problem:
            name = run.get("name") if isinstance(run, dict) else None
            unreadable[name if isinstance(name, str) and name else f"runs.{place}"] = command_line_text(problem)
        else:
            planned.append(own)
    return planned, unreadable


def read_metrics(path: Path) -> Metrics:
    """Read a ``metrics.jsonl``; empty where there is none. A damaged last line, which a kill cut short, is left out.

    Raises :class:`RunError` where the file cannot be read at all.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Metrics()
    except OSError as problem:
        raise RunError(f"{path}: cannot be read ({problem.strerror}); make it readable") from None
    lines: list[dict[str, Any]] = []
    problems: list[str] = []
    rows = data.split(b"\n")
    rows = rows[:-1] if rows[-1] == b"" else rows
    for place, row in enumerate(rows, 1):
        try:
            content = _json_line(path, place, row)
            _validated(MetricsLine, path, content, next_step=_METRICS_STEP, within=f"line {place}")
        except RunError as problem:
            if place < len(rows):
                problems.append(command_line_text(problem))
        else:
            lines.append(content)
    return Metrics(tuple(lines), tuple(problems))


def _json_line(path: Path, place: int, row: bytes) -> Any:
    try:
        return json.loads(row)
    except (ValueError, RecursionError):
        raise RunError(
            f"{path}: line {place}: {_shown(row.decode('utf-8', 'replace'))} is not a line of JSON; {_METRICS_STEP}"
        ) from None


def _validated(model: type[Model], path: Path, content: Any, *, next_step: str, within: str = "") -> Model:
    """``content`` as a ``model``; ``within`` is the key under which the file at ``path`` has it."""
    where = f"{path}: {within}: " if within else f"{path}: "
    if not isinstance(content, dict):
        raise RunError(f"{where}{_shown(content)} is not an object; {next_step}")
    problem = _unusable(content, within)
    if problem is not None:
        raise RunError(f"{path}: {problem}; {next_step}")
    try:
        return model.model_validate(content)
    except ValidationError as told:
        raise RunError(f"{where}{_told(told)}; {next_step}") from None


def _told(problem: ValidationError) -> str:
    """The first thing that is wrong: the key, the value, and what it is not."""
    first = problem.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{key}: missing"
    if first["type"] in ("model_type", "dict_type"):
        return f"{key}: {_shown(first['input'])} is not an object"
    if key == "schema":
        return f"schema: {_shown(first['input'])} is not {SCHEMA}, the version that this Squadron reads"
    message = first["msg"]
    for start, wanted in (
        ("Input should be ", ""),
        ("String should ", "text that should "),
        ("List should ", "a list that should "),
    ):
        if message.startswith(start):
            message = wanted + message.removeprefix(start)
    return f"{key}: {_shown(first['input'])} is not {message}"


def _unusable(value: Any, key: str, depth: int = 0) -> str | None:
    """What of a record no reader can use, wherever it stands: numbers that JSON or 64 bits do not have, half
    characters, and objects without end. None where there is nothing of the kind."""
    if depth > _DEEPEST:
        return f"{key[:_LONGEST_SHOWN]}...: nested more than {_DEEPEST} levels deep"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{key}: {value} is not a finite number"
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return f"{key}: a number of {value.bit_length():,} bits is not one of 64"
    if isinstance(value, str) and not _is_text(value):
        return f"{key}: {_shown(value)} is not text (it holds half a character)"
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for name, own in pairs:
        inner = f"{key}.{name}" if key else str(name)
        if isinstance(name, str) and not _is_text(name):
            return f"{_shown(name)} is not a key of text (it holds half a character)"
        problem = _unusable(own, inner, depth + 1)
        if problem is not None:
            return problem
    return None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:
    """A value as a message has it: on one line, and not too long."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = ascii(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
