"""Ablations: the main effect of every axis, and the interactions of axes."""

from __future__ import annotations

from typing import Any

from squadron.reporting.analysis.findings import Contrast, Effect, SeedSpread, VarianceShare
from squadron.reporting.document.blocks import Cell, RichText
from squadron.reporting.document.builder import Draft, join_sentences, text_cell
from squadron.reporting.localization import labels
from squadron.reporting.sections.common import ReportInputs, chart, tested

_PARTS = {"rank": "rank", "lr": "lr", "targets": "modules", "train_size": "train_size"}
_SHOWN = ("higher", "lower")
_LEAST_SHARE = 0.005


def ablations(draft: Draft, inputs: ReportInputs) -> None:
    """Add the section on rank, learning rate, modules and all other axes."""
    analysis = inputs.analysis
    axes = list(dict.fromkeys(effect.axis for effect in analysis.effects))
    if not axes:
        return
    draft.section("ablations")
    draft.paragraph("effect.how")
    chart(draft, inputs, "main_effects")
    for axis in axes:
        f1, em = analysis.effect(axis), analysis.effect(axis, "exact_match")
        if f1 is None:
            continue
        draft.part(_PARTS.get(axis, f"axis-{axis}"), () if axis in _PARTS else labels.axis(draft, axis))
        _effect(draft, inputs, f1, em)
    if analysis.interactions:
        draft.part("interactions")
        _interactions(draft, inputs)
    if analysis.seeds is not None:
        draft.part("seeds")
        _seeds(draft, inputs, analysis.seeds)


def _effect(draft: Draft, inputs: ReportInputs, f1: Effect, em: Effect | None) -> None:
    """Add one axis: its verdict, the evidence, the means and the differences."""
    axis = labels.axis(draft, f1.axis)
    draft.add_text(effect_sentences(draft, f1, em))
    if f1.tied:
        draft.paragraph("effect.tied", tied=draft.say.join([labels.axis(draft, other_axis) for other_axis in f1.tied]))
    if not f1.balanced:
        draft.paragraph("effect.unbalanced")
    if any(contrast.verdict != "untested" and not contrast.covers_training for contrast in f1.contrasts):
        draft.paragraph("effect.one_pair")
    where = {"questions": inputs.questions, "split": labels.split(draft, inputs.study.split)}
    means = {level.value: level for level in em.levels} if em else {}
    rows = []
    for level in f1.levels:
        other = means.get(level.value)
        exact = [draft.number_cell(other.mean, "points"), draft.interval_cell(other.interval)] if other else []
        row = [text_cell(labels.level(draft, f1.axis, level.value)), draft.number_cell(level.runs, "count"), *exact]
        rows.append([*row, draft.number_cell(level.mean, "points"), draft.interval_cell(level.interval)])
    columns = [draft.column("level", align="start"), draft.column("runs")]
    columns += [draft.column(key) for key in ("exact_match", "interval", "f1", "interval")][0 if means else 2 :]
    best = [index for index, level in enumerate(f1.levels) if level.value == f1.best]
    draft.table(f"means-{f1.axis}", draft.say("effect.caption", axis=axis, **where), columns, rows, highlighted=best)
    if f1.axis == "train_size":
        chart(draft, inputs, "train_size")
    _contrasts(draft, f1, draft.say("effect.caption_contrasts", axis=axis, **where))


def effect_sentences(draft: Draft, f1: Effect, em: Effect | None) -> RichText:
    """Return the sentences on the tests of an axis."""
    say, axis = draft.say, f1.axis
    ranked = sorted(f1.levels, key=lambda level: level.mean)
    worst, best = ranked[0], ranked[-1]
    named = {"best": labels.level(draft, axis, best.value), "worst": labels.level(draft, axis, worst.value)}
    sentences: list[RichText] = [
        say(
            f"effect.{f1.verdict}",
            axis=labels.axis(draft, axis),
            larger=labels.larger(draft, axis),
            gap=best.mean - worst.mean,
            **named,
        )
    ]
    evidence = _evidence(f1)
    if evidence is not None:
        kind = "trend" if evidence is f1.trend else "pair"
        sentences.append(say(f"effect.{kind}", **_ends(draft, axis, evidence), **tested(draft, evidence)))
        others = [level for level in f1.as_good if level != f1.best]
        if not others:
            sentences.append(say("effect.alone_best", best=named["best"]))
        elif len(others) < len(f1.levels) - 1:
            levels = say.join([labels.level(draft, axis, level) for level in others])
            sentences.append(say("effect.as_good", best=named["best"], others=levels, count=len(others)))
    elif f1.verdict == "no_difference":
        seen = [contrast.detectable for contrast in f1.contrasts if contrast.detectable is not None]
        if seen:
            sentences.append(say("effect.detectable", detectable=max(seen)))
    if em is not None and f1.verdict != "untested":
        sentences.append(say("effect.em_same" if em.verdict == f1.verdict else f"effect.em_{em.verdict}"))
    return join_sentences(sentences)


