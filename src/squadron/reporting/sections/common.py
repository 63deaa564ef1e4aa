"""Inputs of the report's sections, and helpers that several sections share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.verdicts import Contrast
from squadron.reporting.document.blocks import Cell, Column, RichText
from squadron.reporting.document.builder import Draft, name
from squadron.reporting.localization import labels
from squadron.runs.records import Score, Study, StudyRun
from squadron.scoring.designs import Scope

STUDY_RUNS = 75
"""Number of runs of the student study."""
STUDY_QUESTIONS = 5
"""Number of test questions of the student study."""


@dataclass(frozen=True, slots=True)
class ReportInputs:
    """A study, its findings, and its charts by name, also those for a phone."""

    study: Study
    analysis: Analysis
    charts: Mapping[str, dict[str, Any]]
    narrow_charts: Mapping[str, dict[str, Any]]

    @property
    def questions(self) -> int:
        """The largest number of questions that a run was scored on, on the headline split."""
        return max((score.questions for run in self.study.scored if (score := self.study.score(run))), default=0)

    @property
    def margin(self) -> float:
        """The largest difference that counts as equivalent, in points."""
        return self.analysis.plan.margin

    @property
    def lead(self) -> Score | None:
        """The best run's score on the split that leads the report; ``None`` without a scored run."""
        best = self.study.best
        return None if best is None else best.score(self.study.lead, self.study.decoding)

    @property
    def is_pocket(self) -> bool:
        """True if the base model is the one that ships with the package."""
        return self.study.base.name == "pocket"


def figure(draft: Draft, inputs: ReportInputs, name: str) -> None:
    """Add the chart ``name``, if there is one; its caption and text alternative are in its own table of sentences."""
    if name in inputs.charts:
        _figure(draft, inputs, name, draft.say(f"{name}.chart"), draft.say.plain(f"{name}.alternative"))


def chart(draft: Draft, inputs: ReportInputs, name: str, sentence: str = "", **values: Any) -> None:
    """Add the chart ``name``, if there is one, with caption and text alternative but without its redundant title.

    ``sentence`` is the key of the caption if it differs from ``name``.
    """
    if name in inputs.charts:
        caption = f"chart.{sentence or name}"
        alternative = draft.say.plain(f"{caption}_alternative", **values)
        _figure(draft, inputs, name, draft.say(caption, **values), alternative)


def _figure(draft: Draft, inputs: ReportInputs, name: str, caption: RichText, alternative: str) -> None:
    spec, narrow = (
        {key: value for key, value in own[name].items() if key != "title"}
        for own in (inputs.charts, inputs.narrow_charts)
    )
    draft.figure(f"chart-{name}", spec, narrow, caption, alternative)


def score_columns(draft: Draft, *, gold: bool = False) -> list[Column]:
    """Return columns of EM and F1, each with its interval, and of P(gold) with ``gold``."""
    return [draft.column(key) for key in ("exact_match", "interval", "f1", "interval", *(["p_gold"] if gold else []))]


def score_cells(draft: Draft, score: Score | None, *, gold: bool = False) -> list[Cell]:
    """Return cells of EM and F1, each with its interval, and of P(gold) with ``gold``; dashes if there is no score."""
    if score is None:
        return [draft.number_cell(None, "points")] * (5 if gold else 4)
    cells = [
        draft.number_cell(score.exact_match, "points"),
        draft.interval_cell(score.exact_match_interval),
        draft.number_cell(score.f1, "points"),
        draft.interval_cell(score.f1_interval),
    ]
    return [*cells, draft.number_cell(score.p_gold, "points")] if gold else cells


def has_gold(*scores: Score | None) -> bool:
    """Return True if any of these scores has P(gold)."""
    return any(score is not None and score.p_gold is not None for score in scores)


def setting_columns(draft: Draft) -> list[Column]:
    """Return columns of rank, learning rate and modules."""
    return [draft.column("rank"), draft.column("lr"), draft.column("modules", align="start")]


def setting_cells(draft: Draft, run: StudyRun) -> list[Cell]:
    """Return cells of a run's rank, learning rate and modules."""
    modules = run.modules
    named = Cell((labels.code(modules),), modules) if modules else draft.number_cell(None, "plain")
    return [draft.number_cell(run.rank, "plain"), draft.number_cell(run.lr, "rate"), named]


def name_cell(text: str) -> Cell:
    """Return a cell with the name of a run."""
    return Cell((name(text),), text)


def tested(draft: Draft, contrast: Contrast) -> dict[str, Any]:
    """Return the values of a sentence about a tested difference."""
    told = contrast.told
    assert told is not None, contrast
    low, high = told.interval
    intervals = []
    for own in contrast.evidence:
        ends = draft.say("number.signed_interval", low=own.interval[0], high=own.interval[1])
        intervals.append(draft.say("number.scoped", interval=ends, scope=scope_phrase(draft, own.scope)))
    return {
        "difference": contrast.difference,
        "interval": draft.say("number.signed_interval", low=low, high=high),
        "intervals": draft.say.join(intervals),
        "p": told.adjusted if told.adjusted is not None else told.p_value,
    }


def scope_phrase(draft: Draft, scope: Scope | None) -> RichText:
    """Return the scope of a verdict in words; empty for a verdict without one."""
    return draft.say(f"scope.{scope}") if scope is not None else ()


def varied(study: Study) -> Sequence[str]:
    """Return the axes with several values."""
    return [key for key in study.axes if key != "method"]
