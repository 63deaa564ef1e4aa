"""Read a :class:`Study` from a folder: of a sweep (complete, partial or failed), of a demo, or of a single run.

A run that cannot be read does not affect the others: it is listed in :attr:`Study.missing`, as is everything else that
a complete study would have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from squadron.errors import RunError, command_line_text
from squadron.files import sha256_file
from squadron.options.axes import RENAMED
from squadron.options.core import LATER_OPTIONS, TrainOptions
from squadron.options.runs import By
from squadron.runs.conversion import curve_of, failures_of, scores_by_split
from squadron.runs.layout import LEADERBOARD, METRICS, RECORD, SCORES, SWEEP, answers_stem
from squadron.runs.places import Tell, quiet
from squadron.runs.ranking import known_status, rank_key, standing
from squadron.runs.reader import (
    FailuresFile,
    LeaderboardFile,
    PlannedRun,
    RunFile,
    ScoresFile,
    StudyFacts,
    SweepFile,
    read_metrics,
    read_rows,
)
from squadron.runs.records import (
    NOT_SETTINGS,
    BaseInfo,
    Baseline,
    Curve,
    Failures,
    Lack,
    Missing,
    ScoresBySplit,
    Study,
    StudyRun,
    setting_key,
)
from squadron.runs.study_data import commit_of, differing_splits, read_study_data
from squadron.scoring.metrics import Normalization

_STATUSES: Mapping[Lack, tuple[str, ...]] = {
    "failed": ("failed",),
    "diverged": ("diverged",),
    "unfinished": ("waiting", "running", "interrupted"),
    "stopped": ("stopped",),
}
"""The statuses of runs that are not done, by their entry in :attr:`Study.missing`."""
_PREFERRED = (("validation", "greedy"), ("test", "greedy"))
_MEASURED = (
    "trainable_parameters",
    "trainable_share",
    "loss",
    "validation_loss",
    "steps",
    "best_step",
    "seconds",
    "examples_per_second",
    "peak_memory_bytes",
    "precision",
    "update",
)
"""Values that a study takes from a run's record as they are."""


def read_study(folder: Path | str, *, tell: Tell = quiet) -> Study:
    """Read the study in ``folder``; ``tell`` says where data was found that is not where it was.

    Raises :class:`RunError` if there is no such folder, it has no run, or the sweep's record cannot be read.
    """
    path = Path(folder)
    if not path.is_dir():
        raise RunError(f"{path}: no such folder; give the folder of a sweep or of a run")
    if (path / RECORD).is_file():
        return _study(path, None, [path], [], {}, tell)
    record = SweepFile.read(path / SWEEP) if (path / SWEEP).is_file() else None
    rows, unreadable = ([], {}) if record is None else read_rows(PlannedRun, path / SWEEP, record)
    planned = [plan for plan, _ in rows]
    inside = path / "runs"
    found = sorted(one.name for one in inside.iterdir() if (one / RECORD).is_file()) if inside.is_dir() else []
    folders = [inside / name for name in dict.fromkeys([*(plan.name for plan in planned), *found])]
    if not folders:
        raise RunError(f"{path}: no run in it; give the folder of a sweep ({SWEEP}, runs/) or of a run ({RECORD})")
    return _study(path, record, folders, planned, unreadable, tell)


def _study(
    path: Path,
    sweep: SweepFile | None,
    folders: Sequence[Path],
    planned: Sequence[PlannedRun],
    unplanned: Mapping[str, str],
    tell: Tell,
) -> Study:
    single = list(folders) == [path]
    plans = {plan.name: plan for plan in planned}
    pairs = [_run(folder, plans.get(folder.name)) for folder in folders]
    runs, records = [run for run, _ in pairs], {run.name: record for run, record in pairs}
    unreadable = [run.name for run in runs if run.status == "unreadable"]
    unreadable += [name for name in unplanned if name not in records]
    if not planned:
        runs = _with_changes(runs)
    first = next((record for record in records.values() if record is not None), None)
    facts = [record for record in (sweep, first) if record is not None]
    board = None if single or not (path / LEADERBOARD).is_file() else LeaderboardFile.read(path / LEADERBOARD)
    base = _base(facts)
    baseline = None if single else _baseline(path / "baseline", base)
    split, decoding = _headline(board, runs)
    normalize = _normalization(runs, split, decoding)
    after = [_after(run, normalize) for run in runs]
    others = [own.name for own, run in zip(after, runs, strict=True) if own.scores != run.scores]
    runs = after
    if baseline is not None:
        baseline = replace(baseline, scores=_of_one_rule(baseline.scores, normalize))
    axes = _axes(runs)
    by: By = board.by if board is not None else "f1"
    runs.sort(key=lambda run: _rank(run, records[run.name], split, decoding, by))
    # In a study, a run that cannot be read counts as failed.
    runs = [replace(run, status="failed") if run.status == "unreadable" else run for run in runs]
    draft = Study(
        path=path,
        kind="run" if single else "sweep",
        status=(sweep.status if sweep is not None else None) or _status(runs),
        config=(sweep.config if sweep is not None else None) or ({} if first is None else first.content["config"]),
        runs=tuple(runs),
        axes=axes,
        baseline=baseline,
        split=split,
        decoding=decoding,
        base=base,
        data=read_study_data(path, facts, differing_splits(records.values()), tell),
        failures=None,
        baseline_failures=None,
        environment=next((record.environment for record in facts if record.environment), {}),
        seed=next((record.seed for record in facts if record.seed is not None), None),
        precision=next((record.precision for record in facts if record.precision), None),
        started=next((record.started for record in facts if record.started), None),
        seconds=facts[0].seconds if facts else None,
        missing=(),
        by=by,
        normalize=normalize,
    )
    return _completed(draft, unreadable, others)


