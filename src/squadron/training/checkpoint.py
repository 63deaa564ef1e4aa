"""A training checkpoint: one safetensors file, so that numbers and step can never belong to different moments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from squadron.errors import RunError
from squadron.files import atomic_path

CHECKPOINT = "checkpoint.safetensors"
_SCHEMA = "1"


def save_checkpoint(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write numbers and state, whole or not at all."""
    metadata = {"schema": _SCHEMA, "state": json.dumps(state)}
    with atomic_path(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=metadata)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read them back. Raises :class:`RunError` where the file is not a checkpoint of this version."""
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not iterable itself)
    except (SafetensorError, OSError) as problem:
        raise RunError(f"{path}: cannot be read ({problem}); remove it to start again") from None
    if metadata.get("schema") != _SCHEMA or "state" not in metadata:
        raise RunError(f"{path}: not a checkpoint of this version; remove it to start again")
    state: dict[str, Any] = json.loads(metadata["state"])
    return tensors, state
