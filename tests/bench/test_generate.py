"""The generation benchmark runs every side and compares what it says it compares."""

from __future__ import annotations

from pathlib import Path

import pytest

from squadron.bench.generate import PEER, SIDES, bench_generation
from squadron.errors import ConfigError
from squadron.experiments.options import BenchGenerateOptions


def test_all_sides_answer(byte_base_dir: Path, small_squad: Path) -> None:
    record = bench_generation(
        BenchGenerateOptions(
            base=str(byte_base_dir),
            data=str(small_squad),
            peer_questions=8,
            rounds=1,
            batch_size=4,
            max_new_tokens=3,
            precision="fp32",
        )
    )
    sides = record["sides"]
    assert set(sides) == {*SIDES, PEER}
    assert [sides[side]["questions"] for side in (*SIDES, PEER)] == [36, 36, 36, 8]
    rates = {side: figures["questions_per_second"] for side, figures in sides.items()}
    assert record["ratio"] == pytest.approx(rates["squadron: greedy"] / rates[PEER])
    assert record["span_cost"] == pytest.approx(rates["squadron: greedy"] / rates["squadron: span"])


def test_prompts_and_answers_must_fit(byte_base_dir: Path, small_squad: Path) -> None:
    options = BenchGenerateOptions(base=str(byte_base_dir), data=str(small_squad), max_length=512)
    with pytest.raises(ConfigError, match="--max-length 512: with the answer over 512 positions"):
        bench_generation(options)
