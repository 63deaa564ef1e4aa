"""Chart of paired differences: how far each value of an axis is from the axis' best one."""

from __future__ import annotations

from typing import Any

import altair as alt

from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.verdicts import Effect
from squadron.reporting.charts.parts import Row, finish, inline, label_width
from squadron.reporting.charts.theme import WIDTH, theme
from squadron.reporting.charts.ticks import linear_ticks
from squadron.reporting.charts.words import ChartWords
from squadron.runs.records import Study

_MOST_PANELS = 6
_ROW = 21
_GREY = "#8c959f"
"""Colour of the band, on light and dark."""
_SIDES = {"best": "diamond", "shown": "circle", "noise": "square"}
"""Shape of a value by its difference from the best; the colours are the theme's."""


def differences(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:  # noqa: ARG001
    """Chart the difference of each value of each axis from the axis' best: a point and its interval.

    There is a line at 0, and a band of the differences that count as equivalent.
    """
    effects = [one for one in analysis.effects if one.metric == "f1" and one.verdict != "untested"][:_MOST_PANELS]
    if not effects:
        return None
    margin = analysis.plan.margin
    panels = [(effect, _rows(effect, words)) for effect in effects]
    ends = [row.get(key, 0.0) for _, rows in panels for row in rows for key in ("low", "high")] + [-margin, margin]
    room = 0.04 * (max(ends) - min(ends))
    low, high = min(ends) - room, max(ends) + room
    names = label_width([row["v"] for _, rows in panels for row in rows])
    values, places = linear_ticks(low, high, most=6)
    scale = alt.Scale(domain=[low, high], nice=False)
    sides = [words(f"differences_{side}") for side in _SIDES]
    color = alt.Color("side:N", title=None, scale=alt.Scale(domain=sides)).legend(orient="bottom", columns=1)
    shapes = alt.Scale(domain=sides, range=list(_SIDES.values()))
    shape = alt.Shape("side:N", title=None, scale=shapes).legend(orient="bottom", columns=1)
    band = words("differences_band").replace("{margin}", words.points(margin))
    charts: list[Any] = []
    for index, (effect, rows) in enumerate(panels):
        last = index == len(panels) - 1
        title = words("differences_axis") if last else None
        x = alt.X("d:Q", title=title, scale=scale)
        x = x.axis(values=values, format=f"+,.{places}f", labelExpr=_UNSIGNED_ZERO, labels=last, ticks=last)
        order = [words.value(level.value) for level in effect.levels]
        y = alt.Y("v:N", title=None, sort=order).axis(ticks=False, domain=False, minExtent=names)
        margins = alt.Chart(inline([{"low": -margin, "high": margin, "k": band}])).mark_rect(opacity=0.3)
        grey = alt.Scale(range=[_GREY])
        fill = alt.Fill("k:N", title=None, scale=grey).legend(orient="bottom", symbolType="square", symbolOpacity=0.3)
        base = alt.Chart(inline(rows)).encode(y=y)
        tips = [alt.Tooltip("v:N", title=words.name("axis", effect.axis)), alt.Tooltip("t:N", title=words("f1"))]
        layers = [
            margins.encode(x=alt.X("low:Q", title=title, scale=scale), x2="high:Q", fill=fill),
            alt.Chart(inline([{"zero": 0.0}])).mark_rule(style="zero").encode(x=alt.X("zero:Q", scale=scale)),
            base.transform_filter("isValid(datum.low)")
            .mark_rule(strokeWidth=2)
            .encode(x=alt.X("low:Q", title=title, scale=scale), x2="high:Q", color=color),
            base.mark_point(filled=True, size=60, opacity=1).encode(x=x, color=color, shape=shape, tooltip=tips),
        ]
        heading = alt.TitleParams(words.name("axis", effect.axis), fontSize=11, anchor="start", frame="group")
        panel = alt.layer(*layers).properties(width=width - names - 30, height=_ROW * len(order), title=heading)
        charts.append(panel)
    return finish(alt.vconcat(*charts, spacing=8), words("differences"), theme(words))


_UNSIGNED_ZERO = "datum.value === 0 ? format(0, '.0f') : datum.label"


def _rows(effect: Effect, words: ChartWords) -> list[Row]:
    rows: list[Row] = []
    for level in effect.levels:
        found = next((c for c in effect.contrasts if {c.first, c.second} == {level.value, effect.best}), None)
        if found is not None and found.interval is not None:
            sign = 1.0 if found.second == level.value else -1.0
            low, high = sorted(sign * end for end in found.interval)
            side = words("differences_shown" if found.shown else "differences_noise")
            tip = f"{words.signed(sign * found.difference)} ({words.signed_interval(low, high)})"
            row = {"d": sign * found.difference, "low": low, "high": high, "side": side, "t": tip}
            rows.append({**row, "v": words.value(level.value)})
        elif level.value == effect.best:
            rows.append({"d": 0.0, "v": words.value(level.value), "side": words("differences_best")})
    return rows
