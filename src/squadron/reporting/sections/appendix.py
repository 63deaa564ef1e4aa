"""Appendices: references, all runs, and how to reproduce the study."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from squadron.reporting.document.bibliography import SOURCES
from squadron.reporting.document.blocks import Cell, Reference, References, TextRun
from squadron.reporting.document.builder import Draft, name, quote, text_cell
from squadron.reporting.localization import labels
from squadron.reporting.sections.common import ReportInputs, name_cell, score_cells, score_columns
from squadron.reporting.sections.updates import update_cells, update_columns

_MOST_RUNS = 80
"""Runs in the table of all runs: those of the study, and two pages of a PDF."""
_HASH = 16
"""Number of characters shown of a hash."""


def references(draft: Draft) -> None:
    """Add the cited works, in the order of their first citation."""
    draft.section("references", numbered=False)
    cited = (Reference(draft.say.label_of("source", key), key, *SOURCES[key]) for key in draft.cited)
    draft.blocks.append(References(tuple(cited)))


def all_runs(draft: Draft, inputs: ReportInputs) -> None:
    """Add the table of all runs with options, scores and costs, and the reasons of runs that did not end normally."""
    study = inputs.study
    draft.appendices()
    draft.section("all_runs")
    states = len({run.status for run in study.runs}) > 1  # a column of one word says nothing
    rows = []
    for run in study.runs:
        cost = [draft.number_cell(run.trainable_parameters, "count"), draft.number_cell(run.seconds, "minutes")]
        losses = [draft.number_cell(run.validation_loss, "decimal")]
        scores = score_cells(draft, study.score(run))
        state = [text_cell(labels.status(draft, run.status))] * states
        rows.append([name_cell(run.name), *scores, *losses, *update_cells(draft, inputs, run.name), *cost, *state])
    columns = [draft.column("run", align="start"), *score_columns(draft)]
    columns += [draft.column("validation_loss"), *update_columns(draft, inputs)]
    columns += [draft.column(key) for key in ("parameters", "minutes")]
    columns += [draft.column("status", align="start")] * states
    counted = {"runs": len(study.runs)}
    if study.scored:
        split = labels.split(draft, study.split)
        caption = draft.say("runs.caption", questions=inputs.questions, split=split, **counted)
    else:
        caption = draft.say("runs.caption_unscored", **counted)
    draft.table("runs-table", caption, columns, rows, note=draft.say("runs.note"), most=_MOST_RUNS)
    ended_badly = [run for run in study.runs if run.reason]
    if ended_badly:
        draft.paragraph("runs.reasons")
        draft.bullets((name(run.name), TextRun(": "), quote(str(run.reason))) for run in ended_badly)


def reproduction(draft: Draft, inputs: ReportInputs) -> None:
    """Add hashes, versions, seeds and the command."""
    study = inputs.study
    draft.section("reproduction")
    draft.paragraph("reproduction.lead")
    rows: list[list[Cell]] = []

    def add(key: str, value: object, **values: object) -> None:
        if value is not None:
            rows.append([draft.phrase_cell(f"reproduction.{key}", **values), text_cell((labels.code(str(value)),))])

    add("folder", study.path.resolve().name)
    path = PurePath(study.base.name)
    add("base", path.name if path.is_absolute() else study.base.name)
    add("base_hash", study.base.sha256 and study.base.sha256[:_HASH])
    add("base_commit", study.base.commit)
    add("data_commit", study.data.commit)
    for key, split in study.data.splits.items():
        add("split_hash", split.sha256 and split.sha256[:_HASH], split=labels.split(draft, key))
    add("seed", study.seed)
    add("precision", study.precision)
    add("started", study.started)
    versions = study.environment.get("versions")
    for package, version in versions.items() if isinstance(versions, dict) else ():
        rows.append([text_cell((labels.code(str(package)),)), text_cell((labels.code(str(version)),))])
    columns = [draft.column("item", align="start"), draft.column("value", align="start")]
    draft.table("made-with", draft.say("reproduction.caption"), columns, rows)
    draft.paragraph("reproduction.command")
    command = f"squadron report {shlex.quote(study.path.resolve().name)} --lang {draft.say.language} --format pdf"
    draft.code(command)
