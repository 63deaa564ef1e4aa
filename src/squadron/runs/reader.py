"""Read the files of runs and sweeps as typed values: the only module that parses them.

Whatever a file holds, reading it gives a value of the types below or raises one :class:`RunError`: one line with the
file, the key, the wrong value and the next step. Unknown keys are kept as they are. Two kinds of file are read
elsewhere: ``data.json`` in :mod:`squadron.manifest`, predictions in :mod:`squadron.scoring.predictions`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AliasChoices, Field

from squadron.errors import RunError, command_line_text, option
from squadron.file_records import (
    Amount,
    Count,
    Figure,
    FileRecord,
    HubFacts,
    Interval,
    Points,
    RecordPart,
    VersionedFile,
    shown,
    validated,
)
from squadron.options.runs import By
from squadron.runs.measures import CalibratedAnswers, MeasuredRun, SampledScores
from squadron.scoring.metrics import Normalization

_METRICS_STEP = "put the file back, or train the run again"
_SWEEP_STEP = f"put the file back, or give the sweep's command again with {option('replace', True)}"

Status = Literal["waiting", "running", "interrupted", "done", "diverged", "stopped", "failed"]
Name = Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=255)]
"""The name of a run: that of its folder."""


class RunConfig(RecordPart):
    """The options of a run; those that readers use have types."""

    base: str | None = None
    data: str | None = None
    method: str | None = None
    max_length: Count | None = None
    normalize: Normalization = "official"


class TrainedConfig(RunConfig):
    """The options of a run that has weights."""

    base: str
    data: str
    max_length: Annotated[int, Field(ge=1)]


class BaseFacts(RecordPart):
    """The base that a run was trained on."""

    name: str | None = None
    sha256: str
    parameters: Count | None = None
    local: bool | None = None
    end_token: str | None = None
    hub: HubFacts | None = None


class SplitFacts(RecordPart):
    """The questions of a split."""

    sha256: str | None = None
    questions: Count | None = None
    paragraphs: Count | None = None
    hub: HubFacts | None = None


class StudyFacts(VersionedFile):
    """Facts about the study in the record of a run and of a sweep."""

    base: BaseFacts | None = None
    data: dict[str, SplitFacts | None] | None = None
    environment: dict[str, Any] | None = None
    seed: int | None = None
    precision: str | None = None
    started: str | None = None
    seconds: Amount | None = None


class RunFile(MeasuredRun, StudyFacts):
    """``run.json``. Values that are known only once a run has begun or ended may be missing."""

    what: ClassVar[str] = "the record of a run"
    next_step: ClassVar[str] = "put the file back, or remove the run's folder and train it again"
    kind: Literal["train"]
    status: Status
    config: RunConfig
    reason: str | None = None
    pruned: bool = False
    weights_sha256: dict[str, str] | None = None
    loss: Figure | None = None
    validation_loss: Figure | None = None
    validation_exact_match: Points | None = None
    validation_f1: Points | None = None
    validation_p_gold: Points | None = None
    validation_questions: Count | None = None
    trainable_parameters: Count | None = None
    trainable_share: Amount | None = None
    steps: Count | None = None
    best_step: Count | None = None
    examples_per_second: Amount | None = None
    peak_memory_bytes: Count | None = None


class TrainingFacts(SplitFacts):
    """The questions that a run was trained on."""

    sha256: str


class DataFacts(RecordPart):
    """The data that a run was trained on."""

    train: TrainingFacts
    validation: SplitFacts | None = None


class TrainedRunFile(RunFile):
    """``run.json`` of a run that has weights, with everything that is needed to load them."""

    config: TrainedConfig
    base: BaseFacts
    data: DataFacts  # type: ignore[assignment]


class SweepFile(StudyFacts):
    """``sweep.json``. Its runs are read one by one, with :func:`read_rows`."""

    what: ClassVar[str] = "the record of a sweep"
    next_step: ClassVar[str] = _SWEEP_STEP
    kind: Literal["sweep"]
    status: str | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    fleets: list[str] = Field(default_factory=list)
    runs: list[Any] = Field(default_factory=list)


class PlannedRun(RecordPart):
    """A run as ``sweep.json`` lists it."""

    name: Name
    status: Status | Literal["unreadable"]
    changes: dict[str, Any] = Field(default_factory=dict)
    reason: str | None = None


class WinnerFacts(RecordPart):
    """The paired test of a sweep's best setting against the second best."""

    p_value: Figure
    significant: bool = Field(validation_alias=AliasChoices("significant", "told_apart"))  # the latter in older ones


