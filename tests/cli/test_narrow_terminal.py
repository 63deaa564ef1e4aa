"""Tables in a terminal of 80 columns: no name or interval is broken or cut."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from cli.conftest import Squadron
from made_study import make_study
from squadron.cli import runs as runs_cli
from squadron.cli import sweep as sweep_cli
from squadron.cli.ask import _letter

NAME = "r64-lr0.00007-query-value+attention"


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    modules = ("attention", "query-value+attention")
    return make_study(tmp_path / "s", ranks=(4, 64), rates=(7e-5, 1e-3), modules=modules)


def test_runs_breaks_no_name_and_says_what_it_leaves_out(squadron: Squadron, sweep: Path) -> None:
    found = squadron("runs", sweep, "--json").record["runs"]
    assert max(len(run["name"]) for run in found) > 30
    shown = squadron("runs", sweep).out
    lines = shown.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    for run in found:
        (line,) = (line for line in lines if run["name"] in line.split())
        low, high = run["f1_interval"]
        assert f"{run['f1']:.1f} ({low:.1f}–{high:.1f})" in line
    assert lines[-1].startswith("left out, as the terminal is narrow: ")
    assert "…" not in shown


def test_a_wide_terminal_has_every_column(squadron: Squadron, sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    shown = squadron("runs", sweep).out
    assert "trainable" in shown
    assert "left out" not in shown


@pytest.mark.usefixtures("few_charts")
def test_analyze_cuts_no_interval_and_writes_differences_without_a_dash(squadron: Squadron, sweep: Path) -> None:
    shown = squadron("analyze", "--results-dir", sweep).out
    lines = shown.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert not re.search(r"\([^)]*…", shown)
    assert re.search(r"-\d+\.\d \(-\d+\.\d to [+-]\d+\.\d\)", shown)
    assert not re.search(r"\d – [+-]", shown)
    assert re.search(r"validation loss of 8 runs", shown)
    assert "(s)" not in shown
    assert not re.search(r"[+-]0\.0\b", shown)


def test_runs_show_and_the_leaderboard_of_a_sweep_cut_nothing() -> None:
    figures = {"f1": 100.0, "exact_match": 100.0, "p_gold": 100.0, "questions": 10_570}
    figures |= {"f1_interval": [98.1, 100.0], "exact_match_interval": [98.1, 100.0]}
    run = {"name": NAME, "status": "done", "validation_loss": 0.1234, "loss": 1.0, **figures}
    board = {"runs": [run], "decoding": "greedy", "split": "validation", "normalize": "official", "seconds": 1.0}
    decodings = {name: {**figures, "normalize": "persian"} for name in ("greedy", "temperature")}
    record = {
        "folder": "r",
        "record": {"status": "done", "config": {}},
        "splits": {"validation": {"decodings": decodings}},
    }
    for show, shown in ((sweep_cli._show, {**board, "leaderboard": "l.csv"}), (runs_cli._show_run, record)):
        console = Console(file=io.StringIO(), width=80)
        show(console, shown)
        text = console.file.getvalue()
        lines = text.splitlines()
        assert ("scores, persian normalization" in text) == (show is runs_cli._show_run)
        assert max(len(line) for line in lines if "left out" not in line) <= 80
        assert "…" not in text
        found = [line for line in lines if "100.0 (98.1–100.0)" in line]
        assert all(line.count("100.0 (98.1–100.0)") == 2 for line in found)
        assert len(found) == (1 if show is sweep_cli._show else 2)
        assert all(NAME in line or "validation" in line for line in found)


def test_ask_names_each_model_whole(
    squadron: Squadron, tmp_path: Path, byte_base_dir: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = tmp_path / ("long-" * 8) / NAME
    options = ("--max-steps", 2, "--precision", "fp32", "--eval-questions", 0)
    trained = squadron("train", "--base", byte_base_dir, "--data", small_data, "--out", run, *options)
    assert trained.code == 0, trained.err
    text = tmp_path / "context.txt"
    text.write_text("Town00 lies on the River00.")
    shown = squadron(
        *("ask", "--context", text, "--base", byte_base_dir, "--run", run, "Where?", "--decoding", "span"),
        *("--max-new-tokens", 4, "--precision", "fp32"),
    )
    lines = shown.out.splitlines()
    assert lines[0] == f"A: {byte_base_dir}"
    assert lines[1] == f"B: {run}"
    assert max(map(len, lines[2:])) <= 80
    assert [line.split()[1] for line in lines if " span " in line] == ["A", "B"]


def test_letters_do_not_run_out() -> None:
    assert [_letter(place) for place in (0, 25, 26, 52)] == ["A", "Z", "A2", "A3"]
