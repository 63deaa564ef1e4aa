"""Load questions from a file (JSON, JSONL or parquet; plain, ``.xz`` or ``.gz``) or a data set on the hub.

A file's format is detected from its bytes, not its name.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any
from unittest import mock

from squadron.data.formats import DamagedLine, foreign_text, read_layout, refuse_foreign_bytes
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
    except (ValueError, RecursionError) as problem:
        if (rows := _json_lines(text) or _json_values(text)) is not None:
            return rows
        if isinstance(problem, RecursionError):
            raise DataError(f"{source}: JSON nested too deeply; expected SQuAD's layout") from None
        looks = foreign_text(text) or "is the file whole?"
        raise DataError(f"{source}: not JSON ({_fault(problem, lines=True)}); {looks}") from None


def _build(parsed: Any, source: str, *, split: str, **how: bool) -> Dataset:
    found = read_layout(parsed, source, split=split)
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
