"""The memory of a run is planned before the base is read; no test here has a large base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from squadron.errors import DeviceError
from squadron.experiments import room
from squadron.experiments.room import run_memory
from squadron.experiments.train import train
from squadron.files import write_json
from squadron.model.config import SIZES
from squadron.options.base import checked
from squadron.options.core import TrainOptions


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A folder with the configuration of gpt2-large, and no weights: reading them would be another error."""
    folder = tmp_path / "large"
    folder.mkdir()
    write_json(folder / "config.json", SIZES["gpt2-large"].to_hub(None))
    return folder


@pytest.mark.parametrize(
    ("free", "changes", "words"),
    [
        (
            4e9,
            {"method": "full", "lr": 1e-5},
            r"needs 18.6 GB and its activations \(3.1 GB for the base, 15.5 GB for all",
        ),
        (
            4e9,
            {"method": "full", "lr": 1e-5},
            r"cpu has 4.0 GB free; use method='lora', or use a base of the size of gpt2",
        ),
        (2e9, {}, r"2.0 GB free; use precision='bf16', or use a base of the size of gpt2-medium"),
        (1e9, {}, r"free; use a base of the size of gpt2"),
        (1e8, {}, r"0.1 GB free; free some memory"),
    ],
)
def test_a_run_that_cannot_fit_is_refused_with_what_would(
    free: float,
    changes: dict[str, Any],
    words: str,
    large: Path,
    options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda _: int(free))
    with pytest.raises(DeviceError, match=words):
        train(checked(TrainOptions, {**options, "base": str(large), "device": "cpu", **changes}))
    assert not Path(options["out"]).exists()


def test_a_run_that_fits_is_trained(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda _: 2_000_000)
    train(TrainOptions(**options, max_steps=1))
    assert (Path(options["out"]) / "adapter").is_dir()


def test_a_base_alone_and_the_largest_run_of_a_sweep_have_to_fit(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common: dict[str, Any] = {"base": str(large), "data": "data", "out": "out"}
    runs = {"r4": TrainOptions(**common), "whole": TrainOptions(**common, method="full"), "r8": TrainOptions(**common)}

    def refused(free: float, runs: dict[str, TrainOptions]) -> str:
        monkeypatch.setattr(room, "free_bytes", lambda _: int(free))
        where: dict[str, Any] = {"offline": True, "device": torch.device("cuda"), "dtype": lambda _: torch.float16}
        with pytest.raises(DeviceError) as told:
            room.check_room(str(large), str(large), runs, **where)
        return str(told.value).partition(": ")[2]

    assert refused(4e9, runs).startswith(
        "run whole needs 17.0 GB and its activations (1.5 GB for the base, 15.5 GB for"
    )
    assert refused(4e9, runs).endswith("cuda has 4.0 GB free; give it method: lora, or use a base of the size of gpt2")
    said = refused(1e9, {})
    assert said == "its weights need 1.5 GB, cuda has 1.0 GB free; use a base of the size of gpt2-medium"


@pytest.mark.parametrize("name", ["gpt2-medium", "gpt2-large"])
def test_larger_sizes_are_planned_within_24_gb_in_bf16(name: str) -> None:
    options = TrainOptions(base=name, data="data", out="out", max_length=1024, target_modules=("all",))
    needed = run_memory(options, SIZES[name], torch.bfloat16)
    assert SIZES[name].parameter_count * 2 == needed.base < needed.total < 0.9 * 24e9
    full = run_memory(TrainOptions(base=name, data="data", out="out", method="full"), SIZES[name], torch.bfloat16)
    assert full.state == 20 * SIZES[name].parameter_count
