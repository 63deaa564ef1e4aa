"""Decoding strategies and failure analysis."""

from __future__ import annotations

from collections.abc import Sequence

from squadron.options.decoding import is_random, strategy_settings
from squadron.reporting.analysis.findings import Mistakes
from squadron.reporting.analysis.verdicts import Contrast
from squadron.reporting.document.blocks import RichText, TextRun
from squadron.reporting.document.builder import Draft, name, quote, text_cell
from squadron.reporting.document.text import excerpt
from squadron.reporting.localization import labels
from squadron.reporting.sections.common import ReportInputs, chart, score_cells, score_columns
from squadron.reporting.sections.described import draft_calibration
from squadron.reporting.sections.samples import draft_samples
from squadron.runs.records import FailureExample, Score

_EXAMPLED_KINDS = 4
"""Number of kinds of mistake with examples, the most frequent first."""
_EXAMPLES = 2
"""Number of examples of each of these kinds, if the files have as many."""
_VERDICTS = {
    "better": "higher",
    "worse": "lower",
    "equivalent": "equivalent",
    "undecided": "undecided",
    "untested": "untested",
}
"""The verdict on a strategy that each sentence is for."""


def decoding(draft: Draft, inputs: ReportInputs) -> None:
    """Add the section that compares the best run's strategies on the same questions."""
    draft.section("decoding")
    found = inputs.analysis.decodings
    if found is None or len(found.scores) < 2:
        draft.missing("missing.decodings")
        return
    where = {"questions": found.scores[0].questions, "split": labels.split(draft, found.split)}
    draft.paragraph("decoding.lead", run=name(found.run), count=len(found.scores), **where)
    rows = []
    for score in found.scores:
        shares = [draft.number_cell(score.in_context_share, "percent"), draft.number_cell(score.eos_rate, "percent")]
        count = draft.number_cell(score.questions, "count")
        rows.append([text_cell(labels.decoding(draft, score.decoding)), *score_cells(draft, score), count, *shares])
    columns = [draft.column("decoding", align="start"), *score_columns(draft)]
    columns += [draft.column(key) for key in ("questions", "in_context", "eos")]
    draft.table("decoding-table", draft.say("decoding.caption", **where), columns, rows)
    reference = labels.decoding(draft, found.reference)
    contrasts = [contrast for contrast in found.contrasts if contrast.metric == "f1"]
    for key, verdict in _VERDICTS.items():
        items = [_item(draft, contrast) for contrast in contrasts if contrast.verdict == verdict]
        if items:
            values = {"reference": reference, "items": draft.say.join(items), "margin": inputs.margin}
            draft.paragraph(f"decoding.{key}", **values)
    _settings(draft, found.scores)
    once = [score for score in found.scores if is_random(score.decoding) and score.f1_samples is None]
    if once:
        draft.paragraph(
            "decoding.sampled", items=draft.say.join([labels.decoding(draft, one.decoding) for one in once])
        )
    draft_samples(draft, found.scores)
    chart(draft, inputs, "decodings")


def _settings(draft: Draft, scores: Sequence[Score]) -> None:
    """Add the parameters of the strategies, as far as their scores record them."""
    tokens = next((score.settings["max_new_tokens"] for score in scores if "max_new_tokens" in score.settings), None)
    if tokens is None:
        return
    items = []
    for score in scores:
        values = []
        for parameter in strategy_settings(score.decoding, score.settings).items():
            key, value = parameter
            style = "plain" if isinstance(value, int) else "rate"
            values.append(draft.say(f"decoding.{key}", value=(draft.say.number(value, style),)))
        if values:
            shown = {"decoding": labels.decoding(draft, score.decoding), "values": draft.say.join(values)}
            items.append(draft.say("decoding.with_settings", **shown))
    if items:
        draft.paragraph("decoding.settings", items=draft.say.join(items), tokens=tokens)
    else:
        draft.paragraph("decoding.plain_settings", tokens=tokens)


def _item(draft: Draft, contrast: Contrast) -> RichText:
    """Return a strategy with its difference from the reference."""
    values = {"decoding": labels.decoding(draft, str(contrast.second)), "difference": contrast.difference}
    if contrast.interval is None:
        return draft.say("decoding.item_plain", **values)
    low, high = contrast.interval
    return draft.say("decoding.item", interval=draft.say("number.signed_interval", low=low, high=high), **values)


