"""Load questions from a file (JSON, JSONL or parquet; plain, ``.xz`` or ``.gz``) or a data set on the hub.

A file's format is detected from its bytes, not its name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

from squadron.data.parquet import read_parquet
from squadron.data.reading import read_data
from squadron.data.squad import Dataset, SquadVersion
from squadron.data.validation import build_dataset, hub_rows, official_rows
from squadron.errors import DataError, option
from squadron.files import MOST_BYTES

HUB_NAMES = {"squad": "rajpurkar/squad", "squad_v2": "rajpurkar/squad_v2"}
"""Short names of data sets on the hub."""


def load_data(
    source: str | Path,
    *,
    split: str = "train",
    offline: bool = False,
    strict: bool = False,
    max_bytes: int = MOST_BYTES,
) -> Dataset:
    """Load and check a SQuAD data set from a file, or from the hub by its id.

    ``split`` is a split on the hub; it is ignored for a file, of which at most
    ``max_bytes`` are read, unpacked. Raises :class:`DataError` if the source cannot be read.
    Bad rows are set aside and listed in the result; if ``strict``, the first one raises.
    """
    path = Path(source)
    if path.exists() and not path.is_dir():  # pipes and devices too
        return parse_data(read_data(path, max_bytes=max_bytes), str(source), strict=strict)
    if path.is_dir():
        raise DataError(f"{path}: a folder; give a data file, or {option('data')} for a folder that `prepare` made")
    name = str(source)
    if name not in HUB_NAMES and (path.suffix or name.startswith((".", "/", "~")) or name.count("/") != 1):
        raise DataError(f"{name}: no such file; give a SQuAD file, squad, squad_v2 or a hub id such as owner/name")
    return _from_hub(name, split, offline=offline, strict=strict)


def parse_data(data: bytes, source: str, *, strict: bool = False) -> Dataset:
    """Read a data set from the decompressed bytes of a file; ``source`` names it in errors."""
    if data[:4] == b"PAR1":
        return _from_rows(read_parquet(data, source), source, strict=strict)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise DataError(f"{source}: byte {problem.start} is not UTF-8; save the file as UTF-8") from None
    try:
        parsed = _json(text)
    except (json.JSONDecodeError, ValueError) as problem:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and _is_object(lines[0]):
            return _from_rows(_json_lines(text, source), source, strict=strict)
        where = f"line {problem.lineno}, column {problem.colno}: " if isinstance(problem, json.JSONDecodeError) else ""
        why = problem.msg if isinstance(problem, json.JSONDecodeError) else str(problem)
        raise DataError(f"{source}: not JSON ({where}{why}); is the file whole?") from None
    except RecursionError:
        raise DataError(f"{source}: JSON nested too deeply; expected SQuAD's layout") from None
    if isinstance(parsed, dict) and "data" not in parsed and "context" in parsed:
        parsed = [parsed]
    if isinstance(parsed, list):
        return _from_rows(parsed, source, strict=strict)
    return build_dataset(official_rows(parsed, source), source, version=_version(parsed), strict=strict)


def _from_rows(rows: list[Any], source: str, *, strict: bool) -> Dataset:
    """Build a data set from the hub's layout. It has no ``is_impossible``: an empty list of answers means the same."""
    marked = any(isinstance(row, dict) and "is_impossible" in row for row in rows)
    return build_dataset(hub_rows(rows, source, empty_is_impossible=not marked), source, version=None, strict=strict)


def _json(text: str) -> Any:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not a JSON value")

    return json.loads(text, parse_constant=refuse)


def _is_object(line: str) -> bool:
    try:
        return isinstance(_json(line), dict)
    except (ValueError, RecursionError):
        return False


def _json_lines(text: str, source: str) -> list[Any]:
    rows = []
    # Not splitlines(): it also splits at U+2028 and similar characters, which JSON does not escape.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(_json(line))
            except ValueError as problem:
                raise DataError(f"{source}: line {number} is not JSON ({problem}); is the file whole?") from None
            except RecursionError:
                raise DataError(f"{source}: line {number} is JSON nested too deeply; expected a row of SQuAD") from None
    return rows


def _version(data: Any) -> SquadVersion | None:
    """Return the version given in an official file, or None."""
    given = str(data.get("version", "")) if isinstance(data, dict) else ""
    if given.removeprefix("v").startswith("2"):
        return "2.0"
    return "1.1" if given.startswith(("1", "v1")) else None


def _from_hub(name: str, split: str, *, offline: bool, strict: bool) -> Dataset:
    import datasets
    from huggingface_hub import constants

    identity = HUB_NAMES.get(name, name)
    try:
        # Both libraries read their environment only at import, which may be before this flag is known.
        with (
            mock.patch.object(constants, "HF_HUB_OFFLINE", offline or constants.HF_HUB_OFFLINE),
            mock.patch.object(datasets.config, "HF_HUB_OFFLINE", offline or datasets.config.HF_HUB_OFFLINE),
        ):
            rows = datasets.load_dataset(identity, split=split)
    except Exception as problem:  # datasets raises many types, even bare Exception
        first = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise DataError(
            f"{name}: cannot load {identity}, split {split!r}, from the hub ({first}); give a file"
        ) from None
    return _from_rows(list(rows), identity, strict=strict)
