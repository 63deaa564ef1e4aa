"""Charts that describe: scores against the size of the update, and the calibration of answers."""

from __future__ import annotations

from typing import Any

import altair as alt

from squadron.reporting.analysis.effects import setting
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.charts.parts import SHAPES, Row, finish, inline, score_axis
from squadron.reporting.charts.theme import WIDTH, theme
from squadron.reporting.charts.ticks import log_ticks
from squadron.reporting.charts.words import ChartWords
from squadron.runs.records import Study

_COLOURED_BY, _SHAPED_BY = ("lr", "scaling", "targets"), ("rank",)


def updates(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:
    """Chart F1 against the norm of the update, coloured by learning rate, with a shape for each rank."""
    found = analysis.updates
    if found is None or len(found.runs) < 3:
        return None
    runs = {run.name: run for run in study.scored}
    rows: list[Row] = [
        {
            "n": own.norm,
            "m": own.f1,
            "run": words.data(own.run),
            "t": words.points(own.f1),
            **{axis: words.value(setting(runs[own.run], axis)) for axis in study.axes},
        }
        for own in found.runs
    ]
    norms = [own.norm for own in found.runs]
    y = alt.Y("m:Q", **score_axis(words, "f1", [own.f1 for own in found.runs]))
    x = alt.X("n:Q", title=words("update_norm"), scale=alt.Scale(type="log", nice=False, padding=10))
    encodings: dict[str, Any] = {
        "x": x.axis(values=log_ticks(min(norms), max(norms)), format=",.10~f"),
        "y": y,
        "tooltip": [alt.Tooltip("run:N", title=words("run")), alt.Tooltip("t:N", title=words("f1"))],
    }
    columns = 6 if width >= WIDTH else 3
    coloured = next((axis for axis in _COLOURED_BY if axis in study.axes), None)
    if coloured is not None:
        domain = alt.Scale(domain=[words.value(value) for value in study.axes[coloured]])
        encodings["color"] = alt.Color(f"{coloured}:N", title=words.name("axis", coloured), scale=domain).legend(
            orient="bottom", columns=columns
        )
    shaped = next((axis for axis in _SHAPED_BY if axis in study.axes and len(study.axes[axis]) <= len(SHAPES)), None)
    if shaped is not None:
        values = [words.value(value) for value in study.axes[shaped]]
        scale = alt.Scale(domain=values, range=SHAPES[: len(values)])
        encodings["shape"] = alt.Shape(f"{shaped}:N", title=words.name("axis", shaped), scale=scale).legend(
            orient="bottom", columns=columns
        )
    chart = alt.Chart(inline(rows)).mark_point(strokeWidth=1.4, size=45).encode(**encodings)
    return finish(chart.properties(width=width - 60, height=190), words("updates"), theme(words))


def calibration(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:  # noqa: ARG001
    """Chart the share of exact matches against the probability of the answers, in bins of equally many answers."""
    models = ((words("kinds_best"), study.failures), (words("kinds_base"), study.baseline_failures))
    rows: list[Row] = [
        {"p": 100.0 * own.probability, "a": 100.0 * own.accuracy, "n": own.count, "k": name}
        for name, found in models
        if found is not None and found.calibration is not None
        for own in found.calibration.bins
    ]
    names = list(dict.fromkeys(row["k"] for row in rows))
    if not rows or names[0] != models[0][0]:
        return None
    scale = alt.Scale(domain=[0, 100], nice=False)
    x = alt.X("p:Q", title=words("calibration_probability"), scale=scale)
    y = alt.Y("a:Q", title=words("calibration_accuracy"), scale=scale)
    ideal = alt.Chart(inline([{"p": 0, "a": 0}, {"p": 100, "a": 100}])).mark_line(style="edge", strokeDash=[4, 3])
    shapes = alt.Scale(domain=names, range=SHAPES[: len(names)])
    points = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, opacity=0.9, size=55)
        .encode(
            x=x,
            y=y,
            color=alt.Color("k:N", title=None, scale=alt.Scale(domain=names)).legend(orient="bottom"),
            shape=alt.Shape("k:N", title=None, scale=shapes).legend(orient="bottom"),
        )
    )
    chart = alt.layer(ideal.encode(x=x, y=y), points).properties(width=min(360, width - 90), height=150)
    return finish(chart, words("calibration"), theme(words))
