"""Common parts of charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from squadron.reporting.charts.words import ChartWords

Row = dict[str, Any]


def inline(rows: Sequence[Row]) -> alt.InlineData:
    """Return rows embedded in the chart, so that nothing is fetched."""
    return alt.InlineData(values=list(rows))


def score_axis(words: ChartWords, metric: str, values: Sequence[float], *, zero: bool = False) -> dict[str, Any]:
    """Return the settings of a score axis; it starts at 0 only if ``zero`` (for bars)."""
    low, high = (min(values), max(values)) if values else (0.0, 100.0)
    room = max(1.0, 0.06 * (high - low))
    domain = [0.0 if zero else max(0.0, low - room), min(100.0, high + room)]
    return {"title": words(metric), "scale": alt.Scale(domain=domain, nice=False, zero=zero)}


def finish(chart: Any, title: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return a chart as a specification, with its title and theme."""
    spec: dict[str, Any] = chart.properties(title=title).to_dict()
    spec["config"] = settings
    return spec
