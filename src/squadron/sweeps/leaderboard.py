"""The leaderboard of a sweep, from its run folders, as JSON and CSV: the best run first, failed runs last.

Runs that differ only in the seed are replicates of one setting: ``settings`` has the mean and deviation of each, and
``winner`` is a paired test of the best setting against the second on the same questions.
"""

from __future__ import annotations

import csv
import io
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from squadron.data.squad import Dataset
from squadron.errors import RunError, command_line_text
from squadron.experiments.scores import other_settings
from squadron.files import write_json, write_text
from squadron.options.core import EvaluateOptions
from squadron.options.runs import METRICS, By
from squadron.reporting.document.text import guard_cell
from squadron.runs.layout import RECORD, SCORES
from squadron.runs.ranking import rank_key, ranking_metrics
from squadron.runs.reader import ScoresFile
from squadron.runs.sweep_folder import SweepFolder
from squadron.scoring.designs import contrast_test, make_block, spread, t_reach
from squadron.scoring.evaluation import score
from squadron.scoring.intervals import Codes, Floats, Interval
from squadron.scoring.metrics import Normalization
from squadron.scoring.paired import PairedTest, paired_test
from squadron.scoring.predictions import read_gold_probabilities, read_predictions

JSON_FILE, CSV_FILE = "leaderboard.json", "leaderboard.csv"
_SCORES = (*METRICS, *(f"{name}_interval" for name in METRICS), "questions")
_COSTS = ("loss", "validation_loss", "trainable_parameters", "seconds", "peak_memory_bytes")
_RANKED = ("name", "status", "f1", "exact_match", "validation_loss", "p_gold")
_SIGNIFICANT = 0.05
Known = dict[str, tuple[tuple[int, ...], dict[str, Any]]]
"""Entries of runs that are done and scored, by name, each with the state of the files that it was read from."""


def rank_runs(
    folder: SweepFolder,
    changes: Mapping[str, Mapping[str, Any]],
    *,
    split: str,
    decoding: str,
    failed: Mapping[str, str],
    by: By = "f1",
    normalize: Normalization = "official",
    evaluation: EvaluateOptions | None = None,
    known: Known | None = None,
) -> list[dict[str, Any]]:
    """Return an entry for each run, in the order of :func:`rank_key`; scores after another normalization are left out.

    ``changes`` has what each run changes, ``failed`` why a run did not finish in this process. Scores that were made
    otherwise than by ``evaluation`` are left out, too, with the reason in the entry; None takes all. ``known`` is
    updated and has what earlier calls with the same arguments read, so that files are read again only if they changed.
    """
    scored, known = (split, decoding, normalize, evaluation), {} if known is None else known
    entries = [_entry(folder, name, own, scored, failed.get(name), known) for name, own in changes.items()]
    entries.sort(key=lambda entry: rank_key(*(entry[key] for key in _RANKED), by=by))
    return [{"rank": place, **entry} for place, entry in enumerate(entries, 1)]


def write_leaderboard(folder: Path, board: Mapping[str, Any]) -> None:
    """Write the leaderboard as JSON and, flat, as CSV."""
    write_json(folder / JSON_FILE, {"schema": 1, **board})
    write_text(folder / CSV_FILE, _csv(board["runs"]))


