"""The places of data and bases: as records keep them, and where they are found again once folders were moved.

Records keep the absolute path of what is on this machine. It is only a hint: the SHA-256 in the record decides whether
what is found is the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from squadron.data.prepared import MANIFEST, prepared_hashes
from squadron.errors import RunError, SquadronError, option
from squadron.files import sha256_file
from squadron.runs.layout import SWEEP

DIGITS = 12
"""Digits of a SHA-256 that messages show."""
Tell = Callable[[str], None]
"""Shows one line to the user."""


def quiet(_: str) -> None:
    """Show nothing."""


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


def find_data(run: Path, record: Mapping[str, Any], *, tell: Tell = quiet) -> str:
    """Return the file or folder of the data that a run with this record was trained on.

    A sweep that prepared its questions has them within. Any other is found by :func:`find_place`. Raises
    :class:`RunError` if the data is not there any more.
    """
    name, sweep = str(record["config"]["data"]), run.absolute().parent.parent
    if (sweep / SWEEP).is_file() and is_prepared(str(sweep / "data")) and Path(name).name == "data":
        return str(sweep / "data")
    trained_on = ((record.get("data") or {}).get("train") or {}).get("sha256")
    if found := find_place(run, name, trained_on, _data_sha256, tell=tell):
        return found
    raise RunError(
        f"{run}: was trained on the data {name}, which is not there any more; "
        f"say where it is now with {option('data', 'DIR')}"
    )


def find_place(
    run: Path, name: str, sha256: str | None, hash_of: Callable[[str], str | None], *, tell: Tell = quiet
) -> str | None:
    """Return the place of what a run's record calls ``name``; None if there is none.

    A relative path, as old records have, is tried from the current folder, then from the folder that the run is in; of
    the two, it is the one with this SHA-256, else the first. If there is nothing, it may have been moved together with
    the run: then it is what :func:`moved_places` yields and has this SHA-256, and ``tell`` says so.
    """

    def is_same(place: str) -> bool:
        try:
            return sha256 is not None and hash_of(place) == sha256
        except (SquadronError, OSError):
            return False  # not what the run was trained on

    beside = run.absolute().parent / name
    places = [absolute(place) for place in dict.fromkeys((name, str(beside))) if os.path.exists(place)]
    if places:
        return next(filter(is_same, places), places[0]) if len(places) > 1 else places[0]
    found = next(filter(is_same, moved_places(run, name)), None)
    if found is not None:
        tell(moved_line(run, name, found))
    return found


def moved_places(run: Path, name: str) -> Iterator[str]:
    """Yield what may be ``name`` if a folder that held both it and ``run`` was moved or copied.

    These are the last parts of its path, the longest first, in each folder that the run is in, the nearest first.
    """
    parts = Path(name).parts
    for first in range(1 if Path(name).is_absolute() else 0, len(parts)):
        for folder in run.absolute().parents:
            if (place := folder.joinpath(*parts[first:])).exists():
                yield absolute(str(place))


def moved_line(run: Path, name: str, found: str) -> str:
    """Return the line that says where something was found."""
    return f"{run}: {name} is not there any more; {found} is the same, by its sha256, and is used"


def _data_sha256(place: str) -> str | None:
    """Return the SHA-256 of the training questions in a prepared folder or a data file."""
    return prepared_hashes(Path(place)).get("train") if os.path.isdir(place) else sha256_file(place)
