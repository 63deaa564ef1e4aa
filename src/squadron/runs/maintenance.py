"""Looking after run folders: removing what is not needed, and copying the best run to where it is used."""

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
from squadron.runs.listing import best_run, ranked_by, read_runs
from squadron.runs.reader import RunFile, ScoresFile
from squadron.temporaries import final_name, sweep_leftovers

_CHECKPOINT = "checkpoint.safetensors"
_ENDED = ("done", "diverged")
"""Runs that no ``--resume`` will go on with; those of any other status need their checkpoints."""
_WEIGHTS = (_CHECKPOINT, "last", "adapter", "model")
"""What goes of a run that is pruned. Record, scores, answers and curves stay: a sweep that is resumed leaves it alone,
and leaderboards and reports tell of it as before."""
_KEPT = ("adapter/adapter_model.safetensors", "model/model.safetensors")
_NOT_COPIED = (LOCK, _CHECKPOINT, "last")


def prune(options: RunsPruneOptions) -> dict[str, Any]:
    """Remove what the options name, or with ``yes`` absent only tell it; return the paths with their bytes, and the
    names of the runs whose weights go (``pruned``).

    Nothing else goes: a run that is in use, is not scored or is reached by a link stays, and so does every file that
    is no part of a run. Raises :class:`ConfigError` where nothing is asked for, and :class:`RunError` where the folder
    is that of a sweep under way.
    """
    if options.keep is None and not options.checkpoints and not options.last:
        raise ConfigError(
            f"runs prune: say what goes: {option('keep')} N, {option('checkpoints', True)} or {option('last', True)}"
        )
    home = Path(options.folder)
    if not options.yes or not (home / SWEEP).is_file():
        with explain_os_errors(home):
            return _prune(home, options)
    with _hold(home) as held:
        if not held:
            raise RunError(f"{home}: its sweep is under way; wait for it, or stop it")
        return _prune(home, options)


def promote(options: RunsPromoteOptions) -> dict[str, Any]:
    """Copy a run, or the best of a folder of runs, to a folder of its own; checkpoint and last adapter stay behind.

    The copy is a run folder: ``evaluate``, ``ask`` and ``export`` take it. Raises :class:`RunError` where there is no
    such run, or ``--out`` exists and may not be replaced.
    """
    source, out = Path(options.folder), Path(options.out)
    if not (source / RECORD).is_file():
        split, decoding = ranked_by(source, options.split, options.decoding)
        rows = read_runs(source, split=split, decoding=decoding, by=options.by)
        source = best_run(rows, source, split=split, decoding=decoding)
    record = RunFile.read(source / RECORD).content
    if (source / SCORES).is_file():
        ScoresFile.read(source / SCORES)  # a copy that cannot be listed is of no use
    require_weights(source, record)
    weights = [one for one in (source / kept for kept in _KEPT) if one.is_file()]
    if not weights:
        raise RunError(f"{source}: has no adapter or model to copy yet; train it to its end")
    verify_weights(source, record, weights[0])
    if source.resolve() in out.resolve().parents:
        raise RunError(f"{option('out', out)}: lies within the run that is to be copied; choose another folder")
    sweep_leftovers(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not options.replace:
            raise RunError(
                f"{option('out', out)}: exists already; add {option('replace', True)}, or choose another folder"
            )
        if not (out / RECORD).is_file():
            raise RunError(f"{option('out', out)}: no run folder ({RECORD} is missing); choose another")
        RunFolder.open_to_replace(out)
        refuse_foreign(out, RUN)
        if out.resolve() == source.resolve() or out.resolve() in source.resolve().parents:
            raise RunError(f"{option('out', out)}: holds the run that is to be copied; choose another folder")
    with _in_use_by_nobody(out), atomic_folder(out, replace=options.replace) as fresh:
        shutil.copytree(source, fresh, symlinks=True, dirs_exist_ok=True, ignore=_not_copied(source))
        write_json(fresh / RECORD, {**record, "promoted_from": str(source)})
        if out.is_dir() and options.replace:
            refuse_foreign(out, RUN)  # something may have come since
    return {"run": str(source), "out": str(out)}


@contextlib.contextmanager
def _in_use_by_nobody(out: Path) -> Iterator[None]:
    """Hold the run at ``out``, where there is one that is to be replaced."""
    if not (out / RECORD).is_file():
        yield
        return
    with _hold(out.resolve()) as held:
        if not held:
            raise RunError(f"{option('out', out)}: in use by another process; wait for it, or choose another folder")
        yield


def _not_copied(source: Path) -> Callable[[str, list[str]], set[str]]:
    """What a copy of a run leaves out, as :func:`shutil.copytree` asks for it: what later verbs do without, and what
    is no part of the run."""
    strangers = {os.path.normpath(source / name) for name in foreign(source, RUN)}

    def ignored(folder: str, names: list[str]) -> set[str]:
        left = {name for name in names if os.path.normpath(os.path.join(folder, name)) in strangers}
        return left | {name for name in names if name in _NOT_COPIED or final_name(name) is not None}

    return ignored


def _prune(home: Path, options: RunsPruneOptions) -> dict[str, Any]:
    split, decoding = ranked_by(home, options.split, options.decoding)
    rows = read_runs(home, split=split, decoding=decoding, by=options.by)
    # Runs that are pruned already are not among the best that stay, and a kill may have left some of their weights.
    scored = [row for row in rows if row[options.by] is not None]
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
        with _hold(Path(row["folder"]), only_told=not options.yes) as held:
            if not held:
                skipped.append(row["name"])
                continue
            if loses:
                pruned.append(row["name"])
                if options.yes:  # first: what a kill leaves is then a pruned run, rather than one with half its files
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
    """What of a run goes."""
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
def _hold(folder: Path, *, only_told: bool = False) -> Iterator[bool]:
    """Keep other processes from using a run; False where one does, or the folder is a link to elsewhere. Where it is
    ``only_told`` what would be done, a folder that cannot be written is held well enough."""
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
        if not only_told:
            raise
    try:
        yield True
    finally:
        lock.release()


def _size(path: Path) -> int:
    """Bytes of what is Squadron's at ``path``."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.iterdir() if one.is_file() and one.name in WEIGHTS.entries)


def _remove(path: Path) -> None:
    with explain_os_errors(path):
        if path.is_dir():
            remove_owned(path, WEIGHTS)
            with contextlib.suppress(OSError):  # not empty: a stranger's file is in it
                path.rmdir()
        else:
            path.unlink()
