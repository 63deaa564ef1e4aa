"""Read the bytes of a data file: decompressed, and at most so many, whatever the file claims to be."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import zlib
from pathlib import Path
from typing import IO, Any

from squadron.errors import DataError
from squadron.files import MOST_BYTES, json_memory, read_bounded

_XZ, _GZIP = b"\xfd7zXZ\x00", b"\x1f\x8b"


def read_data(path: Path | str, *, max_bytes: int = MOST_BYTES) -> bytes:
    """Return the bytes of a file, a device or a pipe, decompressed (``.xz``, ``.gz``, by their first bytes).

    Reading stops at ``max_bytes`` unpacked bytes. Raises :class:`DataError` if there are more, if the file cannot be
    read, is empty, or is compressed and damaged.
    """
    try:
        with Path(path).open("rb") as file:
            return read_stream(file, str(path), max_bytes=max_bytes)
    except OSError as problem:
        raise DataError(
            f"{path}: cannot be read ({problem.strerror}); make it readable, or give another file"
        ) from None


def read_stream(stream: IO[bytes], source: str, *, max_bytes: int = MOST_BYTES) -> bytes:
    """Return the bytes of an open stream as :func:`read_data` does; ``source`` names it in errors."""
    try:
        data = read_bounded(_unpacked(stream), max_bytes)
    except (lzma.LZMAError, EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise DataError(f"{source}: the compressed file is truncated or damaged ({problem}); fetch it again") from None
    whole = bounded(data, source, max_bytes)
    if not whole or whole.isspace():
        raise DataError(f"{source}: the file is empty")
    return whole


def bounded(data: bytes | None, source: str, max_bytes: int) -> bytes:
    """Return what :func:`squadron.files.read_bounded` gave. Raises :class:`DataError` if it stopped at the bound."""
    if data is None:
        raise DataError(
            f"{source}: over {max_bytes:,} bytes, unpacked; split it, or draw questions from it first, with: "
            f"squadron prepare --max-bytes MORE"
        )
    return data


def refuse_bulk(data: bytes, source: str, max_bytes: int) -> None:
    """Raise :class:`DataError` for JSON whose values would take over 1.5 times ``max_bytes`` of memory.

    A file of lists of single words can be within ``max_bytes`` and take thirty times as much when it is parsed.
    """
    if (needed := json_memory(data)) > 1.5 * max_bytes:
        raise DataError(
            f"{source}: {len(data):,} bytes of JSON whose values would take about {needed / 1e9:.1f} GB of memory; "
            f"split it, or draw questions from it first, with: squadron prepare --max-bytes MORE"
        )


def _unpacked(stream: IO[bytes]) -> Any:
    """Return a stream of the bytes of ``stream``, decompressed."""
    first = b""
    while len(first) < len(_XZ) and (more := stream.read(len(_XZ) - len(first))):
        first += more
    begun: Any = _Joined(first, stream)
    if first == _XZ:
        return lzma.LZMAFile(begun)
    return gzip.GzipFile(fileobj=begun) if first[: len(_GZIP)] == _GZIP else begun


class HashedStream:
    """A stream that hashes what is read from it, so that the bytes of a file need not be kept for their hash."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._hash, self._read = stream, hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes."""
        data = self._stream.read(size)
        self._hash.update(data)
        self._read += len(data)
        return data

    def sha256(self, source: str, max_bytes: int) -> str:
        """Return the SHA-256 of the whole stream, as 64 hexadecimal digits; what was not read yet is read.

        Raises :class:`DataError` if the stream has more than ``max_bytes`` bytes.
        """
        while self._read <= max_bytes and self.read(2**20):
            pass
        bounded(b"" if self._read <= max_bytes else None, source, max_bytes)
        return self._hash.hexdigest()


class _Joined(io.RawIOBase):
    """A stream that gives the bytes that were read from it first again; pipes cannot seek."""

    def __init__(self, first: bytes, rest: IO[bytes]) -> None:
        self._first, self._rest = first, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes; fewer at the end of what was read before."""
        if self._first:
            given, self._first = self._first[:size], self._first[size:]
            return given
        return self._rest.read(size)
