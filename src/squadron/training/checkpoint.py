"""A training checkpoint: one safetensors file, so that parameters, optimizer state and step always belong together.

Its header holds the SHA-256 of the whole file, computed with zeros in place of the checksum. So the checksum is
replaced together with the file, in one rename, and a change of any bit is detected.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from squadron.errors import RunError, shortened
from squadron.files import atomic_path

CHECKPOINT = "checkpoint.safetensors"
_SCHEMA = "2"
_UNSET = "0" * 64
# The state is a JSON string, in which quotes are escaped: the key occurs only once in the header.
_CHECKSUM_KEY = b'"sha256":"'
_CHUNK_BYTES = 1 << 20


def save_checkpoint(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write tensors, JSON state and their checksum to ``path``. The file appears whole or not at all."""
    metadata = {"schema": _SCHEMA, "sha256": _UNSET, "state": json.dumps(state)}
    with atomic_path(path, apart=True) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=metadata)
        offset = _checksum_offset(temporary)
        assert offset is not None, temporary
        digest = _digest(temporary, offset)
        with temporary.open("rb+") as stream:
            stream.seek(offset)
            stream.write(digest.encode("ascii"))


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors, on the CPU, and the state of a checkpoint.

    Raises :class:`RunError` if the file is not a checkpoint of this version, or if any bit of it has changed.
    """
    try:
        _verify(path)
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not iterable itself)
    except (SafetensorError, OSError) as problem:
        raise RunError(f"{path}: cannot be read ({shortened(str(problem))}); remove it to start again") from None
    if metadata.get("schema") != _SCHEMA or "state" not in metadata:
        raise RunError(f"{path}: not a checkpoint of this version; remove it to start again")
    try:
        state: dict[str, Any] = json.loads(metadata["state"])
    except (ValueError, RecursionError):
        raise RunError(f"{path}: its state is not JSON; remove it to start again") from None
    return tensors, state


def _verify(path: Path) -> None:
    """Raise :class:`RunError` if a file does not match its checksum."""
    offset = _checksum_offset(path)
    if offset is None:
        raise RunError(f"{path}: damaged, or not a checkpoint of this version; remove it to start again")
    with path.open("rb") as stream:
        stream.seek(offset)
        written = stream.read(len(_UNSET))
    found = _digest(path, offset)
    if written != found.encode("ascii"):
        raise RunError(
            f"{path}: damaged: the SHA-256 in it is {written[:12].decode('ascii', 'backslashreplace')}..., that of its "
            f"bytes {found[:12]}...; put a copy of it back, or remove it to start again"
        )


def _checksum_offset(path: Path) -> int | None:
    """Return the offset of a file's checksum, in bytes; None if its header has none."""
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > path.stat().st_size - 8:
            return None
        offset = stream.read(size).find(_CHECKSUM_KEY)
    return None if offset < 0 else 8 + offset + len(_CHECKSUM_KEY)


def _digest(path: Path, offset: int) -> str:
    """Return the SHA-256 of a file with zeros in place of its checksum, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        digest.update(stream.read(offset))
        digest.update(_UNSET.encode("ascii"))
        stream.seek(offset + len(_UNSET))
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
