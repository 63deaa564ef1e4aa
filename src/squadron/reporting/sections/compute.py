"""The table of compute: parameters, time, speed and memory of the runs, as far as their records have them."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from squadron.reporting.document.builder import Draft
from squadron.reporting.sections.common import ReportInputs
from squadron.runs.records import StudyRun

_MEASURES: dict[str, tuple[Callable[[StudyRun], float | None], str]] = {
    "parameters": (lambda run: run.trainable_parameters, "count"),
    "minutes": (lambda run: run.seconds, "minutes"),
    "speed": (lambda run: run.examples_per_second, "points"),
    "memory": (lambda run: run.peak_memory_bytes, "megabytes"),
}
"""Each measure of a run with the format of its numbers; its name is in ``column.NAME``."""


def compute_table(draft: Draft, inputs: ReportInputs) -> None:
    """Add the least, the median and the most of each measure over the runs that have it; nothing without records."""
    rows = []
    for key, (measure, style) in _MEASURES.items():
        values = [value for run in inputs.study.runs if (value := measure(run)) is not None]
        if values:
            cells = [draft.number_cell(value, style) for value in (min(values), median(values), max(values))]
            rows.append([draft.phrase_cell(f"column.{key}"), *cells, draft.number_cell(len(values), "count")])
    if not rows:
        return
    columns = [draft.column("measure", align="start")]
    columns += [draft.column(key) for key in ("least", "median", "most", "runs")]
    draft.table("compute-table", draft.say("compute.caption"), columns, rows, note=draft.say("compute.energy"))
