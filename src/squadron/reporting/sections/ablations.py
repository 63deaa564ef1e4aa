"""Ablations: the main effect of every axis, and the interactions of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from squadron.reporting.analysis.findings import SeedSpread, VarianceShare
from squadron.reporting.analysis.verdicts import Contrast, Effect, Evidence
from squadron.reporting.document.blocks import Cell, RichText
from squadron.reporting.document.builder import Draft, join_sentences, text_cell
from squadron.reporting.localization import labels
from squadron.reporting.sections.common import ReportInputs, chart, scope_phrase, tested
from squadron.reporting.sections.described import draft_components, draft_groups
from squadron.reporting.sections.updates import draft_updates
from squadron.scoring.designs import SCOPES

_PARTS = {"rank": "rank", "lr": "lr", "targets": "modules", "train_size": "train_size"}
_SHOWN = ("higher", "lower", "differs")
_LEAST_SHARE = 0.005


def ablations(draft: Draft, inputs: ReportInputs) -> None:
    """Add the section on rank, learning rate, modules and all other axes."""
    analysis = inputs.analysis
    axes = list(dict.fromkeys(effect.axis for effect in analysis.effects))
    if not axes:
        return
    draft.section("ablations")
    draft.paragraph("effect.how", split=labels.split(draft, inputs.study.split))
    covers = {one.covers for effect in analysis.effects for one in effect.contrasts if one.evidence}
    for sample in ("training", "settings"):
        if sample in covers:
            draft.paragraph(f"effect.covers_{sample}")
    draft.paragraph_of(plan_sentences(draft, inputs))
    chart(draft, inputs, "main_effects")
    chart(draft, inputs, "differences", margin=inputs.margin)
    for axis in axes:
        f1 = analysis.effect(axis)
        if f1 is None:
            continue
        draft.part(_PARTS.get(axis, f"axis-{axis}"), () if axis in _PARTS else labels.axis(draft, axis))
        _effect(draft, inputs, f1)
    if analysis.interactions:
        draft.part("interactions")
        _interactions(draft, inputs)
    if analysis.seeds is not None:
        draft.part("seeds")
        _seeds(draft, inputs, analysis.seeds)
        draft_components(draft, inputs)
    draft_updates(draft, inputs)
    draft_groups(draft, inputs)


def plan_sentences(draft: Draft, inputs: ReportInputs) -> list[RichText]:
    """Return the sentences on the plan of the analysis, and on whether it was kept to."""
    say, plan, kept = draft.say, inputs.analysis.plan, inputs.analysis.kept
    if not plan.declared:
        return [say("plan.default", margin=plan.margin)]

    def named(axes: Sequence[str]) -> RichText:
        return say.join([labels.axis(draft, axis) for axis in axes])

    metrics = say.join([labels.metric(draft, metric) for metric in plan.metrics])
    sentences = [say("plan.declared", margin=plan.margin, metrics=metrics, count=len(plan.metrics))]
    if len(plan.metrics) > 1:
        sentences.append(say(f"plan.family_{plan.family}"))
    if plan.axes is not None:
        sentences.append(say("plan.declared_axes", axes=named(plan.axes)))
    if kept.untested:
        sentences.append(say("plan.untested", axes=named(kept.untested)))
    if kept.unmeasured:
        lacking = say.join([labels.metric(draft, metric) for metric in kept.unmeasured])
        sentences.append(say("plan.unmeasured", metrics=lacking))
    if kept.lost:
        sentences.append(say("plan.lost", count=len(kept.lost), names=labels.names(draft, kept.lost)))
    return [*sentences, say("plan.kept")] if kept.fully else sentences


def _effect(draft: Draft, inputs: ReportInputs, f1: Effect) -> None:
    """Add one axis: its verdict, the evidence, the means and the differences."""
    axis = labels.axis(draft, f1.axis)
    others = [one for one in inputs.analysis.effects if one.axis == f1.axis and one.metric != f1.metric]
    draft.add_text(effect_sentences(draft, f1, others, margin=inputs.margin))
    if not f1.planned:
        draft.paragraph("effect.unplanned")
    if f1.tied:
        draft.paragraph("effect.tied", tied=draft.say.join([labels.axis(draft, other_axis) for other_axis in f1.tied]))
    if not f1.balanced:
        draft.paragraph("effect.unbalanced")
    if any(contrast.evidence and contrast.covers == "questions" for contrast in f1.contrasts):
        draft.paragraph("effect.one_pair")
    where = {"questions": inputs.questions, "split": labels.split(draft, inputs.study.split)}
    measured = [*others, f1]
    means = {one.metric: {level.value: level for level in one.levels} for one in measured}
    rows = []
    for level in f1.levels:
        row = [text_cell(labels.level(draft, f1.axis, level.value)), draft.number_cell(level.runs, "count")]
        for one in measured:
            own = means[one.metric].get(level.value)
            row.append(draft.number_cell(own.mean if own else None, "points"))
            row.append(draft.interval_cell(own.interval) if own else draft.number_cell(None, "points"))
        rows.append(row)
    columns = [draft.column("level", align="start"), draft.column("runs")]
    columns += [draft.column(key) for one in measured for key in (one.metric, "interval")]
    best = [index for index, level in enumerate(f1.levels) if level.value == f1.best]
    draft.table(f"means-{f1.axis}", draft.say("effect.caption", axis=axis, **where), columns, rows, highlighted=best)
    if f1.axis == "train_size":
        draft.paragraph("sizes.steps")
        chart(draft, inputs, "train_size")
    _contrasts(draft, f1, draft.say("effect.caption_contrasts", axis=axis, **where))


def effect_sentences(draft: Draft, f1: Effect, others: Sequence[Effect], *, margin: float) -> RichText:
    """Return the sentences on the tests of an axis, each chosen by a verdict."""
    say, axis = draft.say, f1.axis
    ranked = sorted(f1.levels, key=lambda level: level.mean)
    worst, best = ranked[0], labels.level(draft, axis, f1.best)
    scope = scope_phrase(draft, f1.scope)
    sentences: list[RichText] = [
        say(
            f"effect.{f1.verdict}",
            axis=labels.axis(draft, axis),
            larger=labels.larger(draft, axis),
            gap=ranked[-1].mean - worst.mean,
            best=best,
            worst=labels.level(draft, axis, worst.value),
            scope=scope,
            margin=margin,
        )
    ]
    if f1.scope == "these" and any(own.scope == "new" for own in f1.primary):
        sentences.append(say("scope.only_these"))
    if f1.verdict in _SHOWN:
        sentences += _shown_sentences(draft, f1, best)
        if f1.within is not None:
            sentences.append(say("effect.small", margin=margin, scope=scope_phrase(draft, f1.within)))
    elif f1.verdict == "undecided":
        seen = [least for one in f1.contrasts if (new := one.of("new")) and (least := new.detectable) is not None]
        if seen:
            sentences.append(say("effect.detectable", detectable=max(seen)))
    if f1.verdict != "untested":
        sentences += [_also(draft, f1, other, margin) for other in others]
    return join_sentences(sentences)


def _shown_sentences(draft: Draft, f1: Effect, best: RichText) -> list[RichText]:
    """Return the evidence of a shown effect, and which values are shown to be below the best."""
    say, axis, sentences = draft.say, f1.axis, []
    evidence = _evidence(f1)
    if evidence is not None:
        kind = "trend" if evidence is f1.trend else "pair"
        sentences.append(say(f"effect.{kind}", **_ends(draft, axis, evidence), **tested(draft, evidence)))
    if not f1.shown:
        primary = next(own for own in f1.primary if own.scope == f1.scope)
        sentences.append(say("effect.omnibus", p=primary.adjusted))
    alike = [level for level in f1.as_good if level != f1.best]
    named = {
        key: say.join([labels.level(draft, axis, level) for level in levels])
        for key, levels in (("below", f1.below), ("as_good", alike))
    }
    if not alike:
        return [*sentences, say("effect.alone_best", best=best)]
    if f1.below:
        sentences.append(say("effect.below", best=best, others=named["below"], count=len(f1.below)))
    return [*sentences, say("effect.as_good", best=best, others=named["as_good"], count=len(alike))]


def _also(draft: Draft, f1: Effect, other: Effect, margin: float) -> RichText:
    """Return the sentence on the verdict of another metric."""
    metric = labels.metric(draft, other.metric)
    if (other.verdict, other.scope, other.best) == (f1.verdict, f1.scope, f1.best):
        return draft.say("effect.also_same", metric=metric)
    return draft.say(
        f"effect.also_{other.verdict}",
        metric=metric,
        scope=scope_phrase(draft, other.scope),
        best=labels.level(draft, other.axis, other.best),
        margin=margin,
    )


def _evidence(effect: Effect) -> Contrast | None:
    """Return the test behind a shown effect: the trend if it has a direction, else the clearest pair, if there is."""
    if effect.verdict in ("higher", "lower") and effect.trend is not None:
        return effect.trend
    return min(effect.shown, key=lambda contrast: (contrast.adjusted or 0.0, -abs(contrast.difference)), default=None)


def _contrasts(draft: Draft, effect: Effect, caption: RichText) -> None:
    """Add the table of all pairs of values, with differences, intervals in both scopes, and verdicts."""
    rows = []
    for contrast in effect.contrasts:
        ends = _ends(draft, effect.axis, contrast)
        pair = (*ends["first"], *draft.say("effect.to"), *ends["second"])
        verdict = draft.say(f"effect.verdict_{contrast.verdict}")
        if contrast.scope == "these":
            verdict = draft.say("effect.verdict_these", verdict=verdict, scope=scope_phrase(draft, "these"))
        rows.append(
            [
                text_cell(pair),
                draft.number_cell(contrast.difference, "signed"),
                *(_interval(draft, contrast.of(scope)) for scope in SCOPES),
                draft.number_cell(contrast.detectable, "points"),
                draft.number_cell(contrast.adjusted, "p"),
                text_cell(verdict),
            ]
        )
    columns = [draft.column("compared", align="start")]
    keys = ("difference", "interval_new", "interval_these", "detectable", "p_value")
    columns += [draft.column(key) for key in keys]
    shown = [index for index, contrast in enumerate(effect.contrasts) if contrast.shown]
    columns.append(draft.column("verdict", align="start"))
    draft.table(f"pairs-{effect.axis}", caption, columns, rows, highlighted=shown)


def _interval(draft: Draft, evidence: Evidence | None) -> Cell:
    if evidence is None:
        return draft.number_cell(None, "points")
    low, high = evidence.interval
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
    shares = [share for share in analysis.variance.get("f1", ()) if (share.share or 0.0) >= _LEAST_SHARE]
    if shares:
        sentences.append(
            draft.say("interaction.variance", shares=draft.say.join([_share(draft, share) for share in shares]))
        )
    draft.paragraph_of(sentences)
    among = next((found.among for found in analysis.detectable if found.metric == "f1"), None)
    chart(draft, inputs, "heatmap")
    if "heatmap" in inputs.charts and among is not None:
        draft.note("interaction.cells", detectable=among)


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
    draft.table("seeds-table", draft.say("seeds.caption"), columns, rows)
    rows = [
        [
            text_cell(
                draft.say(
                    "seeds.change", axis=labels.axis(draft, one.axis), value=labels.level(draft, one.axis, one.value)
                )
            ),
            draft.number_cell(one.degrees, "count"),
            draft.number_cell(one.deviation, "points2"),
        ]
        for one in seeds.levels
    ]
    columns = [draft.column("changes", align="start"), draft.column("degrees"), draft.column("deviation")]
    draft.table("seeds-levels", draft.say("seeds.levels_caption"), columns, rows)
    chart(draft, inputs, "seeds")
