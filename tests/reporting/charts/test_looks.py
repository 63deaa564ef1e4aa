"""How charts look: ticks on every axis, no legend that repeats itself, upright labels, greys apart, a phone's width."""

from __future__ import annotations

import itertools
import math
import random
import re
from dataclasses import replace
from typing import Any

import pytest

from hand_study import analysis, effect, study
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.charts.gallery import CHARTS, chart_specs
from squadron.reporting.charts.rendering import to_svg
from squadron.reporting.charts.theme import theme
from squadron.reporting.charts.ticks import linear_ticks, log_ticks
from squadron.reporting.charts.words import chart_words
from squadron.runs.records import Study

from .test_charts import contrast, written

WORDS = chart_words("en")
PHONE = 346
"""Width in pixels that a page has for a chart on a screen of 375."""
SMALLEST = 9.0
"""The smallest size of text in pixels."""


@pytest.mark.parametrize(("low", "high"), [(24.6, 49.2), (51.0, 52.0), (1.0, 1e6), (0.31, 0.34), (90.0, 1100.0)])
def test_a_logarithmic_axis_has_at_least_two_ticks(low: float, high: float) -> None:
    found = log_ticks(low, high)
    assert len(found) >= 2
    assert all(low <= value * (1 + 1e-6) and value <= high * (1 + 1e-6) for value in found)


def test_ticks_of_any_range_lie_within_it_and_have_different_texts() -> None:
    generator = random.Random(3)
    for _ in range(2_000):
        low = generator.uniform(0.01, 100.0)
        high = low + 10 ** generator.uniform(-2, 4)
        values, places = linear_ticks(low, high)
        assert 2 <= len(values) <= 12, (low, high)
        assert all(low - 1e-6 <= value <= high + 1e-6 for value in values), (low, high)
        assert len({f"{value:.{places}f}" for value in values}) == len(values), (low, high, values)
        assert len(log_ticks(low, high)) >= 2, (low, high)


def test_the_ticks_of_losses_lie_over_the_whole_axis() -> None:
    generator = random.Random(5)
    drawn = ((10 ** generator.uniform(-2, 1), 2 ** generator.uniform(1, 6)) for _ in range(500))
    for low, ratio in [(0.23, 14.8), *drawn]:
        ends = [low, *log_ticks(low, low * ratio, least=4), low * ratio]
        gap = max(math.log(after / before) for before, after in itertools.pairwise(ends))
        assert gap < (0.4 if ratio > 10 else 0.67) * math.log(ratio), (low, ratio, ends)


def test_a_range_without_extent_has_one_tick() -> None:
    assert linear_ticks(50.0, 50.0) == ([50.0], 0)
    assert log_ticks(24.6, 24.6) == [24.6]


def test_costs_within_a_factor_of_two_have_ticks() -> None:
    """The trained parameters go from 24,600 to 49,200: no power of ten, nor 2 or 5 times one but 50, is between."""
    found = analysis()
    points = tuple(
        replace(point, costs={**point.costs, "trainable_parameters": 24_600.0 + 3_514.0 * place})
        for place, point in enumerate(found.frontier.points)
    )
    spec = CHARTS["frontier"](study(), replace(found, frontier=replace(found.frontier, points=points)), WORDS)
    assert spec is not None
    axis = spec["hconcat"][0]["layer"][-1]["encoding"]["x"]["axis"]
    assert axis["values"] == [30.0, 40.0]
    assert {"30", "40"} <= set(written(to_svg(spec)))


def test_the_frontier_is_a_line_of_steps_also_of_one_run() -> None:
    spec = CHARTS["frontier"](study(), analysis(), WORDS)
    assert spec is not None
    lines = [layer for panel in spec["hconcat"] for layer in panel["layer"] if layer["mark"]["type"] == "line"]
    (line,) = lines  # by hand, only one run is ahead, in seconds
    assert line["mark"]["interpolate"] == "step-after"
    corners = [(row["c"], row["m"]) for row in spec["datasets"][line["data"]["name"]]]
    scores = {point.run: point.f1 for point in analysis().frontier.points}
    ahead = next(point for point in analysis().frontier.points if point.frontier)
    cost, highest = ahead.costs["seconds"], max(point.costs["seconds"] for point in analysis().frontier.points)
    assert corners[1:] == [(cost, ahead.f1), (highest, ahead.f1)]
    assert corners[0][0] == cost
    assert corners[0][1] < min(scores.values())
    assert WORDS("frontier_edge") in written(to_svg(spec))


@pytest.mark.parametrize("spread", [0.4, 3.0, 69.0])
def test_the_legend_of_the_heatmap_has_every_value_once(spread: float) -> None:
    whole = study()
    runs = []
    for place, run in enumerate(whole.runs):
        own = run.score("validation", "greedy")
        score = None if own is None else replace(own, f1=60.0 + spread * place / len(whole.runs))
        runs.append(replace(run, scores={"validation": {"greedy": score}} if score else {}))
    spec = CHARTS["heatmap"](replace(whole, runs=tuple(runs)), analysis(), WORDS)
    assert spec is not None
    texts = written(to_svg(spec))
    shown = texts[texts.index(WORDS("f1")) + 1 :] if texts[-1] != WORDS("f1") else texts[: texts.index(WORDS("f1"))]
    legend = [text for text in _legend(to_svg(spec)) if re.fullmatch(r"[\d.]+", text)]
    assert len(legend) == len(set(legend)) >= 2, (legend, shown)


