"""``--scaling rslora`` is ``alpha/sqrt(r)`` by its other name: in runs, sweeps, exports and reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Squadron
from squadron.errors import ConfigError
from squadron.languages import LANGUAGES
from squadron.sweeps.grid import read_sweep


@pytest.mark.usefixtures("few_charts")
def test_rslora_trains_exports_and_is_reported_as_alpha_over_root_r(
    squadron: Squadron, byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    runs = {}
    for name, scaling in (("named", "rslora"), ("written", "alpha/sqrt(r)"), ("plain", "alpha/r")):
        runs[name] = tmp_path / name
        made = squadron(
            *("train", "--base", byte_base_dir, "--data", small_data, "--out", runs[name], "--max-steps", 3),
            *("--precision", "fp32", "--eval-questions", 0, "--lr", 0.05, "--scaling", scaling),
        )
        assert made.code == 0, made.err
    found = {name: (run / "adapter" / "adapter_model.safetensors").read_bytes() for name, run in runs.items()}
    assert found["named"] == found["written"] != found["plain"]
    assert json.loads((runs["named"] / "run.json").read_text())["config"]["scaling"] == "alpha/sqrt(r)"
    assert squadron("export", runs["named"], "--out", tmp_path / "peft").code == 0
    settings = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    assert (settings["use_rslora"], settings["lora_alpha"], settings["r"]) == (True, 32, 4)
    assert squadron("evaluate", runs["named"], "--max-new-tokens", 4).code == 0
    for language in LANGUAGES:
        told = squadron("report", runs["named"], "--lang", language, "--json")
        assert "rsLoRA" in Path(told.record["report"]).read_text("utf-8")


def test_a_sweep_takes_the_two_names_for_one_value(tmp_path: Path) -> None:
    config = tmp_path / "grid.yaml"
    config.write_text("grid: {scaling: [alpha/r, rslora]}")
    plan = read_sweep(config)
    assert [run.name for run in plan.runs] == ["alpha-r", "alpha-sqrt-r"]
    assert plan.runs[1].options["scaling"] == "alpha/sqrt(r)"
    config.write_text("grid: {scaling: [alpha/sqrt(r), rslora]}")
    with pytest.raises(ConfigError, match="there more than once"):
        read_sweep(config)
