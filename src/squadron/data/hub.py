"""Choose what to fetch of a data set on the hub: the files of one split of one configuration.

A data set says in its card which files belong to which configuration and split; without that, their names tell. Where
it has no files in a layout that is read, as those that are a script, the hub's own conversion to parquet is taken.
Nothing of a repository is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squadron.errors import DataError, option
from squadron.hub import MAIN, Snapshot, open_snapshot
from squadron.hub_errors import response_of

Splits = Mapping[str, tuple[str, ...]]
"""The paths of each split's files."""
CONVERTED = "refs/convert/parquet"
"""The branch on which the hub keeps its conversion: ``CONFIGURATION/SPLIT/0000.parquet``."""
OFFICIAL = {"validation": ("validation", "dev"), "official": ("validation", "dev")}
"""Other names of splits: the official development set is the hub's ``validation``."""
_CARD = "README.md"
_READ = re.compile(r"\.(json|jsonl|ndjson|parquet)(\.(gz|xz))?$")
_NO_DATA = {"dataset_infos.json", "dataset_info.json", "state.json", "package.json", "config.json"}
_CONVERTED = re.compile(r"(?P<config>[^/]+)/(?P<split>[^/]+)/\d+\.parquet")
_SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_LISTED = 12


@dataclass(frozen=True, slots=True)
class HubFiles:
    """The files of a split, in order, and the facts for a record: ``id``, ``commit``, ``split``, ``config``."""

    files: tuple[tuple[str, Path], ...]
    facts: dict[str, Any]


def fetch_split(name: str, *, split: str, config: str | None, offline: bool, subject: str = "") -> HubFiles:
    """Fetch the files of a split of the data set ``ID`` or ``ID@REVISION``; ``subject`` names it in errors.

    Raises :class:`DataError` that lists what is there if the configuration or the split is not.
    """
    snapshot = open_snapshot("dataset", name, subject=subject or name, offline=offline)
    snapshot, found = _configurations(snapshot)
    config = _chosen_config(snapshot, found, config)
    splits = found.splits[config]
    own = next((one for one in (split, *OFFICIAL.get(split, ())) if one in splits), None)
    if own is None:
        raise DataError(
            f"{snapshot.subject}: {snapshot.id} has no split {split!r} in its configuration {config}; it has "
            f"{_some(splits)}; name one by {option('hub_split')} or {option('test_split')} of `squadron prepare`"
        )
    folder = snapshot.fetch(splits[own])
    facts = {**snapshot.facts(), "config": config, "split": own}
    return HubFiles(tuple((path, folder / path) for path in splits[own]), facts)


@dataclass(frozen=True, slots=True)
class Configurations:
    """The splits of each configuration, by name, and the configuration that is meant if none is named."""

    splits: Mapping[str, Splits]
    default: str | None = None


def _configurations(snapshot: Snapshot) -> tuple[Snapshot, Configurations]:
    """Return the configurations of a data set, and the snapshot that has their files."""
    there = snapshot.listing()
    found = configurations(_card(snapshot, there), there)
    if found.splits:
        return snapshot, found
    if snapshot.revision in (None, MAIN):
        try:
            converted = snapshot.at(CONVERTED)
        except DataError as problem:
            if getattr(response_of(problem), "status_code", None) != 404:
                raise
            raise DataError(
                f"{snapshot.subject}: {snapshot.id} has no file in a layout that is read, and the hub has no "
                f"conversion of it to parquet; it has {_some(there)}; download it, save its rows as JSON lines, give "
                f"that file instead"
            ) from problem
        if (found := configurations({}, converted.listing())).splits:
            return converted, found
    raise DataError(
        f"{snapshot.subject}: {snapshot.id} has no file in a layout that is read (JSON, JSON lines, parquet); it has "
        f"{_some(there)}; the hub's conversion to parquet, if there is one, is {snapshot.id}@{CONVERTED}"
    )


