"""Common parts of charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
from altair.utils import schemapi

from squadron.reporting.charts.words import ChartWords

Row = dict[str, Any]

SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
"""Shapes of points, which tell apart what colours alone do not on paper."""
_LETTER = 6.3
"""Mean width in pixels of a letter of a label."""
_LINE_AT = "+"
"""Labels may break after this sign, which joins the names of modules."""
_GAP = 16
_Y_AXIS = 52
"""Width of a vertical axis of scores with its labels and title."""


def inline(rows: Sequence[Row]) -> alt.InlineData:
    """Return rows embedded in the chart, so that nothing is fetched."""
    return alt.InlineData(values=tuple(rows))  # Altair copies lists, item by item, whenever a chart is changed


def score_axis(words: ChartWords, metric: str, values: Sequence[float], *, zero: bool = False) -> dict[str, Any]:
    """Return the settings of a score axis; it starts at 0 only if ``zero`` (for bars)."""
    low, high = (min(values), max(values)) if values else (0.0, 100.0)
    room = max(1.0, 0.06 * (high - low))
    domain = [0.0 if zero else max(0.0, low - room), min(100.0, high + room)]
    return {"title": words(metric), "scale": alt.Scale(domain=domain, nice=False, zero=zero)}


def label_width(labels: Sequence[str]) -> float:
    """Return the width in pixels that the longest of these labels takes."""
    return max((len(label) for label in labels), default=0) * _LETTER


def broken_width(labels: Sequence[str]) -> float:
    """Return the width in pixels that labels take if they break after a plus sign."""
    return label_width([part for label in labels for part in _parts(label)])


def panel_needs(labels: Sequence[str]) -> float:
    """Return the width in pixels of a panel in which these labels stand upright side by side."""
    return max(90.0, len(labels) * (broken_width(labels) + 8.0))


def upright(labels: Sequence[str], width: float) -> dict[str, Any]:
    """Return the settings of a horizontal axis of names: upright where they fit into ``width``, else slanted."""
    band = width / max(1, len(labels))
    if broken_width(labels) + 4.0 > band:
        return {"labelAngle": -40, "labelLimit": 110}
    if label_width(labels) + 4.0 <= band:
        return {"labelAngle": 0}
    broken = "split(replace(datum.label, regexp('[+]', 'g'), '+\\n'), '\\n')"
    return {"labelAngle": 0, "labelExpr": broken}


def panel_rows(needs: Sequence[float], width: float) -> list[list[tuple[int, float]]]:
    """Return rows of panels as (position, width): as many in a row as their needs allow, and each row filled.

    ``width`` is that of the whole chart; each row has one vertical axis at its start.
    """
    rows: list[list[int]] = []
    left = 0.0
    for place, need in enumerate(needs):
        if not rows or need + _GAP > left:
            rows.append([])
            left = width - _Y_AXIS + _GAP
        rows[-1].append(place)
        left -= need + _GAP
    filled = []
    for row in rows:
        room = width - _Y_AXIS - _GAP * (len(row) - 1)
        total = sum(needs[place] for place in row)
        filled.append([(place, needs[place] * room / total) for place in row])
    return filled


def in_rows(rows: Sequence[Sequence[Any]]) -> Any:
    """Return panels beside each other in rows below each other."""
    lines = [alt.hconcat(*row, spacing=_GAP) if len(row) > 1 else row[0] for row in rows]
    return alt.vconcat(*lines, spacing=14) if len(lines) > 1 else lines[0]


def finish(chart: Any, title: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return a chart as a specification, with its title and theme."""
    spec: dict[str, Any] = chart.properties(title=title).to_dict(validate=schemapi.DEBUG_MODE)
    spec["config"] = settings
    return spec


def _parts(label: str) -> list[str]:
    parts = label.split(_LINE_AT)
    return [part + _LINE_AT for part in parts[:-1]] + parts[-1:]
