"""A study's findings as tables: CSV for spreadsheets, Markdown for pages and JSON for programs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from squadron.file_records import RecordPart
from squadron.options.runs import METRICS
from squadron.reporting.analysis.effects import setting
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.verdicts import Contrast
from squadron.reporting.document.text import clipped, guard_cell
from squadron.reporting.published import PUBLISHED
from squadron.runs.records import Baseline, Score, Study, StudyRun
from squadron.scoring.designs import SCOPES

CellValue = str | int | float | bool | None

_MARKDOWN_MARKS = re.compile(r"([\\`*_\[\]|~$])")
_SCORES = (*(f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")), "questions", "normalize")
_COSTS = ("trainable_parameters", "seconds", "peak_memory_bytes", "loss", "validation_loss")


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table of plain values: points, seconds, bytes, shares (0 to 1). ``None`` means unknown."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[CellValue, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row) == len(self.columns), (self.name, len(row), len(self.columns))


def all_tables(study: Study, analysis: Analysis) -> list[DataTable]:
    """Return every table for which the study has rows."""
    made = (
        _runs(study, analysis),
        _models(analysis),
        _levels(analysis),
        _contrasts(analysis),
        _variance(analysis),
        _interactions(analysis),
        _decodings(analysis),
        _failure_kinds(analysis),
        _seeds(analysis),
        _published(),
    )
    return [table for table in made if table.rows]


def _runs(study: Study, analysis: Analysis) -> DataTable:
    among = set(analysis.best.names) if analysis.best is not None else set()
    frontiers = {point.run: point.frontier for point in analysis.frontier.points}
    axes = tuple(study.axes)
    rows = []
    for place, run in enumerate(study.runs, 1):
        fit = analysis.fits.of(run.name)
        costs = tuple(getattr(run, cost) for cost in _COSTS)
        more = (fit.verdict if fit else None, fit.best_epoch if fit else None, run.name in among)
        values = tuple(_cell_value(setting(run, axis)) for axis in axes)
        head = (place, run.name, run.status, *values, *_score(study, run))
        rows.append((*head, *costs, *more, " ".join(frontiers.get(run.name, ())), run.reason))
    columns = (
        "place",
        "run",
        "status",
        *axes,
        *_SCORES,
        *_COSTS,
        "fit",
        "best_epoch",
        "may_be_best",
        "frontier",
        "reason",
    )
    return DataTable("runs", f"All runs, {study.split} split, {study.decoding} decoding", columns, tuple(rows))


def _models(analysis: Analysis) -> DataTable:
    rows = []
    for compared in analysis.models:
        for model in compared.models:
            test = compared.contrast("f1", "baseline", model.role)
            numbers = _numbers(model.score)
            rows.append((compared.split, compared.decoding, model.role, model.name, *numbers, *_test(test)))
    columns = ("split", "decoding", "role", "model", *_SCORES, *_TEST)
    return DataTable(
        "models", "Baseline, best adapter and full fine-tuning; differences from the baseline", columns, tuple(rows)
    )


_TEST = (
    "difference",
    "new_low",
    "new_high",
    "these_low",
    "these_high",
    "p_value",
    "adjusted_p_value",
    "adjusted_equivalence_p_value",
    "verdict",
    "scope",
    "detectable",
)


def _test(contrast: Contrast | None) -> tuple[CellValue, ...]:
    if contrast is None:
        return (None,) * len(_TEST)
    ends = [own.interval if (own := contrast.of(scope)) else (None, None) for scope in SCOPES]
    told = contrast.told
    return (
        contrast.difference,
        *ends[0],
        *ends[1],
        contrast.p_value,
        contrast.adjusted,
        None if told is None else told.adjusted_equivalence,
        contrast.verdict,
        contrast.scope,
        contrast.detectable,
    )


def _levels(analysis: Analysis) -> DataTable:
    rows = [
        (
            effect.axis,
            effect.metric,
            _cell_value(level.value),
            level.runs,
            level.mean,
            *level.interval,
            level.value == effect.best,
            level.value in effect.as_good,
            effect.verdict,
            effect.scope,
            effect.planned,
        )
        for effect in analysis.effects
        for level in effect.levels
    ]
    means = ("axis", "metric", "value", "runs", "mean", "low", "high", "best", "not_shown_below_best")
    columns = (*means, "axis_verdict", "scope", "planned")
    return DataTable(
        "effects", "Main effects: the mean of each value over runs that are otherwise alike", columns, tuple(rows)
    )


def _contrasts(analysis: Analysis) -> DataTable:
    rows = [
        (
            effect.axis,
            contrast.metric,
            kind,
            _cell_value(contrast.first),
            _cell_value(contrast.second),
            *_test(contrast),
            contrast.pairs,
            contrast.questions,
        )
        for effect in analysis.effects
        for kind, found in (("pair", effect.contrasts), ("trend", (effect.trend,)))
        for contrast in found
        if contrast is not None
    ]
    columns = ("axis", "metric", "kind", "first", "second", *_TEST, "pairs_of_runs", "questions")
    return DataTable(
        "contrasts", "Every pair of values: the second minus the first, on the same questions", columns, tuple(rows)
    )


def _variance(analysis: Analysis) -> DataTable:
    rows = [
        (metric, " x ".join(share.axes), share.share, share.f, *share.degrees, share.p_value)
        for metric, shares in analysis.variance.items()
        for share in shares
    ]
    columns = ("metric", "axes", "share", "f", "degrees", "residual_degrees", "p_value")
    return DataTable("variance", "Shares of the variance between runs (omega squared)", columns, tuple(rows))


def _interactions(analysis: Analysis) -> DataTable:
    rows = [
        (
            interaction.metric,
            *interaction.axes,
            _cell_value(first),
            _cell_value(second),
            mean,
            interaction.p_value,
            interaction.adjusted,
            interaction.verdict,
        )
        for interaction in analysis.interactions
        for (first, second), mean in interaction.cells.items()
    ]
    columns = (
        "metric",
        "first_axis",
        "second_axis",
        "first",
        "second",
        "mean",
        "p_value",
        "adjusted_p_value",
        "verdict",
    )
    return DataTable("interactions", "Means by two axes, and their interaction", columns, tuple(rows))


def _decodings(analysis: Analysis) -> DataTable:
    compared = analysis.decodings
    rows = []
    for score in compared.scores if compared is not None else ():
        assert compared is not None, score
        test = compared.contrast("f1", score.decoding)
        rows.append((compared.run, compared.split, score.decoding, *_numbers(score), score.eos_rate, *_test(test)))
    columns = ("run", "split", "decoding", *_SCORES, "eos_rate", *_TEST)
    reference = compared.reference if compared is not None else ""
    return DataTable(
        "decodings", f"The best run's decoding strategies; differences in F1 from {reference}", columns, tuple(rows)
    )


def _failure_kinds(analysis: Analysis) -> DataTable:
    found = analysis.mistakes
    rows = [
        (kind.kind, kind.label, kind.questions, kind.share, *kind.interval, kind.base_questions, kind.base_share)
        for kind in (found.kinds if found is not None else ())
    ]
    columns = ("kind", "label", "wrong_answers", "share", "share_low", "share_high", "base_wrong_answers", "base_share")
    return DataTable(
        "failures", "Kinds of mistake of the best run, compared with the base model's", columns, tuple(rows)
    )


def _seeds(analysis: Analysis) -> DataTable:
    spread = analysis.seeds
    rows = [
        (
            ", ".join(f"{axis} {value}" for axis, value in group.changes.items()),
            len(group.seeds),
            group.mean,
            group.deviation,
            min(group.values),
            max(group.values),
        )
        for group in (spread.groups if spread is not None else ())
    ]
    columns = ("runs", "seeds", "f1_mean", "f1_deviation", "f1_lowest", "f1_highest")
    return DataTable("seeds", "Runs that differ only in their seed", columns, tuple(rows))


def _published() -> DataTable:
    rows = [
        (
            published.label,
            published.exact_match,
            published.f1,
            published.deviation,
            published.questions,
            published.trained,
            published.origin,
            published.source,
        )
        for published in PUBLISHED
    ]
    columns = ("model", "exact_match", "f1", "f1_deviation", "questions", "training_questions", "measured_on", "source")
    return DataTable("published", "Published results, not measured here", columns, tuple(rows))


def _score(study: Study, model: StudyRun | Baseline) -> tuple[CellValue, ...]:
    score = study.score(model)
    if score is None:
        return (None,) * len(_SCORES)
    return _numbers(score)


def _numbers(score: Score) -> tuple[CellValue, ...]:
    """Return the cells of the columns :data:`_SCORES`; those of P(gold) are empty if it is not known."""
    gold = (score.p_gold, *(score.p_gold_interval or (None, None)))
    points = (score.exact_match, *score.exact_match_interval, score.f1, *score.f1_interval, *gold)
    return *points, score.questions, score.normalize


def _cell_value(value: Any) -> CellValue:
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def to_csv(table: DataTable) -> str:
    """Return the table as CSV, safe for spreadsheets: no text is read as a formula, no character is invisible."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([guard_cell(cell) for cell in row] for row in table.rows)
    return stream.getvalue()


