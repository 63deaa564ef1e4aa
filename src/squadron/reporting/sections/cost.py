"""Costs of the runs: parameters, time and memory, against their scores."""

from __future__ import annotations

from typing import Any

from squadron.reporting.analysis.findings import COSTS
from squadron.reporting.document.blocks import RichText
from squadron.reporting.document.builder import Draft, name, text_cell
from squadron.reporting.localization import labels
from squadron.reporting.sections.common import ReportInputs, chart
from squadron.reporting.sections.compute import compute_table
from squadron.reporting.sections.described import draft_frontier

_SECONDS_UP_TO, _MINUTES_UP_TO = 100.0, 90 * 60.0
"""Times below these limits, in seconds, are given in seconds and in minutes; longer ones in hours."""


def cost(draft: Draft, inputs: ReportInputs) -> None:
    """Add the section on cost."""
    draft.section("cost")
    study = inputs.study
    _parameters(draft, inputs)
    seconds = [run.seconds for run in study.runs if run.seconds]
    facts: list[tuple[str, dict[str, Any]]] = []
    if len(seconds) == 1:
        facts.append(("cost.run_time", {"time": _duration(draft, seconds[0])}))
    elif seconds:
        low, high = (_duration(draft, limit) for limit in (min(seconds), max(seconds)))
        facts.append(
            ("cost.run_time", {"time": low}) if low == high else ("cost.runs_time", {"low": low, "high": high})
        )
        facts.append(("cost.fleet_time", {}))
        if study.seconds:
            facts.insert(0, ("cost.time", {"runs": len(study.runs), "time": _duration(draft, study.seconds)}))
    memory = [run.peak_memory_bytes for run in study.runs if run.peak_memory_bytes]
    if memory:
        facts.append(("cost.memory", {"memory": max(memory)}))
    if not facts:
        draft.missing("cost.none")
    else:
        draft.paragraph_of([draft.say(key, **values) for key, values in facts])
    compute_table(draft, inputs)
    _frontier(draft, inputs)


def _duration(draft: Draft, seconds: float) -> RichText:
    """Return a time in the unit that suits one decimal."""
    unit = "seconds" if seconds < _SECONDS_UP_TO else "minutes" if seconds < _MINUTES_UP_TO else "hours"
    return draft.say(f"cost.{unit}", time=seconds)


def _parameters(draft: Draft, inputs: ReportInputs) -> None:
    """Add the table of trainable parameters by rank and modules."""
    counts = {
        (run.modules, run.rank): (run.trainable_parameters, run.trainable_share)
        for run in inputs.study.runs
        if run.modules and run.rank and run.trainable_parameters
    }
    if not counts:
        return
    draft.paragraph("cost.parameters")
    rows = [
        [
            text_cell((labels.code(str(modules)),)),
            draft.number_cell(rank, "plain"),
            draft.number_cell(parameters, "count"),
            draft.number_cell(share, "percent2"),
        ]
        for (modules, rank), (parameters, share) in sorted(
            counts.items(), key=lambda entry: (str(entry[0][0]), entry[0][1])
        )
    ]
    columns = [draft.column("modules", align="start")]
    columns += [draft.column(key) for key in ("rank", "parameters", "parameter_share")]
    draft.table("parameters-table", draft.say("cost.parameters_caption"), columns, rows)


def _frontier(draft: Draft, inputs: ReportInputs) -> None:
    """Add the Pareto frontier and the cheapest of the best runs."""
    found = inputs.analysis.frontier
    if len(found.points) < 2:
        return
    if "frontier" in inputs.charts:
        draft.paragraph("cost.frontier")
        chart(draft, inputs, "frontier")
    draft_frontier(draft, inputs)
    by_run: dict[str, list[RichText]] = {}
    for key in COSTS:
        if key in found.cheapest:
            by_run.setdefault(found.cheapest[key], []).append(draft.say(f"cost.cheapest_{key}"))
    facts = [draft.say("cost.cheapest", cost=draft.say.join(costs), run=name(run)) for run, costs in by_run.items()]
    if facts:
        draft.paragraph_of(facts)
