"""From a folder to a :class:`Study`: a sweep (whole, partial or failed), a demo, or a single run. Reads files alone.

One run that cannot be read costs nothing else: it is listed in :attr:`Study.missing`, as is everything else that a
reader would look for in vain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from squadron.errors import RunError
from squadron.files import read_json, sha256_file
from squadron.runs.layout import LEADERBOARD, RECORD, SCORES, SWEEP, answers_stem
from squadron.runs.parsing import (
    as_mapping,
    integer,
    number,
    read_curve,
    read_failures,
    read_scores,
    text_or_none,
)
from squadron.runs.records import (
    BaseInfo,
    Baseline,
    Data,
    Failures,
    Lack,
    Missing,
    Score,
    SplitInfo,
    Study,
    StudyRun,
)
from squadron.runs.run_records import BoardRecord, RunRecord, ScoresRecord, SweepRecord

_OPTIONS = {"targets": "target_modules"}
"""Axes that have another name than the option that they set."""
_ENDS: Mapping[Lack, tuple[str, ...]] = {
    "failed": ("failed",),
    "diverged": ("diverged",),
    "unfinished": ("waiting", "running", "interrupted"),
    "stopped": ("stopped",),
}
"""How a run may end other than done, by the statuses that say so."""
_APART = {"base", "data", "out", "device", "offline", "checkpoint_seconds"}
"""Options that say where a run is and not what it is."""
_PREFERRED = (("validation", "greedy"), ("test", "greedy"))


def read_study(folder: Path | str) -> Study:
    """Read the study in ``folder``.

    Raises :class:`RunError` where the folder is none, holds no run at all, or its own record cannot be read.
    """
    path = Path(folder)
    if not path.is_dir():
        raise RunError(f"{path}: no such folder; give the folder of a sweep or of a run")
    if (path / RECORD).is_file():
        return _study(path, {}, [path], [], single=True)
    record = SweepRecord.read(path / SWEEP).content if (path / SWEEP).is_file() else {}
    planned = [one for one in record.get("runs", []) if isinstance(one, dict)]
    inside = path / "runs"
    # The names come from a file: one that leads elsewhere is none.
    names = [str(one["name"]) for one in planned if _is_name(one.get("name"))]
    found = sorted(one.name for one in inside.iterdir() if (one / RECORD).is_file()) if inside.is_dir() else []
    folders = [inside / name for name in dict.fromkeys([*names, *found])]
    if not folders:
        raise RunError(f"{path}: no run in it; give the folder of a sweep ({SWEEP}, runs/) or of a run ({RECORD})")
    return _study(path, record, folders, planned, single=False)


def _study(
    path: Path,
    record: Mapping[str, Any],
    folders: Sequence[Path],
    planned: Sequence[Mapping[str, Any]],
    *,
    single: bool,
) -> Study:
    unreadable: list[str] = []
    plans = {str(one.get("name")): one for one in planned}
    runs = [_run(folder, plans.get(folder.name, {}), unreadable) for folder in folders]
    if not planned:
        runs = _with_changes(runs)
    first = next((one for one in (_record(run.path) for run in runs) if one), {})
    board = {} if single else _leaderboard(path)
    baseline = None if single else _baseline(path / "baseline", record, first)
    split, decoding = _headline(board, runs)
    axes = _axes(runs)
    runs = _in_order(runs, board, split, decoding)
    described = as_mapping(record.get("base")) or as_mapping(first.get("base"))
    draft = Study(
        path=path,
        kind="run" if single else "sweep",
        status=str(record.get("status") or _status(runs)),
        config=as_mapping(record.get("config")) or as_mapping(first.get("config")),
        runs=tuple(runs),
        axes=axes,
        baseline=baseline,
        split=split,
        decoding=decoding,
        base=BaseInfo(
            str(described.get("name", "?")), text_or_none(described.get("sha256")), integer(described, "parameters")
        ),
        data=_data(path, record, first),
        failures=None,
        baseline_failures=_failures(baseline.path, split, decoding) if baseline else None,
        environment=as_mapping(record.get("environment")) or as_mapping(first.get("environment")),
        seed=integer(record, "seed") if "seed" in record else integer(first, "seed"),
        precision=text_or_none(record.get("precision")) or text_or_none(first.get("precision")),
        started=text_or_none(record.get("started")) or text_or_none(first.get("started")),
        seconds=number(record, "seconds") if record else number(first, "seconds"),
        missing=(),
    )
    return _completed(draft, unreadable)


def _completed(draft: Study, unreadable: Sequence[str]) -> Study:
    """The study with its best run's failures, and with what is missing."""
    best = draft.best
    failures = _failures(best.path, draft.split, draft.decoding) if best else None
    study = replace(draft, failures=failures)
    return replace(study, missing=tuple(_missing(study, unreadable)))


