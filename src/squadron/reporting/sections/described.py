"""Descriptions beside the tests: parts of the variance, groups of questions, calibration, certainty of the frontier."""

from __future__ import annotations

from squadron.reporting.analysis.pareto import LEAST_SHARE, RESAMPLES
from squadron.reporting.document.blocks import Cell, Column, RichText
from squadron.reporting.document.builder import Draft, text_cell
from squadron.reporting.localization import labels
from squadron.reporting.sections.common import ReportInputs, figure, name_cell
from squadron.runs.measures import CalibrationFacts
from squadron.runs.records import Failures


def draft_components(draft: Draft, inputs: ReportInputs) -> None:
    """Add the paragraph on the components of variance, if all settings have the same seeds."""
    found = inputs.analysis.components
    if found is not None:
        draft.paragraph(
            "components.lead",
            settings=found.settings,
            seeds=found.seeds,
            setting=found.setting,
            seed=found.seed,
            residual=found.residual,
            seed_low=found.seed_interval[0],
            seed_high=found.seed_interval[1],
            low=found.residual_interval[0],
            high=found.residual_interval[1],
        )


def draft_groups(draft: Draft, inputs: ReportInputs) -> None:
    """Add the part on differences among questions of one phrasing or with one question word."""
    found = inputs.analysis.groups
    if not found:
        return
    draft.part("groups", draft.say("groups.title"))
    draft.paragraph("groups.lead")
    rows: list[list[Cell]] = []
    for own in found:
        ends = (labels.level(draft, own.axis, own.first), labels.level(draft, own.axis, own.second))
        named = own.kind == "part" and own.group in ("known", "new")
        group = draft.say(f"groups.{own.group}") if named else (labels.code(own.group),)
        low, high = own.interval
        rows.append(
            [
                text_cell(labels.axis(draft, own.axis)),
                text_cell((*ends[0], *draft.say("effect.to"), *ends[1])),
                text_cell(group),
                draft.number_cell(own.questions, "count"),
                draft.number_cell(own.difference, "signed"),
                Cell(draft.say("number.signed_interval", low=low, high=high), low),
            ]
        )
    columns = [draft.column("option", align="start"), draft.column("compared", align="start")]
    columns += [Column(draft.say("groups.among"), "start")]
    columns += [draft.column(key) for key in ("questions", "difference", "interval")]
    draft.table("groups-table", draft.say("groups.caption"), columns, rows)


def draft_calibration(draft: Draft, inputs: ReportInputs) -> None:
    """Add the part on how well the probabilities of answers predict which are right, if they are known."""
    found, base = inputs.study.failures, inputs.study.baseline_failures
    if found is None or found.calibration is None:
        return
    draft.part("calibration", draft.say("calibration.title"))
    sentences = [draft.say("calibration.lead"), _calibration(draft, "best", found, found.calibration)]
    if base is not None and base.calibration is not None:
        sentences.append(_calibration(draft, "base", base, base.calibration))
    draft.paragraph_of([*sentences, draft.say("calibration.alone")])
    figure(draft, inputs, "calibration")


def _calibration(draft: Draft, which: str, failures: Failures, found: CalibrationFacts) -> RichText:
    return draft.say(
        f"calibration.{which}",
        questions=sum(own.count for own in found.bins),
        split=labels.split(draft, failures.split),
        error=found.expected_calibration_error,
        brier=found.brier_score,
    )


def draft_frontier(draft: Draft, inputs: ReportInputs) -> None:
    """Add the table of how often settings are on the frontier of trained parameters."""
    found = inputs.analysis.frontier_shares
    if not found:
        return
    draft.paragraph("pareto.lead", resamples=RESAMPLES, least=LEAST_SHARE)
    rows = [
        [
            name_cell(own.run),
            draft.number_cell(own.trainable_parameters, "count"),
            draft.number_cell(own.f1, "points"),
            draft.number_cell(own.share, "percent"),
        ]
        for own in found
    ]
    columns = [draft.column("run", align="start"), draft.column("parameters"), draft.column("mean")]
    draft.table("pareto-table", draft.say("pareto.caption"), [*columns, Column(draft.say("pareto.share"))], rows)
