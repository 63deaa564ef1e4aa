"""What every test may use: the real data, where it lies beside the project, and small seeded things."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import TINY, shake
from squadron.model.checkpoint import random_model, save_model
from squadron.model.config import SIZES
from squadron.model.tokenizer import load_tokenizer

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(relative: str) -> Path:
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"the real data is not beside the project: ../shared/{relative} is absent")
    return path


@pytest.fixture(scope="session")
def shared_squad() -> Path:
    """8,381 real SQuAD v1.1 questions, in the official layout, xz-compressed."""
    return _shared("squad/squad-v1.1-dev-38.json.xz")


@pytest.fixture(scope="session")
def gpt2_tokenizer_dir() -> Path:
    """The folder with GPT-2's own ``vocab.json`` and ``merges.txt``."""
    return _shared("gpt2-tokenizer")


@pytest.fixture(scope="session")
def tiny_base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint folder (no tokenizer) with seeded random weights, lively enough to tell tokens apart."""
    folder = tmp_path_factory.mktemp("tiny-base")
    save_model(shake(random_model(TINY, seed=1), seed=2, size=0.15), folder)
    return folder


@pytest.fixture(scope="session")
def gpt2_shape_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of GPT-2's real shape (124M) with seeded random weights; no tokenizer."""
    folder = tmp_path_factory.mktemp("gpt2-shape")
    save_model(shake(random_model(SIZES["gpt2"], seed=3), seed=4, size=0.02), folder)
    return folder


@pytest.fixture(scope="session")
def gpt2_real_dir(gpt2_shape_dir: Path, gpt2_tokenizer_dir: Path) -> Path:
    """:func:`gpt2_shape_dir` with GPT-2's real tokenizer beside it."""
    load_tokenizer(gpt2_tokenizer_dir).save(gpt2_shape_dir)
    return gpt2_shape_dir