def _missing(study: Study, unreadable: Sequence[str]) -> Iterable[Missing]:
    best, runs = study.best, study.runs
    if study.baseline is None or study.score(study.baseline) is None:
        yield Missing("baseline")
    if study.data.path is None:
        yield Missing("data")
    for what, statuses in _ENDS.items():
        names = tuple(run.name for run in runs if run.status in statuses and run.name not in unreadable)
        if names:
            yield Missing(what, names)
    if unreadable:
        yield Missing("unreadable", tuple(unreadable))
    unscored = tuple(run.name for run in runs if run.status == "done" and study.score(run) is None)
    if unscored:
        yield Missing("unscored", unscored)
    stem = answers_stem(study.decoding, study.split)
    without = tuple(run.name for run in study.scored if not (run.path / "predictions" / f"{stem}.json").is_file())
    if without:
        yield Missing("predictions", without)
    if best is None or "test" not in best.scores:
        yield Missing("test")
    if best is None or max(map(len, best.scores.values())) < 2:
        yield Missing("decodings")
    if study.failures is None:
        yield Missing("failures")
    flat = tuple(run.name for run in study.scored if not run.curve.steps)
    if flat:
        yield Missing("curves", flat)
    if study.full is None:
        yield Missing("full_fine_tuning")
    alike = [_key_without_seed(run) for run in study.scored]
    if len(set(alike)) == len(alike):
        yield Missing("seeds")


def _run(folder: Path, plan: Mapping[str, Any], unreadable: list[str]) -> StudyRun:
    """A run from its folder and from what the sweep says of it; the folder knows better what came of it."""
    record: Mapping[str, Any] = {}
    scores: Mapping[str, Mapping[str, Score]] = {}
    status = str(plan.get("status", "waiting"))
    reason = text_or_none(plan.get("reason"))
    try:
        if (folder / RECORD).is_file():
            record = RunRecord.read(folder / RECORD).content
        if (folder / SCORES).is_file():
            scores = read_scores(ScoresRecord.read(folder / SCORES).content)
        curve = read_curve(folder / "metrics.jsonl")
    except RunError as problem:
        unreadable.append(folder.name)
        record, scores, curve = {}, {}, read_curve(None)
        status, reason = "failed", str(problem)
    config = as_mapping(record.get("config"))
    planned = as_mapping(plan.get("changes"))
    changes = {axis: "+".join(map(str, own)) if isinstance(own, list) else own for axis, own in planned.items()}
    if not config:  # not begun: what it was to change is all that is known
        config = {_OPTIONS.get(axis, axis): value for axis, value in changes.items()}
    # A sweep may stop or fail a run whose own record says that it trained to its end.
    if folder.name not in unreadable and status not in ("stopped", "failed"):
        status = str(record.get("status", status))
    training = as_mapping(as_mapping(record.get("data")).get("train"))
    return StudyRun(
        name=folder.name,
        path=folder,
        status=status,
        reason=reason or text_or_none(record.get("reason")),
        changes=changes,
        config=config,
        scores=scores,
        curve=curve,
        trainable_parameters=integer(record, "trainable_parameters"),
        trainable_share=number(record, "trainable_share"),
        train_questions=integer(training, "questions"),
        loss=number(record, "loss"),
        validation_loss=number(record, "validation_loss"),
        steps=integer(record, "steps"),
        best_step=integer(record, "best_step"),
        seconds=number(record, "seconds"),
        examples_per_second=number(record, "examples_per_second"),
        peak_memory_bytes=integer(record, "peak_memory_bytes"),
        precision=text_or_none(record.get("precision")),
    )


def _headline(board: Mapping[str, Any], runs: Sequence[StudyRun]) -> tuple[str, str]:
    """The split and strategy that runs are ranked by: the leaderboard's, else the ones that most runs have."""
    if text_or_none(board.get("split")) and text_or_none(board.get("decoding")):
        return str(board["split"]), str(board["decoding"])
    counts = {pair: sum(run.score(*pair) is not None for run in runs) for pair in _PREFERRED}
    for run in runs:
        for split, decodings in run.scores.items():
            for decoding in decodings:
                if (split, decoding) not in counts:
                    counts[split, decoding] = sum(other.score(split, decoding) is not None for other in runs)
    return max(counts, key=lambda pair: counts[pair])


def _in_order(runs: Sequence[StudyRun], board: Mapping[str, Any], split: str, decoding: str) -> list[StudyRun]:
    """Runs in the leaderboard's order; those that it does not know by F1, EM and name; those without scores last."""
    rows = [as_mapping(one) for one in board.get("runs", []) if isinstance(one, dict)]
    places = {str(row.get("name")): place for place, row in enumerate(rows)}

    def key(run: StudyRun) -> tuple[Any, ...]:
        score = run.score(split, decoding)
        useless = run.status != "done" or score is None
        own = (0.0, 0.0) if score is None else (-score.f1, -score.exact_match)
        return useless, places.get(run.name, len(places)), *own, run.name

    return sorted(runs, key=key)


