"""Convert the validated files of a run to the parts of a study: scores, curves, failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from squadron.runs.reader import DecodingScores, FailureSample, FailuresFile, Metrics, PartScores, ScoresFile
from squadron.runs.records import Curve, Ends, FailureExample, Failures, KindCount, Part, Score, Validation

_STATISTICS = (
    "clusters",
    "eos_rate",
    "empty_share",
    "in_context_share",
    "mean_answer_tokens",
    "exact_match_detectable",
    "f1_detectable",
    "p_gold_detectable",
    "exact_match_samples",
    "f1_samples",
)


def scores_by_split(scores: ScoresFile) -> dict[str, dict[str, Score]]:
    """Return the scores by split and decoding strategy; scores without intervals are left out."""
    found: dict[str, dict[str, Score]] = {}
    for split, described in scores.splits.items():
        for decoding, own in described.decodings.items():
            score = _score(split, decoding, own)
            if score is not None:
                found.setdefault(split, {})[decoding] = score
    return found


def _score(split: str, decoding: str, own: DecodingScores) -> Score | None:
    whole = _part(own)
    if whole is None:
        return None
    parts = {name: part for name, described in own.parts.items() if (part := _part(described)) is not None}
    return Score(
        split=split,
        decoding=decoding,
        exact_match=whole.exact_match,
        f1=whole.f1,
        exact_match_interval=whole.exact_match_interval,
        f1_interval=whole.f1_interval,
        questions=whole.questions,
        p_gold=whole.p_gold,
        p_gold_interval=whole.p_gold_interval,
        **{name: getattr(own, name) for name in _STATISTICS},
        parts=parts,
        settings=own.settings,
        normalize=own.normalize,
    )


def _part(own: PartScores) -> Part | None:
    if own.exact_match_interval is None or own.f1_interval is None:
        return None
    return Part(
        exact_match=own.exact_match,
        f1=own.f1,
        exact_match_interval=_ends(own.exact_match_interval),
        f1_interval=_ends(own.f1_interval),
        questions=own.questions,
        p_gold=own.p_gold,
        p_gold_interval=None if own.p_gold_interval is None else _ends(own.p_gold_interval),
    )


def _ends(interval: list[float]) -> Ends:
    low, high = interval
    return low, high


def curve_of(metrics: Metrics) -> Curve:
    """Return the curve of a run. Raises :class:`RunError` if a line is damaged."""
    steps: list[Mapping[str, Any]] = []
    validations: list[Validation] = []
    for line in metrics.whole():
        if "loss" in line and line.get("epoch") is not None:
            steps.append(line)
        elif "validation_loss" in line:
            figures = {name: _figure(line, f"validation_{name}") for name in ("loss", "exact_match", "f1", "p_gold")}
            validations.append(Validation(line["step"], questions=line.get("validation_questions"), **figures))
    return Curve(
        tuple(line["step"] for line in steps),
        tuple(line["epoch"] for line in steps),
        tuple(_figure(line, "loss") for line in steps),
        tuple(validations),
    )


def _figure(line: Mapping[str, Any], key: str) -> float | None:
    return None if line.get(key) is None else float(line[key])


def failures_of(file: FailuresFile) -> Failures:
    """Return the failure analysis of a run."""
    about = file.about
    return Failures(
        model=about.model,
        split=about.split,
        decoding=about.decoding,
        questions=file.questions,
        wrong=file.wrong,
        kinds=tuple(KindCount(one.kind, one.label, one.questions, one.share) for one in file.kinds),
        examples={kind: tuple(map(_example, drawn)) for kind, drawn in file.samples.items()},
        calibration=file.calibration,
    )


def _example(own: FailureSample) -> FailureExample:
    return FailureExample(
        question_id=own.question_id,
        kind=own.kind,
        reason=own.reason,
        question=own.question,
        golds=tuple(own.golds),
        prediction=own.prediction,
        f1=own.f1,
        context=own.context,
    )
