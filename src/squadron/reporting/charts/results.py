"""Charts of scores by setting: heatmap, main effects and their differences, seeds, and the ranking of runs."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from squadron.reporting.analysis.effects import comparable_runs, present_levels, setting
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.verdicts import Effect
from squadron.reporting.charts.parts import (
    Row,
    finish,
    in_rows,
    inline,
    label_width,
    panel_needs,
    panel_rows,
    score_axis,
    upright,
)
from squadron.reporting.charts.theme import WIDTH, theme
from squadron.reporting.charts.ticks import linear_ticks
from squadron.reporting.charts.words import ChartWords
from squadron.runs.records import Study

_CELL = 27
_MOST_PANELS = 6
_MOST_RANKED = 100


def heatmap(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:  # noqa: ARG001
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
    ticks, places = linear_ticks(low, high)
    base = alt.Chart().encode(
        # Ranks are short: across, their labels stand upright.
        x=alt.X("r:N", title=words.name("axis", "rank"), sort=[words.value(rank) for rank in ranks]).axis(
            labelAngle=0, domain=False, ticks=False
        ),
        y=alt.Y("l:N", title=words.name("axis", "lr"), sort=[words.value(rate) for rate in reversed(rates)]).axis(
            domain=False, ticks=False
        ),
    )
    cells = base.mark_rect(cornerRadius=2).encode(
        color=alt.Color("f1:Q", title=words("f1"), scale=alt.Scale(domain=[low, high])).legend(
            orient="bottom", direction="horizontal", gradientLength=200, values=ticks, format=f".{places}f"
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
    layered = layered.properties(width=max(110, min(34 * len(ranks), 400)), height=_CELL * len(rates))
    chart: Any = layered.properties(data=inline(rows))
    if panels != [None]:
        names = [words.data(str(panel)) for panel in panels]
        chart = layered.facet(
            facet=alt.Facet("p:N", title=None, sort=names),
            columns=len(panels) if width >= WIDTH else 1,
            data=inline(rows),
            spacing=14,
        )
    return finish(chart, words("heatmap"), theme(words))


def main_effects(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:
    """Chart the mean F1 of each value of each axis, with its interval and the single runs."""
    effects = [effect for effect in analysis.effects if effect.metric == "f1"][:_MOST_PANELS]
    if not effects:
        return None
    runs = comparable_runs(study)
    scores = [score.f1 for run in runs if (score := study.score(run)) is not None]
    ends = [end for effect in effects for level in effect.levels for end in level.interval]
    axis = score_axis(words, "f1", [*scores, *ends])
    needs = [panel_needs([words.value(level.value) for level in effect.levels]) for effect in effects]
    lines = [
        [
            _effect(study, effects[place], words, axis, own, first=position == 0)
            for position, (place, own) in enumerate(line)
        ]
        for line in panel_rows(needs, width)
    ]
    return finish(in_rows(lines), words("effects"), theme(words))


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
    x = x.axis(**upright(order, width))
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


def train_size(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:  # noqa: ARG001
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
    return finish(chart.properties(width=width - 80, height=220), words("train_size"), theme(words))


def seeds(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:  # noqa: ARG001
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
    names = min(220.0, label_width([row["g"] for row in rows]))
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
    return finish(
        chart.properties(width=width - names - 30, height=20 * len(groups) + 10), words("seeds"), theme(words)
    )


def ranking(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:
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
    shapes = alt.Scale(domain=list(sides.values()), range=["diamond", "circle"])
    shape = alt.Shape("side:N", title=None, scale=shapes)
    shape = shape.legend(orient="bottom") if among else shape.legend(None)
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
        base.mark_point(filled=True, size=34, opacity=1).encode(y=alt.Y("m:Q", **axis), shape=shape),
    )
    return finish(chart.properties(width=width - 60, height=220), words("ranking"), theme(words))
