"""The page of `make performance`: every figure is from the record."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from helpers import load_script


@pytest.fixture(scope="module")
def performance() -> ModuleType:
    return load_script("benchmarks/performance.py")


def point(value: object, seconds: float, adapters: int = 1) -> dict[str, Any]:
    return {
        "value": value,
        "seconds": seconds,
        "examples_per_second": 4 * adapters / seconds,
        "tokens_per_second": 256 * adapters / seconds,
        "peak_memory_bytes": 2**30 * adapters,
    }


ENVIRONMENT = {"device": "cpu (test)", "threads": 2}
SCALE = {
    "environment": ENVIRONMENT,
    "precision": "fp32",
    "rates": {"fp32": 300e9},
    "held": {"fleet_size": 1, "rank": 4, "length": 256, "size": "gpt2", "method": "lora"},
    "options": {"questions": 4},
    "axes": {
        "fleet_size": [point(1, 0.5), point(5, 2.0, 5), {"value": 75, "reason": "it would take some 99 GiB"}],
        "rank": [point(4, 0.5), point(64, 0.6)],
        "length": [point(128, 0.3), point(256, 0.5)],
        "size": [point("gpt2", 0.5), point("gpt2-large", 2.5)],
        "method": [point("lora", 0.5), point("full", 1.5)],
    },
}
SIDES = {
    side: {"examples_per_second": rate, "rounds": [rate], "peak_memory_bytes": 2**30, "matrix_product_share": 0.61}
    for side, rate in (("squadron", 8.25), ("transformers+peft", 1.5))
}
TRAINING = {
    "environment": ENVIRONMENT,
    "sides": SIDES,
    "ratio": 5.5,
    "fastest_peer": "transformers+peft",
    "memory_share": 0.41,
    "largest_loss_difference": {"transformers+peft": 0.0012},
}
FOUND = {
    "rates": {"fp32": 320e9, "bf16": 167e9},
    "train by question, fp32": TRAINING,
    "train by question, bf16": TRAINING,
    "train by paragraph, bf16": {**TRAINING, "ratio": 11.0},
    "generate, bf16": {
        "environment": ENVIRONMENT,
        "options": {"max_new_tokens": 16},
        "sides": {
            side: {"questions_per_second": rate, "rounds": [rate], "questions": 9, "peak_memory_bytes": 2**30}
            for side, rate in (("squadron: greedy", 30.0), ("transformers+peft", 4.0))
        },
        "ratio": 7.5,
        "four_strategies_cost": 2.5,
        "span_cost": 1.1,
    },
    "scale": SCALE,
    "orders": {
        "seeds": 2,
        "f1": {"question": [80.0, 81.0], "paragraph": [79.0, 81.0], "difference": -0.5, "interval": [-1.25, 0.5]},
        "exact_match": {"question": [70.0, 72.0], "paragraph": [71.0, 72.0], "difference": 0.5, "interval": [-1, 2]},
    },
}


def test_the_page_shows_the_figures_of_every_section(performance: ModuleType) -> None:
    text = performance.page(FOUND)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Train by question, fp32",
        "Train by question, bf16",
        "Train by paragraph, bf16",
        "Generate, bf16",
        "How cost grows",
        "Machines side by side",
        "Scores of training by paragraph",
    ]
    assert "matrix products, GFLOP/s: fp32 320, bf16 167." in text
    # A format of which all three were measured is a row beside those of other machines.
    cells = "8.25 / 1.50 = **5.5** | 8.25 / 1.50 = **5.5** | 30.00 / 4.00 = **7.5** |"
    assert f"| this one: fp32 320, bf16 167 | bf16 | {cells}" in text
    assert "| this one: fp32 320, bf16 167 | fp32 |" not in text
    assert "The machine's matrix products, GFLOP/s: fp32 300." in text
    # All formats show the share of the machine's rate and the difference of the losses.
    assert text.count("- 61% of the machine's matrix-product rate") == 3
    assert text.count("largest difference of the loss over all steps: transformers+peft 0.0012") == 3
    assert "| adapters in the fleet | 5 | 2.00 | 10.00 | 640 | 5,120 MiB |" in text
    assert "| adapters in the fleet | 75 | not measured: it would take some 99 GiB | | | |" in text
    assert "| F1 | 80.5 | 80.0 | -0.5 (-1.2 to +0.5) |" in text
    assert (
        "a fleet of 5 trains **1.25 times** as many questions per second as a fleet of 1, in 5.0 times the memory"
        in text
    )
    assert all(len(line) <= 120 or line.startswith(("|", "!")) for line in text.splitlines())


def test_the_chart_is_drawn_with_every_measured_point(performance: ModuleType, tmp_path: Path) -> None:
    performance.chart(SCALE).save(tmp_path / "scale.svg")
    drawn = (tmp_path / "scale.svg").read_text()
    assert drawn.startswith("<svg")
    for words in ("seconds per step", "peak memory, GiB", "tokens of the step", "gpt2-large", "full"):
        assert words in drawn
    assert len(re.findall(r'aria-roledescription="bar"', drawn)) == 2 * 10
