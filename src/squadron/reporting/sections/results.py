"""Results: scores of base, tuned and published models, the best runs, and their losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from squadron.reporting.analysis.findings import FitVerdict, ModelComparison
from squadron.reporting.charts.comparisons import charted_models
from squadron.reporting.document.blocks import Cell, Column, RichText
from squadron.reporting.document.builder import Draft, name, text_cell
from squadron.reporting.localization import labels
from squadron.reporting.published import PUBLISHED, Published
from squadron.reporting.sections.common import (
    ReportInputs,
    chart,
    has_gold,
    name_cell,
    score_cells,
    score_columns,
    setting_cells,
    setting_columns,
    tested,
    varied,
)
from squadron.runs.records import Score, StudyRun

LEADERS = 10
_LEAST_OPTIMISM = 0.005
"""The least number of points that is not written as 0.00."""
_FITS: tuple[FitVerdict, ...] = ("overfit", "improving", "settled", "unknown")


def results(draft: Draft, inputs: ReportInputs) -> None:
    """Add the section on results."""
    study = inputs.study
    draft.section("results")
    if study.status not in ("done", "stopped"):
        draft.missing("missing.status_partial", status=labels.status(draft, study.status))
    if study.best is None:
        draft.missing("missing.no_scores")
    else:
        draft.part("headline", () if _published(inputs) else draft.say("title.headline_own"))
        _headline(draft, inputs)
        if len(study.scored) > 1:
            draft.part("leaders")
            _leaders(draft, inputs)
    if inputs.analysis.fits.runs:
        draft.part("learning")
        _learning(draft, inputs)


def _headline(draft: Draft, inputs: ReportInputs) -> None:
    """Add measured and published scores in one table, marked as such, and the tests of the measured ones."""
    study, best, lead = inputs.study, inputs.study.best, inputs.lead
    assert best is not None, study.path
    assert lead is not None, best.name
    split, decoding = labels.split(draft, study.lead), labels.decoding(draft, study.decoding)
    where: dict[str, Any] = {"questions": lead.questions, "split": split}
    if study.lacks("baseline"):
        draft.missing("missing.baseline")
    base = study.baseline.score(study.lead, study.decoding) if study.baseline is not None else None
    draft.paragraph("results.headline_alone" if base is None else "results.headline", decoding=decoding, **where)
    models: list[tuple[RichText, Score | None, int | None]] = []
    if study.baseline is not None:
        models.append((draft.say("models.base", base=labels.base(draft, study)), base, None))
    for key, run in (("best", study.best_of("lora")), ("full", study.full)):
        if run is not None:
            score = run.score(study.lead, study.decoding)
            models.append((draft.say(f"models.{key}", run=name(run.name)), score, run.train_questions))
    gold = has_gold(*(score for _, score, _ in models))
    rows = []
    for title, score, trained in models:
        counts = [draft.number_cell(value, "count") for value in (score.questions if score else None, trained)]
        rows.append(
            [text_cell(title), *score_cells(draft, score, gold=gold), *counts, draft.phrase_cell("published.measured")]
        )
    measured = len(rows)
    published = _published(inputs)
    rows += [_published_row(draft, one, gold=gold) for one in published]
    draft.table(
        "headline-table",
        draft.say("results.headline_caption" if published else "results.headline_caption_alone", **where),
        [
            draft.column("model", align="start"),
            *score_columns(draft, gold=gold),
            draft.column("questions"),
            draft.column("trained"),
            draft.column("source", align="start"),
        ],
        rows,
        note=_headline_note(draft, inputs, published=bool(published)),
        published=range(measured, len(rows)),
    )
    if inputs.analysis.models:
        shown = charted_models(inputs.analysis)
        charted = {"questions": shown.models[0].score.questions, "split": labels.split(draft, shown.split)}
        chart(draft, inputs, "models", "" if published else "models_own", **charted)
    comparison = next((found for found in inputs.analysis.models if found.split == study.lead), None)
    if comparison is not None:
        _compared(draft, inputs, comparison)
    _selection(draft, inputs, best)
    if {"known", "new"} <= set(lead.parts):
        known, new = lead.parts["known"], lead.parts["new"]
        draft.paragraph(
            "results.parts",
            known=known.questions,
            known_f1=known.f1,
            known_interval=draft.say.interval(*known.f1_interval),
            new=new.questions,
            new_f1=new.f1,
            new_interval=draft.say.interval(*new.f1_interval),
        )
    if study.lead == study.split and study.split != "test":
        draft.missing("missing.test")


def _published(inputs: ReportInputs) -> Sequence[Published]:
    """Return the published results to show beside the study's.

    The world of the pocket base is made up: no figure of real questions belongs beside its scores. Nor do published
    figures of SQuAD belong beside scores by another rule.
    """
    return () if inputs.is_pocket or inputs.study.normalize != "official" else PUBLISHED


def _headline_note(draft: Draft, inputs: ReportInputs, *, published: bool) -> RichText:
    """Return what must be known of the figures in the headline table."""
    if inputs.study.normalize != "official":
        return draft.say(f"results.normalized_{inputs.study.normalize}")
    return draft.say("results.headline_note") if published else ()


def _selection(draft: Draft, inputs: ReportInputs, best: StudyRun) -> None:
    """Add how the best run was chosen, and its score where it was."""
    study = inputs.study
    chosen = study.score(best)
    assert chosen is not None, best.name
    if len(study.scored) == 1:
        draft.paragraph("results.single_run")
        return
    if study.lead == study.split:
        draft.paragraph("results.selection")
        return
    values: dict[str, Any] = {
        "questions": chosen.questions,
        "split": labels.split(draft, study.split),
        "f1": chosen.f1,
        "f1_interval": draft.say.interval(*chosen.f1_interval),
    }
    seeds = [score.f1 for run in study.settings[0] if (score := study.score(run)) is not None]
    if len(seeds) > 1:
        draft.paragraph("results.chosen_seeds", seeds=len(seeds), mean=sum(seeds) / len(seeds), **values)
    else:
        draft.paragraph("results.chosen", **values)


def _compared(draft: Draft, inputs: ReportInputs, comparison: ModelComparison) -> None:
    """Add the tests of base, best and full fine-tuning."""
    sentences: list[tuple[str, dict[str, Any]]] = []
    for key, first, second in (("base", "baseline", "best"), ("full", "best", "full")):
        contrast = comparison.contrast("f1", first, second)
        if contrast is None:
            continue
        if contrast.verdict == "untested":
            sentences.append((f"models.{key}_untested", {"difference": contrast.difference}))
        else:
            values = {**tested(draft, contrast), "margin": inputs.margin}
            sentences.append((f"models.{key}_{contrast.verdict}", values))
    for key, values in sentences:
        draft.paragraph(key, **values)
    if sentences:
        draft.paragraph("models.one_training")


def _published_row(draft: Draft, published: Published, *, gold: bool) -> list[Cell]:
    """Return the row of a published result, which has no interval and no P(gold)."""
    source_keys = {"whole_dev_set": "paper", "five_questions": "student", "people": "human"}
    source = draft.say(f"published.{source_keys[published.origin]}", questions=published.questions)
    dash = draft.number_cell(None, "points")
    return [
        draft.phrase_cell(f"published_name.{published.key}"),
        draft.number_cell(published.exact_match, "points"),
        dash,
        draft.number_cell(published.f1, "points2"),
        dash,
        *([dash] if gold else []),
        draft.number_cell(published.questions, "count"),
        draft.number_cell(published.trained, "count"),
        text_cell(source),
    ]


def _leaders(draft: Draft, inputs: ReportInputs) -> None:
    """Add the table of the best runs, and the confidence in their order."""
    study, found = inputs.study, inputs.analysis.best
    leaders = study.scored[:LEADERS]
    gold = has_gold(*(study.score(run) for run in leaders))
    if len(leaders) < len(study.scored):
        draft.paragraph("results.leaders", count=len(leaders), scored=len(study.scored))
    else:
        draft.paragraph("results.leaders_all", scored=len(study.scored))
    rows = [
        [
            draft.number_cell(rank, "count"),
            name_cell(run.name),
            *setting_cells(draft, run),
            *score_cells(draft, study.score(run), gold=gold),
        ]
        for rank, run in enumerate(leaders, start=1)
    ]
    draft.table(
        "leaders-table",
        draft.say("results.leaders_caption", questions=inputs.questions, split=labels.split(draft, study.split)),
        [
            draft.column("place"),
            draft.column("run", align="start"),
            *setting_columns(draft),
            *score_columns(draft, gold=gold),
        ],
        rows,
    )
    chart(draft, inputs, "ranking", questions=inputs.questions)
    if found is None:
        draft.missing("missing.data")
        return
    seeds = "_seeds" if found.seeds > 1 else ""
    if found.count == 1:
        draft.paragraph(f"best.alone{seeds}", run=name(found.best), compared=found.compared)
    else:
        counts = {"count": found.count, "compared": found.compared, "questions": inputs.questions}
        draft.paragraph(f"best.set{seeds}", **counts)
    if found.optimism is not None and found.optimism >= _LEAST_OPTIMISM:
        draft.paragraph("best.optimism", optimism=found.optimism)


def _learning(draft: Draft, inputs: ReportInputs) -> None:
    """Add the losses, and the verdicts on overfitting."""
    fits = inputs.analysis.fits
    if "losses" in inputs.charts:
        draft.paragraph("results.learning")
    chart(draft, inputs, "losses")
    counts: dict[str, int] = {key: fits.counts.get(key, 0) for key in _FITS}
    if len(fits.runs) == 1:
        draft.paragraph(f"fit.one_{fits.runs[0].verdict}")
        return
    if counts["unknown"] == len(fits.runs):
        draft.paragraph("fit.all_unknown", runs=len(fits.runs))
        return
    parts = [draft.say(f"fit.part_{key}", count=count) for key, count in counts.items() if count]
    draft.paragraph("fit.counts", runs=len(fits.runs), parts=draft.say.join(parts))
    shown = [key for key in _FITS if counts[key]]
    for axis in [key for key in varied(inputs.study) if key != "seed"]:
        shares = [share for share in fits.by_axis if share.axis == axis]
        if len(shares) < 2:
            continue
        rows = [
            [
                text_cell(labels.level(draft, axis, share.value)),
                *(draft.number_cell(share.counts.get(key, 0), "count") for key in shown),
            ]
            for share in shares
        ]
        columns = [draft.column("level", align="start")]
        columns += [Column(draft.say(f"fit.{key}")) for key in shown]
        draft.table(f"fit-{axis}", draft.say("fit.caption", axis=labels.axis(draft, axis)), columns, rows)
