"""The leaderboard of a sweep, from its run folders, as JSON and CSV: the best run first, failed runs last.

Runs that differ only in the seed are replicates of one setting: ``settings`` has the mean and deviation of each, and
``winner`` is a paired test of the best setting against the second on the same questions.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from squadron.data.squad import Dataset
from squadron.errors import RunError, command_line_text
from squadron.files import write_json, write_text
from squadron.runs.layout import SCORES
from squadron.runs.ranking import rank_key
from squadron.runs.reader import ScoresFile
from squadron.runs.sweep_folder import SweepFolder
from squadron.scoring.evaluation import score
from squadron.scoring.intervals import Floats
from squadron.scoring.paired import paired_test
from squadron.scoring.predictions import read_predictions

JSON_FILE, CSV_FILE = "leaderboard.json", "leaderboard.csv"
_SCORES = ("exact_match", "f1", "exact_match_interval", "f1_interval", "questions")
_COSTS = ("loss", "validation_loss", "trainable_parameters", "seconds", "peak_memory_bytes")
_RANKED = ("name", "status", "f1", "exact_match", "validation_loss")
_SIGNIFICANT = 0.05


def rank_runs(
    folder: SweepFolder,
    changes: Mapping[str, Mapping[str, Any]],
    *,
    split: str,
    decoding: str,
    failed: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Return an entry for each run, in the order of :func:`rank_key`.

    ``changes`` has what each run changes, ``failed`` why a run did not finish in this process.
    """
    entries = [_entry(folder, name, own, split, decoding, failed.get(name)) for name, own in changes.items()]
    entries.sort(key=lambda entry: rank_key(*(entry[key] for key in _RANKED)))
    return [{"rank": place, **entry} for place, entry in enumerate(entries, 1)]


def write_leaderboard(folder: Path, board: Mapping[str, Any]) -> None:
    """Write the leaderboard as JSON and, flat, as CSV."""
    write_json(folder / JSON_FILE, {"schema": 1, **board})
    write_text(folder / CSV_FILE, _csv(board["runs"]))


def rank_settings(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each setting of the runs with scores, with mean and deviation over its seeds: the highest mean first.

    ``runs`` are leaderboard entries, best first; a setting's runs are in the order of their seeds.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        if run["status"] == "done" and run["f1"] is not None:
            setting = {axis: value for axis, value in run["changes"].items() if axis != "seed"}
            groups.setdefault(json.dumps(setting, sort_keys=True), []).append(run)
    settings = [_setting(sorted(own, key=lambda run: run["changes"].get("seed", 0))) for own in groups.values()]
    settings.sort(key=lambda setting: (-setting["f1_mean"], -setting["exact_match_mean"]))
    return settings


def compare_settings(
    folder: SweepFolder, runs: Sequence[Mapping[str, Any]], dataset: Dataset, decoding: str, stem: str
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return each setting's mean and deviation over its seeds, best first, and a test of the best against the second.

    A setting's score on a question is the mean over its seeds; settings are compared question by question. The
    test is None if fewer than two settings have scores.
    """
    settings = rank_settings(runs)
    if len(settings) < 2:
        return settings, None
    best, second = (_question_f1(folder, setting["runs"], dataset, stem) for setting in settings[:2])
    codes = score({}, dataset.golds(), version=dataset.version, clusters=dataset.clusters(), resamples=1).clusters
    test = paired_test(second, best, codes)
    return settings, {
        "runs": settings[0]["runs"],
        "second": settings[1]["runs"],
        "decoding": decoding,
        "f1_difference": 100 * test.difference,
        "f1_difference_interval": [100 * test.interval.low, 100 * test.interval.high],
        "p_value": test.p_value,
        "significant": test.p_value < _SIGNIFICANT and test.interval.low > 0,
    }


def _entry(
    folder: SweepFolder, name: str, changes: Mapping[str, Any], split: str, decoding: str, failure: str | None
) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    try:
        record = folder.run_record(name)
        if record.get("status") == "done":
            scores = _scores(folder.run_path(name) / SCORES, split, decoding)
    except RunError as problem:
        record = {"status": "unreadable", "reason": command_line_text(problem)}
    status = record.get("status", "waiting")
    entry: dict[str, Any] = {"name": name, "status": status, "changes": dict(changes), **dict.fromkeys(_SCORES)}
    entry |= {key: record.get(key) for key in _COSTS}
    reason = record.get("reason")
    if scores:
        entry |= {key: scores[key] for key in _SCORES}
    elif status == "stopped":  # its scores when it was dropped
        entry |= {key: record.get(f"validation_{key}") for key in ("exact_match", "f1", "questions")}
    if failure is not None and not scores and status not in ("diverged", "stopped"):
        entry["status"], reason = "failed", failure
    if reason is not None and entry["status"] != "done":
        entry["reason"] = reason
    if record.get("pruned"):
        entry["pruned"] = True
    return entry


def _scores(path: Path, split: str, decoding: str) -> dict[str, Any]:
    if not path.is_file():
        return {}
    found = ScoresFile.read(path).find(split, decoding)
    return {} if found is None else found.model_dump(include=set(_SCORES))


def _setting(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    changes = {axis: value for axis, value in runs[0]["changes"].items() if axis != "seed"}
    found: dict[str, Any] = {"changes": changes, "runs": [run["name"] for run in runs]}
    for name in ("exact_match", "f1"):
        values = [run[name] for run in runs]
        found[f"{name}_mean"] = statistics.fmean(values)
        found[f"{name}_deviation"] = statistics.stdev(values) if len(values) > 1 else None
    return found


def _question_f1(folder: SweepFolder, runs: Sequence[str], dataset: Dataset, stem: str) -> Floats:
    """Return F1 of every question, 0 to 1, as the mean over the runs of a setting."""
    golds = dataset.golds()
    every = []
    for run in runs:
        path = folder.run_path(run) / "predictions" / f"{stem}.json"
        every.append(score(read_predictions(path), golds, version=dataset.version, resamples=1).question_f1)
    mean: Floats = np.mean(every, axis=0)
    return mean


def _csv(runs: Sequence[Mapping[str, Any]]) -> str:
    axes = list(dict.fromkeys(axis for run in runs for axis in run["changes"]))
    scores = ["exact_match", "exact_match_low", "exact_match_high", "f1", "f1_low", "f1_high", "questions"]
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    # The prefix keeps columns distinct: `rank` is the place, `changes.rank` LoRA's rank.
    table.writerow(["rank", "name", "status", *(f"changes.{axis}" for axis in axes), *scores, *_COSTS, "reason"])
    for run in runs:
        ends = {name: run[f"{name}_interval"] or (None, None) for name in ("exact_match", "f1")}
        cells = [run["rank"], run["name"], run["status"], *(run["changes"].get(axis) for axis in axes)]
        for name in ("exact_match", "f1"):
            cells += [run[name], *ends[name]]
        cells += [run["questions"], *(run[key] for key in _COSTS), run.get("reason")]
        table.writerow([guard_cell(cell) for cell in cells])
    return stream.getvalue()


def guard_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet reads as a formula: text that begins like one gets an apostrophe in front."""
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else " ".join(map(str, value))
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
