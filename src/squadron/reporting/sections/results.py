"""Scores: untouched, tuned and published; the best runs; how they learnt."""

from __future__ import annotations

from typing import Any

from squadron.reporting.analysis.findings import FitVerdict, ModelComparison
from squadron.reporting.charts.comparisons import shown_models
from squadron.reporting.document.blocks import Cell, Column, Runs
from squadron.reporting.document.builder import Draft, name, text_cell
from squadron.reporting.localization import labels
from squadron.reporting.published import PUBLISHED, Published
from squadron.reporting.sections.material import (
    Material,
    chart,
    name_cell,
    score_cells,
    score_columns,
    setting_cells,
    setting_columns,
    tested,
    varied,
)

LEADERS = 10
_FITS: tuple[FitVerdict, ...] = ("overfit", "improving", "settled", "unknown")


def results(draft: Draft, material: Material) -> None:
    """What the runs scored."""
    study = material.study
    draft.section("results")
    if study.status not in ("done", "stopped"):
        draft.missing("missing.status_partial", status=labels.status(draft, study.status))
    if study.best is None:
        draft.missing("missing.no_scores")
    else:
        draft.part("headline")
        _headline(draft, material)
        if len(study.scored) > 1:
            draft.part("leaders")
            _leaders(draft, material)
    if material.analysis.fits.runs:
        draft.part("learning")
        _learning(draft, material)


def _headline(draft: Draft, material: Material) -> None:
    """Measured and published scores in one table, told apart, and what the tests say of the measured ones."""
    study, best = material.study, material.study.best
    assert best is not None
    split, decoding = labels.split(draft, study.split), labels.decoding(draft, study.decoding)
    if study.lacks("baseline"):
        draft.missing("missing.baseline")
    beside = study.baseline is not None and study.score(study.baseline) is not None
    lead = "results.headline" if beside else "results.headline_alone"
    draft.paragraph(lead, questions=material.questions, split=split, decoding=decoding)
    models: list[tuple[Runs, Any]] = []
    if study.baseline is not None:
        models.append((draft.say("models.base", base=labels.base(draft, study)), study.score(study.baseline)))
    models.append((draft.say("models.best", run=name(best.name)), study.score(best)))
    if study.full is not None and study.full is not best:
        models.append((draft.say("models.full", run=name(study.full.name)), study.score(study.full)))
    rows = []
    for title, score in models:
        count = draft.cell(score.questions if score else None, "count")
        rows.append([text_cell(title), *score_cells(draft, score), count, draft.words("published.measured")])
    measured = len(rows)
    rows += [_published_row(draft, one) for one in PUBLISHED]
    draft.table(
        "headline-table",
        draft.say("results.headline_caption", questions=material.questions, split=split),
        [
            draft.column("model", align="start"),
            *score_columns(draft),
            draft.column("questions"),
            draft.column("source", align="start"),
        ],
        rows,
        note=draft.say("results.headline_note"),
        published=range(measured, len(rows)),
    )
    if material.analysis.models:
        shown = shown_models(material.analysis)
        where: dict[str, Any] = {
            "questions": shown.models[0].score.questions,
            "split": labels.split(draft, shown.split),
        }
        chart(draft, material, "models", **where)
    comparison = next((one for one in material.analysis.models if one.split == study.split), None)
    if comparison is not None:
        _compared(draft, comparison)
    if len(study.scored) == 1:
        draft.paragraph("results.single_run")
    else:
        draft.paragraph("results.selection")
    test = best.score("test", study.decoding)
    if test is not None and study.split != "test":
        draft.paragraph(
            "results.test",
            questions=test.questions,
            f1=test.f1,
            f1_interval=draft.say.span(*test.f1_interval),
            em=test.exact_match,
            em_interval=draft.say.span(*test.exact_match_interval),
        )
        if {"known", "new"} <= set(test.parts):
            known, new = test.parts["known"], test.parts["new"]
            draft.paragraph(
                "results.parts",
                known=known.questions,
                known_f1=known.f1,
                known_interval=draft.say.span(*known.f1_interval),
                new=new.questions,
                new_f1=new.f1,
                new_interval=draft.say.span(*new.f1_interval),
            )
    elif test is None:
        draft.missing("missing.test")


