"""What charts show, held against figures made by hand: each run's own, in the right direction, at the right place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hand_study import F1, analysis, contrast, curve, effect, name_of, rank_effects, study
from squadron.reporting.charts.gallery import CHARTS
from squadron.reporting.charts.words import ChartWords, chart_words
from squadron.reporting.published import PUBLISHED
from squadron.runs.records import Study

Row = dict[str, Any]
WORDS: ChartWords = chart_words("en")


def drawn(name: str, own: Study | None = None, **changes: Any) -> dict[str, Any]:
    """The chart of the study by hand with these findings changed."""
    spec = CHARTS[name](own or study(), analysis(**changes), WORDS)
    assert spec is not None
    return spec


def tables(spec: dict[str, Any]) -> list[list[Row]]:
    """The data of a chart's panels, in the order in which they stand; what layers share comes once."""
    found: list[list[Row]] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            data = part.get("data")
            if isinstance(data, dict):
                rows = data["values"] if "values" in data else spec["datasets"][data["name"]]
                if rows not in found:
                    found.append(rows)
            for key, value in part.items():
                if key not in ("data", "datasets", "config"):
                    walk(value)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    walk(spec)
    return found


def column(rows: list[Row], *keys: str) -> list[Any]:
    return [tuple(row[key] for key in keys) if len(keys) > 1 else row[keys[0]] for row in rows]


def test_a_cell_of_the_heatmap_is_the_f1_of_its_rank_rate_and_modules() -> None:
    (rows,) = tables(drawn("heatmap"))
    found = {(row["p"], row["r"], row["l"]): row["f1"] for row in rows}
    assert found == {(modules, WORDS.value(rank), WORDS.value(rate)): f1 for (modules, rank, rate), f1 in F1.items()}
    assert [row["f1"] for row in rows if row["top"]] == [77.0]
    assert sorted(row["f1"] for row in rows if row["dark"]) == [54.0, 65.0, 77.0]  # above 8 + 0.6 * 69
    assert all(row["t"] == WORDS.points(row["f1"]) for row in rows)


def test_a_cell_of_several_runs_is_their_mean() -> None:
    whole = study()
    twins = tuple(
        replace(one, name=f"{one.name}-again", scores={"validation": {"greedy": replace(own, f1=own.f1 + 4.0)}})
        for one in whole.runs
        if (own := one.score("validation", "greedy"))
    )
    (rows,) = tables(drawn("heatmap", replace(whole, runs=whole.runs + twins)))
    assert {row["f1"] for row in rows} == {f1 + 2.0 for f1 in F1.values()}


def test_without_modules_to_part_them_the_heatmap_has_one_panel() -> None:
    whole = study()
    runs = tuple(one for one in whole.runs if one.changes["targets"] == "attention")
    own = replace(whole, runs=runs, axes={key: value for key, value in whole.axes.items() if key != "targets"})
    spec = drawn("heatmap", own)
    (rows,) = tables(spec)
    assert {(row["r"], row["l"]): row["f1"] for row in rows} == {
        (WORDS.value(rank), WORDS.value(rate)): f1 for (one, rank, rate), f1 in F1.items() if one == "attention"
    }
    assert "facet" not in spec


def test_the_ranking_has_every_run_in_its_place_with_its_interval() -> None:
    (rows,) = tables(drawn("ranking"))
    order = sorted(F1, key=lambda key: -F1[key])
    assert column(rows, "p", "run") == [(place, name_of(*key)) for place, key in enumerate(order, 1)]
    assert column(rows, "m", "low", "high") == [(F1[key], F1[key] - 3.0, F1[key] + 5.0) for key in order]
    best, other = WORDS("frontier_best"), WORDS("frontier_other")
    assert column(rows, "side") == [best, other, best, *[other] * 5]


def test_a_main_effect_shows_the_means_and_every_run_at_its_own_value() -> None:
    f1 = effect("rank", {4: 38.5, 8: 40.5}, "no_difference")
    em = effect("rank", {4: 51.5, 8: 49.5}, "no_difference", "exact_match")
    modules = effect("targets", {"attention": 32.5, "attention+mlp": 46.5}, "differs")
    found = tables(drawn("main_effects", effects=(f1, em, modules)))
    assert len(found) == 4  # EM has no panel
    singles, means = found[0], found[1]
    assert sorted(column(singles, "run", "v", "m")) == sorted(
        (name_of(*key), WORDS.value(key[1]), value) for key, value in F1.items()
    )
    assert column(means, "v", "m", "low", "high") == [("4", 38.5, 37.5, 40.5), ("8", 40.5, 39.5, 42.5)]
    singles, means = found[2], found[3]
    assert sorted(column(singles, "run", "v")) == sorted((name_of(*key), key[0]) for key in F1)
    assert column(means, "v", "m") == [("attention", 32.5), ("attention+mlp", 46.5)]


