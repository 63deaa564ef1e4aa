"""Searches: what is proposed is within the space, depends on seed and scores alone, and learns from them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import ConfigError
from squadron.options.sweep import SweepOptions
from squadron.sweeps.grid import PlannedRun, SweepPlan, next_runs, read_sweep
from squadron.sweeps.sweep import sweep

SPACE = "space: {lr: {low: 1e-5, high: 1, log: true}, rank: {low: 1, high: 64}, targets: [all, [attn.q, attn.v]]}"


def plan(tmp_path: Path, text: str, **overrides: Any) -> SweepPlan:
    path = tmp_path / "search.yaml"
    path.write_text(text)
    return read_sweep(path, overrides)


def names(runs: tuple[PlannedRun, ...]) -> list[str]:
    return [run.name for run in runs]


def test_a_random_search_depends_on_its_seed_alone_and_stays_within_the_space(tmp_path: Path) -> None:
    text = f"base: {{epochs: 2}}\nsearch: {{method: random, trials: 200, {SPACE}}}"
    found = plan(tmp_path, text)
    assert len(set(names(found.runs))) == found.total == 200
    assert names(plan(tmp_path, text).runs) == names(found.runs)
    assert names(plan(tmp_path, text, seed=1).runs) != names(found.runs)
    rates = [run.options["lr"] for run in found.runs]
    assert all(1e-5 <= rate <= 1 for rate in rates)
    assert 60 < sum(rate < 10**-2.5 for rate in rates) < 140  # uniform in its logarithm
    ranks = {run.options["rank"] for run in found.runs}
    assert ranks <= set(range(1, 65))
    assert len(ranks) > 50
    assert all(isinstance(rank, int) for rank in ranks)
    assert {run.options["target_modules"] for run in found.runs} == {("all",), ("attn.q", "attn.v")}
    assert all(run.options["epochs"] == 2 for run in found.runs)
    assert next_runs(found.config, {}) == ()


def test_every_run_of_a_small_space_is_drawn_once(tmp_path: Path) -> None:
    found = plan(tmp_path, "search: {method: random, trials: 50, space: {rank: [4, 8], alpha: [1, 2]}}")
    assert sorted(names(found.runs)) == ["r4-a1", "r4-a2", "r8-a1", "r8-a2"]
    ends = plan(tmp_path, "search: {method: random, trials: 99, space: {rank: {low: 1, high: 3}}}")
    assert sorted(names(ends.runs)) == ["r1", "r2", "r3"]


def study(found: SweepPlan, score: Callable[[Mapping[str, Any]], float | None]) -> list[tuple[str, ...]]:
    """Return all batches of a search, each scored before the next."""
    batches, scores = [tuple(names(found.runs))], {run.name: score(run.options) for run in found.runs}
    while batch := next_runs(found.config, scores):
        batches.append(tuple(names(batch)))
        scores |= {run.name: score(run.options) for run in batch}
    return batches


def near_three(options: Mapping[str, Any]) -> float | None:
    """Return a score that is best at a rate of 1e-3; a run of rank 64 has none."""
    return None if options["rank"] == 64 else -abs(math.log10(options["lr"]) + 3)


def test_a_study_learns_and_proposes_the_same_again(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    found = plan(tmp_path, f"search: {{method: optuna, trials: 40, batch: 8, {SPACE}}}")
    assert (len(found.runs), found.total) == (8, 40)  # progress counts all of them
    batches = study(found, near_three)
    assert [len(batch) for batch in batches[:2]] == [8, 8]
    assert sum(map(len, batches)) <= 40
    assert study(found, near_three) == batches  # killed and resumed: equal scores give equal runs
    assert study(found, lambda options: -options["lr"]) != batches
    rates = [float(name.split("-a")[0].split("lr")[1].partition("-attn")[0]) for batch in batches for name in batch]
    first, last = rates[:16], rates[-16:]
    assert sum(abs(math.log10(rate) + 3) for rate in last) < 0.6 * sum(abs(math.log10(rate) + 3) for rate in first)


def test_a_study_of_a_small_space_ends(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    found = plan(tmp_path, "search: {method: optuna, trials: 30, batch: 4, space: {rank: [4, 8], alpha: [1, 2]}}")
    batches = study(found, lambda options: options["rank"])
    assert sorted(name for batch in batches for name in batch) == ["r4-a1", "r4-a2", "r8-a1", "r8-a2"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("search: 3", "search 3: not a mapping"),
        ("search: {method: grid, trials: 3, space: {rank: [4]}}", "search.method 'grid': input should be"),
        ("search: {method: random, space: {rank: [4]}}", "search.trials: missing; give how many runs"),
        ("search: {method: random, trials: 99999, space: {rank: [4]}}", "search.trials 99999: input should be less"),
        (
            "search: {method: random, trials: 3}",
            "search.space: missing; give axes with values or a range, such as {rank",
        ),
        ("search: {method: random, trials: 3, space: {rnk: [4]}}", "search.space.rnk [4]: unknown axis, perhaps rank"),
        ("search: {method: random, trials: 3, space: {rank: []}}", "search.space.rank []: too short; give 1 or more"),
        ("search: {method: random, trials: 3, space: {rank: [0]}}", "search.space.rank[0] 0: input should be"),
        (
            "search: {method: random, trials: 3, space: {rank: {low: 1}}}",
            "search.space.rank.high: missing; give the highest",
        ),
        ("search: {method: random, trials: 3, space: {rank: {low: 9, high: 1}}}", "search.space.rank {'low': 9"),
        ("search: {method: random, trials: 3, space: {lr: {low: 0.1, high: 2}}}", "search.space.lr.high 2: input"),
        ("search: {method: random, trials: 3, space: {dropout: {low: 0, high: 0.5, log: true}}}", "search.space.drop"),
        ("search: {method: random, trials: 3, space: {order: {low: 0, high: 1}}}", "search.space.order.low 0: input"),
        (
            "search: {method: random, trails: 3, trials: 3, space: {rank: [4]}}",
            "search.trails 3: unknown key, perhaps trials",
        ),
        (
            "search: {method: optuna, trials: 3, batch: 1, space: {method: [lora, full], rank: [4, 8], alpha: [1]}}",
            "search.space.method ('lora', 'full'): full trains all weights and has no rank or alpha; remove full",
        ),
        ("search: {method: random, trials: 3, space: {rank: [4]}}\nseeds: 3", "seeds (0, 1, 2): cannot be combined"),
        ("search: {method: random, trials: 3, space: {rank: [4]}}\nevaluate: {split: test}", "evaluate.split 'test'"),
    ],
)
def test_a_problem_of_a_search_is_reported(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, text)
    assert any(line.startswith(told) for line in str(caught.value).splitlines()[1:]), caught.value


def test_without_optuna_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"search.method optuna: not installed; pip install 'squadron\[search\]'"):
        plan(tmp_path, "search: {method: optuna, trials: 3, space: {rank: [4]}}")


def test_a_sweep_makes_the_runs_of_a_study_and_finds_them_again(
    tmp_path: Path, byte_base_dir: Path, small_data: Path
) -> None:
    pytest.importorskip("optuna")
    path = tmp_path / "study.yaml"
    path.write_text(
        "base: {epochs: 1, eval_questions: 0}\nevaluate: {max_new_tokens: 2}\n"
        "search: {method: optuna, trials: 4, batch: 2, space: {lr: {low: 1e-4, high: 0.1, log: true}}}"
    )
    given = {"config": str(path), "base": str(byte_base_dir), "dataset": str(small_data), "precision": "fp32"}
    options = SweepOptions(**given, out=str(tmp_path / "out"), fleet_size=2)
    record = sweep(options)
    runs = {run["name"]: run["f1"] for run in record["runs"]}
    assert len(runs) == 4
    assert all(run["status"] == "done" for run in record["runs"])
    assert [run["name"] for run in sweep(options, resume=True)["runs"]] == list(runs)
    with pytest.raises(ConfigError, match="halving=2: an Optuna study needs complete runs"):
        sweep(SweepOptions(**given, out=str(tmp_path / "other"), halving=2))
    with pytest.raises(ConfigError, match="join=True: only the coordinator can propose the runs of an Optuna study"):
        sweep(options, join=True)
