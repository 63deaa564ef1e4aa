"""JSON of run folders to typed values. What is absent or of another type is ``None``, never a trace."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from squadron.errors import RunError
from squadron.runs.records import (
    Curve,
    Ends,
    FailureExample,
    Failures,
    KindCount,
    Part,
    Score,
    SliceScore,
    Validation,
)


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The object, or an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def number(record: Mapping[str, Any], key: str) -> float | None:
    """A finite number, or ``None``."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # The bounds leave out what is no number, and what no float can hold.
    return float(value) if -sys.float_info.max <= value <= sys.float_info.max else None


def integer(record: Mapping[str, Any], key: str) -> int | None:
    """A whole number, or ``None``."""
    value = number(record, key)
    return None if value is None else int(value)


def text_or_none(value: Any) -> str | None:
    """The text, or ``None`` where it is none or empty."""
    return value if isinstance(value, str) and value else None


def read_scores(content: Any) -> dict[str, dict[str, Score]]:
    """``scores.json`` by split and decoding strategy; entries without EM, F1 or their intervals are left out."""
    found: dict[str, dict[str, Score]] = {}
    for split, described in as_mapping(as_mapping(content).get("splits")).items():
        for decoding, record in as_mapping(as_mapping(described).get("decodings")).items():
            score = _score(split, decoding, as_mapping(record))
            if score is not None:
                found.setdefault(split, {})[decoding] = score
    return found


def _score(split: str, decoding: str, record: Mapping[str, Any]) -> Score | None:
    own = _part(record)
    if own is None:
        return None
    parts = {name: _part(as_mapping(one)) for name, one in as_mapping(record.get("parts")).items()}
    return Score(
        split=split,
        decoding=decoding,
        exact_match=own.exact_match,
        f1=own.f1,
        exact_match_interval=own.exact_match_interval,
        f1_interval=own.f1_interval,
        questions=own.questions,
        clusters=integer(record, "clusters"),
        eos_rate=number(record, "eos_rate"),
        empty_share=number(record, "empty_share"),
        in_context_share=number(record, "in_context_share"),
        mean_answer_tokens=number(record, "mean_answer_tokens"),
        exact_match_detectable=number(record, "exact_match_detectable"),
        f1_detectable=number(record, "f1_detectable"),
        parts={name: part for name, part in parts.items() if part is not None},
    )


def _part(record: Mapping[str, Any]) -> Part | None:
    exact, f1, questions = number(record, "exact_match"), number(record, "f1"), integer(record, "questions")
    ends = _ends(record.get("exact_match_interval")), _ends(record.get("f1_interval"))
    if exact is None or f1 is None or questions is None or ends[0] is None or ends[1] is None:
        return None
    return Part(exact, f1, ends[0], ends[1], questions)


def _ends(value: Any) -> Ends | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = (number({"end": end}, "end") for end in value)
    return None if low is None or high is None else (low, high)


def read_curve(path: Path | None) -> Curve:
    """``metrics.jsonl``; an empty curve where there is none. A last line that a kill cut short is left out.

    Raises :class:`RunError` for any other line that is not JSON.
    """
    if path is None or not path.is_file():
        return Curve()
    steps: list[int] = []
    epochs: list[int] = []
    losses: list[float | None] = []
    validations: list[Validation] = []
    lines = path.read_bytes().decode("utf-8", errors="replace").splitlines()
    for place, line in enumerate(lines):
        try:
            record = as_mapping(json.loads(line))
        except (ValueError, RecursionError):
            if place == len(lines) - 1:
                break
            raise RunError(f"{path}: line {place + 1} is not JSON; remove the run and train it again") from None
        step, epoch = integer(record, "step"), integer(record, "epoch")
        if step is None:
            continue
        if epoch is not None and "loss" in record:
            steps.append(step)
            epochs.append(epoch)
            losses.append(number(record, "loss"))
        elif "validation_loss" in record:
            validations.append(
                Validation(
                    step,
                    number(record, "validation_loss"),
                    number(record, "validation_exact_match"),
                    number(record, "validation_f1"),
                    integer(record, "validation_questions"),
                )
            )
    return Curve(tuple(steps), tuple(epochs), tuple(losses), tuple(validations))


def read_failures(content: Any) -> Failures:
    """A failure file as :func:`squadron.scoring.failures.write_failures` makes it."""
    record = as_mapping(content)
    about = as_mapping(record.get("about"))
    kinds = [as_mapping(one) for one in record.get("kinds") or []]
    samples = as_mapping(record.get("samples"))
    slices = (_slice(as_mapping(row)) for row in record.get("table") or [])
    return Failures(
        model=str(about.get("model", "")),
        split=str(about.get("split", "")),
        decoding=str(about.get("decoding", "")),
        questions=integer(record, "questions") or 0,
        wrong=integer(record, "wrong") or 0,
        kinds=tuple(
            KindCount(
                str(one.get("kind", "")),
                str(one.get("label", "")),
                integer(one, "questions") or 0,
                number(one, "share") or 0.0,
            )
            for one in kinds
        ),
        examples={
            kind: tuple(_example(as_mapping(one)) for one in drawn)
            for kind, drawn in samples.items()
            if isinstance(drawn, list)
        },
        slices=tuple(one for one in slices if one is not None),
        calibration_error=number(as_mapping(record.get("calibration")), "expected_calibration_error"),
    )


def _slice(row: Mapping[str, Any]) -> SliceScore | None:
    own = _part(row)
    if own is None or not isinstance(row.get("dimension"), str):
        return None
    ends = own.exact_match_interval, own.f1_interval
    return SliceScore(row["dimension"], str(row.get("value")), own.questions, own.exact_match, own.f1, *ends)


def _example(record: Mapping[str, Any]) -> FailureExample:
    golds = record.get("golds")
    return FailureExample(
        question_id=str(record.get("question_id", "")),
        kind=str(record.get("kind", "")),
        reason=str(record.get("reason", "")),
        question=str(record.get("question", "")),
        golds=tuple(str(gold) for gold in golds) if isinstance(golds, list) else (),
        prediction=str(record.get("prediction", "")),
        f1=number(record, "f1") or 0.0,
        context=str(record.get("context", "")),
    )
