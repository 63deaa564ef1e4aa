"""Charts that compare models and strategies, their mistakes and their costs."""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from squadron.reporting.analysis.effects import setting
from squadron.reporting.analysis.findings import COSTS, Analysis, ModelComparison
from squadron.reporting.charts.parts import Row, finish, inline, score_axis
from squadron.reporting.charts.theme import WIDTH, theme
from squadron.reporting.charts.words import ChartWords
from squadron.reporting.published import PUBLISHED
from squadron.runs.records import Study

_BAR = 22
_COLOURED_BY = ("targets", "lr", "rank")
_UNIT = {"trainable_parameters": 1e3, "seconds": 1.0, "peak_memory_bytes": 2.0**20}
"""Units of the cost axes: thousands, seconds, MiB."""
_SHOWN_PUBLISHED = ("zero_shot", "lora", "full", "human", "study_base", "study_greedy")


def charted_models(analysis: Analysis) -> ModelComparison:
    """Return the comparison to chart: the leading split's, unless it lacks a model."""
    return max(analysis.models, key=lambda comparison: len(comparison.models))


def models(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, Any] | None:
    """Chart the measured F1 of baseline, best and full fine-tuning, and published results in their own panel."""
    if not analysis.models:
        return None
    measured = [
        {
            "n": words(f"models_{model.role}"),
            "m": model.score.f1,
            "low": model.score.f1_interval[0],
            "high": model.score.f1_interval[1],
            "t": words.points(model.score.f1),
        }
        for model in charted_models(analysis).models
    ]
    others = [
        {"n": words(f"published_{published.key}"), "m": published.f1, "t": words.points(published.f1)}
        for published in PUBLISHED
        if published.key in _SHOWN_PUBLISHED
    ]
    x = alt.X("m:Q", title=words("f1"), scale=alt.Scale(domain=[0, 100]))

    def panel(rows: list[Row], title: str, *, own: bool) -> Any:
        y = alt.Y("n:N", title=None, sort=[row["n"] for row in rows]).axis(minExtent=190, ticks=False)
        base = alt.Chart(inline(rows)).encode(y=y)
        bars = base.mark_bar(size=13)
        if not own:
            bars = base.mark_bar(size=13, filled=False, strokeWidth=1.3, strokeDash=[3, 2], style="second")
        layers: list[Any] = [bars.encode(x=x)]
        if own:
            layers.append(base.mark_rule().encode(x=alt.X("low:Q"), x2="high:Q"))
        # The number stands beyond the interval, which would cross it out.
        label_x = alt.X("high:Q") if own else alt.X("m:Q")
        layers.append(base.mark_text(align="left", dx=5).encode(x=label_x, text="t:N"))
        heading = alt.TitleParams(title, fontSize=11, fontWeight="normal", anchor="start", frame="group")
        return alt.layer(*layers).properties(width=WIDTH - 230, height=_BAR * len(rows), title=heading)

    own = panel(measured, words("models_measured"), own=True)
    if study.base.name == "pocket":  # its world is made up: no figure of real questions belongs beside its scores
        return finish(own, words("models_own"), theme(words))
    chart = alt.vconcat(own, panel(others, words("models_published"), own=False), spacing=14)
    return finish(chart, words("models"), theme(words))


def decodings(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, Any] | None:  # noqa: ARG001
    """Chart EM and F1 of the best run's strategies, with intervals."""
    compared = analysis.decodings
    if compared is None:
        return None
    order = [score.decoding for score in sorted(compared.scores, key=lambda score: -score.f1)]
    names = {decoding: words.name("decoding_name", decoding) for decoding in order}
    panels = []
    for index, metric in enumerate(("f1", "exact_match")):
        rows = [
            {
                "n": names[score.decoding],
                "m": getattr(score, metric),
                "low": getattr(score, f"{metric}_interval")[0],
                "high": getattr(score, f"{metric}_interval")[1],
                "t": words.points(getattr(score, metric)),
            }
            for score in compared.scores
        ]
        y = alt.Y("n:N", title=None, sort=list(names.values())).axis(labels=index == 0, ticks=False)
        base = alt.Chart(inline(rows)).encode(y=y)
        x = alt.X("m:Q", title=words(metric), scale=alt.Scale(domain=[0, 112])).axis(values=[0, 20, 40, 60, 80, 100])
        chart = alt.layer(
            base.mark_bar(size=13).encode(x=x),
            base.mark_rule().encode(x=alt.X("low:Q"), x2="high:Q"),
            base.mark_text(align="left", dx=5).encode(x=alt.X("high:Q"), text="t:N"),
        )
        panels.append(chart.properties(width=(WIDTH - 110) / 2, height=_BAR * len(rows)))
    return finish(alt.hconcat(*panels, spacing=18), words("decodings"), theme(words))


