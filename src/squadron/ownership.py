"""Recognise the files that Squadron wrote, so that nothing else is ever removed or overwritten.

A :class:`Layout` names the entries of a folder. An entry that it does not name, or that fails its check, belongs to the
user; so do symbolic links, which are never followed. Every verb that replaces a folder calls :func:`refuse_foreign`
first and removes with :func:`remove_owned`; every verb that writes to a path given by the user calls
:func:`refuse_overwrite`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from squadron.errors import RunError, SquadronError, option
from squadron.temporaries import final_name, remove_leftover

Check = Callable[[Path], bool]
"""Returns True for a file, or a link, that Squadron made."""
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """The entries that a folder may have, by name pattern: files with their checks, folders with their layouts. Entries
    in ``links`` may be symbolic links; removing them removes the link alone."""

    entries: Mapping[str, Check | Layout]
    links: tuple[str, ...] = ()

    def of(self, entry: os.DirEntry[str]) -> Check | Layout | None:
        """Return the check or layout for an entry, by name and type. None if foreign."""
        is_folder = entry.is_dir(follow_symlinks=False)
        kinds = (kind for pattern, kind in self.entries.items() if fnmatchcase(entry.name, pattern))
        return next((kind for kind in kinds if isinstance(kind, Layout) == is_folder), None)


def any_file(_: Path) -> bool:
    """Accept any file: the check for one that is identified by its name and folder alone."""
    return True


def is_empty(path: Path) -> bool:
    """Return True for an empty file: the check for a lock."""
    return path.stat().st_size == 0


def foreign(folder: Path, layout: Layout) -> Iterator[str]:
    """Yield the entries under ``folder`` that are not Squadron's, by their relative paths; a foreign folder as one."""
    for entry in _entries(folder):
        kind = layout.of(entry)
        if _is_leftover(entry, layout):
            continue
        if isinstance(kind, Layout):
            yield from (f"{entry.name}/{inner}" for inner in foreign(folder / entry.name, kind))
        elif not _is_own_file(entry, layout):
            yield entry.name


def refuse_foreign(folder: Path, layout: Layout, *, subject: str = "", error: type[SquadronError] = RunError) -> None:
    """Raise ``error`` if ``folder`` has entries that are not Squadron's or cannot be removed.

    ``subject`` names the folder in the message; by default it is the option ``out``.
    """
    subject = subject or option("out", folder)
    try:
        found = list(foreign(folder, layout))
    except OSError as problem:
        raise error(f"{subject}: {problem.filename} cannot be read ({problem.strerror}); choose another") from None
    if found:
        raise error(
            f"{subject}: has files that Squadron did not write: {listed(found)}; "
            f"move them elsewhere, or choose another folder"
        )
    for root, _, _ in os.walk(folder):
        if not os.access(root, os.W_OK | os.X_OK):
            raise error(f"{subject}: {root} cannot be changed (Permission denied); choose another folder")


def remove_owned(folder: Path, layout: Layout, *, keep: Iterable[str] = ()) -> None:
    """Remove Squadron's files under ``folder``, except the entries of ``folder`` named in ``keep``, then the subfolders
    left empty. ``folder`` itself and foreign files stay."""
    kept = set(keep)
    found = [(entry, layout.of(entry), _is_own_file(entry, layout)) for entry in _entries(folder)]
    # Folders first, then files in reverse order: the files that identify others (data.json, analysis.json, the details
    # of predictions) are removed after them, so that after a kill the rest is still recognised.
    found.sort(key=lambda one: (isinstance(one[1], Layout), one[0].name), reverse=True)
    for entry, kind, own in found:
        path = folder / entry.name
        if entry.name in kept:
            continue
        if _is_leftover(entry, layout):
            remove_leftover(path)
        elif isinstance(kind, Layout):
            remove_owned(path, kind)
            with contextlib.suppress(OSError):  # not empty: it has a foreign file
                path.rmdir()
        elif own:
            path.unlink(missing_ok=True)


def only_leftovers(folder: Path, layout: Layout, *, lock: str | None = None) -> bool:
    """Return True if a folder has nothing but the lock and leftovers of killed writes."""
    return all(
        _is_leftover(entry, layout) or (entry.name == lock and _is_own_file(entry, layout))
        for entry in _entries(folder)
    )


def sweep_folder(folder: Path, layout: Layout) -> None:
    """Remove leftovers of killed writes of the layout's entries from ``folder``, not from its subfolders."""
    for entry in _entries(folder):
        if _is_leftover(entry, layout):
            remove_leftover(folder / entry.name)


def refuse_overwrite(path: Path, check: Check, *, what: str, subject: str = "") -> None:
    """Raise :class:`RunError` if ``path`` exists and is not ``what`` (for the message) written by Squadron.

    ``subject`` names the path in the message; by default it is the option ``out``.
    """
    subject = subject or option("out", path)
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file() or not check(path)):
        raise RunError(f"{subject}: exists and is not {what} that Squadron wrote; choose another name, or remove it")


def refuse_inputs_inside(out: Path, inputs: Mapping[str, str | Path | None]) -> None:
    """Raise :class:`RunError` if an input (keyed by its :func:`option`) lies within ``out``, which is to be replaced.

    Inputs that are not paths on this machine are ignored.
    """
    for name, given in inputs.items():
        if given is not None and any(_lies_within(path, out) for path in _paths_of(Path(given))):
            raise RunError(
                f"{name}: lies within {out}, which {option('replace', True)} would remove; "
                f"choose another {option('out')}"
            )


def listed(names: list[str]) -> str:
    """Return the first few of the names, and the number of the others."""
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_own_file(entry: os.DirEntry[str], layout: Layout) -> bool:
    kind = layout.of(entry)
    if kind is None or isinstance(kind, Layout):
        return False
    if entry.is_symlink():
        return any(fnmatchcase(entry.name, pattern) for pattern in layout.links)
    return entry.is_file(follow_symlinks=False) and kind(Path(entry.path))


def _is_leftover(entry: os.DirEntry[str], layout: Layout) -> bool:
    """Return True if an entry is a temporary of one that the layout names."""
    name = final_name(entry.name)  # a file may be written within a folder, so the type does not matter
    return name is not None and not entry.is_symlink() and any(fnmatchcase(name, one) for one in layout.entries)


def _paths_of(path: Path) -> Iterator[Path]:
    """Yield an input and the files that symbolic links in it point to."""
    if path.exists():
        yield path
    if path.is_dir():
        with contextlib.suppress(OSError), os.scandir(path) as entries:
            yield from [Path(entry.path) for entry in entries if entry.is_symlink() and entry.is_file()]


def _lies_within(path: Path, folder: Path) -> bool:
    """Return True if a path is ``folder`` or lies within it, compared by file identity."""
    whole = path.resolve()
    return any(one.exists() and one.samefile(folder) for one in (whole, *whole.parents)) if folder.exists() else False
