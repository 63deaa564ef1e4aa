"""The curves of a run as Vega-Lite charts, in the words and digits of the report's charts.

Gradio's own line plots have Western digits in every language. Its component for charts passes a specification on as it
is, and with it the number format of the language.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
from gradio.components.plot import PlotData

from squadron.languages import Language
from squadron.reporting.charts.parts import Row, finish, inline
from squadron.reporting.charts.theme import theme
from squadron.reporting.charts.words import chart_words
from squadron.runs.board import Curves

_COLOURS = {"losses_training": "#5b8fce", "losses_validation": "#d9730d"}
"""The colours of the curves, each visible on a light and on a dark page; ``style.css`` colours text and lines."""
_HEIGHT = 230
_EMBEDDING = {"embedOptions": {"renderer": "svg", "actions": False}}
"""Drawn as SVG, whose colours the page's style can change between light and dark."""

Points = Sequence[tuple[float, float]]


def loss_chart(curves: Curves, language: Language) -> PlotData | None:
    """Return the chart of training and validation loss by step; ``None`` without points."""
    series = {"losses_training": curves.loss, "losses_validation": curves.validation_loss}
    return _chart(series, "loss", ",.10~f", language)


def f1_chart(curves: Curves, language: Language) -> PlotData | None:
    """Return the chart of F1 on the validation sample by step; ``None`` without points."""
    return _chart({"losses_validation": curves.validation_f1}, "f1", ",.1f", language, highest=100.0)


def _chart(
    series: Mapping[str, Points], axis: str, shape: str, language: Language, *, highest: float | None = None
) -> PlotData | None:
    """Return curves over their own range; validations, which are few, also as points."""
    words = chart_words(language)
    rows: list[Row] = [{"x": x, "y": y, "curve": words(key)} for key, own in series.items() for x, y in own]
    if not rows:
        return None
    shown = [key for key, own in series.items() if own]
    colours = alt.Scale(domain=[words(key) for key in shown], range=[_COLOURS[key] for key in shown])
    limits = alt.Scale(domain=limits_of([row["y"] for row in rows], highest), nice=False, zero=False)
    encodings: dict[str, Any] = {
        "x": alt.X("x:Q", title=words("step"), scale=alt.Scale(nice=False, zero=False, padding=8)).axis(
            format=",d", grid=False, tickMinStep=1
        ),
        "y": alt.Y("y:Q", title=words(axis), scale=limits).axis(format=shape, tickCount=5),
        "color": alt.Color("curve:N", title=None, scale=colours).legend(orient="bottom", direction="horizontal"),
        "tooltip": [
            alt.Tooltip("x:Q", title=words("step"), format=",d"),
            alt.Tooltip("y:Q", title=words(axis), format=",.4~f"),
        ],
    }
    base = alt.Chart(inline(rows)).encode(**encodings)
    validations = base.transform_filter(alt.FieldEqualPredicate(field="curve", equal=words("losses_validation")))
    layers = alt.layer(base.mark_line(strokeWidth=1.8), validations.mark_point(filled=True, size=40, opacity=1))
    spec = finish(layers.properties(width="container", height=_HEIGHT), "", theme(words))
    del spec["title"]
    spec["autosize"] = {"type": "fit", "contains": "padding"}
    spec["usermeta"] = _EMBEDDING
    return PlotData(type="altair", plot=json.dumps(spec, ensure_ascii=False))


def limits_of(values: Sequence[float], highest: float | None = None) -> list[float]:
    """Return the ends of an axis that shows these values close up: with a little room, from 0 to ``highest``."""
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or max(0.01 * abs(high), 0.01)
    top = high + room
    return [max(0.0, low - room), top if highest is None else min(highest, top)]
