"""Setup: base model, data, options and machine."""

from __future__ import annotations

from squadron.options.axes import AXES, RENAMED
from squadron.reporting.document.blocks import Cell
from squadron.reporting.document.builder import Draft, name, text_cell
from squadron.reporting.localization import labels
from squadron.reporting.sections.common import ReportInputs, varied

_OPTIONS = [option for option in AXES.values() if option != "method"]


def setup(draft: Draft, inputs: ReportInputs) -> None:
    """Add the section on the setup."""
    study = inputs.study
    draft.section("setup")
    draft.part("base_and_data")
    named = {"base": labels.base(draft, study)}
    if study.base.parameters:
        precision = (labels.code(study.precision or "?"),)
        frozen = "setup.base" if study.full is None else "setup.base_and_full"
        draft.paragraph(frozen, **named, parameters=study.base.parameters, precision=precision)
    else:
        draft.paragraph("setup.base_unknown", **named)
    if inputs.is_pocket:
        draft.paragraph("setup.pocket")
    _data(draft, inputs)
    draft.part("training")
    single = len(study.runs) == 1
    draft.paragraph("setup.training_single" if single else "setup.training")
    _options(draft, inputs, single=single)
    if not single:
        _grid(draft, inputs)
    draft.paragraph("setup.best_epoch", *([] if single else ["setup.fleet"]))
    best = study.best
    length = best.config.get("max_length") if best is not None else None
    tokens = inputs.lead.settings.get("max_new_tokens") if inputs.lead is not None else None
    if isinstance(length, int) and isinstance(tokens, int):
        draft.paragraph("setup.prompts", length=length, tokens=tokens)
    device = study.environment.get("device")
    if isinstance(device, str) and device:
        draft.paragraph("setup.machine", device=name(device))


def _data(draft: Draft, inputs: ReportInputs) -> None:
    data = inputs.study.data
    draft.paragraph("setup.data", source=labels.source(draft, inputs.study))
    rows = [
        [
            Cell(labels.split(draft, key), key),
            draft.number_cell(split.questions, "count"),
            draft.number_cell(split.paragraphs, "count"),
        ]
        for key, split in data.splits.items()
    ]
    columns = [draft.column("split", align="start"), draft.column("questions"), draft.column("paragraphs")]
    draft.table("data-table", draft.say("setup.data_caption"), columns, rows)
    if data.set_aside:
        draft.paragraph("setup.set_aside", count=data.set_aside)


def _options(draft: Draft, inputs: ReportInputs, *, single: bool) -> None:
    """The options that all runs have alike."""
    study = inputs.study
    changed = set() if single else {RENAMED.get(axis, axis) for axis in varied(study)}
    rows: list[list[Cell]] = []
    for key in _OPTIONS:
        values = {repr(run.config.get(key)): run.config.get(key) for run in study.runs}
        if key not in changed and len(values) == 1 and next(iter(values.values())) is not None:
            value = labels.level(draft, key, next(iter(values.values())))
            rows.append([draft.phrase_cell(f"option.{key}"), text_cell(value)])
    columns = [draft.column("option", align="start"), draft.column("value", align="start")]
    caption = draft.say("setup.options_caption_single" if single else "setup.options_caption")
    draft.table("options-table", caption, columns, rows)


def _grid(draft: Draft, inputs: ReportInputs) -> None:
    """Add the table of axes and their values."""
    study = inputs.study
    rows = []
    for axis in study.axes:
        values = draft.say.join([labels.level(draft, axis, value) for value in study.axes[axis]])
        rows.append([text_cell(labels.axis(draft, axis)), text_cell(values)])
    columns = [draft.column("option", align="start"), draft.column("value", align="start")]
    draft.table("grid-table", draft.say("setup.grid_caption", runs=len(study.runs)), columns, rows)