def _with_changes(runs: Sequence[StudyRun]) -> list[StudyRun]:
    """Runs that no sweep planned, with the options in which they differ as their changes."""
    names = {option: axis for axis, option in _OPTIONS.items()}
    configs = [{key: value for key, value in run.config.items() if key not in _APART} for run in runs]
    keys = [key for key in configs[0] if len({repr(config.get(key)) for config in configs}) > 1]
    changed = []
    for run, config in zip(runs, configs, strict=True):
        own = {names.get(key, key): config.get(key) for key in keys}
        if "targets" in own:
            own["targets"] = run.modules
        changed.append(replace(run, changes=own))
    return changed


def _axes(runs: Sequence[StudyRun]) -> dict[str, tuple[Any, ...]]:
    """What the runs differ in, with the values in order."""
    found: dict[str, list[Any]] = {}
    for run in runs:
        for axis, value in run.changes.items():
            values = found.setdefault(axis, [])
            if value not in values:
                values.append(value)
    for values in found.values():
        if all(isinstance(value, (int, float)) for value in values):
            values.sort()
    return {axis: tuple(values) for axis, values in found.items() if len(values) > 1}


def _leaderboard(path: Path) -> Mapping[str, Any]:
    return BoardRecord.read(path / LEADERBOARD).content if (path / LEADERBOARD).is_file() else {}


def _baseline(folder: Path, record: Mapping[str, Any], first: Mapping[str, Any]) -> Baseline | None:
    if not (folder / SCORES).is_file():
        return None
    base = as_mapping(record.get("base")) or as_mapping(first.get("base"))
    return Baseline(str(base.get("name", "base")), folder, read_scores(ScoresRecord.read(folder / SCORES).content))


def _failures(folder: Path, split: str, decoding: str) -> Failures | None:
    path = folder / "failures" / f"{answers_stem(decoding, split)}.json"
    return read_failures(_read(path)) if path.is_file() else None


def _data(path: Path, record: Mapping[str, Any], first: Mapping[str, Any]) -> Data:
    """Where the questions lie and what they are; the path is ``None`` where they are not the ones of the runs."""
    config = as_mapping(record.get("config"))
    places = [path / "data", config.get("dataset"), as_mapping(first.get("config")).get("data")]
    known = as_mapping(record.get("data")) or as_mapping(first.get("data"))
    splits = {
        name: SplitInfo(integer(one, "questions") or 0, integer(one, "paragraphs"), text_or_none(one.get("sha256")))
        for name, one in ((name, as_mapping(one)) for name, one in known.items())
        if one
    }
    for place in places:
        if not isinstance(place, (str, Path)) or not (Path(place) / "data.json").is_file():
            continue
        manifest = as_mapping(_read(Path(place) / "data.json"))
        files = {name: as_mapping(one) for name, one in as_mapping(manifest.get("splits")).items()}
        if any(own.sha256 and own.sha256 != files.get(name, {}).get("sha256") for name, own in splits.items()):
            continue
        whole = {
            name: SplitInfo(integer(one, "questions") or 0, integer(one, "paragraphs"), text_or_none(one.get("sha256")))
            for name, one in files.items()
        }
        aside = manifest.get("set_aside")
        return Data(
            text_or_none(manifest.get("source")),
            text_or_none(manifest.get("version")),
            {**splits, **whole},
            len(aside) if isinstance(aside, list) else 0,
            Path(place),
        )
    source = text_or_none(config.get("dataset")) or text_or_none(as_mapping(first.get("config")).get("data"))
    return Data(source, None, splits, 0, None)


def split_file(study: Study, split: str) -> Path | None:
    """The file of a split, where the questions lie and are the ones that were prepared."""
    if study.data.path is None or split not in study.data.splits:
        return None
    path = study.data.path / f"{split}.json"
    return path if path.is_file() and sha256_file(path) == study.data.splits[split].sha256 else None


def _key_without_seed(run: StudyRun) -> str:
    return repr(sorted((key, repr(value)) for key, value in run.config.items() if key not in {*_APART, "seed"}))


def _status(runs: Sequence[StudyRun]) -> str:
    statuses = {run.status for run in runs}
    return statuses.pop() if len(statuses) == 1 else "done" if "done" in statuses else "failed"


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value not in ("", ".", "..") and not set(value) & set("/\\\0")


def _record(folder: Path) -> Mapping[str, Any]:
    """A run's record once more, for what the study as a whole takes from its first run; empty where there is none."""
    try:
        return RunRecord.read(folder / RECORD).content if (folder / RECORD).is_file() else {}
    except RunError:
        return {}


def _read(path: Path) -> Any:
    return read_json(path, what="a file of the study", error=RunError)
