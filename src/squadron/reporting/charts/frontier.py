"""Chart of F1 against cost."""

from __future__ import annotations

from typing import Any

import altair as alt

from squadron.reporting.analysis.effects import setting
from squadron.reporting.analysis.findings import COSTS, Analysis
from squadron.reporting.charts.parts import SHAPES, Row, finish, in_rows, inline, panel_rows, score_axis
from squadron.reporting.charts.theme import WIDTH, theme
from squadron.reporting.charts.ticks import linear_ticks, log_ticks
from squadron.reporting.charts.words import ChartWords
from squadron.runs.records import Study

_COLOURED_BY = ("targets", "lr", "rank")
_UNIT = {"trainable_parameters": 1e3, "seconds": 1.0, "peak_memory_bytes": 2.0**20}
"""Units of the cost axes: thousands, seconds, MiB."""
_PANEL = 150.0


def frontier(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:
    """Chart F1 against each cost; a line of steps is the Pareto frontier, and filled marks may be the best run."""
    points = analysis.frontier.points
    if len(points) < 3:
        return None
    axis = next((axis_name for axis_name in _COLOURED_BY if axis_name in study.axes), None)
    runs = {run.name: run for run in study.scored}
    sides = {True: words("frontier_best"), False: words("frontier_other")}
    scores = score_axis(words, "f1", [point.f1 for point in points])
    present = [cost for cost in COSTS if len({point.costs.get(cost) for point in points} - {None}) > 1]
    if not present:
        return None
    marks = _marks(study, words, axis, list(sides.values()), columns=3 if width >= WIDTH else 1)
    lines = []
    for line in panel_rows([_PANEL] * len(present), width):
        panels = []
        for position, (place, own_width) in enumerate(line):
            cost = present[place]
            rows: list[Row] = []
            for point in points:
                if cost in point.costs:
                    value = None if axis is None else setting(runs[point.run], axis)
                    rows.append(
                        {
                            "c": point.costs[cost] / _UNIT[cost],
                            "m": point.f1,
                            "side": sides[point.among_best],
                            "a": words.name("method_name", "full") if value is None else words.value(value),
                            "ahead": cost in point.frontier,
                            "run": words.data(point.run),
                            "t": words.points(point.f1),
                        }
                    )
            x = _cost_axis(words, cost, [row["c"] for row in rows], own_width)
            y = alt.Y("m:Q", **{**scores, "title": scores["title"] if position == 0 else None})
            y = y.axis(labels=position == 0)
            steps = _steps(rows, scores["scale"]["domain"][0], words)
            layers = [alt.Chart(inline(rows)).mark_point(strokeWidth=1.3).encode(x=x, y=y, **marks)]
            if steps:
                edge = alt.StrokeDash("k:N", title=None, scale=alt.Scale(range=[[1, 0]])).legend(orient="bottom")
                drawn = alt.Chart(inline(steps)).mark_line(interpolate="step-after", style="edge")
                layers.insert(0, drawn.encode(x=x, y=y, strokeDash=edge))
            panels.append(alt.layer(*layers).properties(width=own_width, height=200))
        lines.append(panels)
    return finish(in_rows(lines), words("frontier"), theme(words))


def _marks(study: Study, words: ChartWords, axis: str | None, sides: list[str], columns: int) -> dict[str, Any]:
    """Return the encodings of runs: colour and shape by a setting; large and filled if the run may be the best."""
    filled = alt.FillOpacity("side:N", scale=alt.Scale(domain=sides, range=[1.0, 0.0]))
    size = alt.Size("side:N", title=None, scale=alt.Scale(domain=sides, range=[75, 24]))
    encodings: dict[str, Any] = {
        "fillOpacity": filled.legend(None),
        "size": size.legend(orient="bottom", symbolType="circle", symbolFillColor="transparent"),
        "tooltip": [alt.Tooltip("run:N", title=words("run")), alt.Tooltip("t:N", title=words("f1"))],
    }
    if axis is None:
        return encodings
    values = [words.value(value) for value in study.axes[axis]]
    others = {words.name("method_name", "full") for run in study.scored if setting(run, axis) is None} - set(values)
    domain = [*values, *sorted(others)]
    named: dict[str, Any] = {"title": words.name("axis", axis), "scale": alt.Scale(domain=domain)}
    shapes = alt.Scale(domain=domain, range=[SHAPES[place % len(SHAPES)] for place in range(len(domain))])
    encodings["stroke"] = alt.Stroke("a:N", **named).legend(orient="bottom", columns=columns)
    encodings["fill"] = alt.Fill("a:N", **named).legend(orient="bottom", columns=columns)
    encodings["shape"] = alt.Shape("a:N", title=named["title"], scale=shapes).legend(orient="bottom", columns=columns)
    return encodings


def _cost_axis(words: ChartWords, cost: str, costs: list[float], width: float) -> Any:
    low, high = min(costs), max(costs)
    if cost == "trainable_parameters" and low > 0:
        values, places = log_ticks(low, high), 10
        scale = alt.Scale(type="log", nice=False, padding=8)
    else:
        values, places = linear_ticks(low, high, most=4 if width < 200 else 5)
        scale = alt.Scale(zero=False, nice=False, padding=8)
    axis_format = ",.10~f" if places == 10 else f",.{places}f"
    return alt.X("c:Q", title=words(cost), scale=scale).axis(format=axis_format, values=values)


def _steps(rows: list[Row], floor: float, words: ChartWords) -> list[Row]:
    """Return the corners of the frontier: from the axis up to the cheapest run on it, and on to the highest cost."""
    ahead = sorted((row["c"], row["m"]) for row in rows if row["ahead"])
    if not ahead:
        return []
    corners = [(ahead[0][0], floor), *ahead, (max(row["c"] for row in rows), ahead[-1][1])]
    return [{"c": cost, "m": score, "k": words("frontier_edge")} for cost, score in corners]
