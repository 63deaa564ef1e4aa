"""Charts of scores by setting: heatmap, main effects and their differences, seeds, and the ranking of runs."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from squadron.reporting.analysis.effects import comparable_runs, present_levels, setting
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.verdicts import Effect
from squadron.reporting.charts.parts import Row, finish, inline, score_axis
from squadron.reporting.charts.theme import WIDTH, theme
from squadron.reporting.charts.words import ChartWords
from squadron.runs.records import Study

_CELL = 27
_MOST_PANELS = 6
_MOST_RANKED = 100
_SIDES = {"best": "#3f8fd0", "shown": "#d1495b", "noise": "#8c959f"}
"""Colour of a value by its difference from the best, on light and dark; noise is grey."""


def heatmap(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, Any] | None:  # noqa: ARG001
    """Chart F1 by rank and learning rate, with a panel for each set of modules; ``None`` if runs do not vary both."""
    runs = comparable_runs(study)
    ranks, rates = (present_levels(runs, axis, study.axes.get(axis, ())) for axis in ("rank", "lr"))
    panels = present_levels(runs, "targets", study.axes.get("targets", ())) or [None]
    if len(ranks) < 2 or len(rates) < 2 or len(panels) > _MOST_PANELS:
        return None
    rows: list[Row] = []
    for panel in panels:
        for rank in ranks:
            for rate in rates:
                found = [
                    score.f1
                    for run in runs
                    if (setting(run, "rank"), setting(run, "lr")) == (rank, rate)
                    and panel in (None, setting(run, "targets"))
                    and (score := study.score(run)) is not None
                ]
                if found:
                    mean = float(np.mean(found))
                    name = "" if panel is None else words.data(str(panel))
                    rows.append({"p": name, "r": words.value(rank), "l": words.value(rate), "f1": mean})
    low, high = min(row["f1"] for row in rows), max(row["f1"] for row in rows)
    for row in rows:
        row["t"] = words.points(row["f1"])
        # Viridis ends in yellow, which needs dark text.
        row["dark"] = row["f1"] > low + 0.6 * (high - low)
        row["top"] = row["f1"] == high
    base = alt.Chart().encode(
        x=alt.X("l:N", title=words.name("axis", "lr"), sort=[words.value(rate) for rate in rates]).axis(
            labelAngle=-40, domain=False, ticks=False
        ),
        y=alt.Y("r:N", title=words.name("axis", "rank"), sort=[words.value(rank) for rank in ranks]).axis(
            domain=False, ticks=False
        ),
    )
    cells = base.mark_rect(cornerRadius=2).encode(
        color=alt.Color("f1:Q", title=words("f1"), scale=alt.Scale(domain=[low, high])).legend(
            orient="bottom", direction="horizontal", gradientLength=200, format=".0f"
        ),
        stroke=alt.condition("datum.top", alt.value("#EE3333"), alt.value(None)),
        strokeWidth=alt.value(2),
        tooltip=[
            alt.Tooltip("r:N", title=words.name("axis", "rank")),
            alt.Tooltip("l:N", title=words.name("axis", "lr")),
            alt.Tooltip("t:N", title=words("f1")),
        ],
    )
    ink = alt.condition("datum.dark", alt.value("#111111"), alt.value("#ffffff"))
    layered = alt.layer(cells, base.mark_text(fontSize=9.5).encode(text="t:N", color=ink))
    layered = layered.properties(width=max(110, min(34 * len(rates), 400)), height=_CELL * len(ranks))
    chart: Any = layered.properties(data=inline(rows))
    if panels != [None]:
        names = [words.data(str(panel)) for panel in panels]
        chart = layered.facet(column=alt.Column("p:N", title=None, sort=names), data=inline(rows), spacing=14)
    return finish(chart, words("heatmap"), theme(words))


def main_effects(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, Any] | None:
    """Chart the mean F1 of each value of each axis, with its interval and the single runs."""
    effects = [effect for effect in analysis.effects if effect.metric == "f1"][:_MOST_PANELS]
    if not effects:
        return None
    runs = comparable_runs(study)
    scores = [score.f1 for run in runs if (score := study.score(run)) is not None]
    ends = [end for effect in effects for level in effect.levels for end in level.interval]
    axis = score_axis(words, "f1", [*scores, *ends])
    width = (WIDTH - 60) / len(effects) - 20
    panels = [_effect(study, effect, words, axis, width, first=index == 0) for index, effect in enumerate(effects)]
    return finish(alt.hconcat(*panels, spacing=16), words("effects"), theme(words))


def _effect(study: Study, effect: Effect, words: ChartWords, axis: dict[str, Any], width: float, *, first: bool) -> Any:
    means = [
        {
            "v": words.value(level.value),
            "m": level.mean,
            "low": level.interval[0],
            "high": level.interval[1],
            "t": words.points(level.mean),
            "i": words.interval(*level.interval),
        }
        for level in effect.levels
    ]
    singles = [
        {"v": words.value(setting(run, effect.axis)), "m": score.f1, "run": words.data(run.name)}
        for run in comparable_runs(study)
        if (score := study.score(run)) is not None
    ]
    order = [words.value(level.value) for level in effect.levels]
    x = alt.X("v:N", title=words.name("axis", effect.axis), sort=order, scale=alt.Scale(padding=0.4))
    x = x.axis(labelAngle=-40 if effect.ordered else -25, labelLimit=110)
    settings = {**axis, "title": axis["title"] if first else None}
    y = alt.Y("m:Q", **settings).axis(labels=first, ticks=first, domain=first)
    ticks = alt.Chart(inline(singles)).mark_tick(style="faint", thickness=1.2, width=12)
    base = alt.Chart(inline(means)).encode(x=x)
    tips = [alt.Tooltip("v:N", title=words.name("axis", effect.axis)), alt.Tooltip("t:N", title=words("f1"))]
    tips.append(alt.Tooltip("i:N", title=words("interval")))
    layers: list[Any] = [
        ticks.encode(x=x, y=y, tooltip=[alt.Tooltip("run:N", title=words("run"))]),
        base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **settings), y2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(y=y, tooltip=tips),
    ]
    if effect.ordered:
        layers.insert(1, base.mark_line(strokeWidth=1.5).encode(y=y))
    return alt.layer(*layers).properties(width=width, height=200)


def differences(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, Any] | None:  # noqa: ARG001
    """Chart the difference of each value of each axis from the axis' best, with its interval."""
    effects = [effect for effect in analysis.effects if effect.metric == "f1" and effect.verdict != "untested"][
        :_MOST_PANELS
    ]
    if not effects:
        return None
    panels: list[tuple[Effect, list[Row]]] = []
    for effect in effects:
        rows: list[Row] = []
        for level in effect.levels:
            found = next((c for c in effect.contrasts if {c.first, c.second} == {level.value, effect.best}), None)
            if found is not None and found.interval is not None:
                sign = 1.0 if found.second == level.value else -1.0
                low, high = sorted(sign * end for end in found.interval)
                side = words("differences_shown" if found.shown else "differences_noise")
                tip = f"{words.signed(sign * found.difference)} ({words.signed(low)} – {words.signed(high)})"
                rows.append({"d": sign * found.difference, "low": low, "high": high, "side": side, "t": tip})
                rows[-1]["v"] = words.value(level.value)
            elif level.value == effect.best:
                rows.append({"d": 0.0, "v": words.value(level.value), "side": words("differences_best")})
        panels.append((effect, rows))
    ends = [row.get(key, 0.0) for _, rows in panels for row in rows for key in ("low", "high")]
    room = 0.05 * (max(ends) - min(ends) or 1.0)
    scale = alt.Scale(domain=[min(ends) - room, max(ends) + room], nice=False)
    sides = [words(f"differences_{side}") for side in _SIDES]
    scale_of_sides = alt.Scale(domain=sides, range=list(_SIDES.values()))
    color = alt.Color("side:N", title=None, scale=scale_of_sides).legend(orient="bottom")
    width = (WIDTH - 60) / len(effects) - 20
    charts: list[Any] = []
    for index, (effect, rows) in enumerate(panels):
        order = [words.value(level.value) for level in effect.levels]
        x = alt.X("v:N", title=words.name("axis", effect.axis), sort=order, scale=alt.Scale(padding=0.4))
        x = x.axis(labelAngle=-40 if effect.ordered else -25, labelLimit=110, grid=False)
        title = words("differences_axis") if index == 0 else None
        base = alt.Chart(inline(rows)).encode(x=x, color=color)
        rule = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2)
        tips = [alt.Tooltip("v:N", title=words.name("axis", effect.axis)), alt.Tooltip("t:N", title=words("f1"))]
        y = alt.Y("d:Q", title=title, scale=scale).axis(labels=index == 0, ticks=index == 0, domain=index == 0)
        points = base.mark_point(filled=True, size=60, opacity=1).encode(y=y, tooltip=tips)
        chart = alt.layer(rule.encode(y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q"), points)
        charts.append(chart.properties(width=width, height=190))
    return finish(alt.hconcat(*charts, spacing=16), words("differences"), theme(words))


def train_size(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, Any] | None:  # noqa: ARG001
    """Chart F1 by the number of training questions; ``None`` if runs do not vary it."""
    effect = analysis.effect("train_size")
    if effect is None:
        return None
    rows = [
        {"n": level.value, "m": level.mean, "low": level.interval[0], "high": level.interval[1]}
        for level in effect.levels
    ]
    axis = score_axis(words, "f1", [end for row in rows for end in (row["low"], row["high"])])
    values = [row["n"] for row in rows]
    x = alt.X("n:Q", title=words.name("axis", "train_size"), scale=alt.Scale(type="log", nice=False, padding=20))
    base = alt.Chart(inline(rows)).encode(x=x.axis(values=values, format=",d"))
    chart = alt.layer(
        base.mark_line().encode(y=alt.Y("m:Q", **axis)),
        base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **axis), y2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(y=alt.Y("m:Q", **axis)),
    )
    return finish(chart.properties(width=WIDTH - 80, height=220), words("train_size"), theme(words))


def seeds(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, Any] | None:  # noqa: ARG001
    """Chart F1 of runs that differ only in their seed, one row per group; ``None`` without any."""
    spread = analysis.seeds
    if spread is None:
        return None
    rows: list[Row] = []
    groups = sorted(spread.groups, key=lambda group: -group.mean)[:20]
    for group in groups:
        parts = [words.value(value) for value in group.changes.values()]
        label = " · ".join(parts) or words.data("–")
        rows += [{"g": label, "m": value, "k": words("seeds_seed")} for value in group.values]
        rows.append({"g": label, "m": group.mean, "k": words("seeds_mean")})
    axis = score_axis(words, "f1", [row["m"] for row in rows])
    kinds = [words("seeds_seed"), words("seeds_mean")]
    chart = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, opacity=0.85)
        .encode(
            x=alt.X("m:Q", **axis),
            y=alt.Y("g:N", title=None, sort=list(dict.fromkeys(row["g"] for row in rows))).axis(grid=True),
            shape=alt.Shape("k:N", title=None, scale=alt.Scale(domain=kinds, range=["circle", "diamond"])),
            color=alt.Color("k:N", title=None, scale=alt.Scale(domain=kinds)).legend(orient="bottom"),
            size=alt.Size("k:O", title=None, scale=alt.Scale(domain=kinds, range=[35, 75])),
        )
    )
    return finish(chart.properties(width=WIDTH - 190, height=20 * len(groups) + 10), words("seeds"), theme(words))


