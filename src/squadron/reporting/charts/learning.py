"""Charts of training and validation loss."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from squadron.reporting.analysis.effects import setting
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.charts.parts import SHAPES, Row, finish, inline
from squadron.reporting.charts.theme import WIDTH, theme
from squadron.reporting.charts.ticks import log_ticks
from squadron.reporting.charts.words import ChartWords
from squadron.runs.records import Study, StudyRun

_COLOURED_BY = ("lr", "rank", "targets")
_FEW_RUNS = 3
_FEW_COLOURS = 3
_MOST_POINTS = 200


def losses(study: Study, analysis: Analysis, words: ChartWords, width: int = WIDTH) -> dict[str, Any] | None:
    """Chart training and validation loss of every run by epoch; for few runs, by step and smoothed."""
    runs = [run for run in study.scored if run.curve.steps] or [run for run in study.runs if run.curve.steps]
    if not runs:
        return None
    if len(runs) <= _FEW_RUNS:
        return _by_step(runs, words, width)
    axis = next((axis_name for axis_name in _COLOURED_BY if axis_name in study.axes), None)
    sides = [words("losses_training"), words("losses_validation")]
    rows: list[Row] = []
    best = study.best.name if study.best is not None else None
    for place, run in enumerate(runs):
        fit = analysis.fits.of(run.name)
        if fit is None:
            continue
        value = None if axis is None else setting(run, axis)
        about = {
            "id": place,  # shown names are cut: those of two runs may be alike
            "run": words.data(run.name),
            "a": words.name("method_name", "full") if value is None else words.value(value),
            "w": 2.6 if run.name == best else 1.0,
        }
        for epoch, training, validation in zip(fit.epochs, fit.training, fit.validation, strict=True):
            rows.append({**about, "e": epoch, "y": training, "side": sides[0]})
            if validation is not None:
                rows.append({**about, "e": epoch, "y": validation, "side": sides[1]})
    if not rows:
        return None
    epochs = sorted({row["e"] for row in rows})
    encodings: dict[str, Any] = {
        "x": alt.X("e:Q", title=words("epoch"), scale=alt.Scale(nice=False, padding=8)).axis(
            values=epochs, format="d", grid=False
        ),
        "y": _loss_axis(words, [row["y"] for row in rows]),
        "detail": "id:N",
        "strokeWidth": alt.StrokeWidth("w:Q", scale=None),
        "tooltip": [alt.Tooltip("run:N", title=words("run"))],
    }
    columns = len(runs) if width >= WIDTH else 3
    if axis is not None:
        present = {row["a"] for row in rows}
        domain = [words.value(value) for value in study.axes[axis] if words.value(value) in present]
        domain += sorted(present - set(domain))
        # A sequential scheme with few steps is hard to distinguish; categorical colours are not.
        kind = "O" if axis != "targets" and len(domain) > _FEW_COLOURS else "N"
        encodings["color"] = alt.Color(
            f"a:{kind}", title=words.name("axis", axis), sort=domain, scale=alt.Scale(domain=domain)
        ).legend(orient="bottom", columns=columns)
        shapes = [SHAPES[place % len(SHAPES)] for place in range(len(domain))]
        encodings["shape"] = alt.Shape(
            f"a:{kind}", title=words.name("axis", axis), sort=domain, scale=alt.Scale(domain=domain, range=shapes)
        ).legend(orient="bottom", columns=columns)
    chart = (
        alt.Chart()
        .mark_line(opacity=0.75, point={"size": 26, "filled": True})
        .encode(**encodings)
        .properties(width=(width - 80) / 2 if width >= WIDTH else width - 60, height=210)
        .facet(
            facet=alt.Facet("side:N", title=None, sort=sides),
            columns=2 if width >= WIDTH else 1,
            data=inline(rows),
            spacing=18,
        )
    )
    return finish(chart, words("losses"), theme(words))


def _by_step(runs: list[StudyRun], words: ChartWords, width: int) -> dict[str, Any]:
    sides = [words("losses_training"), words("losses_validation")]
    rows: list[Row] = []
    for place, run in enumerate(runs):
        name = words.data(run.name)
        rows += [{"id": place, "run": name, "s": step, "y": loss, "side": sides[0]} for step, loss in _smoothed(run)]
        rows += [
            {"id": place, "run": name, "s": point.step, "y": point.loss, "side": sides[1]}
            for point in run.curve.validations
            if point.loss is not None
        ]
    encodings: dict[str, Any] = {
        "x": alt.X("s:Q", title=words("step"), scale=alt.Scale(nice=False, padding=6)).axis(format=",d", grid=False),
        "y": _loss_axis(words, [row["y"] for row in rows]),
        "detail": "id:N",
        "color": alt.Color("side:N", title=None, scale=alt.Scale(domain=sides)).legend(orient="bottom"),
    }
    if len(runs) == 1:
        dashes = alt.Scale(domain=sides, range=[[1, 0], [5, 3]])
        encodings["strokeDash"] = alt.StrokeDash("side:N", title=None, scale=dashes).legend(orient="bottom")
    else:
        encodings["strokeDash"] = alt.StrokeDash("run:N", title=words("run")).legend(orient="bottom")
    base = alt.Chart(inline(rows)).encode(**encodings)
    held_out = base.transform_filter(alt.FieldEqualPredicate(field="side", equal=sides[1]))
    chart = alt.layer(base.mark_line(strokeWidth=1.8), held_out.mark_point(filled=True, size=45, opacity=1))
    return finish(chart.properties(width=width - 70, height=230), words("losses"), theme(words))


def _loss_axis(words: ChartWords, losses: list[float]) -> Any:
    """Return a logarithmic axis of losses: they fall by factors. It is linear if one of them is 0."""
    low, high = min(losses), max(losses)
    if low <= 0:
        return alt.Y("y:Q", title=words("loss"), scale=alt.Scale(zero=False))
    values = log_ticks(low, high, least=4)
    scale = alt.Scale(type="log", nice=False, padding=6)
    return alt.Y("y:Q", title=words("loss"), scale=scale).axis(values=values, format=",.10~f")


def _smoothed(run: StudyRun) -> list[tuple[int, float]]:
    """Return about 200 points at most, each the mean of the steps since the one before."""
    known = [(step, loss) for step, loss in zip(run.curve.steps, run.curve.losses, strict=True) if loss is not None]
    width = max(1, -(-len(known) // _MOST_POINTS), min(8, len(known) // 20))
    groups = [known[start : start + width] for start in range(0, len(known), width)]
    return [(group[-1][0], float(np.mean([loss for _, loss in group]))) for group in groups]
