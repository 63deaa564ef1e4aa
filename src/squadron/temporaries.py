"""Temporary files and folders, created beside their targets.

Their names are used by Squadron alone. They are locked while their process runs. If that process is killed, the next
write to the same target removes them.

``.NAME.squadron-XXXXXXXX.part`` holds the new content of ``NAME``, or the old content that is about to be removed.
If the system cannot swap two folders in one step, ``.NAME.squadron-XXXXXXXX.old`` holds the old content of ``NAME``
until the new folder has the name.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows: no way to know whether a writer still runs, so leftovers of killed ones stay
    fcntl = None

_FORM = re.compile(r"\.(?P<name>.+)\.squadron-[0-9a-f]{8}\.(?P<kind>part|old)", re.DOTALL)
_NO_SWAP = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
_AT_CWD, _EXCHANGE, _SWAP = -100, 2, 2
"""Linux: AT_FDCWD and RENAME_EXCHANGE; macOS: RENAME_SWAP."""


def temporary_name(path: Path) -> Path:
    """Return the path of a new temporary sibling of ``path``."""
    return path.with_name(f".{path.name}.squadron-{secrets.token_hex(4)}.part")


def final_name(name: str) -> str | None:
    """Return the name of a temporary's target; None if ``name`` is not a temporary's name."""
    found = _FORM.fullmatch(name)
    if found is None:
        return None
    return final_name(found["name"]) or found["name"]  # a temporary of a temporary


@contextlib.contextmanager
def temporary(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a new temporary file (or folder) for ``path``, with permissions by the user's umask. It is removed
    afterwards, unless it was renamed. No other process removes it in the meantime."""
    place, handle = _make(path, folder=folder)
    try:
        yield place
    finally:
        if folder:
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def sweep_leftovers(path: Path) -> None:
    """Remove the leftovers of killed writes to ``path``. If one was killed while it replaced a folder and ``path`` is
    missing, restore the old folder."""
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        names = [entry.name for entry in entries if final_name(entry.name) == path.name]
        for place in sorted(path.parent / name for name in names):  # an .old before its .part
            restored = place.suffix == ".old" and _restore(place, path)
            if not restored:
                remove_leftover(place)


def remove_leftover(place: Path) -> None:
    """Remove a temporary file or folder, unless a running process holds its lock or it cannot be removed."""
    if fcntl is None:
        return
    with _opened(place) as handle:
        if handle is not None and _lock(handle):
            if stat.S_ISDIR(os.fstat(handle).st_mode):
                shutil.rmtree(place, ignore_errors=True)
            elif stat.S_ISREG(os.fstat(handle).st_mode):
                with contextlib.suppress(OSError):
                    place.unlink()


def replace_folder(fresh: Path, path: Path) -> None:
    """Replace the folder ``path`` with the folder ``fresh``, and remove the old one. One of them is always at ``path``;
    if the system cannot swap the two, :func:`sweep_leftovers` restores that after a kill.
    """
    if swap(fresh, path):
        return  # the old folder has the temporary's name now
    old = fresh.with_suffix(".old")
    path.rename(old)
    try:
        fresh.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def swap(one: Path, other: Path) -> bool:
    """Swap two paths of one file system in one step. Return False if the system cannot."""
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux":
        call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        arguments: tuple[Any, ...] = (_AT_CWD, names[0], _AT_CWD, names[1], _EXCHANGE)
    elif sys.platform == "darwin":
        call = getattr(ctypes.CDLL(None, use_errno=True), "renamex_np", None)
        arguments = (*names, _SWAP)
    else:
        return False
    if call is None:
        return False
    if call(*arguments) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_SWAP:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _make(path: Path, *, folder: bool) -> tuple[Path, int | None]:
    """Create a temporary and return it with the handle that holds its lock."""
    while True:  # another process may remove the temporary before it is locked
        place = temporary_name(path)
        if folder:
            place.mkdir()
            handle = os.open(place, os.O_RDONLY) if fcntl is not None else None
        else:
            handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            if fcntl is None:
                os.close(handle)
                handle = None
        if handle is None or not _lock(handle, wait=True) or _is_at(handle, place):
            return place, handle
        os.close(handle)


def _restore(old: Path, path: Path) -> bool:
    """Give the old folder of a killed replacement its name back. Return False if that was not needed or possible."""
    with _opened(old.with_suffix(".part")) as twin:
        if os.path.lexists(path) or (twin is not None and not _lock(twin)):
            return False
        with contextlib.suppress(OSError):
            old.rename(path)
            return True
    return False


@contextlib.contextmanager
def _opened(place: Path) -> Iterator[int | None]:
    """Yield a handle of a file or folder, without following links; None if it cannot be opened."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(place, flags)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder. Return False if another process holds the lock, or the file system has no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _is_at(handle: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), place.lstat())
    except FileNotFoundError:
        return False
