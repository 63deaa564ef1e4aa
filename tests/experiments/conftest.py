"""What the tests of experiments share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def options(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> dict[str, Any]:
    """Options of a small run that answers no validation questions."""
    return {
        "base": str(byte_base_dir),
        "data": str(small_data),
        "out": str(tmp_path / "run"),
        "precision": "fp32",
        "eval_questions": 0,
    }
