"""Find the questions of a study's runs: where they are now, and whether they are still the ones that the runs had."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from squadron.data.prepared import MANIFEST
from squadron.errors import DataError
from squadron.file_records import HubFacts
from squadron.manifest import ManifestFile, PreparedSplit
from squadron.runs.places import Tell, moved_line, moved_places
from squadron.runs.reader import RunFile, SplitFacts, StudyFacts, SweepFile
from squadron.runs.records import Data, SplitInfo


def differing_splits(records: Iterable[RunFile | None]) -> set[str]:
    """Return the splits that are not the same for all runs, as the training split of runs on data of several sizes."""
    hashes: dict[str, set[str]] = {}
    for record in records:
        for name, one in ((record.data if record is not None else None) or {}).items():
            if one is not None and one.sha256:
                hashes.setdefault(name, set()).add(one.sha256)
    return {name for name, found in hashes.items() if len(found) > 1}


def read_study_data(path: Path, facts: Sequence[StudyFacts], differing: set[str], tell: Tell) -> Data:
    """Return the data of the runs; its path is ``None`` if the questions there are not the ones of the runs.

    Splits that are ``differing`` from run to run are not compared.
    """
    named = [name for record in facts if (name := _dataset(record)) is not None]
    known = next((record.data for record in facts if record.data), {})
    splits = {name: _split_info(one) for name, one in known.items() if one is not None and name not in differing}
    usual = [path / "data", *(start / name for start in (Path(), path) for name in named)]
    hashed = any(one.sha256 for one in splits.values())
    moved = {Path(place): name for name in named if hashed for place in moved_places(path, name)}
    for place in dict.fromkeys((*usual, *moved)):
        if not (place / MANIFEST).is_file():
            continue
        try:
            manifest = ManifestFile.read(place / MANIFEST)
        except DataError:
            if place in usual:
                raise
            continue  # it only has the same name
        whole = {name: _split_info(one) for name, one in manifest.splits.items()}
        if all(not own.sha256 or (name in whole and own.sha256 == whole[name].sha256) for name, own in splits.items()):
            if place not in usual:
                tell(moved_line(path, moved[place], str(place)))
            origin = manifest.source or None, manifest.version or None
            commit = next((commit_of(one.hub) for one in manifest.splits.values() if one.hub is not None), None)
            return Data(*origin, {**splits, **whole}, len(manifest.set_aside), place, commit)
    commit = next((commit_of(one.hub) for one in known.values() if one is not None and one.hub is not None), None)
    return Data(next(iter(named), None), None, splits, 0, None, commit)


def commit_of(hub: HubFacts | None) -> str | None:
    """Return the commit of what came from the hub; None for anything else."""
    return None if hub is None else hub.commit


def _dataset(record: StudyFacts) -> str | None:
    """Return the location of the questions in a record's configuration; None if it has none."""
    found = record.content.get("config", {}).get("dataset" if isinstance(record, SweepFile) else "data")
    return found if isinstance(found, str) else None


def _split_info(one: SplitFacts | PreparedSplit) -> SplitInfo:
    return SplitInfo(one.questions or 0, one.paragraphs, one.sha256 or None)
