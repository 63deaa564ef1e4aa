"""Load questions from a file (JSON, JSONL or parquet; plain, ``.xz`` or ``.gz``) or a data set on the hub.

A file's format is detected from its bytes, not its name.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any
from unittest import mock

from squadron.data.formats import foreign_text, read_layout, refuse_foreign_bytes
from squadron.data.parquet import read_parquet
from squadron.data.reading import bounded, read_stream
from squadron.data.squad import Dataset
from squadron.data.validation import build_dataset
from squadron.encodings import decode_text
from squadron.errors import DataError, option
from squadron.files import MOST_BYTES, read_bounded

HUB_NAMES = {"squad": "rajpurkar/squad", "squad_v2": "rajpurkar/squad_v2"}
"""Short names of data sets on the hub."""


def load_data(
    source: str | Path,
    *,
    split: str = "train",
    offline: bool = False,
    strict: bool = False,
    texts_only: bool = False,
    split_contexts: bool = False,
    max_bytes: int = MOST_BYTES,
) -> Dataset:
    """Load and check a SQuAD data set from a file or a pipe, or from the hub by its id.

    ``split`` is a split on the hub, or of a file that has several; it is ignored for any other file. At most
    ``max_bytes`` of a file are read, unpacked. Bad rows are set aside and listed in the result; if ``strict``, the
    first one raises. For ``texts_only`` and ``split_contexts``, see :func:`squadron.data.validation.build_dataset`.
    Raises :class:`DataError` if the source cannot be read.
    """
    path = Path(source)
    how = {"strict": strict, "texts_only": texts_only, "split_contexts": split_contexts}
    if path.is_dir():
        raise DataError(f"{path}: a folder; give a data file, or {option('data')} for a folder that `prepare` made")
    if path.exists():
        return load_file(path, split=split, max_bytes=max_bytes, **how)[0]
    name = str(source)
    if name not in HUB_NAMES and (path.suffix or name.startswith((".", "/", "~")) or name.count("/") != 1):
        raise DataError(f"{name}: no such file; give a SQuAD file, squad, squad_v2 or a hub id such as owner/name")
    identity = HUB_NAMES.get(name, name)
    return _build(_from_hub(name, split, offline=offline), identity, split=split, **how)


def load_file(path: Path, *, split: str = "train", max_bytes: int = MOST_BYTES, **how: bool) -> tuple[Dataset, str]:
    """Load a data set from a file or a pipe, which is read once; return it with the SHA-256 of the bytes.

    ``how`` are ``strict``, ``texts_only`` and ``split_contexts``, as for :func:`load_data`.
    """
    try:
        with path.open("rb") as stream:
            data = bounded(read_bounded(stream, max_bytes), str(path), max_bytes)
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({problem.strerror})") from None
    unpacked = read_stream(io.BytesIO(data), str(path), max_bytes=max_bytes)
    return parse_data(unpacked, str(path), split=split, **how), hashlib.sha256(data).hexdigest()


def parse_data(data: bytes, source: str, *, split: str = "train", **how: bool) -> Dataset:
    """Read a data set from the decompressed bytes of a file; ``source`` names it in errors.

    Text is UTF-8, or UTF-16 with a byte order mark.

    ``how`` are ``strict``, ``texts_only`` and ``split_contexts``, as for :func:`load_data`.
    """
    if data[:4] == b"PAR1":
        return _build(read_parquet(data, source), source, split=split, **how)
    refuse_foreign_bytes(data, source)
    text = decode_text(data, source, error=DataError)
    return _build(_parsed(text, source), source, split=split, **how)


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


def _build(parsed: Any, source: str, *, split: str, **how: bool) -> Dataset:
    found = read_layout(parsed, source, split=split)
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


def _from_hub(name: str, split: str, *, offline: bool) -> list[Any]:
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
    return list(rows)
