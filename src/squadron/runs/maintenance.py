"""Maintain run folders: prune files that are not needed, and copy the best run to a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import Timeout

from squadron.errors import ConfigError, DeviceError, RunError, option
from squadron.files import atomic_folder, explain_os_errors, write_json
from squadron.options.runs import RunsPromoteOptions, RunsPruneOptions
from squadron.ownership import foreign, refuse_foreign, remove_owned
from squadron.runs.contents import RUN, WEIGHTS
from squadron.runs.folder import RunFolder, folder_lock, require_weights, verify_weights
from squadron.runs.layout import LOCK, RECORD, SCORES, SWEEP
from squadron.runs.listing import best_run, ranked_by, read_runs, require_one_normalization
from squadron.runs.reader import RunFile, ScoresFile
from squadron.temporaries import final_name, sweep_leftovers

_CHECKPOINT = "checkpoint.safetensors"
_ENDED = ("done", "diverged")
"""Statuses of runs that ``--resume`` does not continue; runs of any other status need their checkpoints."""
_WEIGHTS = (_CHECKPOINT, "last", "adapter", "model")
"""The files to remove of a pruned run. Record, scores, answers and curves stay, so that a resumed sweep skips the run,
and leaderboards and reports list it as before."""
_KEPT = ("adapter/adapter_model.safetensors", "model/model.safetensors")
_NOT_COPIED = (LOCK, _CHECKPOINT, "last")


def prune(options: RunsPruneOptions) -> dict[str, Any]:
    """Remove the files that the options select, or, without ``yes``, only list them.

    Returns the paths with their bytes, and the names of the runs that lose their weights (``pruned``). Runs that are in
    use, have no scores or are links are kept, as are all files that are not part of a run. Raises :class:`ConfigError`
    if the options select nothing, and :class:`RunError` if the folder's sweep is running.
    """
    if options.keep is None and not options.checkpoints and not options.last:
        raise ConfigError(
            f"runs prune: choose what to remove: {option('keep')} N, {option('checkpoints', True)} "
            f"or {option('last', True)}"
        )
    home = Path(options.folder)
    if not options.yes or not (home / SWEEP).is_file():
        with explain_os_errors(home):
            return _prune(home, options)
    with _hold(home) as held:
        if not held:
            raise RunError(f"{home}: its sweep is running; wait for it, or stop it")
        return _prune(home, options)


def promote(options: RunsPromoteOptions) -> dict[str, Any]:
    """Copy a run, or the best of a folder of runs, to a folder of its own, without checkpoint and last adapter.

    The copy is a run folder, for ``evaluate``, ``ask`` and ``export``. Raises :class:`RunError` if there is no such
    run, or if ``--out`` exists and may not be replaced.
    """
    source, out = Path(options.folder), Path(options.out)
    if not (source / RECORD).is_file():
        ranked = ranked_by(source, options.split, options.decoding, options.by)
        rows = read_runs(source, **ranked)
        source = best_run(rows, source, split=ranked["split"], decoding=ranked["decoding"])
    record = RunFile.read(source / RECORD).content
    if (source / SCORES).is_file():
        ScoresFile.read(source / SCORES)  # fails early: a copy with damaged scores would be useless
    require_weights(source, record)
    weights = [one for one in (source / kept for kept in _KEPT) if one.is_file()]
    if not weights:
        raise RunError(f"{source}: has no adapter or model to copy yet; train it to its end")
    verify_weights(source, record, weights[0])
    if source.resolve() in out.resolve().parents:
        raise RunError(f"{option('out', out)}: is within the run that is to be copied; choose another folder")
    sweep_leftovers(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not options.replace:
            raise RunError(
                f"{option('out', out)}: exists already; add {option('replace', True)}, or choose another folder"
            )
        if not (out / RECORD).is_file():
            raise RunError(f"{option('out', out)}: not a run folder ({RECORD} is missing); choose another")
        RunFolder.open_to_replace(out)
        refuse_foreign(out, RUN)
        if out.resolve() == source.resolve() or out.resolve() in source.resolve().parents:
            raise RunError(f"{option('out', out)}: holds the run that is to be copied; choose another folder")
    with _held_if_replaced(out), atomic_folder(out, replace=options.replace) as fresh:
        how: dict[str, Any] = {"symlinks": True, "dirs_exist_ok": True, "ignore": _not_copied(source)}
        shutil.copytree(source, fresh, copy_function=_copy, **how)
        write_json(fresh / RECORD, {**record, "promoted_from": str(source)})
        if out.is_dir() and options.replace:
            refuse_foreign(out, RUN)  # files may have been added meanwhile
    return {"run": str(source), "out": str(out)}


def _copy(source: str, target: str) -> None:
    """Copy a file. Raises :class:`DeviceError`: of an OSError, :func:`shutil.copytree` would keep only the text."""
    with explain_os_errors(Path(target)):
        shutil.copy2(source, target)


@contextlib.contextmanager
def _held_if_replaced(out: Path) -> Iterator[None]:
    """Lock the run at ``out`` if there is one to replace. Raises :class:`RunError` if another process uses it."""
    if not (out / RECORD).is_file():
        yield
        return
    with _hold(out.resolve()) as held:
        if not held:
            raise RunError(f"{option('out', out)}: in use by another process; wait for it, or choose another folder")
        yield


def _not_copied(source: Path) -> Callable[[str, list[str]], set[str]]:
    """Return the ``ignore`` function of :func:`shutil.copytree` for a copy of a run.

    It leaves out files that later verbs do not need, and files that are not part of the run.
    """
    foreign_paths = {os.path.normpath(source / name) for name in foreign(source, RUN)}

    def ignored(folder: str, names: list[str]) -> set[str]:
        left = {name for name in names if os.path.normpath(os.path.join(folder, name)) in foreign_paths}
        return left | {name for name in names if name in _NOT_COPIED or final_name(name) is not None}

    return ignored


def _prune(home: Path, options: RunsPruneOptions) -> dict[str, Any]:
    ranked = ranked_by(home, options.split, options.decoding, options.by)
    rows = read_runs(home, **ranked)
    # Runs that are pruned already do not count as kept; an interrupted pruning may have left some of their weights.
    if options.keep is not None:
        require_one_normalization(rows, home)
    scored = [row for row in rows if row[ranked["by"]] is not None]
    best = [row["name"] for row in scored if not row.get("pruned")][: options.keep]
    beaten = set() if options.keep is None else {row["name"] for row in scored} - set(best)
    gone: list[dict[str, Any]] = []
    pruned: list[str] = []
    skipped: list[str] = []
    for row in rows:
        loses = row["name"] in beaten and row["status"] in (*_ENDED, "stopped")
        paths = list(_unneeded(row, options, loses=loses))
        if not paths:
            continue
        with _hold(Path(row["folder"]), dry_run=not options.yes) as held:
            if not held:
                skipped.append(row["name"])
                continue
            if loses:
                pruned.append(row["name"])
                if options.yes:  # first, so that a kill leaves a pruned run, not one with missing files
                    _mark_pruned(Path(row["folder"]) / RECORD)
            for path in paths:
                gone.append({"path": str(path), "bytes": _size(path)})
                if options.yes:
                    _remove(path)
    return {
        "removed": options.yes,
        "paths": gone,
        "bytes": sum(one["bytes"] for one in gone),
        "pruned": pruned,
        "skipped": skipped,
    }


def _unneeded(row: Mapping[str, Any], options: RunsPruneOptions, *, loses: bool) -> Iterator[Path]:
    """Yield the paths to remove of a run; ``loses``: it is not among the best, and loses all its weights."""
    asked: set[str] = set()
    if row["status"] in _ENDED:
        asked = {name for name, gone in ((_CHECKPOINT, options.checkpoints), ("last", options.last)) if gone}
    for name in _WEIGHTS:
        if (loses or name in asked) and row["folder"] is not None and (Path(row["folder"]) / name).exists():
            path = Path(row["folder"]) / name
            if not path.is_symlink() and (path.is_file() or any(one.name in WEIGHTS.entries for one in path.iterdir())):
                yield path


def _mark_pruned(path: Path) -> None:
    write_json(path, {**RunFile.read(path).content, "pruned": True})


@contextlib.contextmanager
def _hold(folder: Path, *, dry_run: bool = False) -> Iterator[bool]:
    """Lock a run; yield False if another process uses it, or the folder is a link.

    With ``dry_run``, a folder that cannot be written counts as locked, since nothing will be removed.
    """
    if folder.is_symlink():
        yield False
        return
    lock = folder_lock(folder)
    try:
        with explain_os_errors(folder):
            lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    except DeviceError:
        if not dry_run:
            raise
    try:
        yield True
    finally:
        lock.release()


def _size(path: Path) -> int:
    """Return the size in bytes of Squadron's files at ``path``."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.iterdir() if one.is_file() and one.name in WEIGHTS.entries)


def _remove(path: Path) -> None:
    with explain_os_errors(path):
        if path.is_dir():
            remove_owned(path, WEIGHTS)
            with contextlib.suppress(OSError):  # not empty if it has a file that is not Squadron's
                path.rmdir()
        else:
            path.unlink()