def failures(draft: Draft, inputs: ReportInputs) -> None:
    """Add the section on kinds of mistake, with counts and examples."""
    draft.section("failures")
    found, mistakes = inputs.study.failures, inputs.analysis.mistakes
    if found is None or mistakes is None:
        draft.missing("missing.failures")
        return
    where = {"questions": found.questions, "split": labels.split(draft, found.split)}
    if not found.wrong:
        draft.paragraph("failures.none", **where)
        return
    draft.part("kinds")
    _kinds(draft, inputs, mistakes, wrong=found.wrong, **where)
    draft_calibration(draft, inputs)
    draft.part("examples")
    draft.paragraph("failures.examples")
    for kind in mistakes.kinds[:_EXAMPLED_KINDS]:
        for example in found.examples.get(kind.kind, ())[:_EXAMPLES]:
            _example(draft, example, labels.kind(draft, kind.kind, kind.label))


def _kinds(draft: Draft, inputs: ReportInputs, mistakes: Mistakes, **where: object) -> None:
    draft.paragraph("failures.lead", **where)
    kinds = [kind for kind in mistakes.kinds if kind.questions]
    rows = []
    compared = any(kind.base_share is not None for kind in mistakes.kinds)
    for kind in mistakes.kinds:  # also those that only the base makes, as in the chart
        means = (
            draft.phrase_cell(f"kind_means.{kind.kind}") if draft.say.has(f"kind_means.{kind.kind}") else text_cell(())
        )
        ends = draft.say("number.share_interval", low=kind.interval[0], high=kind.interval[1])
        own = [draft.number_cell(kind.questions, "count"), draft.number_cell(kind.share, "percent"), text_cell(ends)]
        own += [draft.number_cell(kind.base_share, "percent")] if compared else []
        rows.append([text_cell(labels.kind(draft, kind.kind, kind.label)), means, *own])
    columns = [draft.column("kind", align="start"), draft.column("kind_means", align="start")]
    columns += [draft.column(key) for key in ("wrong", "share", "interval")]
    columns += [draft.column("base_share")] if compared else []
    draft.table("kinds-table", draft.say("failures.caption", **where), columns, rows)
    first = kinds[0]
    share = {"share": first.share, "low": first.interval[0], "high": first.interval[1]}
    commonest = labels.kind(draft, first.kind, first.label)
    if mistakes.leads or len(kinds) == 1:
        draft.paragraph("mistakes.leads", kind=commonest, **share)
    else:
        second = labels.kind(draft, kinds[1].kind, kinds[1].label)
        draft.paragraph("mistakes.level", kind=commonest, second=second, **share)
    if first.base_share:
        draft.paragraph("mistakes.base", share=first.base_share)
    chart(draft, inputs, "kinds", "" if compared else "kinds_alone")


def _example(draft: Draft, example: FailureExample, title: RichText) -> None:
    """Add a wrong answer with its question, its context around the accepted answer, and what its kind means."""
    gold = next((answer for answer in example.golds if answer), "")
    before, middle, after = excerpt(example.context, gold)
    context = [TextRun(before, "data"), *([TextRun(middle, "marked")] if middle else []), TextRun(after, "data")]
    # A language's own comma and "and" would read as parts of the answers, and reverse the order of those with numbers.
    accepted = tuple(
        run
        for index, answer in enumerate(dict.fromkeys(example.golds))
        for run in (*((TextRun(" | ", "data"),) if index else ()), quote(answer))
    )
    answered = (quote(example.prediction),) if example.prediction.strip() else draft.say("failures.nothing")
    key = f"kind_means.{example.kind}"
    why = [(draft.say("failures.why"), draft.say(key))] if draft.say.has(key) else []
    draft.example(
        title,
        [
            (draft.say("failures.context"), tuple(run for run in context if run.text)),
            (draft.say("failures.question"), (quote(example.question),)),
            (draft.say("failures.accepted"), accepted or draft.say("failures.nothing")),
            (draft.say("failures.answer"), answered),
            *why,
        ],
    )