def test_a_difference_is_a_value_less_the_best_one_whichever_stood_first() -> None:
    """4 stands before the best in its contrast and 16 after it; both are worse, so both are below 0."""
    pairs = (
        contrast(4, 8, 6.0, "higher"),  # 2 to 8
        contrast(4, 16, 5.0, "higher"),
        contrast(8, 16, -1.0, "no_difference"),  # -5 to 1
    )
    own = effect("rank", {4: 30.0, 8: 36.0, 16: 35.0}, "non_monotone", contrasts=pairs)
    band, zero, rows = tables(drawn("differences", effects=(own,)))
    margin = analysis().plan.margin
    assert (column(band, "low", "high"), column(zero, "zero")) == ([(-margin, margin)], [0.0])
    found = {row["v"]: (row["d"], row.get("low"), row.get("high"), row["side"]) for row in rows}
    assert found == {
        "4": (-6.0, -8.0, -2.0, WORDS("differences_shown")),
        "8": (0.0, None, None, WORDS("differences_best")),
        "16": (-1.0, -5.0, 1.0, WORDS("differences_noise")),
    }


def test_the_number_of_questions_stands_by_its_mean() -> None:
    own = effect("train_size", {250: 20.0, 500: 31.0, 1000: 29.0}, "higher")
    (rows,) = tables(drawn("train_size", effects=(own,)))
    assert column(rows, "n", "m", "low", "high") == [
        (250, 20.0, 19.0, 22.0),
        (500, 31.0, 30.0, 33.0),
        (1000, 29.0, 28.0, 31.0),
    ]


def test_seeds_stand_in_their_group_the_best_first() -> None:
    (rows,) = tables(drawn("seeds"))
    one, mean = WORDS("seeds_seed"), WORDS("seeds_mean")
    slow = WORDS.value(1e-4)
    assert column(rows, "g", "m", "k") == [
        *[(f"8 · {slow}", value, one) for value in (50.0, 57.0, 55.0)],
        (f"8 · {slow}", 54.0, mean),
        *[(f"4 · {slow}", value, one) for value in (20.0, 26.0)],
        (f"4 · {slow}", 23.0, mean),
    ]


def test_losses_by_epoch_are_each_runs_own() -> None:
    (rows,) = tables(drawn("losses"))
    training, validation = WORDS("losses_training"), WORDS("losses_validation")
    expected = []
    for number, key in enumerate(F1):
        about = (name_of(*key), WORDS.value(key[2]))
        expected += [(*about, 1, number + 0.15, training), (*about, 2, number + 0.35, training)]
        expected += [(*about, 1, number + 0.5, validation), (*about, 2, number + 0.6, validation)]
    assert sorted(column(rows, "run", "a", "e", "y", "side")) == sorted(expected)
    assert {row["run"] for row in rows if row["w"] > 1.0} == {"attention+mlp-r8-slow"}


def test_losses_by_step_are_each_runs_own() -> None:
    whole = study()
    few = replace(whole, runs=whole.runs[:2])
    (rows,) = tables(drawn("losses", few))
    expected = []
    for place, name in ((6, "attention+mlp-r8-slow"), (4, "attention+mlp-r4-slow")):
        own = curve(place)
        expected += [
            (name, step, loss, WORDS("losses_training")) for step, loss in zip(own.steps, own.losses, strict=True)
        ]
        expected += [(name, one.step, one.loss, WORDS("losses_validation")) for one in own.validations]
    assert column(rows, "run", "s", "y", "side") == [
        row for name in (few.runs[0].name, few.runs[1].name) for row in expected if row[0] == name
    ]


