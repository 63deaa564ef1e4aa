"""Read the bytes of a data file: decompressed, and at most so many, whatever the file claims to be."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import IO, Any

from squadron.errors import DataError
from squadron.files import MOST_BYTES, read_bounded

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
        raise DataError(f"{path}: cannot be read ({problem.strerror})") from None


def read_stream(stream: IO[bytes], source: str, *, max_bytes: int = MOST_BYTES) -> bytes:
    """Return the bytes of an open stream as :func:`read_data` does; ``source`` names it in errors."""
    try:
        data = read_bounded(_unpacked(stream), max_bytes)
    except (lzma.LZMAError, EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise DataError(f"{source}: the compressed file is truncated or damaged ({problem}); fetch it again") from None
    whole = bounded(data, source, max_bytes)
    if not whole.strip():
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


def _unpacked(stream: IO[bytes]) -> Any:
    """Return a stream of the bytes of ``stream``, decompressed."""
    first = b""
    while len(first) < len(_XZ) and (more := stream.read(len(_XZ) - len(first))):
        first += more
    begun: Any = _Joined(first, stream)
    if first == _XZ:
        return lzma.LZMAFile(begun)
    return gzip.GzipFile(fileobj=begun) if first[: len(_GZIP)] == _GZIP else begun


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