def _normalization(runs: Sequence[StudyRun], split: str, decoding: str) -> Normalization:
    """Return the normalization that most runs' headline scores are after; the first one of equally many."""
    found = Counter(score.normalize for run in runs if (score := run.score(split, decoding)) is not None)
    return found.most_common(1)[0][0] if found else "official"


def _after(run: StudyRun, normalize: Normalization) -> StudyRun:
    """Return a run with its scores after a normalization alone, also in its learning curve."""
    scores, curve = _of_one_rule(run.scores, normalize), run.curve
    if run.config.get("normalize", "official") != normalize:
        lost = [replace(one, exact_match=None, f1=None) for one in curve.validations]
        curve = replace(curve, validations=tuple(lost))
    return replace(run, scores=scores, curve=curve)


def _of_one_rule(scores: ScoresBySplit, normalize: Normalization) -> ScoresBySplit:
    kept = {
        split: {name: one for name, one in own.items() if one.normalize == normalize} for split, own in scores.items()
    }
    return {split: own for split, own in kept.items() if own}


def _completed(draft: Study, unreadable: Sequence[str], others: Sequence[str]) -> Study:
    """Return the study with its best run's failure analysis and the list of what is missing.

    ``others`` are the runs that lost scores, which are after another normalization.
    """
    best, base = draft.best, draft.baseline
    failures = _failures(best.path, draft.lead, draft.decoding) if best else None
    if failures is None and best is not None:
        failures = _failures(best.path, draft.split, draft.decoding)
    kept = base is not None and failures is not None
    base_failures = _failures(base.path, failures.split, draft.decoding) if kept else None  # type: ignore[union-attr]
    study = replace(draft, failures=failures, baseline_failures=base_failures)
    return replace(study, missing=tuple(_missing(study, unreadable, others)))


def _missing(study: Study, unreadable: Sequence[str], others: Sequence[str]) -> Iterable[Missing]:
    best, runs = study.best, study.runs
    if study.baseline is None or study.score(study.baseline) is None:
        yield Missing("baseline")
    if study.data.path is None:
        yield Missing("data")
    for what, statuses in _STATUSES.items():
        names = tuple(run.name for run in runs if run.status in statuses and run.name not in unreadable)
        if names:
            yield Missing(what, names)
    if unreadable:
        yield Missing("unreadable", tuple(unreadable))
    unscored = tuple(run.name for run in runs if run.status == "done" and study.score(run) is None)
    if unscored:
        yield Missing("unscored", unscored)
    if others:
        yield Missing("normalization", tuple(others))
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
    settings = [setting_key(run.config) for run in study.scored]
    if len(set(settings)) == len(settings):
        yield Missing("seeds")


def _run(folder: Path, plan: PlannedRun | None) -> tuple[StudyRun, RunFile | None]:
    """Return a run, from its folder and its sweep's plan, and its record (None if it cannot be read)."""
    record: RunFile | None = None
    scores: ScoresBySplit = {}
    curve = Curve()
    problem = ""
    try:
        if (folder / RECORD).is_file():
            record = RunFile.read(folder / RECORD)
        read = scores_by_split(ScoresFile.read(folder / SCORES)) if (folder / SCORES).is_file() else {}
        scores, curve = read, curve_of(read_metrics(folder / METRICS))
    except RunError as found:
        problem, scores = command_line_text(found), {}
    known = None if problem else record  # nothing of a run that cannot be read is used
    planned = {} if plan is None else plan.changes
    changes = {axis: "+".join(map(str, own)) if isinstance(own, list) else own for axis, own in planned.items()}
    config = {} if known is None else known.content["config"]
    if not config:  # not begun: only its changes are known
        config = {RENAMED.get(axis, axis): value for axis, value in changes.items()}
    training = known.data.get("train") if known is not None and known.data is not None else None
    status: str = plan.status if plan is not None else "waiting"
    if known is not None:
        status = known_status(known.status, plan.status if plan is not None else None, scored=bool(scores))
    run = StudyRun(
        name=folder.name,
        path=folder,
        status="unreadable" if problem else status,
        reason=problem or (plan.reason if plan is not None else None) or (known.reason if known is not None else None),
        changes=changes,
        config=config,
        scores=scores,
        curve=curve,
        train_questions=training.questions if training is not None else None,
        **({} if known is None else {name: getattr(known, name) for name in _MEASURED}),
    )
    return run, record