def kinds(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, Any] | None:  # noqa: ARG001
    """Chart the shares of the kinds of mistake: of the best run, with intervals, and of the base model."""
    found = analysis.mistakes
    if found is None or found.wrong == 0:
        return None
    sides = [words("kinds_best"), words("kinds_base")]
    rows: list[Row] = []
    for kind in found.kinds:
        name = words.name("kind", kind.kind)
        rows.append({"n": name, "s": kind.share, "low": kind.interval[0], "high": kind.interval[1], "k": sides[0]})
        if kind.base_share is not None:
            rows.append({"n": name, "s": kind.base_share, "k": sides[1]})
    order = list(dict.fromkeys(row["n"] for row in rows))
    shown = [side for side in sides if any(row["k"] == side for row in rows)]
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y("n:N", title=None, sort=order).axis(ticks=False),
        yOffset=alt.YOffset("k:N", sort=shown, scale=alt.Scale(paddingOuter=0.1)),
    )
    color = alt.Color("k:N", title=None, scale=alt.Scale(domain=shown)).legend(orient="bottom")
    x = alt.X("s:Q", title=words("kinds_share")).axis(format="%", labelExpr=words.percent_label)
    chart = alt.layer(
        base.mark_bar(size=9).encode(x=x, color=color),
        base.mark_rule().encode(x=alt.X("low:Q"), x2="high:Q").transform_filter("isValid(datum.low)"),
    )
    height = (12 * len(shown) + 8) * len(order)
    return finish(chart.properties(width=WIDTH - 200, height=height), words("kinds"), theme(words))


def frontier(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, Any] | None:
    """Chart F1 against each cost; a line joins the Pareto frontier, and diamonds may be the best run."""
    points = analysis.frontier.points
    if len(points) < 3:
        return None
    axis = next((axis_name for axis_name in _COLOURED_BY if axis_name in study.axes), None)
    runs = {run.name: run for run in study.scored}
    sides = {True: words("frontier_best"), False: words("frontier_other")}
    scores = score_axis(words, "f1", [point.f1 for point in points])
    present = [cost for cost in COSTS if len({point.costs.get(cost) for point in points} - {None}) > 1]
    panels = []
    for index, cost in enumerate(present):
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
        logarithmic = cost == "trainable_parameters"
        scale = (
            alt.Scale(type="log", nice=False, padding=8)
            if logarithmic
            else alt.Scale(zero=False, nice=False, padding=8)
        )
        x = alt.X("c:Q", title=words(cost), scale=scale).axis(format=",.10~f", tickCount=4)
        if logarithmic:
            x = x.axis(format=",.10~f", values=_round_values([row["c"] for row in rows]))
        y = alt.Y("m:Q", **{**scores, "title": scores["title"] if index == 0 else None}).axis(labels=index == 0)
        base = alt.Chart(inline(rows)).encode(x=x, y=y)
        values = [] if axis is None else [words.value(value) for value in study.axes[axis]]
        encodings: dict[str, Any] = {
            "shape": alt.Shape(
                "side:N", title=None, scale=alt.Scale(domain=list(sides.values()), range=["diamond", "circle"])
            ).legend(orient="bottom"),
            "opacity": alt.Opacity(
                "side:O", title=None, scale=alt.Scale(domain=list(sides.values()), range=[1.0, 0.4])
            ).legend(orient="bottom"),
            "tooltip": [alt.Tooltip("run:N", title=words("run")), alt.Tooltip("t:N", title=words("f1"))],
        }
        if axis is not None:
            extra = [row["a"] for row in rows if row["a"] not in values]
            domain = [*values, *dict.fromkeys(extra)]
            encodings["color"] = alt.Color(
                "a:N", title=words.name("axis", axis), scale=alt.Scale(domain=domain)
            ).legend(orient="bottom")
        line = base.transform_filter("datum.ahead").mark_line(interpolate="step-after", style="second", strokeWidth=1.2)
        chart = alt.layer(line, base.mark_point(filled=True, size=38).encode(**encodings))
        panels.append(chart.properties(width=(WIDTH - 60) / len(present) - 18, height=200))
    if not panels:
        return None
    return finish(alt.hconcat(*panels, spacing=16), words("frontier"), theme(words))


def _round_values(values: list[float]) -> list[float]:
    """Return the powers of ten within these values; if there are fewer than two, also 2 and 5 times them."""
    low, high = min(values), max(values)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 2, 5)):
        found = [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]
        if len(found) >= 2:
            break
    return found
