"""Specifications of all charts of a study, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.charts.comparisons import decodings, frontier, kinds, models
from squadron.reporting.charts.learning import losses
from squadron.reporting.charts.results import differences, heatmap, main_effects, ranking, seeds, train_size
from squadron.reporting.charts.words import ChartWords
from squadron.runs.records import Study

ChartMaker = Callable[[Study, Analysis, ChartWords], dict[str, Any] | None]

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
}
"""Each returns a specification, or ``None`` if the study lacks the data."""


def chart_specs(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, dict[str, Any]]:
    """Return the specifications of all charts for which the study has data."""
    made = {name: maker(study, analysis, words) for name, maker in CHARTS.items()}
    return {name: spec for name, spec in made.items() if spec is not None}
