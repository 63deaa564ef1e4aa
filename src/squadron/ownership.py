"""What in a folder is Squadron's, so that nothing else is ever removed or overwritten.

A :class:`Layout` names the entries of a folder. Whatever it does not name, or whose content its check does not
recognise, is the user's: links too, which are never followed. Every verb that replaces a folder asks
:func:`refuse_foreign` first and removes by :func:`remove_owned`; every verb that writes into a place that a user names
asks :func:`refuse_overwrite`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from squadron.errors import RunError, SquadronError
from squadron.temporaries import final_name, remove_leftover

Check = Callable[[Path], bool]
"""Whether a file, or a link, is one that Squadron made."""
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """What a folder may hold, by patterns of names: files with their checks (of folders, with their layouts). Entries
    in ``links`` may be symbolic links, which go as such."""

    entries: Mapping[str, Check | Layout]
    links: tuple[str, ...] = ()

    def of(self, entry: os.DirEntry[str]) -> Check | Layout | None:
        """What an entry is by its name and kind. None for a stranger's."""
        is_folder = entry.is_dir(follow_symlinks=False)
        kinds = (kind for pattern, kind in self.entries.items() if fnmatchcase(entry.name, pattern))
        return next((kind for kind in kinds if isinstance(kind, Layout) == is_folder), None)


def any_file(_: Path) -> bool:
    """The check of a file that its name and folder tell well enough."""
    return True


def is_empty(path: Path) -> bool:
    """The check of a lock: a file with nothing in it."""
    return path.stat().st_size == 0


def foreign(folder: Path, layout: Layout) -> Iterator[str]:
    """The entries under ``folder`` that are not Squadron's, by their paths within it; of a foreign folder, itself."""
    for entry in _entries(folder):
        kind = layout.of(entry)
        if _is_leftover(entry, layout):
            continue
        if isinstance(kind, Layout):
            yield from (f"{entry.name}/{inner}" for inner in foreign(folder / entry.name, kind))
        elif not _is_own_file(entry, layout):
            yield entry.name


def refuse_foreign(folder: Path, layout: Layout, *, flag: str, error: type[SquadronError] = RunError) -> None:
    """Raise ``error`` where ``folder``, which ``flag`` names, holds what is not Squadron's or cannot be removed."""
    try:
        strangers = list(foreign(folder, layout))
    except OSError as problem:
        raise error(
            f"{flag} {folder}: {problem.filename} cannot be read ({problem.strerror}); choose another"
        ) from None
    if strangers:
        raise error(
            f"{flag} {folder}: holds what Squadron did not write: {listed(strangers)}; "
            f"move it elsewhere, or choose another folder"
        )
    for root, _, _ in os.walk(folder):
        if not os.access(root, os.W_OK | os.X_OK):
            raise error(f"{flag} {folder}: {root} cannot be changed (Permission denied); choose another folder")


def remove_owned(folder: Path, layout: Layout, *, keep: Iterable[str] = ()) -> None:
    """Remove what is Squadron's under ``folder``, but for the entries of it that are to ``keep``. Folders that are
    empty then go too, ``folder`` itself does not; what is not Squadron's stays."""
    kept = set(keep)
    found = [(entry, layout.of(entry), _is_own_file(entry, layout)) for entry in _entries(folder)]
    # Folders first, then files from the last: what tells of the others (data.json, analysis.json, a prediction's
    # details) goes after them, so that what a kill leaves is still recognised.
    found.sort(key=lambda one: (isinstance(one[1], Layout), one[0].name), reverse=True)
    for entry, kind, own in found:
        path = folder / entry.name
        if entry.name in kept:
            continue
        if _is_leftover(entry, layout):
            remove_leftover(path)
        elif isinstance(kind, Layout):
            remove_owned(path, kind)
            with contextlib.suppress(OSError):  # not empty: a stranger's file is in it
                path.rmdir()
        elif own:
            path.unlink(missing_ok=True)


def only_leftovers(folder: Path, layout: Layout, *, lock: str | None = None) -> bool:
    """Whether a folder has nothing but the lock, and what killed writes of its files left."""
    return all(
        _is_leftover(entry, layout) or (entry.name == lock and _is_own_file(entry, layout))
        for entry in _entries(folder)
    )


def sweep_folder(folder: Path, layout: Layout) -> None:
    """Remove what killed writes of the layout's entries left right in ``folder``."""
    for entry in _entries(folder):
        if _is_leftover(entry, layout):
            remove_leftover(folder / entry.name)


def refuse_overwrite(path: Path, check: Check, *, flag: str, what: str) -> None:
    """Raise :class:`RunError` where there is something at ``path`` that is not ``what`` Squadron wrote there before."""
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file() or not check(path)):
        raise RunError(
            f"{flag} {path}: exists and is not {what} that Squadron wrote; choose another name, or remove it"
        )


def refuse_inputs_inside(out: Path, inputs: Mapping[str, str | Path | None], *, flag: str = "--replace") -> None:
    """Raise :class:`RunError` where an input (by its flag) lies within ``out``, which is to be replaced. What is no
    path on this machine is no input of that kind."""
    for name, given in inputs.items():
        if given is not None and any(_lies_within(path, out) for path in _paths_of(Path(given))):
            raise RunError(f"{name} {given}: lies within {out}, which {flag} would remove; choose another --out")


def listed(names: list[str]) -> str:
    """The first few of the names, and how many more there are."""
    more = f" and {len(names) - _TOLD:,} more" if len(names) > _TOLD else ""
    return ", ".join(names[:_TOLD]) + more


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
    """Whether an entry is a temporary of something that the folder may hold."""
    name = final_name(entry.name)  # a file is made within a folder too, so the kind says nothing
    return name is not None and not entry.is_symlink() and any(fnmatchcase(name, one) for one in layout.entries)


def _paths_of(path: Path) -> Iterator[Path]:
    """An input, and the files that links in it name."""
    if path.exists():
        yield path
    if path.is_dir():
        with contextlib.suppress(OSError), os.scandir(path) as entries:
            yield from [Path(entry.path) for entry in entries if entry.is_symlink() and entry.is_file()]


def _lies_within(path: Path, folder: Path) -> bool:
    """Whether a path is a folder or in it, whatever the two are called."""
    whole = path.resolve()
    return any(one.exists() and one.samefile(folder) for one in (whole, *whole.parents)) if folder.exists() else False
