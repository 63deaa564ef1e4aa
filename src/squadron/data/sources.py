"""Load questions from a file (JSON, JSONL or parquet; plain, ``.xz`` or ``.gz``) or a data set on the hub.

A file's format is detected from its bytes, not its name.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from squadron.data.formats import DamagedLine, foreign_text, read_layout, refuse_foreign_bytes
from squadron.data.hub import fetch_split
from squadron.data.parquet import read_parquet
from squadron.data.reading import HashedStream, read_data, read_stream, refuse_bulk
from squadron.data.squad import Dataset
from squadron.data.validation import build_dataset
from squadron.encodings import decode_text
from squadron.errors import DataError, option
from squadron.files import MOST_BYTES
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
    subject: str = "",
) -> Dataset:
    """Load and check a SQuAD data set from a file or a pipe, or from the hub: ``ID`` or ``ID@REVISION``.

    ``split`` is a split on the hub, or of a file that has several; it is ignored for any other file. ``config`` is a
    configuration on the hub. ``columns`` are the names that rows have for fields, such as ``{"context": "passage"}``.
    At most ``max_bytes`` of a file are read, unpacked. Bad rows are set aside and listed in the result; if ``strict``,
    the first one raises. For ``texts_only`` and ``split_contexts``, see
    :func:`squadron.data.validation.build_dataset`. ``subject`` names the source in errors, such as
    ``option("data", source)``. Raises :class:`DataError` if the source cannot be read.
    """
    path = Path(source)
    how: dict[str, Any] = {"strict": strict, "texts_only": texts_only, "split_contexts": split_contexts}
    how["columns"] = columns
    if path.is_dir():
        raise DataError(
            f"{subject or path}: a folder; give a data file, such as test.json of a folder that `prepare` made"
        )
    if path.exists():
        if config is not None:
            raise DataError(
                f"{option('hub_config', config)}: {path} is a file, not a data set of the hub; leave it out"
            )
        return load_file(path, split=split, max_bytes=max_bytes, **how)[0]
    name = str(source)
    if not is_hub_name(name):
        near = difflib.get_close_matches(name.lower(), SHORT_NAMES["dataset"], 1, cutoff=0.75)
        raise DataError(
            f"{subject or name}: no such file{f' (did you mean {near[0]}?)' if near else ''}; give a SQuAD file, "
            f"squad, squad_v2 or a hub id such as owner/name"
        )
    found = fetch_split(name, split=split, config=config, offline=offline, subject=subject)
    identity = found.facts["id"]
    contents = [
        _contents(read_data(file, max_bytes=max_bytes), f"{identity}: {path}", max_bytes) for path, file in found.files
    ]
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
    source = str(path)
    try:
        with path.open("rb") as stream:
            hashed: Any = HashedStream(stream)
            contents = _contents(read_stream(hashed, source, max_bytes=max_bytes), source, max_bytes)
            sha256 = hashed.sha256(source, max_bytes)
    except OSError as problem:
        raise DataError(
            f"{path}: cannot be read ({problem.strerror}); make it readable, or give another file"
        ) from None
    return _build(contents, source, split=split, **how), sha256


def parse_data(data: bytes, source: str, *, split: str = "train", max_bytes: int = MOST_BYTES, **how: Any) -> Dataset:
    """Read a data set from the decompressed bytes of a file; ``source`` names it in errors.

    Text is UTF-8, or UTF-16 with a byte order mark.

    ``how`` are ``columns``, ``strict``, ``texts_only`` and ``split_contexts``, as for :func:`load_data`.
    """
    return _build(_contents(data, source, max_bytes), source, split=split, **how)


def _contents(data: bytes, source: str, max_bytes: int) -> Any:
    """Return the rows of a parquet file, or the JSON of any other."""
    if data[:4] == b"PAR1":
        return read_parquet(data, source)
    refuse_foreign_bytes(data, source)
    refuse_bulk(data, source, max_bytes)
    text = decode_text(data, source, error=DataError)
    del data  # a caller that keeps no reference has it freed before the text is parsed
    return _parsed(text, source)


def _parsed(text: str, source: str) -> Any:
    """Return the JSON of a file, or a list of the objects that stand one a line."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        if (rows := _json_lines(text) or _json_values(text)) is not None:
            return rows
        if isinstance(problem, RecursionError):
            raise DataError(f"{source}: JSON nested too deeply; expected SQuAD's layout") from None
        looks = foreign_text(text) or "is the file whole?"
        raise DataError(f"{source}: not JSON ({_fault(problem, lines=True)}); {looks}") from None


def _build(parsed: Any, source: str, *, split: str, columns: Mapping[str, str] | None = None, **how: bool) -> Dataset:
    found = read_layout(parsed, source, split=split, columns=columns)
    return build_dataset(found.rows, source, version=found.version, chosen=found.chosen, **how)


def _fault(problem: ValueError, *, lines: bool) -> str:
    """Return in words where and why a text, of several ``lines`` or one, is not JSON."""
    if isinstance(problem, json.JSONDecodeError):
        return f"{f'line {problem.lineno}, ' if lines else ''}column {problem.colno}: {problem.msg}"
    return str(problem).partition(";")[0]


def _json_lines(text: str) -> list[Any] | None:
    """Return the values that stand one a line, with a :class:`DamagedLine` for each line that has none.

    None if the text is no such file: one of its first two lines, but for empty ones, is an object.
    """
    rows: list[Any] = []
    number, place = 1, 0
    # Not splitlines(): it also splits at U+2028 and similar characters, which JSON does not escape.
    for line in re.finditer(r"\S[^\n]*", text):
        number, place = number + text.count("\n", place, line.start()), line.start()
        rows.append(_json_line(number, line[0].strip("\ufeff")))  # of files that were joined
        if len(rows) == 2 and not any(isinstance(row, dict) for row in rows):
            return None
    return rows if len(rows) > 1 else None


def _json_line(number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as problem:
        return DamagedLine(number, f"not JSON ({_fault(problem, lines=False)}); is the file whole?")
    except RecursionError:
        return DamagedLine(number, "JSON nested too deeply; expected a row of SQuAD")


def _json_values(text: str) -> list[Any] | None:
    """Return the objects that stand one after another, as some tools print them; None if the text is anything else."""
    decoder, found, place = json.JSONDecoder(), [], len(text) - len(text.lstrip())
    try:
        while place < len(text):
            value, place = decoder.raw_decode(text, place)
            if not isinstance(value, dict):
                return None
            found.append(value)
            while place < len(text) and text[place] in " \t\r\n,":
                place += 1
    except (ValueError, RecursionError):
        return None
    return found