class LeaderboardFile(VersionedFile):
    """``leaderboard.json``. Its runs are read one by one, with :func:`read_rows`."""

    what: ClassVar[str] = "the leaderboard of a sweep"
    next_step: ClassVar[str] = "put the file back, or remove it: `squadron sweep --resume` writes it again"
    split: str = "validation"
    decoding: str = "greedy"
    by: By = "f1"
    runs: list[Any]
    winner: WinnerFacts | None = None


class LeaderboardRow(RecordPart):
    """A run as ``leaderboard.json`` lists it. Points are 0 to 100."""

    name: Name
    status: str | None = None
    changes: dict[str, Any] = Field(default_factory=dict)
    exact_match: Points | None = None
    f1: Points | None = None
    p_gold: Points | None = None
    validation_loss: Figure | None = None


class FleetFile(FileRecord):
    """``fleets/NAME.json``: the runs of a fleet, or the halves that it was split into."""

    what: ClassVar[str] = "the runs of a fleet"
    next_step: ClassVar[str] = _SWEEP_STEP
    runs: list[Name] = Field(default_factory=list)
    split: list[Name] | None = None

    @classmethod
    def of(cls, path: Path, content: Any) -> Self:
        """Validate the ``content`` of the file at ``path``. Raises :class:`RunError` as :meth:`read`."""
        record = super().of(path, content)
        if not {"runs", "split"} & record.model_fields_set:
            raise RunError(f"{path}: runs: missing; {cls.next_step}")
        return record


class RungFile(FileRecord):
    """``fleets/rung-EPOCH.json``: the runs that successive halving kept, and the standing of the worst of them.

    A standing has the two metrics that decided (:func:`squadron.runs.ranking.ranking_metrics`), and the loss.
    """

    what: ClassVar[str] = "the decision of successive halving"
    next_step: ClassVar[str] = _SWEEP_STEP
    epoch: Count
    threshold: tuple[Points, Points, Figure | None] = Field(strict=False)  # JSON has lists, not tuples
    runs: Count
    kept: list[Name]


class PartScores(RecordPart):
    """Scores of some questions, in points (0 to 100). Older files have no P(gold)."""

    exact_match: Points
    f1: Points
    p_gold: Points | None = None
    questions: Count
    exact_match_interval: Interval | None = None
    f1_interval: Interval | None = None
    p_gold_interval: Interval | None = None


class DecodingScores(SampledScores, PartScores):
    """Scores of one strategy on one split. Shares are 0 to 1."""

    normalize: Normalization = "official"  # older files do not name it
    clusters: Count | None = None
    eos_rate: Amount | None = None
    empty_share: Amount | None = None
    in_context_share: Amount | None = None
    mean_answer_tokens: Amount | None = None
    exact_match_detectable: Figure | None = None
    f1_detectable: Figure | None = None
    p_gold_detectable: Figure | None = None
    parts: dict[str, PartScores] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)


class SplitScores(RecordPart):
    """Scores on one split, by strategy, with checksums of what was evaluated."""

    sha256: str | None = None
    limit: Count | None = None
    base_sha256: str | None = None
    adapter_sha256: str | None = None
    decodings: dict[str, DecodingScores]


class ScoresFile(VersionedFile):
    """``scores.json``."""

    what: ClassVar[str] = "the scores of a run"
    next_step: ClassVar[str] = "remove the file and evaluate the run again"
    split: str | None = None
    decoding: str | None = None
    splits: dict[str, SplitScores]

    def find(self, split: str, decoding: str) -> DecodingScores | None:
        """Return the scores of a strategy on a split; None if there are none."""
        return self.splits[split].decodings.get(decoding) if split in self.splits else None


