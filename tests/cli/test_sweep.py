"""``squadron sweep``: its output, exit codes and live table."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from squadron.cli.sweep_table import SweepTable, clock
from squadron.model.config import read_config
from squadron.model.targets import trainable_parameters
from squadron.sweeps import sweep as sweeping
from squadron.tracking.events import EpochEnded, RunEnded, RunScored, RunStarted, Stepped
from squadron.training.steps import FleetTrainer

CONFIG = """
base: {epochs: 1, eval_questions: 0}
grid: {rank: [2, 3], lr: [1.0e-2]}
evaluate: {max_new_tokens: 4}
"""


@pytest.fixture
def command(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> list[Any]:
    (tmp_path / "grid.yaml").write_text(CONFIG)
    return [
        *("sweep", tmp_path / "grid.yaml", "--base", byte_base_dir, "--dataset", small_data),
        *("--out", tmp_path / "sweep", "--precision", "fp32"),
    ]


def test_a_preview_names_the_runs_that_do_not_fit(
    squadron: Any, command: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = FleetTrainer.step

    def small_memory(self: Any) -> Any:
        if self.fleet.specs[0].rank == 3:
            raise MemoryError
        return step(self)

    monkeypatch.setattr(FleetTrainer, "step", small_memory)
    record = squadron(*command, "--dry-run", "--json").record
    assert list(record["unfit"]) == ["r3-lr1e-2"]
    assert "lower --batch-size 4 or --max-length" in record["unfit"]["r3-lr1e-2"]
    shown = " ".join(squadron(*command, "--dry-run").out.split())
    assert "does not fit r3-lr1e-2: out of memory even alone: beside the base, a step needs about" in shown


def test_the_verb_from_preview_to_leaderboard(
    squadron: Any, command: list[Any], byte_base_dir: Path, tmp_path: Path
) -> None:
    preview = squadron(*command, "--dry-run", "--json")
    assert preview.code == 0, preview.err
    config = read_config(byte_base_dir / "config.json")
    assert {run["name"]: run["trainable_parameters"] for run in preview.record["runs"]} == {
        f"r{rank}-lr1e-2": trainable_parameters(config, ("attention",), rank) for rank in (2, 3)
    }
    assert [fleet["runs"] for fleet in preview.record["fleets"]] == [["r2-lr1e-2", "r3-lr1e-2"]]
    assert preview.record["seconds"] > 0
    shown = squadron(*command, "--dry-run").out
    assert "training   about" in shown
    assert "under `best:`" not in shown
    with (tmp_path / "grid.yaml").open("a") as file:
        file.write("best: {split: test, max_new_tokens: 4}\n")
    assert "to score the best runs and the base under `best:`" in squadron(*command, "--dry-run").out
    assert not (tmp_path / "sweep").exists()

    made = squadron(*command, "--json")
    assert made.code == 0, made.err
    assert {run["status"] for run in made.record["runs"]} == {"done"}
    assert {"name", "status", "exact_match", "f1", "changes"} <= made.record["runs"][0].keys()
    assert made.err.count("EM ") == 2  # not a terminal: one line per run
    shown = squadron(*command, "--resume")
    assert shown.code == 0
    assert "2 runs, greedy, 9 validation questions" in shown.out
    assert "significantly better than the second" in shown.out
    refused = squadron(*command)
    assert (refused.code, "a sweep is there already; add --resume" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--resume", "--replace"], "--resume and --replace: choose one"),
        (["--dry-run", "--join"], "--dry-run and --join: choose one"),
        (["--join"], "no such sweep folder"),
        (["--gpus-per-fleet", 1], "--gpus-per-fleet 1.0: applies only to --engine ray"),
        (["--halving", 2], "eval_questions is 0"),
    ],
)
def test_impossible_options_are_refused(
    squadron: Any, command: list[Any], tmp_path: Path, more: list[Any], words: str
) -> None:
    found = squadron(*command, *more)
    assert (found.code, words in found.err) == (2, True), found.err
    assert not (tmp_path / "sweep").exists()


def test_a_failed_run_is_reported_by_name_and_exit_code(
    squadron: Any, command: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from squadron.experiments import training_job

    def broken(_inputs: Any, runs: Any, *_rest: Any) -> Any:
        raise RuntimeError(f"no fleet of {len(runs)}")

    monkeypatch.setattr(training_job, "make_trainer", broken)
    found = squadron(*command, "--fleet-size", 1)
    assert found.code == 1
    for rank in (2, 3):
        assert f"r{rank}-lr1e-2 failed: no fleet of 1" in found.out


def test_every_gpu_beyond_the_first_gets_a_process(
    squadron: Any, command: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "gpus", lambda: ["cuda:0", "cpu"])
    assert "2, of 1 run, 2 at a time; at most" in " ".join(squadron(*command, "--dry-run").out.split())
    started: list[list[str]] = []

    class Helper:
        def __init__(self, line: list[str], **_: Any) -> None:
            started.append(line)

        def terminate(self) -> None:
            started[-1].append("ended")

        def wait(self) -> None:
            started[-1].append("gone")

    monkeypatch.setattr("squadron.sweeps.engines.subprocess.Popen", Helper)
    found = squadron(*command, "--json")
    assert found.code == 0, found.err
    (line,) = started
    assert line[1:4] == ["-m", "squadron", "sweep"]
    assert line[-5:] == ["--device", "cpu", "--join", "ended", "gone"]
    monkeypatch.undo()
    joined = squadron(*line[3:-2], "--json")  # the printed command works
    assert joined.code == 0, joined.err
    assert joined.record["status"] == "joined"


def test_the_table_shows_the_state_of_runs() -> None:
    stream = io.StringIO()
    # As the command's own console, which reads no markup in names.
    console = Console(file=stream, force_terminal=True, width=100, height=30, color_system=None, markup=False)
    table = SweepTable(console)
    table._total, table._unit, table._title = 3, "run", "sweep of 3 runs"
    for name in ("r4-attention", "[b]r8"):
        table.run_started(RunStarted(name, name, {}, 10, 0, 20))
        table.stepped(Stepped(name, 5, {"epoch": 2, "loss": 1.23456}))
        table.epoch_ended(EpochEnded(name, 5, {"validation_loss": 1.5, "validation_f1": 41.2}))
    table.run_ended(RunEnded("r4-attention", "done", {}))
    table.run_scored(RunScored("r4-attention", "validation", "greedy", {"exact_match": 40.0, "f1": 44.4}))
    table.reach(1)
    console.print(table.render())
    shown = stream.getvalue()
    assert "sweep of 3 runs" in shown
    assert "1/3 runs" in shown
    assert " left" in shown
    lines = {line.split()[0]: line.split() for line in shown.splitlines() if line.split()}
    assert lines["[b]r8"][1:] == ["running", "2", "1.235", "1.500", "41.2*"]
    assert lines["r4-attention"][1:] == ["done", "2", "1.235", "1.500", "44.4"]


def test_durations_are_readable() -> None:
    assert [clock(value) for value in (0.4, 59, 61, 3599, 3700)] == [
        "0 s",
        "59 s",
        "1 min 01 s",
        "59 min 59 s",
        "1 h 01 min",
    ]