def rank_settings(runs: Sequence[Mapping[str, Any]], by: By = "f1") -> list[dict[str, Any]]:
    """Return each setting of the runs with scores, with mean and deviation over its seeds: the highest mean first.

    ``by`` is the metric whose mean ranks them. ``runs`` are leaderboard entries, best first; a setting's runs are in
    the order of their seeds.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        if run["status"] == "done" and run["f1"] is not None:
            setting = {axis: value for axis, value in run["changes"].items() if axis != "seed"}
            groups.setdefault(json.dumps(setting, sort_keys=True), []).append(run)
    settings = [_setting(sorted(own, key=lambda run: run["changes"].get("seed", 0))) for own in groups.values()]
    ranking = [f"{metric}_mean" for metric in ranking_metrics(by)]
    settings.sort(key=lambda setting: [(setting[key] is None, -(setting[key] or 0.0)) for key in ranking])
    return settings


def compare_settings(
    folder: SweepFolder,
    runs: Sequence[Mapping[str, Any]],
    dataset: Dataset,
    decoding: str,
    stem: str,
    by: By = "f1",
    normalize: Normalization = "official",
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return each setting's mean and deviation over its seeds, best first, and a test of the best against the second.

    A setting's score on a question is the mean over its seeds; settings are compared question by question, in the
    metric that ranks them. If they share two or more seeds, training again counts as a source of error, as in reports.
    The test is None if fewer than two settings have scores, or have them in that metric.
    """
    settings = rank_settings(runs, by)
    if len(settings) < 2 or settings[1][f"{ranking_metrics(by)[0]}_mean"] is None:
        return settings, None
    best, second = (_question_scores(folder, setting["runs"], dataset, stem, by, normalize) for setting in settings[:2])
    if best is None or second is None:
        return settings, None
    codes = score({}, dataset.golds(), version=dataset.version, clusters=dataset.clusters(), resamples=1).clusters
    test = _tested(second, best, codes, [_seeds(runs, setting) for setting in (settings[1], settings[0])])
    return settings, {
        "runs": settings[0]["runs"],
        "second": settings[1]["runs"],
        "decoding": decoding,
        "by": by,
        f"{by}_difference": 100 * test.difference,
        f"{by}_difference_interval": [100 * test.interval.low, 100 * test.interval.high],
        "p_value": test.p_value,
        "significant": test.p_value < _SIGNIFICANT and test.interval.low > 0,
    }


def _entry(
    folder: SweepFolder,
    name: str,
    changes: Mapping[str, Any],
    scored: tuple[str, str, Normalization, EvaluateOptions | None],
    failure: str | None,
    known: Known,
) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    others = ""
    state = _state(folder.run_path(name))  # before the files are read, so that a later change is seen
    if state is not None and name in known and known[name][0] == state:
        return known[name][1]
    try:
        record = folder.run_record(name)
        if record.get("status") == "done":
            scores, others = _scores(folder.run_path(name) / SCORES, *scored)
    except RunError as problem:
        record = {"status": "unreadable", "reason": command_line_text(problem)}
    status = record.get("status", "waiting")
    entry: dict[str, Any] = {"name": name, "status": status, "changes": dict(changes), **dict.fromkeys(_SCORES)}
    entry |= {key: record.get(key) for key in _COSTS}
    reason = record.get("reason")
    if scores:
        entry |= {key: scores[key] for key in _SCORES}
    elif status == "stopped":  # its scores when it was dropped
        entry |= {key: record.get(f"validation_{key}") for key in (*METRICS, "questions")}
    if failure is not None and not scores and status not in ("diverged", "stopped"):
        entry["status"], reason = "failed", failure
    if reason is not None and entry["status"] != "done":
        entry["reason"] = reason
    if others and entry["status"] == "done":
        step = "remove its folder (its weights were pruned) and give" if record.get("pruned") else "give"
        entry["reason"] = f"not ranked, as it was evaluated with {others}; to have it ranked, {step} --resume"
    if record.get("pruned"):
        entry["pruned"] = True
    if scores and state is not None:
        known[name] = state, entry
    return entry


def _state(run: Path) -> tuple[int, ...] | None:
    """Return numbers that change when the record or the scores of a run are written; None if one is missing."""
    try:
        found = [os.stat(run / name) for name in (RECORD, SCORES)]
    except OSError:
        return None
    return tuple(number for one in found for number in (one.st_mtime_ns, one.st_size, one.st_ino))


