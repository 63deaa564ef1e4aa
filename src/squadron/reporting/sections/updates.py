"""The size and the effective rank of what the runs learnt."""

from __future__ import annotations

from squadron.reporting.analysis.described import UpdateLevel, Updates
from squadron.reporting.document.blocks import Cell, Column, RichText
from squadron.reporting.document.builder import Draft, text_cell
from squadron.reporting.localization import labels
from squadron.reporting.sections.common import ReportInputs, figure


def draft_updates(draft: Draft, inputs: ReportInputs) -> None:
    """Add the part on the updates of the runs, if their records have any."""
    found = inputs.analysis.updates
    if found is None or len(found.runs) < 2:
        return
    draft.part("update", draft.say("updates.title"))
    draft.paragraph("updates.lead")
    norms, ranks = [own.norm for own in found.runs], [own.effective_rank for own in found.runs]
    ends = {"low": min(norms), "high": max(norms), "low_rank": min(ranks), "high_rank": max(ranks)}
    sentences = [draft.say("updates.range", **ends)]
    best = inputs.study.best
    own = None if best is None else found.of(best.name)
    if own is not None:
        sentences.append(draft.say("updates.best", norm=own.norm, effective_rank=own.effective_rank))
    draft.paragraph_of([*sentences, *_scales(draft, found), draft.say("updates.description")])
    rows = [
        [
            text_cell(_values(draft, level)),
            draft.number_cell(level.runs, "count"),
            draft.number_cell(level.norm, "points2"),
            draft.number_cell(level.effective_rank, "points2"),
        ]
        for level in found.levels
    ]
    if rows:
        columns = [draft.column("changes", align="start"), draft.column("runs"), *_columns(draft)]
        draft.table("updates-levels", draft.say("updates.levels_caption"), columns, rows)
    figure(draft, inputs, "updates")


def update_cells(draft: Draft, inputs: ReportInputs, run: str) -> list[Cell]:
    """Return the cells of a run for :func:`update_columns`."""
    found = inputs.analysis.updates
    if found is None:
        return []
    own = found.of(run)
    values = (None, None) if own is None else (own.norm, own.effective_rank)
    return [draft.number_cell(value, "points2") for value in values]


def update_columns(draft: Draft, inputs: ReportInputs) -> list[Column]:
    """Return the columns of the norm and the effective rank of updates; none if no run has a record of its own."""
    return [] if inputs.analysis.updates is None else _columns(draft)


def _scales(draft: Draft, found: Updates) -> list[RichText]:
    """Return a sentence for each scale: the norm at the lowest and at the highest rank."""
    by_scale: dict[str, list[UpdateLevel]] = {}
    for level in found.scales:
        by_scale.setdefault(str(level.values[0][1]), []).append(level)
    sentences = []
    for levels in by_scale.values():
        if len(levels) > 1:
            first, last = levels[0], levels[-1]
            ranks = {"low": int(first.values[1][1]), "high": int(last.values[1][1])}
            scaling = labels.level(draft, "scaling", first.values[0][1] or "alpha/r")
            sentences.append(draft.say("updates.scale", scaling=scaling, first=first.norm, last=last.norm, **ranks))
    return sentences


def _values(draft: Draft, level: UpdateLevel) -> RichText:
    return draft.say.join(
        [
            draft.say("seeds.change", axis=labels.axis(draft, axis), value=labels.level(draft, axis, value))
            for axis, value in level.values
        ]
    )


def _columns(draft: Draft) -> list[Column]:
    return [Column(draft.say(f"updates.{key}")) for key in ("norm", "effective_rank")]
