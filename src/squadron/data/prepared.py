"""The folder that ``prepare`` writes: one SQuAD file per split, and ``data.json``, which records how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squadron.data.sources import load_data, load_file
from squadron.data.splits import SPLITS
from squadron.data.squad import Dataset
from squadron.errors import DataError, option
from squadron.files import MOST_BYTES, sha256_file, write_json
from squadron.marks import json_object
from squadron.ownership import Layout

if TYPE_CHECKING:
    from squadron.manifest import PreparedSplit

MANIFEST = "data.json"
SCHEMA = 1


def is_prepared_file(path: Path) -> bool:
    """Return True for a manifest that ``prepare`` wrote, and for a file whose hash is in the manifest beside it."""
    manifest = json_object(path.parent / MANIFEST)
    splits = manifest.get("splits")
    if manifest.get("schema") != SCHEMA or "source" not in manifest or not isinstance(splits, dict):
        return False
    described = [one for one in splits.values() if isinstance(one, dict) and one.get("file") == path.name]
    return path.name == MANIFEST or any(one.get("sha256") == sha256_file(path) for one in described)


LAYOUT = Layout(dict.fromkeys((MANIFEST, *(f"{split}.json" for split in SPLITS)), is_prepared_file))
"""The entries of a prepared folder."""


@dataclass(frozen=True, slots=True)
class Split:
    """The questions of a split; ``sha256`` is the hash of the file they were read from.

    ``hub`` describes where on the hub they are from, if they are: ``id``, ``commit``, ``config`` and ``split``.
    """

    dataset: Dataset
    name: str
    sha256: str
    hub: Mapping[str, Any] | None = None


def write_prepared(folder: Path, splits: Mapping[str, Dataset], origin: Dataset, settings: Mapping[str, Any]) -> None:
    """Write the splits, then their manifest: a folder with a manifest is complete."""
    files = {}
    for name in SPLITS:
        path = folder / f"{name}.json"
        write_json(path, splits[name].to_json(), indent=None)
        files[name] = {
            "file": path.name,
            "questions": len(splits[name]),
            "paragraphs": len(splits[name].paragraphs),
            "sha256": sha256_file(path),
            **({"hub": dict(hub)} if (hub := splits[name].hub) else {}),
        }
    write_json(
        folder / MANIFEST,
        {
            "schema": SCHEMA,
            "source": origin.source,
            "version": origin.version,
            "settings": dict(settings),
            "splits": files,
            "set_aside": [str(finding) for finding in origin.set_aside],
            "repaired": [str(finding) for finding in origin.repaired],
        },
    )


def prepared_sizes(folder: Path) -> dict[str, int]:
    """Return the number of questions in each split of a prepared folder."""
    return {name: described.questions for name, described in _splits(folder).items()}


def prepared_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each split's file in a prepared folder, as its manifest says."""
    return {name: described.sha256 for name, described in _splits(folder).items()}


def load_split(source: str | Path, split: str) -> Split:
    """Load one split of a prepared folder, or a data file as a single split.

    Raises :class:`DataError` if the folder is incomplete, or a file in it has changed since it was prepared.
    """
    folder = Path(source)
    if folder.exists() and not folder.is_dir():
        if split == "test":
            raise DataError(
                f"{option('split', 'test')}: {source} is one file, without splits; leave {option('split')} out"
            )
        dataset, sha256 = load_file(folder)
        return Split(dataset, folder.name, sha256)
    if not folder.is_dir():
        raise DataError(
            f"{option('data', source)}: no such folder; make one with: squadron prepare --dataset squad --out DIR"
        )
    known = _splits(folder)
    if split not in known:
        raise DataError(f"{option('split', split)}: {folder} has {', '.join(known)}; name one of these")
    path = folder / known[split].file
    if not path.is_file():
        raise DataError(f"{path}: missing; prepare the data again")
    sha256 = sha256_file(path)
    if sha256 != known[split].sha256:
        raise DataError(f"{path}: changed since it was prepared; prepare the data again, or give the file itself")
    if known[split].questions == 0:
        raise DataError(
            f"{option('split', split)}: {folder} was prepared with none; ask `squadron prepare` for more than 0"
        )
    # `prepare` made the file, perhaps with a higher bound than the usual one.
    dataset = load_data(path, max_bytes=max(MOST_BYTES, path.stat().st_size))
    hub = known[split].hub
    return Split(dataset, split, sha256, None if hub is None else hub.model_dump(exclude_none=True))


def _splits(folder: Path) -> dict[str, PreparedSplit]:
    """Return what the manifest says of each split."""
    # Here, not above: it needs pydantic, which this package's other uses do not.
    from squadron.manifest import ManifestFile

    return ManifestFile.read(folder / MANIFEST).splits
