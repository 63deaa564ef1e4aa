"""Damaged records of runs and sweeps: the run is listed as unreadable, the others stay, and no verb crashes."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Outcome, Squadron
from squadron.errors import RunError
from squadron.options.sweep import SweepOptions
from squadron.runs.board import read_curves
from squadron.runs.folder import RunFolder
from squadron.runs.reader import Metrics, read_metrics
from squadron.runs.study import read_study
from squadron.runs.sweep_folder import SweepFolder
from squadron.sweeps.sweep import sweep

WRONG: tuple[Any, ...] = (None, "x", [], {}, [[1]], -1, 1e308, 10**400, True)
FILES = ("runs/r3-lr1e-2/run.json", "runs/r3-lr1e-2/scores.json", "sweep.json", "leaderboard.json")
FIRST, SECOND = "r2-lr1e-2", "r3-lr1e-2"
CONFIG = """
base: {epochs: 1, eval_questions: 2}
grid: {rank: [2, 3], lr: [1.0e-2]}
evaluate: {max_new_tokens: 2}
"""


@pytest.fixture(scope="module")
def made(byte_base_dir: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two runs, made by Squadron."""
    folder = tmp_path_factory.mktemp("records")
    (folder / "grid.yaml").write_text(CONFIG)
    options = {"config": str(folder / "grid.yaml"), "base": str(byte_base_dir), "dataset": str(small_data)}
    sweep(SweepOptions(**options, out=str(folder / "sweep"), precision="fp32"))  # type: ignore[arg-type]
    (folder / "context").write_text("Town00 lies on the River00.")
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "made") / "sweep"