def test_strategies_have_f1_in_one_panel_and_em_in_the_other() -> None:
    spec = drawn("decodings")
    f1, em = tables(spec)
    names = {key: WORDS.name("decoding_name", key) for key in ("greedy", "span", "nucleus", "beam")}
    scores = {"greedy": 60.0, "span": 66.0, "nucleus": 51.0, "beam": 59.0}
    assert {row["n"]: (row["m"], row["low"], row["high"]) for row in f1} == {
        names[key]: (value, value - 3.0, value + 5.0) for key, value in scores.items()
    }
    assert {row["n"]: (row["m"], row["low"], row["high"]) for row in em} == {
        names[key]: (90.0 - value, 88.0 - value, 94.0 - value) for key, value in scores.items()
    }
    titles = [panel["layer"][0]["encoding"]["x"]["title"] for panel in spec["hconcat"]]
    assert titles == [WORDS("f1"), WORDS("exact_match")]
    order = spec["hconcat"][0]["layer"][0]["encoding"]["y"]["sort"]
    assert order == [names[key] for key in ("span", "greedy", "beam", "nucleus")]


def test_kinds_of_mistake_have_the_best_runs_share_and_the_bases() -> None:
    (rows,) = tables(drawn("kinds"))
    best, base = WORDS("kinds_best"), WORDS("kinds_base")
    long, empty = WORDS.name("kind", "too_long"), WORDS.name("kind", "empty")
    assert [(row["n"], row["k"], row["s"], row.get("low"), row.get("high")) for row in rows] == [
        (long, best, 0.6, 0.45, 0.73),
        (long, base, 0.125, None, None),
        (empty, best, 0.4, 0.27, 0.55),
        (empty, base, 0.875, None, None),
    ]


def test_the_frontier_has_each_runs_own_costs() -> None:
    found = [rows for rows in tables(drawn("frontier")) if "run" in rows[0]]
    assert len(found) == 3  # parameters in thousands, seconds, MiB
    costs: dict[str, tuple[float, float, float]] = {}
    for place, key in enumerate(F1):
        costs[name_of(*key)] = (1.0 + place // 2, 10.0 * (8 - place), 100.0 + (3 * place) % 8)
    for panel, rows in enumerate(found):
        assert {row["run"]: row["c"] for row in rows} == {name: own[panel] for name, own in costs.items()}
        assert {row["run"]: row["m"] for row in rows} == {name_of(*key): f1 for key, f1 in F1.items()}
        assert {row["run"]: row["a"] for row in rows} == {name_of(*key): key[0] for key in F1}
        best = {row["run"] for row in rows if row["side"] == WORDS("frontier_best")}
        assert best == {"attention+mlp-r8-slow", "attention-r8-fast"}
        ahead = {row["run"] for row in rows if row["ahead"]}
        assert ahead == ({"attention+mlp-r4-slow"} if panel == 1 else set())


def test_models_have_their_own_f1_beside_the_published_ones() -> None:
    measured, published = tables(drawn("models"))
    assert column(measured, "n", "m", "low", "high") == [
        (WORDS("models_baseline"), 5.0, 2.0, 10.0),
        (WORDS("models_best"), 77.0, 74.0, 82.0),
    ]
    # As the papers print them (see the bibliography).
    figures = {row["n"]: row["m"] for row in published}
    assert (figures[WORDS("published_lora")], figures[WORDS("published_human")]) == (64.64, 91.2)
    known = {one.key: one.f1 for one in PUBLISHED}
    shown = [WORDS(f"published_{key}") for key in known if f"published_{key}" in WORDS.own]
    assert set(figures) <= set(shown)
    assert len(published) == 6
    for key, f1 in known.items():
        if f"published_{key}" in WORDS.own and WORDS(f"published_{key}") in figures:
            assert figures[WORDS(f"published_{key}")] == f1, key


@pytest.mark.parametrize("name", ["heatmap", "ranking", "main_effects", "losses", "frontier", "train_size"])
def test_more_is_up_and_to_the_right(name: str) -> None:
    """No axis of numbers is turned round, and a score's interval goes from its low end to its high one."""
    effects = (*rank_effects(), effect("train_size", {250: 20.0, 500: 31.0}, "higher"))
    spec = drawn(name, effects=effects)
    seen = 0

    def walk(part: Any) -> None:
        nonlocal seen
        if isinstance(part, dict):
            for channel in ("x", "y"):
                own = part.get("encoding", {}).get(channel, {}) if isinstance(part.get("encoding"), dict) else {}
                if own.get("type") == "quantitative":
                    seen += 1
                    assert own.get("sort") is None
                    assert not own.get("scale", {}).get("reverse")
                    domain = own.get("scale", {}).get("domain")
                    assert domain is None or domain == sorted(domain)
                    if own["field"] == "low":
                        assert part["encoding"][f"{channel}2"]["field"] == "high"
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    walk(spec)
    assert seen > 0 or name == "heatmap"