def ranking(study: Study, analysis: Analysis, words: ChartWords) -> dict[str, Any] | None:
    """Chart all scored runs by rank, with intervals; runs that may be the best are highlighted."""
    if len(study.scored) < 3:
        return None
    among = set(analysis.best.names) if analysis.best is not None else set()
    sides = {True: words("frontier_best"), False: words("frontier_other")}
    rows: list[Row] = []
    for rank, run in enumerate(study.scored[:_MOST_RANKED], 1):
        score = study.score(run)
        assert score is not None, run.name
        low, high = score.f1_interval
        rows.append(
            {
                "p": rank,
                "m": score.f1,
                "low": low,
                "high": high,
                "side": sides[run.name in among],
                "run": words.data(run.name),
                "t": words.points(score.f1),
                "i": words.interval(low, high),
            }
        )
    axis = score_axis(words, "f1", [end for row in rows for end in (row["low"], row["high"])])
    color = alt.Color("side:N", title=None, scale=alt.Scale(domain=list(sides.values())))
    color = color.legend(orient="bottom") if among else color.legend(None)
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("p:Q", title=words("ranking_place"), scale=alt.Scale(domain=[0.5, len(rows) + 0.5], nice=False)).axis(
            grid=False, format="d", tickMinStep=1
        ),
        color=color,
        tooltip=[
            alt.Tooltip("run:N", title=words("run")),
            alt.Tooltip("t:N", title=words("f1")),
            alt.Tooltip("i:N", title=words("interval")),
        ],
    )
    chart = alt.layer(
        base.mark_rule(strokeWidth=1.6, opacity=0.7).encode(y=alt.Y("low:Q", **axis), y2="high:Q"),
        base.mark_point(filled=True, size=26, opacity=1).encode(y=alt.Y("m:Q", **axis)),
    )
    return finish(chart.properties(width=WIDTH - 60, height=220), words("ranking"), theme(words))
