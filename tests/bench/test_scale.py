"""Growth of cost: each point is trained once with its settings; one that does not fit does not affect the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from squadron.bench import scale
from squadron.bench.scale import Point, bench_scaling
from squadron.data.trees import build_trees, pack_trees
from squadron.errors import ConfigError, DeviceError
from squadron.files import read_json
from squadron.model.config import GPT2Config
from squadron.options.base import checked
from squadron.options.bench import BenchScaleOptions
from squadron.training.steps import FleetTrainer

SMALL = GPT2Config(vocab_size=101, n_positions=256, n_embd=16, n_layer=2, n_head=2, n_inner=24)
POINT = Point(
    fleet_size=3,
    rank=5,
    length=97,
    size="gpt2",
    method="lora",
    questions=4,
    steps=3,
    precision="fp32",
    device="cpu",
    seed=0,
)


@pytest.mark.parametrize(
    ("changes", "trained"),
    [({}, (3, 5 * (16 + 48 + 16 + 16) * 2)), ({"fleet_size": 1, "method": "full", "precision": "bf16"}, (1, None))],
)
def test_a_point_trains_with_its_settings(
    changes: dict[str, Any], trained: tuple[int, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, int, int]] = []
    step = FleetTrainer.step

    def noted(self: FleetTrainer) -> Any:
        result = step(self)
        seen.append((self.fleet.size, self.fleet.trainable_parameters(0), result.tokens, result.questions))
        return result

    monkeypatch.setattr(FleetTrainer, "step", noted)
    point = replace(POINT, **changes)
    assert point.measure(SMALL)["seconds"] > 0
    size, parameters = trained
    # A model of two layers: 101 + 256 embeddings, and per layer 4 x 16 of norms, and four projections with biases.
    whole = 357 * 16 + 2 * (64 + 16 * 48 + 48 + 16 * 16 + 16 + 2 * 16 * 24 + 24 + 16) + 32
    assert seen == [(size, parameters or whole, 97, 4)] * 3
    shapes = pack_trees(build_trees(point._examples(SMALL)[:4])).shapes
    assert shapes == ((97 - 4 * 15, (15, 15, 15, 15)),)


def pretend(monkeypatch: pytest.MonkeyPatch, memory: int) -> list[Point]:
    """Replace workers by ones that report 1 GiB plus 2 GiB per adapter; return the list of points that they run."""
    asked: list[Point] = []

    def worker(kind: str, side: str, path: Path) -> dict[str, Any]:
        assert (kind, side) == ("scale", "squadron")
        point = Point(**read_json(path, what="a plan", error=ConfigError))
        asked.append(point)
        if point.size == "gpt2-xl":
            raise DeviceError("bench: the side squadron failed (killed)")
        return {"seconds": 0.5 * point.fleet_size, "peak_memory_bytes": 2**30 * (1 + 2 * point.fleet_size)}

    monkeypatch.setattr(scale, "run_worker", worker)
    monkeypatch.setattr(scale, "memory_bytes", lambda _: memory * 2**30)
    return asked


def test_one_thing_is_varied_at_a_time_and_nothing_is_measured_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend(monkeypatch, memory=1000)
    options = {"fleet_sizes": ["1", "75", "5"], "ranks": [4, 8], "lengths": [256, 128], "sizes": ["gpt2", "gpt2-xl"]}
    record = bench_scaling(checked(BenchScaleOptions, {**options, "precision": "fp32"}))
    assert len(asked) == len(set(asked)) == 7
    held = record["held"]
    assert held == {"fleet_size": 1, "rank": 4, "length": 256, "size": "gpt2", "method": "lora"}
    assert all(sum(getattr(point, axis) != value for axis, value in held.items()) <= 1 for point in asked)
    assert [point["value"] for point in record["axes"]["fleet_size"]] == [1, 5, 75]
    assert [point["value"] for point in record["axes"]["length"]] == [128, 256]
    five = record["axes"]["fleet_size"][1]
    assert five["examples_per_second"] == 5 * 4 / 2.5
    assert five["tokens_per_second"] == 5 * 256 / 2.5
    assert record["axes"]["rank"][0] == {**record["axes"]["fleet_size"][0], "value": 4}
    assert record["axes"]["size"][1] == {"value": "gpt2-xl", "reason": "bench: the side squadron failed (killed)"}


def test_a_fleet_that_would_not_fit_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend(monkeypatch, memory=40)
    record = bench_scaling(BenchScaleOptions(fleet_sizes=(1, 5, 15, 40), sizes=("gpt2",), methods=("lora",)))
    assert [point.fleet_size for point in asked if point.rank == 4 and point.length == 256] == [1, 5, 15]
    assert record["axes"]["fleet_size"][3] == {
        "value": 40,
        "reason": "it would need about 81 GiB; this machine has 40 GiB",
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sizes": ["gpt3"]}, "sizes='gpt3': unknown; sizes are gpt2, gpt2-medium"),
        ({"lengths": [60]}, r"lengths=60: from 61 \(4 questions\) to 1024 are possible"),
        ({"methods": ["full"]}, "methods='full': comes first and trains one base"),
        ({"fleet_sizes": [5, 1]}, "fleet_sizes=5: comes first, and full trains one base; put 1 first"),
        ({"ranks": []}, r"ranks=\[\]"),
    ],
)
def test_impossible_options_are_refused_before_anything_runs(
    options: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = pretend(monkeypatch, memory=1000)
    with pytest.raises(ConfigError, match=words):
        bench_scaling(checked(BenchScaleOptions, options))
    assert asked == []


def test_a_real_point_in_its_own_process() -> None:
    """At GPT-2's shape, where memory is known within bounds."""
    options = BenchScaleOptions(
        fleet_sizes=(1,), ranks=(4,), lengths=(80,), sizes=("gpt2",), methods=("lora",), steps=2, precision="fp32"
    )
    (point,) = bench_scaling(options)["axes"]["length"]
    assert 124e6 * 4 < point["peak_memory_bytes"] < 2.5 * 2**30
    assert point["tokens_per_second"] == pytest.approx(80 / point["seconds"])
