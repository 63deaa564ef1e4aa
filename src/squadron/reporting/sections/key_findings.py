"""The summary at the front: the three findings that matter, chosen by rule, and every primary test in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from squadron.reporting.analysis.findings import ModelScore
from squadron.reporting.analysis.verdicts import Contrast, Effect
from squadron.reporting.document.blocks import Cell, RichText, TableBlock, TextRun
from squadron.reporting.document.builder import Draft, join_sentences, name, text_cell
from squadron.reporting.document.columns import padded
from squadron.reporting.localization import labels
from squadron.reporting.sections.common import ReportInputs, scope_phrase
from squadron.reporting.sections.conclusion import axis_verdict
from squadron.scoring.designs import Scope

MOST = 3
"""Number of findings in the summary."""
_SIGNIFICANT = ("higher", "lower", "differs")
_WEIGHT = {"higher": 0, "lower": 0, "differs": 0, "equivalent": 1, "undecided": 2, "untested": 3}
"""What a verdict on an axis says: a significant effect first, then equivalence, then what is not known."""


def key_findings(draft: Draft, inputs: ReportInputs) -> None:
    """Add the summary; nothing for a study without scores.

    The first finding is the gain over the base. Then come the planned axes: those with a significant effect by the
    distance of their means, then those whose values are equivalent, then the undecided ones. Last comes the set of
    settings that may be the best. Each is told by its verdict, in the words of the conclusion.
    """
    if inputs.study.best is None:
        return
    findings = [*_gain(draft, inputs), *_axes(draft, inputs), *_best_set(draft, inputs)]
    if not findings:
        return
    draft.section("key_findings", numbered=False)
    draft.paragraph("key_findings.lead")
    for place, (claim, figures) in enumerate(findings[:MOST], start=1):
        number = draft.say("key_findings.number", place=place)
        draft.add_text(join_sentences([number, _strong(claim), *figures]))
    if _against_base(inputs) is not None or planned(inputs):
        _tests(draft, inputs)


def _strong(runs: RichText) -> RichText:
    """Return text in bold; names and numbers keep their kind."""
    return tuple(replace(run, kind="strong") if run.kind == "text" else replace(run, bold=True) for run in runs)


def planned(inputs: ReportInputs) -> list[Effect]:
    """Return the planned axes' effects on F1, the weightiest first."""
    own = [effect for effect in inputs.analysis.effects if effect.metric == "f1" and effect.planned]
    return sorted(own, key=lambda effect: (_WEIGHT[effect.verdict], -_gap(effect)))


def _gap(effect: Effect) -> float:
    means = [level.mean for level in effect.levels]
    return max(means) - min(means)


def _gain(draft: Draft, inputs: ReportInputs) -> Iterator[tuple[RichText, list[RichText]]]:
    """Yield the comparison with the base on the split that leads the report."""
    found = _against_base(inputs)
    if found is None:
        return
    contrast, base, best = found
    claim = draft.say(f"key_findings.base_{contrast.verdict}", margin=inputs.margin)
    say, split = draft.say, labels.split(draft, inputs.study.lead)
    values: dict[str, Any] = {
        "run": name(best.name),
        "base": base.score.f1,
        "base_interval": say.interval(*base.score.f1_interval),
        "best": best.score.f1,
        "best_interval": say.interval(*best.score.f1_interval),
        "questions": best.score.questions,
        "split": split,
    }
    yield claim, [say("key_findings.base_figures", **values)]


def _against_base(inputs: ReportInputs) -> tuple[Contrast, ModelScore, ModelScore] | None:
    for comparison in inputs.analysis.models:
        contrast = comparison.contrast("f1", "baseline", "best")
        if comparison.split == inputs.study.lead and contrast is not None:
            by_role = {model.role: model for model in comparison.models}
            return contrast, by_role["baseline"], by_role["best"]
    return None


def _axes(draft: Draft, inputs: ReportInputs) -> Iterator[tuple[RichText, list[RichText]]]:
    """Yield the planned axes, each with the means of its best and worst values and where they are."""
    for effect in planned(inputs):
        ranked = sorted(effect.levels, key=lambda level: level.mean)
        values: dict[str, Any] = {}
        for key, level in (("worst", ranked[0]), ("best", ranked[-1])):
            values[key] = labels.level(draft, effect.axis, level.value)
            values[f"{key}_mean"] = level.mean
            values[f"{key}_interval"] = draft.say.interval(*level.interval)
        told = draft.say("key_findings.axis_figures", **values, questions=inputs.questions)
        where = draft.say.label_of("anchor", f"means-{effect.axis}")
        table = TextRun(where, "reference", f"means-{effect.axis}")
        yield axis_verdict(draft, effect, margin=inputs.margin), [told, draft.say("key_findings.where", table=table)]


def _best_set(draft: Draft, inputs: ReportInputs) -> Iterator[tuple[RichText, list[RichText]]]:
    """Yield how many runs may be the best one."""
    found = inputs.analysis.best
    if found is None or found.compared < 2:
        return
    seeds = "_seeds" if found.seeds > 1 else ""
    if found.count == 1:
        yield draft.say(f"best.alone{seeds}", run=name(found.best), compared=found.compared), []
    else:
        counts = {"count": found.count, "compared": found.compared, "questions": inputs.questions}
        yield draft.say(f"best.set{seeds}", **counts), []


def _tests(draft: Draft, inputs: ReportInputs) -> None:
    """Add every primary test with its verdict, so that a reader sees what the findings were chosen from."""
    rows: list[list[Cell]] = []
    found = _against_base(inputs)
    if found is not None:
        contrast, base, best = found
        told = contrast.told
        p = None if told is None else told.p_value if told.adjusted is None else told.adjusted
        means = [base.score.f1, best.score.f1]
        rows.append(_row(draft, draft.say("key_findings.base"), means, p, contrast.verdict, contrast.scope))
    for effect in planned(inputs):
        primary = next((own for own in effect.primary if effect.scope in (None, own.scope)), None)
        p = None if primary is None or effect.verdict == "untested" else primary.adjusted
        means = [level.mean for level in effect.levels]
        rows.append(_row(draft, labels.axis(draft, effect.axis), means, p, effect.verdict, effect.scope))
    columns = [draft.column("tested", align="start")]
    columns += [draft.column(key) for key in ("lowest", "highest", "adjusted")]
    columns.append(draft.column("verdict", align="start"))
    # It has no number: in reports numbered by section, the front belongs to none.
    draft.blocks.append(
        TableBlock(tuple(columns), padded(columns, rows), draft.say("key_findings.caption"), (), "key-tests")
    )


def _row(
    draft: Draft, title: RichText, means: Sequence[float], p: float | None, verdict: str, scope: Scope | None
) -> list[Cell]:
    """Return the row of one test."""
    told = draft.say(f"key_findings.verdict_{'significant' if verdict in _SIGNIFICANT else verdict}")
    if scope is not None:
        told = draft.say("key_findings.scoped", verdict=told, scope=scope_phrase(draft, scope))
    ends = [draft.number_cell(limit, "points") for limit in (min(means), max(means))]
    return [text_cell(title), *ends, draft.number_cell(p, "p"), text_cell(told)]
