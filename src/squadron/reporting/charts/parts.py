"""What charts are put together from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from squadron.reporting.charts.words import ChartWords

Row = dict[str, Any]


def inline(rows: Sequence[Row]) -> alt.InlineData:
    """Rows as part of the chart: nothing is fetched."""
    return alt.InlineData(values=list(rows))


def score_axis(words: ChartWords, metric: str, values: Sequence[float], *, zero: bool = False) -> dict[str, Any]:
    """The settings of a quantitative axis of scores; it need not begin at 0 where no bar stands on it."""
    low, high = (min(values), max(values)) if values else (0.0, 100.0)
    room = max(1.0, 0.06 * (high - low))
    domain = [0.0 if zero else max(0.0, low - room), min(100.0, high + room)]
    return {"title": words(metric), "scale": alt.Scale(domain=domain, nice=False, zero=zero)}


def finish(chart: Any, title: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A chart as a specification, with its title and theme."""
    spec: dict[str, Any] = chart.properties(title=title).to_dict()
    spec["config"] = settings
    return spec
