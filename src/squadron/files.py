"""Write files atomically.

Everything Squadron writes goes through :func:`write_bytes` or :func:`atomic_path`: the bytes go to a temporary
sibling, are flushed to disk, and take the final name in one rename. A reader, or a run resumed after a power failure,
sees the old file or the new one, never a partial one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from squadron.encodings import encoding_fault
from squadron.errors import DeviceError, SquadronError
from squadron.temporaries import final_name, replace_folder, sweep_leftovers, temporary

MOST_BYTES = 800_000_000
"""Bytes read of one file unless an option says otherwise: a device or a pipe may have no end.

While a text is decoded, its bytes stand beside it: with this bound a command keeps within 2 GB.
"""
MOST_JSON_BYTES = 2**28
"""Bytes read of a JSON file that is not a data file; its text and the bytes stand in memory together."""
MOST_JSON_MEMORY = 1_500_000_000
"""Bytes of memory that such a file's values may take, as :func:`json_memory` estimates them."""
_SMALL_JSON = 2**25
"""Bytes of JSON whose values fit into MOST_JSON_MEMORY whatever they are."""


@contextlib.contextmanager
def atomic_path(path: Path | str, *, apart: bool = False) -> Iterator[Path]:
    """Yield a temporary sibling of ``path`` to write to; on success it is renamed to ``path``, else it is removed.

    ``apart`` is for a library that first writes to a file of its own beside the given path, as safetensors does: the
    path is then in a temporary folder, which is removed with whatever the library left in it, and the file gets the
    permissions of the user's umask. Raises :class:`DeviceError` if the disk is full or the folder cannot be written.
    """
    path = Path(path)
    with explain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_leftovers(path)
        with temporary(path, folder=apart) as place:
            fresh = place / path.name if apart else place
            yield fresh
            if apart:
                fresh.chmod(place.stat().st_mode & 0o666)
            with fresh.open("rb+") as stream:
                os.fsync(stream.fileno())
            fresh.replace(path)
            _sync_folder(path.parent)


@contextlib.contextmanager
def atomic_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary sibling folder to fill; on success it is renamed to ``path``, else it is removed.

    ``path`` must be missing or empty, unless ``replace``: then the old folder is removed once the new one is in place.
    Raises :class:`DeviceError` as :func:`atomic_path` does.
    """
    with explain_os_errors(path):
        target = path.resolve()  # keep a symbolic link, replace the folder that it points to
        if target in (Path.cwd(), *Path.cwd().parents):
            raise DeviceError(
                f"{path}: this command runs in that folder; run it from another folder, or choose another"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep_leftovers(target)
        with temporary(target, folder=True) as fresh:
            yield fresh
            if replace and target.is_dir():
                replace_folder(fresh, target)
            else:
                if target.is_dir():
                    target.rmdir()
                fresh.rename(target)
            _sync_folder(target.parent)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path | str, value: Any, *, indent: int | None = 2) -> None:
    """Write ``value`` as JSON to ``path``, whole or not at all. Raises ValueError for NaN and infinity."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


_UNWRITABLE = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.ETXTBSY),
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.EFBIG, errno.EIO, errno.EINVAL, errno.EMFILE, errno.ENFILE),
)
"""Errors of the operating system that another folder, or another name, avoids."""


def read_json(path: Path | str, *, what: str, error: type[SquadronError], lines: bool = False) -> Any:
    """Read JSON from ``path``. Raises ``error`` for any problem, naming the file and ``what`` was expected.

    With ``lines``, a file with a value on each line is read as their list.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            data = read_bounded(stream, MOST_JSON_BYTES)
        if data is None:
            raise error(f"{path}: over {MOST_JSON_BYTES:,} bytes; expected {what}")
        if (needed := json_memory(data)) > MOST_JSON_MEMORY:
            raise error(f"{path}: its values would take about {needed / 1e9:.1f} GB of memory; expected {what}")
        return json.loads(data)  # in UTF-8, UTF-16 or UTF-32
    except FileNotFoundError:
        raise error(f"{path}: no such file; expected {what}") from None
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror}); expected {what}") from None
    except UnicodeDecodeError as problem:
        raise error(f"{path}: {encoding_fault(data or b'', problem)}; expected {what}") from None
    except json.JSONDecodeError as problem:
        if lines and data and problem.msg == "Extra data":
            with contextlib.suppress(ValueError, RecursionError):
                return [json.loads(line) for line in data.split(b"\n") if line.strip()]
        raise error(
            f"{path}: not JSON (line {problem.lineno}, column {problem.colno}: {problem.msg}); expected {what}"
        ) from None
    except ValueError as problem:  # an integer with too many digits for Python to parse
        raise error(f"{path}: cannot be read ({str(problem).partition(';')[0]}); expected {what}") from None
    except RecursionError:
        raise error(f"{path}: JSON nested too deeply; expected {what}") from None


def read_bounded(stream: IO[bytes], most: int) -> bytes | None:
    """Return all bytes of a stream; None if there are more than ``most``, which are not all read."""
    whole = io.BytesIO()  # its value is not copied
    while block := stream.read(2**20):
        if whole.tell() + len(block) > most:
            return None
        whole.write(block)
    return whole.getvalue()


def json_memory(data: bytes) -> int:
    """Return about how many bytes of memory the values of JSON would take, before it is read; 0 for a small one.

    Brackets and commas are counted, in texts too, at what CPython takes for an object, a list and a short value: a
    file of nothing but empty lists takes 45 times its size. A character beyond U+FFFF gives four bytes to every
    character of its text.
    """
    if len(data) <= _SMALL_JSON:
        return 0
    letters = len(data) * (5 if re.search(rb"[\xf0-\xf4]", data) else 1)
    return letters + 192 * data.count(b"{") + 72 * data.count(b"[") + 60 * data.count(b",")


def sha256_file(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def explain_os_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about ``path`` into a :class:`DeviceError` with the next step."""
    path = Path(*(final_name(part) or part for part in path.parts))  # users do not know the temporaries
    try:
        yield
    except Exception as problem:
        if disk_is_full(problem):
            free = shutil.disk_usage(_existing(path)).free
            raise DeviceError(
                f"{path}: the disk is full ({free:,} bytes free); no partial file was left: "
                f"free some space and run the same command again"
            ) from problem
        if isinstance(problem, OSError) and problem.errno in _UNWRITABLE:
            step = "shorten the name" if problem.errno == errno.ENAMETOOLONG else "choose another folder"
            raise DeviceError(f"{path}: cannot be written ({problem.strerror}); {step}") from problem
        raise


def disk_is_full(problem: BaseException) -> bool:
    """Return True if an error means that the disk, or the user's quota on it, is full."""
    if isinstance(problem, OSError):
        return problem.errno in (errno.ENOSPC, errno.EDQUOT)
    # Libraries written in Rust pass the system's error on only as text.
    return any(f"(os error {number})" in str(problem) for number in (errno.ENOSPC, errno.EDQUOT))


def _existing(path: Path) -> Path:
    """Return the nearest parent of ``path`` that exists."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _sync_folder(folder: Path) -> None:
    """Make a rename durable. Windows cannot open folders and does not need this."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
