"""The places of bases and data: as records keep them, and where they are found again once folders were moved.

Records keep the absolute path of what is on this machine, and the names of the hub and ``pocket`` as they are typed. A
path is only a hint: the SHA-256 in the record decides whether what is found is the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from squadron.data.prepared import MANIFEST, prepared_hashes
from squadron.errors import ModelError, RunError, SquadronError, option
from squadron.model.checkpoint import base_sha256, locate_base
from squadron.pocket.base import NAME as POCKET
from squadron.runs.folder import RunFolder
from squadron.runs.layout import SWEEP

DIGITS = 12
"""Digits of a SHA-256 that messages show."""


def absolute(name: str) -> str:
    """Return the absolute path of a file or folder that is here; any other name unchanged."""
    if not os.path.exists(name):
        return name
    path = Path(name)
    # Links stay as they are named, except where a .. after one could lead elsewhere.
    return str(path.resolve() if ".." in path.parts else path.absolute())


def absolute_base(name: str) -> str:
    """Return the absolute path of a base's folder; the name of the hub or ``pocket`` unchanged."""
    return name if name == POCKET else absolute(name)


def is_prepared(dataset: str) -> bool:
    """Return True if the questions are a folder that ``prepare`` made."""
    return (Path(dataset) / MANIFEST).is_file()


def absolute_dataset(name: str) -> str:
    """Return the absolute path of a data set's file or prepared folder; the name of the hub or ``pocket`` unchanged."""
    return name if name == POCKET and not is_prepared(name) else absolute(name)


def find_base(folder: RunFolder, given: str | None = None) -> str:
    """Return the name or the folder of the base that a run was trained on; ``given`` says where it is now.

    A relative path, as old records have, is tried from the current folder, then from the folder that the run is in.
    Raises :class:`RunError` if the base is not there any more. A recorded path is never sent to the hub.
    """
    if given is not None:
        return absolute_base(given)
    name, facts = str(folder.record["config"]["base"]), folder.record["base"]
    if name == POCKET or facts.get("local") is False:
        return name
    if found := _find(folder, name, facts["sha256"], lambda place: base_sha256(Path(place))):
        return found
    if facts.get("local") is None and not os.path.isabs(name) and _is_cached(name):
        return name  # old records do not say whether this is a path: the hub's files that are here do
    raise RunError(
        f"{folder.path}: was trained on the base {name}, which is not there any more; "
        f"say where it is now with {option('base', 'DIR')}"
    )


def find_data(folder: RunFolder) -> str:
    """Return the file or folder of the data that a run was trained on.

    A sweep that prepared its questions has them within. For a relative path, see :func:`find_base`. Raises
    :class:`RunError` if the data is not there any more.
    """
    name, sweep = str(folder.record["config"]["data"]), folder.path.absolute().parent.parent
    if (sweep / SWEEP).is_file() and is_prepared(str(sweep / "data")) and Path(name).name == "data":
        return str(sweep / "data")
    trained_on = folder.record["data"]["train"]["sha256"]
    if found := _find(folder, name, trained_on, lambda place: prepared_hashes(Path(place)).get("train")):
        return found
    raise RunError(
        f"{folder.path}: was trained on the data {name}, which is not there any more; "
        f"say where it is now with {option('data', 'DIR')}"
    )


def check_base(folder: RunFolder, sha256: str, place: str) -> None:
    """Raise :class:`RunError` if the base at ``place``, with this SHA-256, is not the one a run was trained on."""
    trained_on = folder.record["base"]["sha256"]
    if sha256 != trained_on:
        raise RunError(
            f"{folder.path}: was trained on another base than {place} (its sha256 was {trained_on[:DIGITS]}..., this "
            f"one's is {sha256[:DIGITS]}...); put the base back, or say where it is with {option('base', 'DIR')}"
        )


def _find(folder: RunFolder, name: str, sha256: str, hash_of: Callable[[str], str | None]) -> str | None:
    """Return the place that has what the run was trained on, else the first that exists; None if none does."""
    beside = folder.path.absolute().parent / name
    places = [absolute(place) for place in dict.fromkeys((name, str(beside))) if os.path.exists(place)]
    return _matching(places, sha256, hash_of) if len(places) > 1 else next(iter(places), None)


def _matching(places: Sequence[str], sha256: str, hash_of: Callable[[str], str | None]) -> str:
    for place in places:
        try:
            if hash_of(place) == sha256:
                return place
        except (SquadronError, OSError):
            continue  # not what the run was trained on
    return places[0]


def _is_cached(name: str) -> bool:
    """Return True if the hub's base of this name is in the local cache."""
    try:
        locate_base(name, offline=True)
    except ModelError:
        return False
    return True