def keys(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every value of a JSON object."""
    for key, own in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from keys(own, (*path, key))


def changed(content: Any, path: tuple[Any, ...], value: Any) -> str:
    """Return the JSON of ``content`` with one value replaced; ``...`` removes the key."""
    content = copy.deepcopy(content)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return json.dumps(content)


def commands(home: Path) -> list[tuple[object, ...]]:
    """Return the commands that read records: all that change nothing, and three that write elsewhere."""
    run = home / "runs" / SECOND
    question = ("Which town?", "--context", home.parent / "context", "--max-new-tokens", 2)
    return [
        ("runs", "list", home),
        ("runs", "list", home / "runs", "--json"),
        ("runs", "show", run),
        ("runs", "compare", home / "runs" / FIRST, run),
        ("runs", "prune", home, "--keep", 1, "--checkpoints"),
        ("runs", "promote", run, "--out", home.parent / "best", "--replace"),
        ("ask", *question, "--run", run),
        ("export", run, "--out", home.parent / "exported"),
        ("evaluate", run, "--limit", 1, "--max-new-tokens", 2, "--out", home.parent / "scores"),
        ("report", home, "--out", home.parent / "report.html"),
    ]


def check(outcome: Outcome, case: object) -> None:
    """Check that a command succeeded, or ended with a one-line error."""
    assert outcome.code in (0, 2), (case, outcome.err[-2000:])
    assert outcome.code == 0 or outcome.err.count("squadron: error: ") == 1, (case, outcome.err)
    assert outcome.code == 0 or outcome.err.count("\n") == 1, (case, outcome.err)


def run_all(squadron: Squadron, home: Path, case: object, draw: random.Random, *, heavy: int) -> None:
    every = commands(home)
    for command in every[:6] + draw.sample(every[6:], heavy):
        check(squadron(*command), (case, command[:2]))
        shutil.rmtree(home.parent / "exported", ignore_errors=True)


def cases(home: Path) -> list[tuple[str, tuple[Any, ...], Any]]:
    """Return every key in every file, with each bad value to try."""
    return [
        (name, path, value)
        for name in FILES
        for path in keys(json.loads((home / name).read_text()))
        for value in (*WRONG, ...)
    ]


def test_no_value_of_any_key_crashes_a_verb(squadron: Squadron, home: Path) -> None:
    draw = random.Random(11)
    for name, path, value in draw.sample(cases(home), 15):
        whole = (home / name).read_text()
        (home / name).write_text(changed(json.loads(whole), path, value))
        run_all(squadron, home, (name, path, value), draw, heavy=1)
        (home / name).write_text(whole)


BROKEN = {
    "not UTF-8": b'{"schema": 1, "status": "\xff"}',
    "not JSON": b"{",
    "nested": b'{"schema": 1, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested less": b'{"schema": 1, "x": ' + b"[" * 200 + b"]" * 200 + b"}",
    "NaN": b'{"schema": 1, "loss": NaN}',
    "Infinity": b'{"schema": 1, "loss": Infinity}',
    "1e999": b'{"schema": 1, "loss": 1e999}',
    "digits": b'{"schema": 1, "loss": 1' + b"0" * 5000 + b"}",
    "half a character": b'{"schema": 1, "status": "\\ud800"}',
    "later": b'{"schema": 2}',
    "a list": b"[]",
    "null": b"null",
    "nothing": b"",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_file_that_is_not_a_record_is_a_one_line_error(squadron: Squadron, home: Path, how: str) -> None:
    place = [*BROKEN].index(how)  # one reader reads all four: each way in a file of a run and in one of the sweep
    for name in (FILES[place % 2], FILES[2 + place // 2 % 2]):
        whole = (home / name).read_bytes()
        (home / name).write_bytes(BROKEN[how])
        run_all(squadron, home, (how, name), random.Random(how), heavy=0)
        if name.startswith("runs/"):
            listed = {run["name"]: run for run in squadron("runs", home, "--json").record["runs"]}
            assert listed[FIRST]["status"] == "done"
            assert listed[SECOND]["status"] == "unreadable"
            assert name in listed[SECOND]["reason"]
        (home / name).write_bytes(whole)


def set_value(home: Path, name: str, path: tuple[Any, ...], value: Any) -> None:
    (home / name).write_text(changed(json.loads((home / name).read_text()), path, value))


@pytest.mark.parametrize(
    ("name", "path", "value", "words"),
    [
        (FILES[0], ("schema",), 2, "run.json: schema: 2 is not 1, the version that this Squadron reads; put the file"),
        (FILES[0], ("status",), "good", "run.json: status: \"'good'\" is not"),
        (FILES[0], ("status",), ..., "run.json: status: missing; put the file back, or remove the run's folder"),
        (FILES[0], ("config", "base"), 5, "run.json: config.base: 5 is not a valid string; put the file back"),
        (
            FILES[0],
            ("seconds",),
            10**400,
            "run.json: seconds: a number of 1,329 bits does not fit into 64; put the file",
        ),
        (FILES[1], ("splits", "validation", "decodings"), None, "splits.validation.decodings: null is not an object;"),
        (
            FILES[1],
            ("splits", "validation", "decodings", "greedy", "f1"),
            101,
            "scores.json: splits.validation.decodings.greedy.f1: 101 is not less than or equal to 100; remove the file",
        ),
    ],
)
def test_one_unreadable_run_stops_no_command(
    squadron: Squadron, home: Path, name: str, path: tuple[Any, ...], value: Any, words: str
) -> None:
    words = words.replace("\"'good'\"", "'good'")
    (home / "runs" / FIRST / "last" / "more").write_text("x")
    set_value(home, name, path, value)
    listed = {run["name"]: run for run in squadron("runs", home, "--json").record["runs"]}
    assert listed[FIRST]["status"] == "done"
    assert listed[FIRST]["f1"] is not None
    assert listed[SECOND]["status"] == "unreadable"
    assert words in listed[SECOND]["reason"]
    assert SECOND in squadron("runs", home).out
    pruned = squadron("runs", "prune", home, "--keep", 1, "--last", "--yes", "--json").record
    assert [Path(one["path"]).parent.name for one in pruned["paths"]] == [FIRST]
    assert (home / "runs" / SECOND / "last").is_dir()
    refused = squadron("runs", "promote", home / "runs" / SECOND, "--out", home.parent / "best")
    assert (refused.code, words in refused.err, refused.err.count("\n")) == (2, True, 1), refused.err
    assert not (home.parent / "best").exists()
    assert squadron("runs", "promote", home, "--out", home.parent / "best", "--json").record["run"].endswith(FIRST)


def test_a_run_that_its_sweep_does_not_name_is_marked(squadron: Squadron, home: Path) -> None:
    set_value(home, "sweep.json", ("runs", 0, "name"), ...)
    rows = json.loads((home / "sweep.json").read_text())["runs"]
    lost = [
        {"name": "r9", "status": "nowhere"},
        7,
        {"name": "../x", "status": "done"},
        {"name": "r8", "status": "failed"},
    ]
    set_value(home, "sweep.json", ("runs",), [*rows, *lost])
    listed = squadron("runs", home, "--json").record["runs"]
    states = {run["name"]: run["status"] for run in listed}
    unreadable = dict.fromkeys(("runs.0", "r9", "runs.3", "../x"), "unreadable")
    assert states == {FIRST: "done", SECOND: "done", "r8": "failed", **unreadable}
    reasons = {run["name"]: run["reason"] for run in listed if run["status"] == "unreadable"}
    assert "sweep.json: runs.0: name: missing; put the file back, or give the sweep's command" in reasons["runs.0"]
    assert "sweep.json: runs.3: 7 is not an object" in reasons["runs.3"]
    (home / "sweep.json").write_text("{")
    listed = squadron("runs", home, "--json").record["runs"]
    assert {run["name"]: run["status"] for run in listed} == {FIRST: "done", SECOND: "done", "sweep.json": "unreadable"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "not JSON"),
        ("[]", "a list is not an object"),
        ("{}", "runs: missing"),
        ('{"runs": [7]}', "runs.0: 7 is not a valid string"),
        ('{"split": ["../x"]}', "split.0: '../x' is not"),
    ],
)
def test_a_damaged_fleet_is_one_line(home: Path, content: str, told: str) -> None:
    (fleet, *_) = sorted((home / "fleets").glob("*.json"))
    fleet.write_text(content)
    folder = SweepFolder.open(home)
    with pytest.raises(RunError) as refused:
        folder.runs_of(fleet.stem)
    assert f"{fleet}: {told}" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_damaged_metrics_are_reported_by_line(squadron: Squadron, home: Path) -> None:
    path = home / "runs" / SECOND / "metrics.jsonl"
    whole = path.read_bytes()
    lines = [json.loads(line) for line in whole.splitlines()]
    folder = RunFolder.open(path.parent)
    path.write_bytes(whole + whole[:9])  # as after a kill in the middle of a line
    assert folder.read_metrics() == lines
    assert read_metrics(path) == Metrics(tuple(lines))
    damaged = b'{"step": "x"}\n'  # whole, so no kill cut it short
    path.write_bytes(whole + damaged)
    (problem,) = read_metrics(path).problems
    assert f"{path}: line {len(lines) + 1}: step: 'x' is not" in problem
    (told,) = {run.reason for run in read_study(home).runs if run.name == SECOND}
    assert (told, read_curves(path.parent).problem) == (problem, problem)
    with pytest.raises(RunError) as refused:
        folder.read_metrics()
    assert str(refused.value) == problem
    for broken in (b"{]", b"7", b'{"step": "x"}', b'{"step": 1, "loss": NaN}', b'"\xff"', b"[" * 100_000, b""):
        path.write_bytes(whole.splitlines(keepends=True)[0] + broken + b"\n" + whole)
        found = read_metrics(path)
        assert found.lines == (lines[0], *lines)
        (problem,) = found.problems
        assert problem.startswith(f"{path}: line 2")
        assert problem.endswith("; put the file back, or train the run again")
        assert len(problem.splitlines()) == 1
        with pytest.raises(RunError, match="line 2"):
            folder.read_metrics()
        curves = read_curves(path.parent)
        assert (len(curves.loss), curves.problem) == (1 + sum("loss" in line for line in lines), problem)
        check(squadron("report", home, "--out", home.parent / "report.html"), broken[:20])
