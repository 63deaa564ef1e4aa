"""A checkpoint loads exactly as it was written, or it is refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from squadron.errors import RunError
from squadron.training.checkpoint import load_checkpoint, save_checkpoint

STATE = {"trainer": {"step": 7, "steps": [7, 6], "sha256": "no checksum"}, "members": [{"name": "a", "best_loss": 0.5}]}
REFUSED = r"checkpoint\.safetensors: .*; (put a copy of it back, or )?remove it to start again"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(1)
    path = tmp_path / "checkpoint.safetensors"
    tensors = {name: torch.randn(7, 11, generator=generator) for name in ("values", "mean", "square")}
    save_checkpoint(path, {**tensors, "random": torch.arange(13, dtype=torch.uint8)}, STATE)
    return path


def sections(data: bytes) -> dict[str, range]:
    """Return the byte ranges of the parts of the file."""
    header = 8 + int.from_bytes(data[:8], "little")
    found = {"length": range(8), "header": range(8, header), "tensors": range(header, len(data))}
    for name in ("schema", "sha256", "state", "values", "random"):
        start = data.index(f'"{name}":'.encode())
        found[name] = range(start, start + len(name) + 20)
    return found


def test_one_flipped_bit_anywhere_is_refused(checkpoint: Path) -> None:
    whole = checkpoint.read_bytes()
    draw = random.Random(3)
    bits = [8 * draw.choice(places) + draw.randrange(8) for places in sections(whole).values() for _ in range(25)]
    bits += [draw.randrange(8 * len(whole)) for _ in range(200)]
    for bit in bits:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        checkpoint.write_bytes(damaged)
        with pytest.raises(RunError, match=REFUSED) as caught:
            load_checkpoint(checkpoint)
        assert "\n" not in str(caught.value), bit
    checkpoint.write_bytes(whole)
    tensors, state = load_checkpoint(checkpoint)
    assert state == STATE
    assert torch.equal(tensors["random"], torch.arange(13, dtype=torch.uint8))


def test_a_truncated_or_extended_file_is_refused(checkpoint: Path) -> None:
    whole = checkpoint.read_bytes()
    for data in (*(whole[:size] for size in (0, 3, 8, 100, len(whole) // 2, len(whole) - 1)), whole + b"\0"):
        checkpoint.write_bytes(data)
        with pytest.raises(RunError, match=REFUSED):
            load_checkpoint(checkpoint)


def test_a_checkpoint_without_a_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_file({"x": torch.zeros(2)}, path, metadata={"schema": "1", "state": "{}"})
    with pytest.raises(RunError, match="not a checkpoint of this version; remove it to start again"):
        load_checkpoint(path)
