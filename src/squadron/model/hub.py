"""Choose what to fetch of a checkpoint on the hub: its configuration, its tokenizer, and one set of safetensors.

Repositories often hold the same weights in several formats and precisions; nothing else of them is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from squadron.errors import ModelError, option
from squadron.files import read_json
from squadron.hub import Snapshot, open_snapshot, split_name
from squadron.model.config import read_config
from squadron.model.peft_settings import CONFIG as ADAPTER_CONFIG
from squadron.model.peft_settings import WEIGHTS as ADAPTER_WEIGHTS
from squadron.model.peft_settings import read_settings

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
ADAPTER = "adapter"
"""The folder of an adapter in the repository of its merged checkpoint."""
PICKLED = (".bin", ".pt", ".pth", ".ckpt")
"""Ends of the names of pickled weights, which can run code when they are opened."""
_TOKENIZER = ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")
_LISTED = 8


@dataclass(frozen=True, slots=True)
class Located:
    """A checkpoint's folder; ``hub`` describes its commit if it is the hub's: ``id``, ``commit`` and ``revision``."""

    folder: Path
    hub: dict[str, Any] | None = None


def locate(name: str, *, offline: bool = False, weights: bool = True) -> Located:
    """Return the folder of a checkpoint: ``name`` itself if it is a folder, else that of ``ID`` or ``ID@REVISION``.

    Without ``weights``, only the small files are fetched from the hub: configuration and tokenizer.

    Raises :class:`ModelError` if there is no such folder and the hub does not provide it.
    """
    folder = Path(name)
    if folder.is_dir():
        return Located(folder)
    if folder.exists() or split_name(name) is None:
        raise ModelError(
            f"{option('base', name)}: not a folder; give a checkpoint folder or a hub id such as gpt2, or ID@REVISION"
        )
    snapshot = open_snapshot("model", name, subject=option("base", name), offline=offline)
    return Located(_fetch(snapshot, with_weights=weights), snapshot.facts())


def locate_adapter(name: str, *, offline: bool = False) -> Located:
    """Return the folder of an adapter in PEFT's format: ``name`` itself if it is a folder, else as :func:`locate`.

    Where a checkpoint is, its adapter may be in ``adapter/``.

    Raises :class:`ModelError` if there is no such folder, if the hub does not provide it, or if it holds no adapter.
    """
    folder = Path(name)
    if folder.is_dir():
        return Located(folder if (folder / ADAPTER_CONFIG).exists() else _within(folder))
    if folder.exists() or split_name(name) is None:
        raise ModelError(
            f"{option('adapter', name)}: not a folder; give a folder with {ADAPTER_CONFIG} or a hub id, or ID@REVISION"
        )
    snapshot = open_snapshot("model", name, subject=option("adapter", name), offline=offline)
    there = snapshot.listing()
    prefix = next((one for one in ("", f"{ADAPTER}/") if f"{one}{ADAPTER_CONFIG}" in there), None)
    if prefix is None:
        raise ModelError(f"{snapshot.subject}: {snapshot.id} has no {ADAPTER_CONFIG}, so no adapter; {_has(there)}")
    config, weights = prefix + ADAPTER_CONFIG, prefix + ADAPTER_WEIGHTS
    if weights not in there:
        why = f"has no {weights}; {_has(there)}"
        if pickled := [
            one for one in there if one.endswith(PICKLED) and PurePosixPath(one).parent == PurePosixPath(prefix)
        ]:
            why = (
                f"has only pickled weights ({_some(pickled)}), which are not read: opening them can run code; give a "
                f"repository or a revision with {ADAPTER_WEIGHTS}"
            )
        raise ModelError(f"{snapshot.subject}: {snapshot.id} {why}")
    read_settings(snapshot.fetch([config]) / prefix, subject=f"{snapshot.subject}: {config}")
    return Located(snapshot.fetch([weights]) / prefix, snapshot.facts())


def _within(folder: Path) -> Path:
    """Return the folder of the adapter beside a checkpoint, if there is one, else ``folder``."""
    return (
        folder / ADAPTER if (folder / WEIGHTS).is_file() and (folder / ADAPTER / ADAPTER_CONFIG).is_file() else folder
    )


def _fetch(snapshot: Snapshot, *, with_weights: bool) -> Path:
    """Fetch a checkpoint's files, the small ones first: what cannot be used is refused before its weights come."""
    there = snapshot.listing()
    weights = _weights(snapshot, there)
    if CONFIG not in there:
        raise ModelError(f"{snapshot.subject}: {snapshot.id} has no {CONFIG}, so it is no checkpoint; {_has(there)}")
    folder = snapshot.fetch([CONFIG])
    read_config(folder / CONFIG)
    snapshot.fetch(name for name in _TOKENIZER if name in there)
    if not with_weights:
        return folder
    if weights == INDEX:
        snapshot.fetch([INDEX])
        snapshot.fetch(sorted(set(shards(folder / INDEX).values())))
    else:
        snapshot.fetch([WEIGHTS])
    return folder


def shards(index: Path) -> dict[str, str]:
    """Return the tensors that an index of shards lists, each with its file. Raises :class:`ModelError`."""
    content = read_json(index, what="an index of weight shards", error=ModelError)
    names = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(names, dict) or not all(isinstance(file, str) for file in names.values()):
        raise ModelError(f"{index}: weight_map is missing; expected tensor names with their files")
    for shard in sorted(set(names.values())):
        if PurePosixPath(shard).name != shard or Path(shard).name != shard:
            raise ModelError(f"{index}: shard {shard!r} is not a file of this folder")
    return names


def _weights(snapshot: Snapshot, there: dict[str, int]) -> str:
    """Return the file that the weights are found by. Raises :class:`ModelError` if there is none that is read."""
    if found := next((name for name in (WEIGHTS, INDEX) if name in there), None):
        return found
    where = f"{snapshot.subject}: {snapshot.id}"
    if pickled := [name for name in there if name.endswith(PICKLED) and "/" not in name]:
        raise ModelError(
            f"{where} has only pickled weights ({_some(pickled)}), which are not read: opening them can run code; give "
            f"a repository or a revision with {WEIGHTS}"
        )
    if "adapter_config.json" in there:
        raise ModelError(f"{where} holds an adapter, not a base; give the base that it was trained on")
    raise ModelError(f"{where} has neither {WEIGHTS} nor {INDEX}; {_has(there)}")


def _has(there: dict[str, int]) -> str:
    return f"it has {_some(sorted(there)) or 'no files'}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