def _compared(draft: Draft, comparison: ModelComparison) -> None:
    """What the tests say of base, best and full fine-tuning."""
    sentences: list[tuple[str, dict[str, Any]]] = []
    for key, first, second in (("base", "baseline", "best"), ("full", "best", "full")):
        contrast = comparison.contrast("f1", first, second)
        if contrast is None:
            continue
        if contrast.verdict == "untested":
            sentences.append((f"models.{key}_untested", {"difference": contrast.difference}))
        else:
            sentences.append((f"models.{key}_{contrast.verdict}", tested(draft, contrast)))
    for key, values in sentences:
        draft.paragraph(key, **values)
    if sentences:
        draft.paragraph("models.one_training")


def _published_row(draft: Draft, one: Published) -> list[Cell]:
    """A published figure; none of them has an interval of its own."""
    places = {"whole_dev_set": "paper", "five_questions": "student", "people": "human"}
    source = draft.say(f"published.{places[one.origin]}", questions=one.questions)
    dash = draft.cell(None, "points")
    return [
        draft.words(f"published_name.{one.key}"),
        draft.cell(one.exact_match, "points"),
        dash,
        draft.cell(one.f1, "points2"),
        dash,
        draft.cell(one.questions, "count"),
        text_cell(source),
    ]


def _leaders(draft: Draft, material: Material) -> None:
    """The best runs, and how far their order can be believed."""
    study, found = material.study, material.analysis.best
    leaders = study.scored[:LEADERS]
    if len(leaders) < len(study.scored):
        draft.paragraph("results.leaders", count=len(leaders), scored=len(study.scored))
    else:
        draft.paragraph("results.leaders_all", scored=len(study.scored))
    rows = [
        [
            draft.cell(place, "count"),
            name_cell(run.name),
            *setting_cells(draft, run),
            *score_cells(draft, study.score(run)),
        ]
        for place, run in enumerate(leaders, start=1)
    ]
    draft.table(
        "leaders-table",
        draft.say("results.leaders_caption", questions=material.questions, split=labels.split(draft, study.split)),
        [
            draft.column("place"),
            draft.column("run", align="start"),
            *setting_columns(draft),
            *score_columns(draft),
        ],
        rows,
    )
    chart(draft, material, "ranking", questions=material.questions)
    if found is None:
        draft.missing("missing.data")
    elif len(found.names) == 1:
        draft.paragraph("best.told_apart", run=name(found.best), others=found.compared - 1)
    else:
        questions = {"questions": material.questions}
        draft.paragraph("best.set", count=len(found.names), compared=found.compared, **questions)
    if found is not None and found.compared > 1:
        draft.paragraph("best.optimism", optimism=found.optimism)


def _learning(draft: Draft, material: Material) -> None:
    """Losses, and whether runs had learnt enough or too much."""
    fits = material.analysis.fits
    if "losses" in material.charts:
        draft.paragraph("results.learning")
    chart(draft, material, "losses")
    counts: dict[str, int] = {key: fits.counts.get(key, 0) for key in _FITS}
    if len(fits.runs) == 1:
        draft.paragraph(f"fit.one_{fits.runs[0].verdict}")
        return
    if counts["unknown"] == len(fits.runs):
        draft.paragraph("fit.all_unknown", runs=len(fits.runs))
        return
    draft.paragraph("fit.counts", runs=len(fits.runs), **counts)
    for axis in [key for key in varied(material.study) if key != "seed"]:
        shares = [one for one in fits.by_axis if one.axis == axis]
        if len(shares) < 2:
            continue
        rows = [
            [
                text_cell(labels.level(draft, axis, one.value)),
                *(draft.cell(one.counts.get(key, 0), "count") for key in _FITS),
            ]
            for one in shares
        ]
        columns = [draft.column("level", align="start")]
        columns += [Column(draft.say(f"fit.{key}")) for key in _FITS]
        draft.table(f"fit-{axis}", draft.say("fit.caption", axis=labels.axis(draft, axis)), columns, rows)
