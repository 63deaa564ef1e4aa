"""The generation benchmark runs every side and compares them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from squadron.bench.generate import PEER, SIDES, bench_generation, run_generation_side, spread_batches
from squadron.errors import ConfigError, DataError, option
from squadron.options.bench import BenchGenerateOptions


@pytest.mark.usefixtures("sides_here")
def test_all_sides_answer(byte_base_dir: Path, small_squad: Path) -> None:
    record = bench_generation(
        BenchGenerateOptions(
            base=str(byte_base_dir),
            data=str(small_squad),
            questions=30,
            peer_questions=64,
            rounds=1,
            batch_size=4,
            max_new_tokens=3,
            precision="fp32",
        )
    )
    sides = record["sides"]
    assert set(sides) == {*SIDES, PEER}
    assert [sides[side]["questions"] for side in (*SIDES, PEER)] == [
        30,
        30,
        30,
        30,
    ]  # the peer answers all questions if there are no more
    rates = {side: figures["questions_per_second"] for side, figures in sides.items()}
    assert record["ratio"] == pytest.approx(rates["squadron: greedy"] / rates[PEER])
    assert record["span_cost"] == pytest.approx(rates["squadron: greedy"] / rates["squadron: span"])


def test_prompts_and_answers_must_fit(byte_base_dir: Path, small_squad: Path) -> None:
    options = BenchGenerateOptions(base=str(byte_base_dir), data=str(small_squad), max_length=512)
    with pytest.raises(ConfigError, match="max_length=512: with the answer over 512 positions; lower it"):
        bench_generation(options)


def test_the_peers_batches_are_evenly_spread_over_all_questions() -> None:
    lengths = [(7 * i) % 101 for i in range(101)]  # 0 to 100, in disorder
    whole = spread_batches(lengths, size=8, wanted=1000, seed=1, number=0)
    assert [lengths[place] for batch in whole for place in batch] == list(range(101))
    drawn = [spread_batches(lengths, size=8, wanted=30, seed=1, number=number) for number in range(40)]
    for batches in drawn:
        assert all(batch in whole for batch in batches)
        places = [whole.index(batch) for batch in batches]
        assert len(places) == 4
        assert all(later - earlier in (3, 4) for earlier, later in itertools.pairwise(places))
    assert {whole.index(batch) for batches in drawn for batch in batches} == set(range(len(whole)))


def test_the_peer_answers_all_questions_of_a_small_file() -> None:
    assert [len(batch) for batch in spread_batches([5] * 11, size=4, wanted=64, seed=0, number=0)] == [4, 4, 3]


def test_every_side_respects_offline_and_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[bool, str]] = []

    def loaded(source: str, *, offline: bool = False, subject: str = "") -> Any:
        told.append((offline, subject))
        raise DataError(f"{source}: not in the cache")

    monkeypatch.setattr("squadron.bench.generate.load_data", loaded)
    for side in (*SIDES, PEER):
        with pytest.raises(DataError):
            run_generation_side(side, {"data": "owner/name", "offline": True})
    assert told == [(True, option("data", "owner/name"))] * 4