class AboutFailures(RecordPart):
    """The model, the split and the strategy of a failure analysis."""

    model: str = ""
    split: str = ""
    decoding: str = ""


class FailureKind(RecordPart):
    """The number of wrong answers of a kind, and their share of all wrong ones (0 to 1)."""

    kind: str
    label: str
    questions: Count
    share: Amount


class FailureSample(RecordPart):
    """One wrong answer with its whole context."""

    question_id: str
    kind: str
    reason: str
    question: str
    golds: list[str]
    prediction: str
    f1: Amount
    context: str


class FailuresFile(CalibratedAnswers, VersionedFile):
    """``failures/STEM.json``."""

    what: ClassVar[str] = "the failure analysis of a run"
    next_step: ClassVar[str] = "remove the file and evaluate the run again"
    about: AboutFailures
    questions: Count
    wrong: Count
    kinds: list[FailureKind]
    samples: dict[str, list[FailureSample]] = Field(default_factory=dict)


class MetricsLine(RecordPart):
    """A line of ``metrics.jsonl``: of a step, with its ``loss``, or of the end of an epoch."""

    step: Count
    epoch: Count | None = None
    loss: Figure | None = None
    validation_loss: Figure | None = None
    validation_f1: Points | None = None
    validation_exact_match: Points | None = None
    validation_p_gold: Points | None = None
    validation_questions: Count | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """The lines of a ``metrics.jsonl`` that can be read, and one message for each that cannot."""

    lines: tuple[dict[str, Any], ...] = ()
    problems: tuple[str, ...] = ()

    def whole(self) -> tuple[dict[str, Any], ...]:
        """Return the lines. Raises :class:`RunError` with the first problem if there is one."""
        if self.problems:
            raise RunError(self.problems[0])
        return self.lines


Row = TypeVar("Row", PlannedRun, LeaderboardRow)


def read_rows(
    model: type[Row], path: Path, record: SweepFile | LeaderboardFile
) -> tuple[list[tuple[Row, Mapping[str, Any]]], dict[str, str]]:
    """Return the runs that the ``record`` at ``path`` lists, each as a ``model`` and as in the file.

    The second value maps each run that cannot be read to the reason, by its name or else by its key in the file.
    """
    rows: list[tuple[Row, Mapping[str, Any]]] = []
    unreadable: dict[str, str] = {}
    for place, run in enumerate(record.runs):
        try:
            own = validated(model, path, run, next_step=record.next_step, within=f"runs.{place}")
            if own.name in (".", ".."):
                raise RunError(f"{path}: runs.{place}.name: {own.name!r} is no folder's name; {record.next_step}")
        except RunError as problem:
            name = run.get("name") if isinstance(run, dict) else None
            unreadable[name if isinstance(name, str) and name else f"runs.{place}"] = command_line_text(problem)
        else:
            rows.append((own, run))
    return rows, unreadable


def read_metrics(path: Path) -> Metrics:
    """Read a ``metrics.jsonl``; return no lines if there is no file.

    A damaged last line without a line end, which an interrupted write leaves, is dropped. Any other damaged line is one
    problem. Raises :class:`RunError` if the file cannot be read at all.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Metrics()
    except OSError as problem:
        raise RunError(f"{path}: cannot be read ({problem.strerror}); make it readable") from None
    lines: list[dict[str, Any]] = []
    problems: list[str] = []
    *rows, last = data.split(b"\n")
    for place, row in enumerate([*rows, last] if last else rows, 1):
        try:
            content = _json_line(path, place, row)
            validated(MetricsLine, path, content, next_step=_METRICS_STEP, within=f"line {place}")
            lines.append(content)
        except RunError as problem:
            problems += [command_line_text(problem)] if place <= len(rows) else []
    return Metrics(tuple(lines), tuple(problems))


def _json_line(path: Path, place: int, row: bytes) -> Any:
    try:
        return json.loads(row)
    except (ValueError, RecursionError):
        raise RunError(
            f"{path}: line {place}: {shown(row.decode('utf-8', 'replace'))} is not a line of JSON; {_METRICS_STEP}"
        ) from None
