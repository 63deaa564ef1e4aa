"""Load questions from a file (JSON, JSONL or parquet; plain, ``.xz`` or ``.gz``) or a data set on the hub.

A file's format is detected from its bytes, not its name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from squadron.data.formats import foreign_text, read_layout, refuse_foreign_bytes
from squadron.data.hub import fetch_split
from squadron.data.parquet import read_parquet
from squadron.data.reading import bounded, read_data, read_stream
from squadron.data.squad import Dataset
from squadron.data.validation import build_dataset
from squadron.encodings import decode_text
from squadron.errors import DataError, option
from squadron.files import MOST_BYTES, read_bounded
from squadron.hub import SHORT_NAMES, split_name

_SUFFIXES = {".json", ".jsonl", ".ndjson", ".parquet", ".csv", ".tsv", ".txt", ".gz", ".xz", ".zip"}
"""Ends of names that are a file's."""


def load_data(
    source: str | Path,
    *,
    split: str = "train",
    config: str | None = None,
    columns: Mapping[str, str] | None = None,
    offline: bool = False,
    strict: bool = False,
    texts_only: bool = False,
    split_contexts: bool = False,
    max_bytes: int = MOST_BYTES,
) -> Dataset:
    """Load and check a SQuAD data set from a file or a pipe, or from the hub: ``ID`` or ``ID@REVISION``.

    ``split`` is a split on the hub, or of a file that has several; it is ignored for any other file. ``config`` is a
    configuration on the hub. ``columns`` are the names that rows have for fields, such as ``{"context": "passage"}``.
    At most ``max_bytes`` of a file are read, unpacked. Bad rows are set aside and listed in the result; if ``strict``,
    the first one raises. For ``texts_only`` and ``split_contexts``, see
    :func:`squadron.data.validation.build_dataset`. Raises :class:`DataError` if the source cannot be read.
    """
    path = Path(source)
    how: dict[str, Any] = {"strict": strict, "texts_only": texts_only, "split_contexts": split_contexts}
    how["columns"] = columns
    if path.is_dir():
        raise DataError(f"{path}: a folder; give a data file, or {option('data')} for a folder that `prepare` made")
    if path.exists():
        if config is not None:
            raise DataError(
                f"{option('hub_config', config)}: {path} is a file, not a data set of the hub; leave it out"
            )
        return load_file(path, split=split, max_bytes=max_bytes, **how)[0]
    name = str(source)
    if not is_hub_name(name):
        raise DataError(f"{name}: no such file; give a SQuAD file, squad, squad_v2 or a hub id such as owner/name")
    found = fetch_split(name, split=split, config=config, offline=offline)
    identity = found.facts["id"]
    contents = [_contents(read_data(file, max_bytes=max_bytes), f"{identity}: {path}") for path, file in found.files]
    dataset = _build(_joined(contents), identity, split=found.facts["split"], **how)
    return dataclasses.replace(dataset, hub=found.facts)


def is_hub_name(name: str) -> bool:
    """Return True if a name can be one of a data set on the hub, not a file that is missing."""
    split = split_name(name)
    if split is None:
        return False
    known = split[0] in SHORT_NAMES["dataset"]
    return known or (split[0].count("/") == 1 and not (Path(split[0]).suffix in _SUFFIXES and split[1] is None))


def _joined(contents: list[Any]) -> Any:
    """Return the contents of a split's files as those of one."""
    if len(contents) == 1:
        return contents[0]
    if all(isinstance(one, dict) and isinstance(one.get("data"), list) for one in contents):
        return {**contents[0], "data": [item for one in contents for item in one["data"]]}
    return [item for one in contents for item in (one if isinstance(one, list) else [one])]


def load_file(path: Path, *, split: str = "train", max_bytes: int = MOST_BYTES, **how: Any) -> tuple[Dataset, str]:
    """Load a data set from a file or a pipe, which is read once; return it with the SHA-256 of the bytes.

    ``how`` are ``columns``, ``strict``, ``texts_only`` and ``split_contexts``, as for :func:`load_data`.
    """
    try:
        with path.open("rb") as stream:
            data = bounded(read_bounded(stream, max_bytes), str(path), max_bytes)
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({problem.strerror})") from None
    unpacked = read_stream(io.BytesIO(data), str(path), max_bytes=max_bytes)
    return parse_data(unpacked, str(path), split=split, **how), hashlib.sha256(data).hexdigest()


def parse_data(data: bytes, source: str, *, split: str = "train", **how: Any) -> Dataset:
    """Read a data set from the decompressed bytes of a file; ``source`` names it in errors.

    Text is UTF-8, or UTF-16 with a byte order mark.

    ``how`` are ``columns``, ``strict``, ``texts_only`` and ``split_contexts``, as for :func:`load_data`.
    """
    return _build(_contents(data, source), source, split=split, **how)


def _contents(data: bytes, source: str) -> Any:
    """Return the rows of a parquet file, or the JSON of any other."""
    if data[:4] == b"PAR1":
        return read_parquet(data, source)
    refuse_foreign_bytes(data, source)
    return _parsed(decode_text(data, source, error=DataError), source)


def _parsed(text: str, source: str) -> Any:
    """Return the JSON of a file, or a list of the objects that stand one a line."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, ValueError) as problem:
        # Not splitlines(): it also splits at U+2028 and similar characters, which JSON does not escape.
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > 1 and _is_object(lines[0]):
            return _json_lines(text, source)
        where = f"line {problem.lineno}, column {problem.colno}: " if isinstance(problem, json.JSONDecodeError) else ""
        why = problem.msg if isinstance(problem, json.JSONDecodeError) else str(problem)
        looks = foreign_text(text) or "is the file whole?"
        raise DataError(f"{source}: not JSON ({where}{why}); {looks}") from None
    except RecursionError:
        raise DataError(f"{source}: JSON nested too deeply; expected SQuAD's layout") from None


def _build(parsed: Any, source: str, *, split: str, columns: Mapping[str, str] | None = None, **how: bool) -> Dataset:
    found = read_layout(parsed, source, split=split, columns=columns)
    return build_dataset(found.rows, source, version=found.version, chosen=found.chosen, **how)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _json_lines(text: str, source: str) -> list[Any]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as problem:
                raise DataError(f"{source}: line {number} is not JSON ({problem}); is the file whole?") from None
            except RecursionError:
                raise DataError(f"{source}: line {number} is JSON nested too deeply; expected a row of SQuAD") from None
    return rows