def _legend(svg: str) -> list[str]:
    """Return the texts of the legends of an SVG."""
    return [text for part in svg.split('class="mark-group role-legend"')[1:] for text in written(part)]


@pytest.fixture(scope="module")
def wide(paper: Study, paper_analysis: Analysis) -> dict[str, dict[str, Any]]:
    return chart_specs(paper, paper_analysis, WORDS)


@pytest.fixture(scope="module", params=["en", "fa"])
def phone(request: pytest.FixtureRequest, paper: Study, paper_analysis: Analysis) -> dict[str, str]:
    specs = chart_specs(paper, paper_analysis, chart_words(request.param), narrow=True)
    return {name: to_svg(spec) for name, spec in specs.items()}


def test_every_chart_fits_a_phone_at_a_size_that_can_be_read(phone: dict[str, str]) -> None:
    assert len(phone) >= 8
    for name, svg in phone.items():
        width = re.search(r'<svg[^>]* width="([\d.]+)"', svg)
        assert width is not None
        assert float(width[1]) <= PHONE, name
        sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)px"', svg)]
        assert sizes, name
        assert min(sizes) >= SMALLEST, name


def assert_upright(svgs: dict[str, str]) -> None:
    for name in ("heatmap", "main_effects", "differences", "losses", "frontier"):
        angles = set(re.findall(r"<text[^>]*rotate\(([-\d.]+)\)", svgs[name]))
        assert angles <= {"-90"}, name  # the titles of vertical axes


def test_labels_stand_upright_where_they_fit(phone: dict[str, str]) -> None:
    assert_upright(phone)


def test_labels_stand_upright_on_a_wide_screen(wide: dict[str, Any]) -> None:
    assert_upright({name: to_svg(spec) for name, spec in wide.items()})


def test_labels_that_do_not_fit_are_slanted() -> None:
    levels = {f"a-value-with-a-long-name-{place}": 30.0 + place for place in range(8)}
    spec = CHARTS["main_effects"](study(), replace(analysis(), effects=(effect("targets", levels, "differs"),)), WORDS)
    assert spec is not None
    assert re.search(r"<text[^>]*rotate\(320\)", to_svg(spec))


@pytest.mark.parametrize("dark", [False, True])
def test_colours_are_apart_in_grey(dark: bool) -> None:
    settings = theme(WORDS, dark=dark)["range"]
    for colours in (settings["category"], settings["ordinal"]):
        for first, second in itertools.combinations(colours, 2):
            assert contrast(first, second) >= 1.35, (first, second)
    for first, second in itertools.combinations(settings["category"][:2], 2):
        assert contrast(first, second) >= 1.9, (first, second)


def test_losses_are_logarithmic(paper: Study, paper_analysis: Analysis) -> None:
    spec = CHARTS["losses"](paper, paper_analysis, WORDS)
    assert spec is not None
    y = spec["spec"]["encoding"]["y"]
    assert y["scale"]["type"] == "log"
    assert len(y["axis"]["values"]) >= 2
    zero = replace(paper_analysis, fits=replace(paper_analysis.fits, runs=_without_loss(paper_analysis)))
    linear = CHARTS["losses"](paper, zero, WORDS)
    assert linear is not None
    assert "type" not in linear["spec"]["encoding"]["y"]["scale"]  # 0 has no logarithm


def _without_loss(found: Analysis) -> Any:
    first, *others = found.fits.runs
    return (replace(first, training=(0.0,) * len(first.training)), *others)


def test_runs_whose_shown_names_are_alike_have_lines_of_their_own(paper: Study, paper_analysis: Analysis) -> None:
    named = {run.name: f"{'a-long-name-of-a-run-' * 3}{place}" for place, run in enumerate(paper.runs)}
    runs = tuple(replace(run, name=named[run.name]) for run in paper.runs)
    fits = tuple(replace(fit, run=named[fit.run]) for fit in paper_analysis.fits.runs)
    found = replace(paper_analysis, fits=replace(paper_analysis.fits, runs=fits))
    spec = CHARTS["losses"](replace(paper, runs=runs), found, WORDS)
    assert spec is not None
    rows = next(iter(spec["datasets"].values()))
    assert len({row["run"] for row in rows}) == 1
    line = spec["spec"]["encoding"]["detail"]["field"]
    assert len({row[line] for row in rows}) == len({fit.run for fit in fits}) == 75


def test_shapes_tell_apart_what_colours_do(wide: dict[str, Any]) -> None:
    def channels(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = set(part.get("encoding", {})) if isinstance(part.get("encoding"), dict) else set()
            return own.union(*map(channels, part.values()))
        return set().union(*map(channels, part)) if isinstance(part, list) else set()

    for name in ("frontier", "losses", "ranking", "differences"):
        assert "shape" in channels(wide[name]), name
