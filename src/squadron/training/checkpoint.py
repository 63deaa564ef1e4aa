"""A training checkpoint: one safetensors file, so that numbers and step can never belong to different moments.

Its header has the SHA-256 of the whole file, taken with zeros in that checksum's own place: a file that replaces
another in one rename brings its checksum with it, and no bit of it can change unseen.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from squadron.errors import RunError
from squadron.files import atomic_path

CHECKPOINT = "checkpoint.safetensors"
_SCHEMA = "2"
_UNSET = "0" * 64
# Within the state, which is a string of its own, these quotes are escaped: the mark stands in the header once.
_MARK = b'"sha256":"'
_PIECE = 1 << 20


def save_checkpoint(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write numbers and state, whole or not at all, with their checksum."""
    metadata = {"schema": _SCHEMA, "sha256": _UNSET, "state": json.dumps(state)}
    with atomic_path(path, apart=True) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=metadata)
        place = _checksum_place(temporary)
        assert place is not None, temporary
        digest = _digest(temporary, place)
        with temporary.open("rb+") as stream:
            stream.seek(place)
            stream.write(digest.encode("ascii"))


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read them back. Raises :class:`RunError` where the file is not a checkpoint of this version, or any bit of it is
    not as it was written."""
    try:
        _verify(path)
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not iterable itself)
    except (SafetensorError, OSError) as problem:
        raise RunError(f"{path}: cannot be read ({problem}); remove it to start again") from None
    if metadata.get("schema") != _SCHEMA or "state" not in metadata:
        raise RunError(f"{path}: not a checkpoint of this version; remove it to start again")
    state: dict[str, Any] = json.loads(metadata["state"])
    return tensors, state


def _verify(path: Path) -> None:
    """Raise :class:`RunError` where a file is not the one that its checksum was made of."""
    place = _checksum_place(path)
    if place is None:
        raise RunError(f"{path}: damaged, or not a checkpoint of this version; remove it to start again")
    with path.open("rb") as stream:
        stream.seek(place)
        written = stream.read(len(_UNSET))
    found = _digest(path, place)
    if written != found.encode("ascii"):
        raise RunError(
            f"{path}: damaged: the SHA-256 in it is {written[:12].decode('ascii', 'backslashreplace')}..., that of its "
            f"bytes {found[:12]}...; put a copy of it back, or remove it to start again"
        )


def _checksum_place(path: Path) -> int | None:
    """Where in a file its checksum begins, in bytes; None where its header has none."""
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > path.stat().st_size - 8:
            return None
        place = stream.read(size).find(_MARK)
    return None if place < 0 else 8 + place + len(_MARK)


def _digest(path: Path, place: int) -> str:
    """The SHA-256 of a file with zeros in the place of its checksum, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        digest.update(stream.read(place))
        digest.update(_UNSET.encode("ascii"))
        stream.seek(place + len(_UNSET))
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
