"""Every option of a sweep takes effect: on its questions, its runs, its fleets or its evaluations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from squadron.data.prepared import load_split
from squadron.experiments.prepare import prepare
from squadron.options.core import PrepareOptions
from squadron.options.sweep import SweepOptions
from squadron.sweeps import coordinator
from squadron.sweeps import sweep as sweeping
from squadron.sweeps.sweep import sweep

CONFIG = """
base: {epochs: 7, seed: 1, lr: 0.01, eval_questions: 2, train_size: 5, val_size: 3, test_size: 2, weight_decay: 0.5}
grid: {max_length: [80, 256]}
evaluate: {decoding: [span, greedy], max_new_tokens: 3, limit: 3}
best: {split: test, decoding: [nucleus], max_new_tokens: 2, limit: 2}
"""


class EnoughError(Exception):
    """Stops the sweep once the arguments are recorded."""


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def swept(byte_base_dir: Path, small_squad: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A sweep whose command line overrides its configuration wherever possible."""
    folder = tmp_path_factory.mktemp("options")
    (folder / "config.yaml").write_text(CONFIG)
    where = {"config": str(folder / "config.yaml"), "base": str(byte_base_dir), "dataset": str(small_squad)}
    over: dict[str, Any] = {"epochs": 1, "seed": 4, "seeds": 2, "train_size": 9, "val_size": 4, "test_size": 3}
    options = SweepOptions(**where, **over, out=str(folder / "sweep"), fleet_size=1, precision="bf16")
    return folder / "sweep", sweep(options)


def runs(folder: Path) -> dict[tuple[int, int], Path]:
    """Return the run folders by length and seed."""
    found = {}
    for path in (folder / "runs").iterdir():
        config = read(path / "run.json")["config"]
        found[config["max_length"], config["seed"]] = path
    return found


def test_the_questions_are_drawn_by_its_sizes_and_its_seed(
    swept: tuple[Path, Any], small_squad: Path, tmp_path: Path
) -> None:
    folder, _ = swept
    sizes = {"train_size": 9, "val_size": 4, "test_size": 3}
    for seed, alike in ((4, True), (1, False)):
        out = tmp_path / str(seed)
        prepare(PrepareOptions(dataset=str(small_squad), out=str(out), seed=seed, **sizes))
        same = [
            load_split(out, name).dataset.golds() == load_split(folder / "data", name).dataset.golds()
            for name in ("train", "validation", "test")
        ]
        assert same == [alike] * 3, seed
    assert len(load_split(folder / "data", "train").dataset) == 9


def test_every_run_has_the_options_of_command_and_configuration(swept: tuple[Path, Any]) -> None:
    folder, result = swept
    found = runs(folder)
    assert sorted(found) == [(80, 4), (80, 5), (256, 4), (256, 5)]
    assert len(result["runs"]) == 4
    for path in found.values():
        record = read(path / "run.json")
        config = record["config"]
        assert (config["epochs"], config["lr"], config["weight_decay"]) == (1, 0.01, 0.5)
        assert (record["steps"], record["precision"], config["precision"]) == (2, "bf16", "bf16")
        assert record["fleet_size"] == 1
        assert record["validation_questions"] == 2
    assert len(read(folder / "sweep.json")["fleets"]) == 4  # fleets of one


def test_evaluation_asks_as_the_configuration_says_at_each_runs_own_length(swept: tuple[Path, Any]) -> None:
    """The prompts of these questions are longer than 80 tokens and shorter than 256."""
    folder, result = swept
    assert (result["split"], result["decoding"]) == ("validation", "span")
    for (length, _), path in runs(folder).items():
        scores = read(path / "scores.json")["splits"]["validation"]
        assert scores["limit"] == 3
        assert list(scores["decodings"]) == ["span", "greedy"]
        for own in scores["decodings"].values():
            assert own["questions"] == 3
            assert own["truncation"]["truncated"] == (3 if length == 80 else 0)
            assert (own["settings"]["max_new_tokens"], own["settings"]["seed"]) == (3, 4)
        assert len(read(path / "predictions" / "greedy.json")) == 3


def test_base_and_best_are_scored_as_the_configuration_says(swept: tuple[Path, Any]) -> None:
    folder, result = swept
    baseline = read(folder / "baseline" / "scores.json")["splits"]
    assert {split: list(own["decodings"]) for split, own in baseline.items()} == {
        "validation": ["span", "greedy"],
        "test": ["nucleus"],
    }
    best = next(path for path in runs(folder).values() if path.name == result["best"])
    length = read(best / "run.json")["config"]["max_length"]
    tested = read(best / "scores.json")["splits"]["test"]["decodings"]["nucleus"]
    assert (tested["questions"], tested["settings"]["max_new_tokens"]) == (2, 2)
    assert tested["truncation"]["truncated"] == (2 if length == 80 else 0)
    # The base is evaluated at the length of the first run.
    assert baseline["validation"]["decodings"]["greedy"]["truncation"]["truncated"] == 3
    others = [path for path in runs(folder).values() if path != best]
    assert all("test" not in read(path / "scores.json")["splits"] for path in others)


@pytest.mark.parametrize("offline", [False, True])
def test_offline_and_device_reach_the_base(
    byte_base_dir: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    (tmp_path / "config.yaml").write_text("base: {epochs: 1}\ngrid: {rank: [2]}\n")
    given: dict[str, Any] = {}

    def spy(*_: Any, **how: Any) -> Any:
        given.update(how)
        raise EnoughError

    monkeypatch.setattr(sweeping, "open_inputs", spy)
    where = {"config": str(tmp_path / "config.yaml"), "base": str(byte_base_dir), "dataset": str(small_data)}
    with pytest.raises(EnoughError):
        sweep(SweepOptions(**where, out=str(tmp_path / "sweep"), offline=offline, device="cpu", precision="fp32"))
    assert (given["offline"], given["device"].type) == (offline, "cpu")


def test_the_fleet_size_option_sets_the_size_of_fleets(
    byte_base_dir: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text(
        "base: {epochs: 1}\ngrid: {rank: [2]}\nevaluate: {max_new_tokens: 1, limit: 1}\n"
    )
    given: dict[str, Any] = {}

    def spy(*_: Any, **how: Any) -> Any:
        given.update(how)
        raise EnoughError

    monkeypatch.setattr(coordinator, "plan_fleets", spy)
    where = {"config": str(tmp_path / "config.yaml"), "base": str(byte_base_dir), "dataset": str(small_data)}
    with pytest.raises(EnoughError):
        sweep(SweepOptions(**where, out=str(tmp_path / "sweep"), fleet_size=3, precision="fp32"))
    assert (given["size"], given["at_least"]) == (3, 1)