def _rank(run: StudyRun, record: RunFile | None, split: str, decoding: str, by: By) -> tuple[Any, ...]:
    if record is None or run.status == "unreadable":
        return rank_key(run.name, run.status)
    score = run.score(split, decoding)
    own = (None, None, None) if score is None else (score.f1, score.exact_match, score.p_gold)
    return rank_key(run.name, run.status, *standing(run.status, record, *own), by=by)


def _headline(board: LeaderboardFile | None, runs: Sequence[StudyRun]) -> tuple[str, str]:
    """Return the split and strategy that runs are ranked by: the leaderboard's, else the pair that most runs have."""
    if board is not None and {"split", "decoding"} <= board.model_fields_set:
        return board.split, board.decoding
    counts = {pair: sum(run.score(*pair) is not None for run in runs) for pair in _PREFERRED}
    for run in runs:
        for split, decodings in run.scores.items():
            for decoding in decodings:
                if (split, decoding) not in counts:
                    counts[split, decoding] = sum(other.score(split, decoding) is not None for other in runs)
    return max(counts, key=lambda pair: counts[pair])


def _with_changes(runs: Sequence[StudyRun]) -> list[StudyRun]:
    """Return runs without a sweep, with the options in which they differ as their changes.

    A run that cannot be read has none.
    """
    names = {option: axis for axis, option in RENAMED.items()}
    defaults = {key: TrainOptions.model_fields[key].default for key in LATER_OPTIONS}
    configs = {
        run.name: {key: value for key, value in {**defaults, **run.config}.items() if key not in NOT_SETTINGS}
        for run in runs
        if run.status != "unreadable"
    }
    sizes = {run.train_questions for run in runs if run.name in configs}
    # Full fine-tuning has no options of adapters, so not every run has every key.
    values: dict[str, set[str]] = {}
    for config in configs.values():
        for key, value in config.items():
            values.setdefault(key, set()).add(repr(value))
    changed = []
    for run in runs:
        config = configs.get(run.name, {})
        own = {names.get(key, key): config[key] for key, found in values.items() if len(found) > 1 and key in config}
        if "targets" in own:
            own["targets"] = run.modules
        if run.name in configs and len(sizes) > 1 and None not in sizes:
            own["train_size"] = run.train_questions
        changed.append(replace(run, changes=own))
    return changed


def _axes(runs: Sequence[StudyRun]) -> dict[str, tuple[Any, ...]]:
    """Return the axes in which the runs differ, each with its values in order."""
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


def _base(facts: Sequence[StudyFacts]) -> BaseInfo:
    known = [record.base for record in facts if record.base is not None]
    if not known:
        return BaseInfo("?", None, None)
    base = known[0]
    # A sweep's record may be older than that of a run that was resumed.
    end_token = next((one.end_token for one in known if one.end_token), None)
    return BaseInfo(base.name or "?", base.sha256, base.parameters, end_token, commit_of(base.hub))


def _baseline(folder: Path, base: BaseInfo) -> Baseline | None:
    if not (folder / SCORES).is_file():
        return None
    return Baseline(base.name, folder, scores_by_split(ScoresFile.read(folder / SCORES)))


def _failures(folder: Path, split: str, decoding: str) -> Failures | None:
    path = folder / "failures" / f"{answers_stem(decoding, split)}.json"
    return failures_of(FailuresFile.read(path)) if path.is_file() else None


def split_file(study: Study, split: str) -> Path | None:
    """Return the file of a split; None if it is missing or has changed since it was prepared."""
    if study.data.path is None or split not in study.data.splits:
        return None
    path = study.data.path / f"{split}.json"
    return path if path.is_file() and sha256_file(path) == study.data.splits[split].sha256 else None


def _status(runs: Sequence[StudyRun]) -> str:
    statuses = {run.status for run in runs}
    return statuses.pop() if len(statuses) == 1 else "done" if "done" in statuses else "failed"