def to_markdown(tables: Iterable[DataTable]) -> str:
    """Return tables as a page of Markdown, with text from data escaped."""
    lines: list[str] = []
    for table in tables:
        lines += [
            f"## {_escape_markdown(table.title)}",
            "",
            _markdown_row(_escape_markdown(column.replace("_", " ")) for column in table.columns),
            _markdown_row("---" for _ in table.columns),
        ]
        lines += [_markdown_row(_markdown_cell(cell) for cell in row) for row in table.rows]
        lines.append("")
    return "\n".join(lines)


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: CellValue) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) < 1000 else f"{cell:.0f}"
    return str(cell) if isinstance(cell, int) else _escape_markdown(clipped(cell))


def _escape_markdown(text: str) -> str:
    return _MARKDOWN_MARKS.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def to_json(value: Any) -> Any:
    """Convert findings to JSON values; a mapping with tuple keys becomes a list of ``{"at": [..], "value": ..}``."""
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, Contrast):  # with the test that bears its verdict
            found |= {key: to_json(getattr(value, key)) for key in ("interval", "p_value", "adjusted", "detectable")}
        return found
    if isinstance(value, RecordPart):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        if any(isinstance(key, tuple) for key in value):
            return [{"at": to_json(key), "value": to_json(own)} for key, own in value.items()]
        return {str(key): to_json(own) for key, own in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_json(own) for own in value]
    return str(value) if isinstance(value, Path) else value
