"""The figures of larger models: the page has those of the record, and what the benchmark asks for holds in them."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from helpers import load_script

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_has_the_figures_of_the_record() -> None:
    large = load_script("benchmarks/large.py")
    record = json.loads((ROOT / "docs" / "large.json").read_text())
    assert (ROOT / "docs" / "howto" / "larger.md").read_text().endswith("\n\n" + large.table(record))
    assert record
    for found in record.values():
        assert not found["wrong"]
        assert set(found["sides"]) == set(large.SIDES)


def test_a_gradient_that_is_further_off_or_a_step_that_is_too_large_is_wrong(tmp_path: Path) -> None:
    large = load_script("benchmarks/large.py")
    exact = torch.ones(101)
    offs = dict(zip(large.SIDES, (2e-4, 0.0, 0.1, 0.07, 0.08), strict=True))
    for side, off in offs.items():
        save_file({"h.0.attn.c_attn.A": exact + off}, tmp_path / f"{side}.safetensors")
    found = large.compare(tmp_path, {side: {"peak_memory_bytes": 25_000_000_000} for side in offs})
    assert [line.split(";")[0].split(",")[0] for line in found["wrong"]] == [
        "in float32 the gradients differ by 2.0e-04",
        "in bf16 Squadron's gradient is 1.00e-01 from float32's",
        "squadron fp32: 25.0 GB at its peak",
        "squadron bf16: 25.0 GB at its peak",
    ]
    assert found["peak_memory_ratio"] == {"peft autocast": 1.0, "peft bf16 weights": 1.0}
