"""Charts that compare models and strategies, and their mistakes."""

from __future__ import annotations

from typing import Any

import altair as alt

from squadron.reporting.analysis.findings import Analysis, ModelComparison
from squadron.reporting.charts.parts import Row, finish, inline, label_width
from squadron.reporting.charts.theme import WIDTH, theme
from squadron.reporting.charts.words import ChartWords
from squadron.reporting.published import PUBLISHED
from squadron.runs.records import Study

_BAR = 22
_FIFTHS, _HALVES = [0, 20, 40, 60, 80, 100], [0, 50, 100]
_SHOWN_PUBLISHED = ("zero_shot", "lora", "full", "human", "study_base", "study_greedy")


def charted_models(analysis: Analysis) -> ModelComparison:
    """Return the comparison to chart: the leading split's, unless it lacks a model."""
    return max(analysis.models, key=lambda comparison: len(comparison.models))


def models(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:
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
    # The pocket's world is made up, and another rule gives other scores: no published figure belongs beside them.
    own_only = study.base.name == "pocket" or study.normalize != "official"
    names = label_width([str(row["n"]) for row in (measured if own_only else [*measured, *others])])
    x = alt.X("m:Q", title=words("f1"), scale=alt.Scale(domain=[0, 100])).axis(
        values=_FIFTHS if width >= WIDTH else _HALVES
    )

    def panel(rows: list[Row], title: str, *, own: bool) -> Any:
        y = alt.Y("n:N", title=None, sort=[row["n"] for row in rows]).axis(
            minExtent=names, labelLimit=names + 30, ticks=False
        )
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
        return alt.layer(*layers).properties(width=width - names - 40, height=_BAR * len(rows), title=heading)

    own = panel(measured, words("models_measured"), own=True)
    if own_only:
        return finish(own, words("models_own"), theme(words))
    chart = alt.vconcat(own, panel(others, words("models_published"), own=False), spacing=14)
    return finish(chart, words("models"), theme(words))


def decodings(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:  # noqa: ARG001
    """Chart EM and F1 of the best run's strategies, with intervals."""
    compared = analysis.decodings
    if compared is None:
        return None
    order = [score.decoding for score in sorted(compared.scores, key=lambda score: -score.f1)]
    names = {decoding: words.name("decoding_name", decoding) for decoding in order}
    narrow = width < WIDTH
    left = label_width(list(names.values()))
    panel_width = width - left - 20 if narrow else (width - left - 30) / 2
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
        y = alt.Y("n:N", title=None, sort=list(names.values())).axis(labels=index == 0 or narrow, ticks=False)
        base = alt.Chart(inline(rows)).encode(y=y)
        x = alt.X("m:Q", title=words(metric), scale=alt.Scale(domain=[0, 112])).axis(values=[0, 20, 40, 60, 80, 100])
        chart = alt.layer(
            base.mark_bar(size=13).encode(x=x),
            base.mark_rule().encode(x=alt.X("low:Q"), x2="high:Q"),
            base.mark_text(align="left", dx=5).encode(x=alt.X("high:Q"), text="t:N"),
        )
        panels.append(chart.properties(width=panel_width, height=_BAR * len(rows)))
    beside = alt.vconcat(*panels, spacing=12) if narrow else alt.hconcat(*panels, spacing=18)
    return finish(beside, words("decodings"), theme(words))


def kinds(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:  # noqa: ARG001
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
    fill = alt.Fill("k:N", title=None, scale=alt.Scale(domain=shown)).legend(orient="bottom")
    x = alt.X("s:Q", title=words("kinds_share")).axis(format="%", labelExpr=words.percent_label, tickCount=6)
    chart = alt.layer(
        base.mark_bar(size=9).encode(x=x, fill=fill),
        base.mark_rule().encode(x=alt.X("low:Q"), x2="high:Q").transform_filter("isValid(datum.low)"),
    )
    height = (12 * len(shown) + 8) * len(order)
    return finish(chart.properties(width=width - label_width(order) - 30, height=height), words("kinds"), theme(words))