def configurations(card: Mapping[str, Any], paths: Iterable[str]) -> Configurations:
    """Return the paths of each split of each configuration, from a data set's card, else from the files' names.

    ``card`` is the metadata of the card, with ``configs`` if its author listed them.
    """
    readable = sorted(path for path in paths if _READ.search(path) and not _hidden(path))
    listed = card.get("configs")
    if isinstance(listed, list) and (listed := [one for one in listed if isinstance(one, dict)]):
        every = {str(one.get("config_name") or "default"): _listed_splits(one, readable) for one in listed}
        named = next((str(one.get("config_name")) for one in listed if one.get("default")), "default")
        found = {name: splits for name, splits in every.items() if splits}
        return Configurations(found, named if named in found else None)
    converted: dict[str, dict[str, tuple[str, ...]]] = {}
    matches = [_CONVERTED.fullmatch(path) for path in readable]
    if readable and all(matches):
        for match in filter(None, matches):
            own = converted.setdefault(match["config"], {})
            own[match["split"]] = (*own.get(match["split"], ()), match[0])
        return Configurations(dict(converted), "default" if "default" in converted else None)
    return Configurations({"default": _named_splits(readable)} if readable else {}, "default")


def _listed_splits(config: Mapping[str, Any], readable: list[str]) -> Splits:
    """Return the splits of a configuration in a card: patterns by split, a list of those, or patterns of one split."""
    start = str(config.get("data_dir") or "").strip("/")
    within = [path for path in readable if not start or path.startswith(f"{start}/")]
    files = config.get("data_files")
    if files is None:
        return _named_splits(within, start)
    if isinstance(files, dict):
        pairs = list(files.items())
    elif isinstance(files, list) and all(isinstance(one, dict) for one in files):
        pairs = [(one.get("split", "train"), one.get("path")) for one in files]
    else:
        pairs = [("train", files)]
    found = {}
    for split, patterns in pairs:
        many = patterns if isinstance(patterns, list) else [patterns]
        expressions = [_expression(f"{start}/{one}" if start else str(one)) for one in many if isinstance(one, str)]
        if own := tuple(path for path in within if any(one.fullmatch(path) for one in expressions)):
            found[str(split)] = own
    return found


def _named_splits(paths: Iterable[str], start: str = "") -> Splits:
    """Return the splits that the names of files and folders tell; all files are ``train`` if none does."""
    found: dict[str, tuple[str, ...]] = {}
    rest = tuple(paths)
    for path in rest:
        words = set(re.split(r"[^a-z]+", path[len(start) :].lower()))
        split = next((name for name, known in _SPLIT_WORDS.items() if not words.isdisjoint(known)), None)
        if split is not None:
            found[split] = (*found.get(split, ()), path)
    return found or ({"train": rest} if rest else {})


def _expression(pattern: str) -> re.Pattern[str]:
    """Return a pattern of paths as an expression: ``*`` stays within a folder, ``**`` does not."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("./"))
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts))


def _chosen_config(snapshot: Snapshot, found: Configurations, config: str | None) -> str:
    if config is not None and config not in found.splits:
        raise DataError(
            f"{option('hub_config', config)}: {snapshot.id} has no such configuration; it has {_some(found.splits)}"
        )
    if config is None and len(found.splits) > 1 and found.default is None:
        raise DataError(
            f"{snapshot.subject}: {snapshot.id} has {len(found.splits)} configurations, {_some(found.splits)}; name "
            f"one by {option('hub_config')} of `squadron prepare`"
        )
    return config or (found.default if found.default in found.splits else next(iter(found.splits))) or ""


def _card(snapshot: Snapshot, there: Mapping[str, int]) -> Mapping[str, Any]:
    """Return the metadata of a data set's card; none if it has none, or if it cannot be read."""
    if _CARD not in there:
        return {}
    from huggingface_hub import metadata_load

    path = snapshot.fetch([_CARD]) / _CARD
    try:
        found = metadata_load(path)
    except Exception:  # YAML by hand: whatever is wrong with it, the files' names still tell
        return {}
    return found if isinstance(found, dict) else {}


def _hidden(path: str) -> bool:
    return any(part.startswith((".", "__")) for part in path.split("/")) or path.rsplit("/", 1)[-1] in _NO_DATA


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return (", ".join(listed[:_LISTED]) or "no files") + more
