"""The types of a study in memory: runs with scores, curves and costs, the baseline, data and base, as frozen values.

Scores and intervals are in points (0 to 100), times in seconds, memory in bytes. A value that the folder does not have
is ``None``; parts that a complete study would have and the folder lacks are listed in :attr:`Study.missing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from squadron.options.runs import By
from squadron.runs.measures import CalibrationFacts, SampleFacts, UpdateFacts
from squadron.scoring.metrics import Normalization

Ends = tuple[float, float]
"""The low and the high end of a 95% interval, in points."""

Lack = Literal[
    "baseline",  # the untouched base was not scored on the headline split
    "data",  # the questions were moved or prepared again: no paired tests
    "failed",  # runs that failed
    "diverged",  # runs whose loss was not a number
    "unfinished",  # runs that are waiting, running or interrupted
    "stopped",  # runs dropped early by successive halving
    "unreadable",  # run folders that cannot be read
    "unscored",  # runs that ended but have no scores on the headline split
    "normalization",  # runs whose scores are left out, since they are after another normalization
    "predictions",  # scored runs without predictions on the headline split
    "test",  # the best run was not evaluated on the test split
    "decodings",  # the best run was evaluated by only one strategy
    "failures",  # no failure analysis of the best run
    "curves",  # runs without metrics
    "full_fine_tuning",  # no run of method full
    "seeds",  # no two runs differ only in their seed
]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that the folder lacks; ``names`` are the runs concerned, empty if it concerns the whole study."""

    what: Lack
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Scores of some of the questions: one half of the pocket test split, ``known`` or ``new`` phrasings."""

    exact_match: float
    f1: float
    exact_match_interval: Ends
    f1_interval: Ends
    questions: int
    p_gold: float | None = None
    p_gold_interval: Ends | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """The scores of one model on one split by one decoding strategy. Shares are 0 to 1.

    ``settings`` are the options of the evaluation. ``p_gold`` is P(gold), the mean probability of the gold answers;
    None if it was evaluated before there was one.
    """

    split: str
    decoding: str
    exact_match: float
    f1: float
    exact_match_interval: Ends
    f1_interval: Ends
    questions: int
    clusters: int | None = None
    eos_rate: float | None = None
    empty_share: float | None = None
    in_context_share: float | None = None
    mean_answer_tokens: float | None = None
    exact_match_detectable: float | None = None
    f1_detectable: float | None = None
    p_gold: float | None = None
    p_gold_interval: Ends | None = None
    p_gold_detectable: float | None = None
    exact_match_samples: SampleFacts | None = None
    f1_samples: SampleFacts | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    normalize: Normalization = "official"


ScoresBySplit = Mapping[str, Mapping[str, Score]]
"""Scores by split, then by decoding strategy."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Measurements at the end of an epoch. ``questions`` is the number of questions of EM, F1 and P(gold)."""

    step: int
    loss: float | None
    exact_match: float | None = None
    f1: float | None = None
    questions: int | None = None
    p_gold: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """The learning curve of a run: the loss of every step, and the validation of each epoch."""

    steps: tuple[int, ...] = ()
    epochs: tuple[int, ...] = ()
    losses: tuple[float | None, ...] = ()
    validations: tuple[Validation, ...] = ()

    def epoch_losses(self) -> list[tuple[int, float]]:
        """Return each epoch with the mean loss of its steps; steps without a finite loss are left out."""
        sums: dict[int, list[float]] = {}
        for epoch, loss in zip(self.epochs, self.losses, strict=True):
            if loss is not None:
                sums.setdefault(epoch, []).append(loss)
        return [(epoch, sum(own) / len(own)) for epoch, own in sorted(sums.items())]

    def last_steps(self) -> dict[int, int]:
        """Return each epoch with its last step."""
        return dict(zip(self.epochs, self.steps, strict=True))


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One run: its changes, scores, learning curve and cost.

    ``status`` is waiting, running, done, interrupted, stopped, diverged or failed; ``reason`` says why for the last
    four. ``changes`` has the sweep's axes alone, ``config`` every option.
    """

    name: str
    path: Path
    status: str
    reason: str | None
    changes: Mapping[str, Any]
    config: Mapping[str, Any]
    scores: ScoresBySplit
    curve: Curve
    trainable_parameters: int | None = None
    trainable_share: float | None = None
    train_questions: int | None = None
    loss: float | None = None
    validation_loss: float | None = None
    steps: int | None = None
    best_step: int | None = None
    seconds: float | None = None
    examples_per_second: float | None = None
    peak_memory_bytes: int | None = None
    precision: str | None = None
    update: UpdateFacts | None = None

    @property
    def method(self) -> str:
        """``lora`` or ``full``."""
        return str(self.config.get("method", "lora"))

    @property
    def rank(self) -> int | None:
        """LoRA's rank; None for full fine-tuning."""
        value = self.config.get("rank")
        return int(value) if isinstance(value, int) and self.method == "lora" else None

    @property
    def lr(self) -> float | None:
        """The learning rate."""
        value = self.config.get("lr")
        return float(value) if isinstance(value, (int, float)) else None

    @property
    def modules(self) -> str | None:
        """The adapted modules or their preset, joined by ``+``; None for full fine-tuning."""
        value = self.config.get("target_modules")
        if self.method != "lora" or not isinstance(value, (list, tuple)):
            return None
        return "+".join(str(one) for one in value)

    @property
    def seed(self) -> int | None:
        """The seed of all random draws."""
        value = self.config.get("seed")
        return value if isinstance(value, int) else None

    def score(self, split: str, decoding: str) -> Score | None:
        """Return its score on a split by a strategy; None if there is none."""
        return self.scores.get(split, {}).get(decoding)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The untouched base: its name, its folder, its scores."""

    name: str
    path: Path
    scores: ScoresBySplit

    def score(self, split: str, decoding: str) -> Score | None:
        """Return its score on a split by a strategy; None if there is none."""
        return self.scores.get(split, {}).get(decoding)


@dataclass(frozen=True, slots=True)
class FailureExample:
    """One wrong answer with everything that a person needs to judge it; ``context`` is not truncated."""

    question_id: str
    kind: str
    reason: str
    question: str
    golds: tuple[str, ...]
    prediction: str
    f1: float
    context: str


@dataclass(frozen=True, slots=True)
class KindCount:
    """The number of wrong answers of a kind, and their share of all wrong answers (0 to 1)."""

    kind: str
    label: str
    questions: int
    share: float


@dataclass(frozen=True, slots=True)
class Failures:
    """The failure analysis of a model. ``kinds`` are in the order of the rules, including kinds without an answer."""

    model: str
    split: str
    decoding: str
    questions: int
    wrong: int
    kinds: tuple[KindCount, ...]
    examples: Mapping[str, tuple[FailureExample, ...]]
    calibration: CalibrationFacts | None = None


@dataclass(frozen=True, slots=True)
class BaseInfo:
    """The base model. ``commit`` is the hub's, if it is from there; ``end_token`` is the token that ends a sequence,
    which old records do not have.
    """

    name: str
    sha256: str | None
    parameters: int | None
    end_token: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class SplitInfo:
    """A split of the data: its size and the hash of its file."""

    questions: int
    paragraphs: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """The data: its source, its splits, the number of rows that were set aside, and its folder.

    ``commit`` is the hub's, if it is from there.
    """

    source: str | None
    version: str | None
    splits: Mapping[str, SplitInfo]
    set_aside: int
    path: Path | None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """The content of a sweep folder, a demo folder or a single run folder.

    ``runs`` are in the order of :func:`squadron.runs.ranking.rank_key`: best first, by the metric ``by``. ``split`` and
    ``decoding`` are those of the headline scores. ``axes`` are the options in which runs differ, each with its values:
    numbers in ascending order, others in the sweep's order. All scores are after the normalization ``normalize``.
    """

    path: Path
    kind: Literal["sweep", "run"]
    status: str
    config: Mapping[str, Any]
    runs: tuple[StudyRun, ...]
    axes: Mapping[str, tuple[Any, ...]]
    baseline: Baseline | None
    split: str
    decoding: str
    base: BaseInfo
    data: Data
    failures: Failures | None
    baseline_failures: Failures | None
    environment: Mapping[str, Any]
    seed: int | None
    precision: str | None
    started: str | None
    seconds: float | None
    missing: tuple[Missing, ...]
    by: By = "f1"
    normalize: Normalization = "official"

    @property
    def scored(self) -> tuple[StudyRun, ...]:
        """The runs that are done and scored on the headline split, best first."""
        return tuple(run for run in self.runs if run.status == "done" and self.score(run) is not None)

    @property
    def settings(self) -> tuple[tuple[StudyRun, ...], ...]:
        """The :attr:`scored` runs grouped by setting, that with the highest mean F1 first.

        Runs that differ only in their seed are one setting, by seed.
        """
        groups: dict[str, list[StudyRun]] = {}
        for run in self.scored:
            groups.setdefault(setting_key(run.config), []).append(run)
        found = [tuple(sorted(own, key=lambda run: run.seed or 0)) for own in groups.values()]
        return tuple(sorted(found, key=lambda own: [-self._mean(own, name) for name in ("f1", "exact_match")]))

    @property
    def best(self) -> StudyRun | None:
        """The run of the best setting with the lowest seed; its seed was not chosen by its score.

        If only some runs of the setting were evaluated on further splits, it is one of these.
        """
        return None if not self.settings else _representative(self.settings[0])

    def best_of(self, method: str) -> StudyRun | None:
        """Return the :attr:`best` of the runs of a method."""
        found = next((own for own in self.settings if own[0].method == method), None)
        return None if found is None else _representative(found)

    @property
    def full(self) -> StudyRun | None:
        """The best run of method ``full``."""
        return self.best_of("full")

    @property
    def lead(self) -> str:
        """The split whose scores lead a report: test, by which nothing was chosen, if the best run has scores on it."""
        best = self.best
        return "test" if best is not None and best.score("test", self.decoding) is not None else self.split

    def _mean(self, runs: Sequence[StudyRun], metric: str) -> float:
        return float(sum(getattr(self.score(run), metric) for run in runs)) / len(runs)

    def score(self, model: StudyRun | Baseline) -> Score | None:
        """Return the headline score of a model; None if it has none."""
        return model.score(self.split, self.decoding)

    def lacks(self, what: Lack) -> Missing | None:
        """Return the entry of :attr:`missing` for this; None if there is none."""
        return next((one for one in self.missing if one.what == what), None)


NOT_SETTINGS = frozenset({"base", "data", "out", "device", "offline", "checkpoint_seconds"})
"""Options that do not change the result of a run."""


def setting_key(config: Mapping[str, Any]) -> str:
    """Return a key that is equal for runs that differ only in their seed."""
    return repr(sorted((key, repr(value)) for key, value in config.items() if key not in {*NOT_SETTINGS, "seed"}))


def _representative(runs: Sequence[StudyRun]) -> StudyRun:
    return max(runs, key=lambda run: len(run.scores))  # the first of those with the most
