"""Limits of the study, missing data, and the conclusion."""

from __future__ import annotations

from collections.abc import Iterator

from squadron.reporting.analysis.verdicts import Effect
from squadron.reporting.document.blocks import RichText
from squadron.reporting.document.builder import Draft, name
from squadron.reporting.localization import labels
from squadron.reporting.sections.common import ReportInputs, scope_phrase
from squadron.runs.records import Missing


def limits(draft: Draft, inputs: ReportInputs) -> None:
    """Add the section on limits and on what the folder lacks."""
    draft.section("limits")
    draft.bullets(_limits(draft, inputs))
    draft.part("missing")
    lacking = [_lack(draft, missing) for missing in inputs.study.missing]
    if lacking:
        draft.bullets(lacking)
    else:
        draft.paragraph("missing.none")


def _limits(draft: Draft, inputs: ReportInputs) -> Iterator[RichText]:
    study, analysis, say = inputs.study, inputs.analysis, draft.say
    paired = next(
        (
            detectable
            for detectable in analysis.detectable
            if detectable.metric == "f1" and detectable.paired is not None
        ),
        None,
    )
    if paired is not None:
        split = labels.split(draft, study.split)
        yield say("limits.questions", questions=paired.questions, split=split, paired=paired.paired)
    if study.lacks("seeds") and len(study.runs) > 1:
        yield say("limits.one_seed")
    for effect in analysis.effects:
        if effect.metric == "f1" and effect.ordered and effect.verdict in ("higher", "lower", "differs"):
            ends = {effect.levels[0].value: "limits.end_low", effect.levels[-1].value: "limits.end_high"}
            if effect.best in ends:
                best = labels.level(draft, effect.axis, effect.best)
                axis = labels.axis(draft, effect.axis)
                yield say("limits.edge", axis=axis, best=best, end=say(ends[effect.best]))
    yield say("limits.pocket" if inputs.is_pocket else "limits.not_squad")
    if study.failures is not None:
        yield say("limits.rules")
    if any(run.seconds for run in study.runs):
        yield say("limits.time")
    if study.best is not None and len(study.scored) > 1 and study.lead == study.split:
        yield say("limits.same_split", split=labels.split(draft, study.split))
    if study.best is not None and not inputs.is_pocket and study.normalize == "official":
        yield say("limits.published")


def _lack(draft: Draft, missing: Missing) -> RichText:
    """Return the sentence on something that the study lacks, with the names of the runs concerned."""
    values = {"count": len(missing.names), "names": labels.names(draft, missing.names)} if missing.names else {}
    return draft.say(f"missing.{missing.what}", **values)


def conclusion(draft: Draft, inputs: ReportInputs) -> None:
    """Add the conclusion in a few sentences."""
    study, say = inputs.study, draft.say
    draft.section("conclusion")
    best, score = study.best, inputs.lead
    if best is None or score is None:
        draft.paragraph("conclusion.nothing")
        return
    f1 = {"f1": score.f1, "f1_interval": say.interval(*score.f1_interval)}
    where = {"questions": score.questions, "split": labels.split(draft, study.lead)}
    suffix = "_single" if len(study.scored) == 1 else "_same" if study.lead == study.split else ""
    sentences = [say(f"conclusion.best{suffix}", scored=len(study.scored), **f1, **where)]
    sentences += verdicts(draft, inputs)
    found, frontier = inputs.analysis.best, inputs.analysis.frontier
    if found is not None and found.count > 1 and "trainable_parameters" in frontier.cheapest:
        cheapest = name(frontier.cheapest["trainable_parameters"])
        sentences.append(say("conclusion.cheapest", count=found.count, run=cheapest))
    draft.paragraph_of(sentences)
    draft.paragraph("conclusion.scope", base=labels.base(draft, study), source=labels.source(draft, study))


def verdicts(draft: Draft, inputs: ReportInputs) -> list[RichText]:
    """Return one sentence per test: against the base, and on every axis of the plan."""
    analysis, study = inputs.analysis, inputs.study
    sentences: list[RichText] = []
    comparison = next((found for found in analysis.models if found.split == study.lead), None)
    contrast = comparison.contrast("f1", "baseline", "best") if comparison else None
    if contrast is not None:
        sentences.append(draft.say(f"conclusion.base_{contrast.verdict}", margin=inputs.margin))
    effects = [effect for effect in analysis.effects if effect.metric == "f1" and effect.planned]
    if effects and study.lead != study.split:
        sentences.append(draft.say("abstract.effects", split=labels.split(draft, study.split)))
    return sentences + [axis_verdict(draft, effect, margin=inputs.margin) for effect in effects]


def axis_verdict(draft: Draft, effect: Effect, *, margin: float) -> RichText:
    """Return the sentence on an axis, by its verdict alone."""
    below = "_below" if effect.verdict == "differs" and effect.below else ""
    return draft.say(
        f"conclusion.axis_{effect.verdict}{below}",
        axis=labels.axis(draft, effect.axis),
        larger=labels.larger(draft, effect.axis),
        best=labels.level(draft, effect.axis, effect.best),
        others=draft.say.join([labels.level(draft, effect.axis, value) for value in effect.below]),
        count=len(effect.below),
        scope=scope_phrase(draft, effect.scope),
        margin=margin,
    )