def _scores(
    path: Path, split: str, decoding: str, normalize: Normalization, evaluation: EvaluateOptions | None
) -> tuple[dict[str, Any], str]:
    """Return a run's scores; none, and in which settings they differ, if they were not made by ``evaluation``."""
    found = ScoresFile.read(path).find(split, decoding) if path.is_file() else None
    if found is None or found.normalize != normalize:
        return {}, ""
    others = "" if evaluation is None else other_settings(decoding, found.settings, evaluation)
    return {} if others else found.model_dump(include=set(_SCORES)), others


def _setting(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    changes = {axis: value for axis, value in runs[0]["changes"].items() if axis != "seed"}
    found: dict[str, Any] = {"changes": changes, "runs": [run["name"] for run in runs]}
    for name in METRICS:
        values = [run[name] for run in runs if run.get(name) is not None]
        known = len(values) == len(runs)  # P(gold) is unknown of runs that were scored before there was one
        found[f"{name}_mean"] = statistics.fmean(values) if known else None
        found[f"{name}_deviation"] = statistics.stdev(values) if known and len(values) > 1 else None
    return found


def _question_scores(
    folder: SweepFolder, runs: Sequence[str], dataset: Dataset, stem: str, by: By, normalize: Normalization
) -> Floats | None:
    """Return the score of every question, 0 to 1, by the runs of a setting [runs, n]; None if one is unknown."""
    every = []
    for run in runs:
        path = folder.run_path(run) / "predictions"
        gold = read_gold_probabilities(path / f"{stem}.details.json") if by == "p_gold" else None
        own = score(
            read_predictions(path / f"{stem}.json"),
            dataset.golds(),
            version=dataset.version,
            normalize=normalize,
            gold_probabilities=gold,
            resamples=1,
        )
        found = own.by_question(by)
        if found is None:
            return None
        every.append(found)
    return np.stack(every)


def _seeds(runs: Sequence[Mapping[str, Any]], setting: Mapping[str, Any]) -> list[int]:
    """Return the seed of each run of a setting, in order."""
    seeds = {run["name"]: int(run["changes"].get("seed", 0)) for run in runs}
    return [seeds[name] for name in setting["runs"]]


def _tested(first: Floats, second: Floats, codes: Codes, seeds: Sequence[Sequence[int]]) -> PairedTest:
    """Test the difference of two settings' means over their runs [runs, n] (second minus first).

    With the same two or more seeds in both, it has the wider interval and the larger p-value of the paired test and of
    that with paragraphs and seeds as samples.
    """
    paired = paired_test(first.mean(axis=0), second.mean(axis=0), codes)
    if seeds[0] != seeds[1] or len(set(seeds[0])) < 2:
        return paired
    estimate = contrast_test(spread(make_block(np.stack([first, second]), codes, seeds[0])), (-1.0, 1.0), "new")
    if estimate is None:
        return paired
    reach = t_reach(estimate.error, estimate.degrees)
    low = max(-1.0, min(paired.interval.low, estimate.difference - reach))
    high = min(1.0, max(paired.interval.high, estimate.difference + reach))
    interval = Interval(low, high, "paragraphs and seeds")
    return replace(paired, interval=interval, p_value=max(paired.p_value, estimate.p_value))


def _csv(runs: Sequence[Mapping[str, Any]]) -> str:
    axes = list(dict.fromkeys(axis for run in runs for axis in run["changes"]))
    scores = [*(f"{name}{end}" for name in METRICS for end in ("", "_low", "_high")), "questions"]
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    # The prefix keeps columns distinct: `rank` is the place, `changes.rank` LoRA's rank.
    table.writerow(["rank", "name", "status", *(f"changes.{axis}" for axis in axes), *scores, *_COSTS, "reason"])
    for run in runs:
        cells = [run["rank"], run["name"], run["status"], *(run["changes"].get(axis) for axis in axes)]
        for name in METRICS:
            cells += [run[name], *(run[f"{name}_interval"] or (None, None))]
        cells += [run["questions"], *(run[key] for key in _COSTS), run.get("reason")]
        table.writerow([guard_cell(cell) for cell in cells])
    return stream.getvalue()
