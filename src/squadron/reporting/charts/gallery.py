"""Specifications of all charts of a study, by name."""

from __future__ import annotations

from typing import Any, Protocol

from altair.utils import schemapi

from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.charts.comparisons import decodings, kinds, models
from squadron.reporting.charts.described import calibration, updates
from squadron.reporting.charts.differences import differences
from squadron.reporting.charts.frontier import frontier
from squadron.reporting.charts.learning import losses
from squadron.reporting.charts.results import heatmap, main_effects, ranking, seeds, train_size
from squadron.reporting.charts.theme import NARROW, WIDTH
from squadron.reporting.charts.words import ChartWords
from squadron.runs.records import Study


class ChartMaker(Protocol):
    """Returns a chart's specification in a width in pixels, or ``None`` if the study lacks the data."""

    def __call__(
        self, study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH
    ) -> dict[str, Any] | None: ...


CHARTS: dict[str, ChartMaker] = {
    "models": models,
    "ranking": ranking,
    "heatmap": heatmap,
    "main_effects": main_effects,
    "differences": differences,
    "train_size": train_size,
    "seeds": seeds,
    "losses": losses,
    "decodings": decodings,
    "kinds": kinds,
    "frontier": frontier,
    "updates": updates,
    "calibration": calibration,
}
"""All charts by name."""


def chart_specs(
    study: Study, analysis: Analysis, words: ChartWords, *, narrow: bool = False, validate: bool = False
) -> dict[str, dict[str, Any]]:
    """Return the specifications of all charts for which the study has data; if ``narrow``, as wide as a phone.

    If ``validate``, Altair checks them against the schema of Vega-Lite: for tests, since it takes as long as the rest.
    """
    width = NARROW if narrow else WIDTH
    with schemapi.debug_mode(validate):
        made = {name: maker(study, analysis, words, width) for name, maker in CHARTS.items()}
    return {name: spec for name, spec in made.items() if spec is not None}
