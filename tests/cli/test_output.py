"""Standard output and error: closed pipes, terminals that lack characters, and texts that would move the terminal."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table
from rich.text import Text

from squadron.cli.output import CLOSED_PIPE, Console, Terminal, guarded
from squadron.visible import is_invisible

HOSTILE = "r\x1b[2J\x9b1m\x00\u202e\u2066\u200f\ud800é"


def run(*arguments: object, **settings: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "squadron", *(one if isinstance(one, bytes) else str(one) for one in arguments)]
    return subprocess.run(command, capture_output="stdout" not in settings, check=False, **settings)


def invisible(text: str) -> list[str]:
    return [character for character in text if is_invisible(character) and character != "\n"]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a damaged run, whose name has an é and an escape sequence."""
    folder = tmp_path / "runs" / "caf\xe9\x1b[31m\u202e"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{")
    return folder.parent


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_closed_pipe_is_silence(runs: Path, options: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        ended = run("runs", runs, *options, stdout=write, stderr=subprocess.PIPE)
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (CLOSED_PIPE, b"")


def test_help_into_a_closed_pipe_is_silence() -> None:
    read, write = os.pipe()
    os.close(read)
    ended = run("train", "--help", stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (CLOSED_PIPE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_output_is_one_line(runs: Path) -> None:
    with open("/dev/full", "wb") as full:
        ended = run("runs", runs, stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"squadron: error: the disk is full")
    assert ended.stderr.count(b"\n") == 1


def test_progress_that_nobody_reads_does_not_stop_the_work(runs: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    ended = run("runs", runs / "missing", stdout=subprocess.PIPE, stderr=write)
    os.close(write)
    assert (ended.returncode, ended.stdout) == (2, b"")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_terminal_shows_any_name(runs: Path, encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    listed = run("runs", runs, env=environment)
    shown = listed.stdout.decode(encoding)
    assert listed.returncode == 0, listed.stderr
    assert ("caf\\xe9" if encoding == "ascii" else "caf\xe9") + "\\x1b[31m\\u202e" in shown
    assert not invisible(shown)
    rows = shown.splitlines()[2:5]  # the head, a line, and the run
    assert len({len(row) for row in rows}) == 1, shown  # escaped before the table is laid out


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_json_is_ascii(runs: Path, encoding: str) -> None:
    listed = run("runs", runs, "--json", env={**os.environ, "PYTHONIOENCODING": encoding})
    record = json.loads(listed.stdout.decode("ascii"))
    assert [row["name"] for row in record["runs"]] == ["caf\xe9\x1b[31m\u202e"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", HOSTILE.replace("\0", "")),
        ("ask", "--base", "pocket", "--context", f"{HOSTILE}\n", "Who?"),
        ("train", f"--{HOSTILE}"),
        (HOSTILE,),
        ("prepare", "--dataset", "\x1b[2Jx.json", "--out", "o"),
        ("sweep", "\u202ex.yaml", "--base", "pocket", "--dataset", "pocket", "--out", "o"),
    ],
)
def test_errors_cannot_move_the_terminal(squadron: Any, arguments: tuple[str, ...]) -> None:
    outcome = squadron(*arguments)
    assert outcome.code == 2, outcome
    assert outcome.err
    assert not invisible(outcome.err)
    assert "\\x1b" in outcome.err or "\\u202e" in outcome.err


def test_everything_printed_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE, style="bold"))
    console = Console(json_output=False, debug=False)
    console.result({}, lambda out: out.print(HOSTILE, table, Text(HOSTILE), sep="\n"))
    console.reporter().note(HOSTILE)
    captured = capsys.readouterr()
    assert captured.err.count("\\x1b") == 1
    assert captured.out.count("\\x1b") == 6
    assert not invisible(captured.out + captured.err)


def test_lines_of_a_text_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().print(Text("one\ntwo"))
    assert capsys.readouterr().out == "one\ntwo\n"


@pytest.mark.parametrize("number", [errno.EEXIST, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR, errno.ELOOP])
def test_errors_about_a_file_are_the_users(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise OSError(number, os.strerror(number), "some/file")

    assert guarded(fail, Console(json_output=False, debug=False)) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"squadron: error: some/file: cannot be reached ({os.strerror(number)}); ")


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("train --base b --data d --out o", "use a smaller --batch-size or --max-length"),
        ("evaluate run", "use a smaller --max-length"),
        ("sweep c.yaml --base b --dataset d --out o", "use a smaller --fleet-size"),
        ("ask --context c Who?", "use a smaller base, or free some memory and run the same command again"),
        ("prepare --dataset d --out o", "free some memory and run the same command again"),
    ],
)
def test_out_of_memory_advises_only_options_of_the_verb(
    squadron: Any, command: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("squadron.cli.options.checked", fail)
    outcome = squadron(*command.split())
    assert (outcome.code, outcome.err) == (2, f"squadron: error: out of memory (no room); {step}\n")


def test_limits_of_the_system_are_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    assert guarded(fail, Console(json_output=False, debug=False)) == 2
    assert "bug" not in capsys.readouterr().err


def test_a_wrong_terminal_keeps_tables_in_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    table = Table("answer")
    table.add_row("50 – 60 é")
    Terminal().print(table)
    stream.flush()
    lines = stream.buffer.getvalue().decode("ascii").splitlines()  # type: ignore[attr-defined]
    assert len({len(line) for line in lines}) == 1
    assert "50 - 60 \\xe9" in lines[3]


@pytest.mark.parametrize(
    "command",
    [
        "runs {}",
        "runs show {}",
        "runs prune {} --last --yes",
        "runs promote {} --out o",
        "evaluate {}",
        "export {} --out o",
        "report {}",
        "score {} {}",
        "ask --base pocket --context {} Who?",
        "prepare --dataset {}.json --out o",
        "prepare --dataset pocket --out {}",
        "sweep {} --base pocket --dataset pocket --out o",
        "train --base pocket --data {} --out o",
    ],
)
def test_a_name_of_300_letters_is_one_line(
    squadron: Any, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = squadron(*command.replace("{}", "x" * 300).split(" "))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("squadron: error: ")
    assert "File name too long" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="file names elsewhere are Unicode")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_names_that_are_not_utf8_are_listed(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "run.json").write_text("{")
    listed = run("runs", tmp_path, *options)
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert b"caf\\udce9" in listed.stdout
    shown = run("runs", "show", os.fsencode(folder))
    assert shown.returncode == 2
    assert shown.stderr.count(b"\n") == 1
