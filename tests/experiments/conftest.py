"""What a small run trains on, opened once a module."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from squadron.data.prepared import load_split
from squadron.experiments.material import Material, open_material


@pytest.fixture(scope="module")
def material(byte_base_dir: Path, small_data: Path) -> Material:
    training = load_split(small_data, "train")
    where = {"dtype": torch.float32, "device": torch.device("cpu"), "offline": True}
    return open_material(str(byte_base_dir), str(small_data), training=training, **where)  # type: ignore[arg-type]
