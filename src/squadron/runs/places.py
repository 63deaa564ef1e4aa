"""The places of data and bases: as records keep them, and where they are found again once folders were moved.

Records keep the absolute path of what is on this machine. It is only a hint: the SHA-256 in the record decides whether
what is found is the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from squadron.data.prepared import MANIFEST, prepared_hashes
from squadron.errors import RunError, SquadronError, option
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


def is_prepared(dataset: str) -> bool:
    """Return True if the questions are a folder that ``prepare`` made."""
    return (Path(dataset) / MANIFEST).is_file()


def find_data(run: Path, record: Mapping[str, Any]) -> str:
    """Return the file or folder of the data that a run with this record was trained on.

    A sweep that prepared its questions has them within. A relative path, as old records have, is tried from the current
    folder, then from the folder that the run is in. Raises :class:`RunError` if the data is not there any more.
    """
    name, sweep = str(record["config"]["data"]), run.absolute().parent.parent
    if (sweep / SWEEP).is_file() and is_prepared(str(sweep / "data")) and Path(name).name == "data":
        return str(sweep / "data")
    trained_on = ((record.get("data") or {}).get("train") or {}).get("sha256")
    if found := find_place(run, name, trained_on, lambda place: prepared_hashes(Path(place)).get("train")):
        return found
    raise RunError(
        f"{run}: was trained on the data {name}, which is not there any more; "
        f"say where it is now with {option('data', 'DIR')}"
    )


def find_place(run: Path, name: str, sha256: str | None, hash_of: Callable[[str], str | None]) -> str | None:
    """Return the place of what a run's record calls ``name``; None if there is none.

    Of several, it is the one with this SHA-256, else the first.
    """
    beside = run.absolute().parent / name
    places = [absolute(place) for place in dict.fromkeys((name, str(beside))) if os.path.exists(place)]
    for place in places if len(places) > 1 else ():
        try:
            if hash_of(place) == sha256:
                return place
        except (SquadronError, OSError):
            continue  # not what the run was trained on
    return next(iter(places), None)