def _evidence(effect: Effect) -> Contrast | None:
    """Return the test behind a verdict: the trend if it has the same verdict, else the clearest pair."""
    if effect.trend is not None and effect.trend.verdict == effect.verdict:
        return effect.trend
    return min(effect.shown, key=lambda contrast: (contrast.adjusted or 0.0, -abs(contrast.difference)), default=None)


def _contrasts(draft: Draft, effect: Effect, caption: RichText) -> None:
    """Add the table of all pairs of values, with differences and verdicts."""
    rows = []
    for contrast in effect.contrasts:
        ends = _ends(draft, effect.axis, contrast)
        pair = (*ends["first"], *draft.say("effect.to"), *ends["second"])
        tests = [draft.number_cell(contrast.detectable, "points"), draft.number_cell(contrast.adjusted, "p")]
        verdict = draft.phrase_cell(f"effect.verdict_{contrast.verdict}")
        rows.append(
            [
                text_cell(pair),
                draft.number_cell(contrast.difference, "signed"),
                _interval(draft, contrast),
                *tests,
                verdict,
            ]
        )
    columns = [draft.column("compared", align="start")]
    columns += [draft.column(key) for key in ("difference", "interval", "detectable", "p_value")]
    shown = [index for index, contrast in enumerate(effect.contrasts) if contrast.verdict in _SHOWN]
    columns.append(draft.column("verdict", align="start"))
    draft.table(f"pairs-{effect.axis}", caption, columns, rows, highlighted=shown)


def _interval(draft: Draft, contrast: Contrast) -> Cell:
    if contrast.interval is None:
        return draft.number_cell(None, "points")
    low, high = contrast.interval
    return Cell(draft.say("number.signed_interval", low=low, high=high), low)


def _ends(draft: Draft, axis: str, contrast: Contrast) -> dict[str, RichText]:
    first, second = (labels.level(draft, axis, value) for value in (contrast.first, contrast.second))
    return {"first": first, "second": second}


def _interactions(draft: Draft, inputs: ReportInputs) -> None:
    """Add the interactions of axes and their shares of the variance."""
    analysis = inputs.analysis
    sentences = []
    for interaction in analysis.interactions:
        if interaction.metric != "f1":
            continue
        first, second = (labels.axis(draft, axis) for axis in interaction.axes)
        p: dict[str, Any] = {} if interaction.verdict == "untested" else {"p": interaction.adjusted}
        sentences.append(draft.say(f"interaction.{interaction.verdict}", first=first, second=second, **p))
    shares = [share for share in analysis.variance.get("f1", ()) if share.share >= _LEAST_SHARE]
    if shares:
        sentences.append(
            draft.say("interaction.variance", shares=draft.say.join([_share(draft, share) for share in shares]))
        )
    draft.paragraph_of(sentences)
    paired = next((found.paired for found in analysis.detectable if found.metric == "f1"), None)
    chart(draft, inputs, "heatmap")
    if "heatmap" in inputs.charts and paired is not None:
        draft.note("interaction.cells", detectable=paired)


def _share(draft: Draft, variance_share: VarianceShare) -> RichText:
    """Return the share of the variance explained by an axis or by two axes together."""
    if len(variance_share.axes) == 1:
        return draft.say(
            "interaction.variance_part", share=variance_share.share, axis=labels.axis(draft, variance_share.axes[0])
        )
    first, second = (labels.axis(draft, axis) for axis in variance_share.axes)
    return draft.say("interaction.variance_pair", share=variance_share.share, first=first, second=second)


def _seeds(draft: Draft, inputs: ReportInputs, seeds: SeedSpread) -> None:
    """Add the variation of runs by their seed."""
    spread = {"groups": len(seeds.groups), "deviation": seeds.deviation, "noticeable": seeds.noticeable}
    draft.paragraph("seeds.spread", **spread)
    rows = []
    for group in seeds.groups:
        changes = [
            draft.say("seeds.change", axis=labels.axis(draft, axis), value=labels.level(draft, axis, value))
            for axis, value in group.changes.items()
        ]
        own = [
            draft.number_cell(len(group.values), "count"),
            draft.number_cell(group.mean, "points"),
            draft.number_cell(group.deviation, "points2"),
        ]
        rows.append([text_cell(draft.say.join(changes)), *own])
    columns = [
        draft.column("changes", align="start"),
        draft.column("runs"),
        draft.column("mean"),
        draft.column("deviation"),
    ]
    draft.table("seeds-table", draft.say("seeds.caption"), columns, rows, long=True)
    chart(draft, inputs, "seeds")
