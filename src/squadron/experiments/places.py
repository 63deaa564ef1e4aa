"""The places of bases: as records keep them, and where they are found again once folders were moved.

Records keep the absolute path of a folder on this machine, and the names of the hub and ``pocket`` as they are typed.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from squadron.errors import ModelError, RunError, option
from squadron.hub import split_name
from squadron.model.checkpoint import base_sha256, locate_base, weight_files
from squadron.pocket.base import NAME as POCKET
from squadron.runs.folder import RunFolder
from squadron.runs.places import DIGITS, Tell, absolute, find_place, is_prepared, quiet


def absolute_base(name: str) -> str:
    """Return the absolute path of a base's folder; the name of the hub or ``pocket`` unchanged."""
    return name if name == POCKET else absolute(name)


def absolute_dataset(name: str) -> str:
    """Return the absolute path of a data set's file or prepared folder; the name of the hub or ``pocket`` unchanged."""
    return name if name == POCKET and not is_prepared(name) else absolute(name)


def find_base(folder: RunFolder, given: str | None = None, *, tell: Tell = quiet) -> str:
    """Return the name or the folder of the base that a run was trained on; ``given`` says where it is now.

    Without it, a folder is found by :func:`squadron.runs.places.find_place`. Raises :class:`RunError` if the base is
    not there any more. A recorded path is never sent to the hub.
    """
    if given is not None:
        return absolute_base(given)
    name, facts = str(folder.record["config"]["base"]), folder.record["base"]
    if name == POCKET or facts.get("local") is False:
        return pinned(name, folder.record)
    if found := find_place(folder.path, name, facts["sha256"], _sha256, tell=tell):
        return found
    if facts.get("local") is None and not os.path.isabs(name) and _is_cached(name):
        return name  # old records do not say whether this is a path: the hub's files that are here do
    raise RunError(
        f"{folder.path}: was trained on the base {name}, which is not there any more; "
        f"say where it is now with {option('base', 'DIR')}"
    )


def pinned(name: str, record: Mapping[str, Any]) -> str:
    """Return the base ``name`` at the commit that a record has of it, ``ID@COMMIT``; else the name unchanged.

    The hub's base may have a newer commit by now: the one that a run began with is the one that it goes on with.
    """
    facts = record.get("base")
    hub = facts.get("hub") if isinstance(facts, dict) else None
    if not isinstance(hub, dict) or name != record.get("config", {}).get("base"):
        return name
    return f"{hub['id']}@{hub['commit']}"


def check_base(folder: RunFolder, sha256: str, place: str) -> None:
    """Raise :class:`RunError` if the base at ``place``, with this SHA-256, is not the one a run was trained on."""
    trained_on = folder.record["base"]["sha256"]
    if sha256 != trained_on:
        where = option("base", "DIR")
        if split_name(place) and not os.path.exists(place):
            where += f" or, at the commit that it then had, {option('base', 'ID@REVISION')}"
        raise RunError(
            f"{folder.path}: was trained on another base than {place} (its sha256 was {trained_on[:DIGITS]}..., this "
            f"one's is {sha256[:DIGITS]}...); put the base back, or say where it is with {where}"
        )


def _sha256(place: str) -> str:
    """Return the SHA-256 of a base's weights; many runs of a study ask for that of the same files."""
    return _sha256_of(place, tuple((one.st_size, one.st_mtime_ns) for one in map(os.stat, weight_files(Path(place)))))


@functools.lru_cache(maxsize=16)
def _sha256_of(place: str, _: tuple[tuple[int, int], ...]) -> str:
    return base_sha256(Path(place))


def _is_cached(name: str) -> bool:
    """Return True if the hub's base of this name is in the local cache."""
    try:
        locate_base(name, offline=True)
    except ModelError:
        return False
    return True
