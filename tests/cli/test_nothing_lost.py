"""No command removes or overwrites files that Squadron did not write: they are listed in one line and kept."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from safetensors.torch import save_file

from cli.conftest import Squadron
from made_study import make_run
from squadron.experiments import bases, export
from squadron.model.checkpoint import save_model
from squadron.runs import folder as run_folder

SIZES = ("--train-size", 9, "--val-size", 3, "--test-size", 2)


def state(folder: Path) -> dict[str, bytes | str]:
    """Return the contents of a folder, without locks."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or path.is_file()) and path.name != ".lock"
    }


class Killed(BaseException):
    """Not caught by any handler, like a kill of the process."""


def killed(*_: object, **__: object) -> None:
    raise Killed


@pytest.fixture
def refused(squadron: Squadron, tmp_path: Path) -> Callable[..., None]:
    """``refused(words, *arguments)``: the command prints ``words`` in one line and changes nothing."""

    def check(words: str, *arguments: object) -> None:
        before = state(tmp_path)
        outcome = squadron(*arguments)
        assert outcome.code == 2, outcome
        assert outcome.err.count("\n") == 1, outcome.err
        assert re.search(words, outcome.err), outcome.err
        assert state(tmp_path) == before

    return check


@pytest.fixture
def command(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> tuple[object, ...]:
    """A short training run into ``tmp_path / "run"``."""
    return (
        *("train", "--base", byte_base_dir, "--data", small_data, "--out", tmp_path / "run", "--max-steps", 1),
        *("--precision", "fp32", "--eval-questions", 0),
    )


@pytest.fixture
def run(squadron: Squadron, command: tuple[object, ...], tmp_path: Path) -> Path:
    """A trained and evaluated run folder."""
    assert squadron(*command).code == 0
    assert squadron("evaluate", tmp_path / "run", "--limit", 2, "--max-new-tokens", 2).code == 0
    return tmp_path / "run"


def test_another_tools_record_is_not_replaced_as_a_run(refused: Any, command: Any, tmp_path: Path) -> None:
    for name in ("run", "sweep"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.csv").write_text("years of work")
        for content in ('{"id": 7}', "[]", "years of work", '{"schema": 1, "kind": "other", "config": {}}'):
            (tmp_path / name / f"{name}.json").write_text(content)
            if name == "run":
                refused(r"run\.json: not ", *command, "--replace")
                continue
            for verb in (("reproduce",), ("demo",), ("sweep", "quick")):
                given = () if verb == ("demo",) else ("--base", "pocket", "--dataset", "pocket")
                refused(r"sweep\.json: not ", *verb, *given, "--out", tmp_path / "sweep", "--replace")


@pytest.mark.parametrize("name", ["notes.txt", "adapter/mine.txt", "report/report.en.html", ".x.part", "last/run.json"])
def test_a_users_file_in_a_run_is_listed_and_kept(
    refused: Any, run: Path, command: Any, name: str, squadron: Squadron
) -> None:
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).write_text("years of work")
    refused(rf"has files that Squadron did not write: {re.escape(name)}; move them", *command, "--replace")
    assert squadron(*command, "--resume").code == 0
    assert (run / name).read_text() == "years of work"
    (run / name).unlink()
    assert squadron(*command, "--replace").code == 0
    assert not (run / "scores.json").exists()


def test_a_link_in_a_run_is_not_followed(refused: Any, run: Path, command: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "adapter_config.json").write_text("mine")
    (run / "link").symlink_to(tmp_path / "elsewhere")
    refused("did not write: link;", *command, "--replace")
    (run / "link").unlink()
    shutil.rmtree(run / "adapter")
    (run / "adapter").symlink_to(tmp_path / "elsewhere")
    refused("did not write: adapter;", *command, "--replace")


@pytest.mark.usefixtures("few_charts")
def test_files_foreign_to_a_sweep_are_kept(
    refused: Any, squadron: Squadron, run: Path, byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("base: {epochs: 1, eval_questions: 0}\ngrid: {rank: [2]}\n")
    command = ("sweep", tmp_path / "config.yaml", "--base", byte_base_dir, "--dataset", small_data)
    command += ("--precision", "fp32", "--out", tmp_path / "sweep")
    assert squadron(*command).code == 0
    home = tmp_path / "sweep"
    shutil.copytree(run, home / "runs" / "mine")  # not part of the sweep
    refused("did not write: runs/mine;", *command, "--replace")
    shutil.rmtree(home / "runs" / "mine")
    (home / "runs" / "r2" / "notes.txt").write_text("x")
    refused("did not write: runs/r2/notes.txt;", *command, "--replace")
    (home / "runs" / "r2" / "notes.txt").unlink()
    shutil.copy(tmp_path / "config.yaml", home / "my.yaml")
    refused("CONFIG .*my.yaml: lies within", "sweep", home / "my.yaml", *command[2:], "--replace")
    (home / "my.yaml").unlink()
    refused("exists and is not a report", "report", home, "--out", home / "sweep.json")
    assert squadron("report", home).code == 0
    assert squadron("analyze", "--results-dir", home).code == 0
    assert squadron(*command, "--replace").code == 0  # reports belong to the sweep
    assert not (home / "report").exists()


@pytest.mark.parametrize("flag", ["--data", "--base"])
def test_inputs_within_the_replaced_folder_are_refused(
    refused: Any, run: Path, command: Any, byte_base_dir: Path, small_data: Path, tmp_path: Path, flag: str
) -> None:
    shutil.copytree(byte_base_dir if flag == "--base" else small_data, run / "inner")
    (tmp_path / "link").symlink_to(run)
    for place in (run / "inner", tmp_path / "link" / "inner"):
        refused(f"{flag} .*inner: lies within .*, which --replace would remove", *command, flag, place, "--replace")


def test_prepare_replaces_only_its_own_manifest(
    refused: Any, squadron: Squadron, small_squad: Path, tmp_path: Path
) -> None:
    out = tmp_path / "data"
    command = ("prepare", "--dataset", small_squad, "--out", out, *SIZES, "--replace")
    out.mkdir()
    for name in ("data.json", "train.json", "test.json"):
        (out / name).write_text('{"mine": 1}')
    refused("did not write: data.json, test.json, train.json;", *command)
    shutil.rmtree(out)
    assert squadron(*command).code == 0
    assert squadron(*command, "--seed", 1).code == 0
    inside = ("prepare", "--dataset", out / "train.json", "--out", out, "--train-size", 2, "--val-size", 1)
    refused("--dataset .*train.json: lies within", *inside, "--test-size", 1, "--replace")
    content = json.loads((out / "train.json").read_text())
    (out / "train.json").write_text(json.dumps(content, indent=1))  # edited by the user
    refused("did not write: train.json;", *command)


@pytest.mark.usefixtures("few_charts")
def test_reports_overwrite_only_reports(refused: Any, squadron: Squadron, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "sweep")
    thesis = tmp_path / "thesis.html"
    thesis.write_text("<html><head><title>years of work</title></head></html>")
    words = r"exists and is not a report that Squadron wrote; choose another name, or remove it"
    refused(words, "report", folder, "--out", thesis)
    refused(words, "report", folder, "--format", "pdf", "--out", thesis)
    for record in ("run.json", "scores.json"):
        refused(words, "report", folder, "--out", folder / record)
    for form in ("html", "pdf"):
        for _ in range(2):
            assert squadron("report", folder, "--format", form, "--out", tmp_path / f"own.{form}").code == 0
    (tmp_path / "link.html").symlink_to(tmp_path / "own.html")
    refused(words, "report", folder, "--out", tmp_path / "link.html")
    (tmp_path / "other.pdf").write_bytes(b"%PDF-1.7\nmine")
    refused(words, "report", folder, "--format", "pdf", "--out", tmp_path / "other.pdf")


@pytest.mark.usefixtures("few_charts")
def test_an_analysis_overwrites_only_an_analysis(refused: Any, squadron: Squadron, tmp_path: Path) -> None:
    folder, out = make_run(tmp_path / "sweep"), tmp_path / "out"
    command = ("analyze", "--results-dir", folder, "--out", out)
    out.mkdir()
    for name in ("tables.md", "analysis.json"):
        (out / name).write_text('{"schema": 1}')
        refused(f"{name}: exists and is not ", *command)
        (out / name).unlink()
    assert squadron(*command).code == 0
    first = state(out)
    assert set(json.loads(first["analysis.json"])["files"]) == set(first)
    assert squadron(*command).code == 0
    assert state(out) == first


def test_scores_overwrite_only_scores(
    refused: Any, squadron: Squadron, run: Path, byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    asked = ("--data", small_data, "--limit", 2, "--max-new-tokens", 2, "--precision", "fp32")
    base = ("evaluate", "--base", byte_base_dir, *asked)
    refused(r"--out .*: holds a run \(run\.json\); choose another", *base, "--out", run)
    refused(r"--out .*: holds prepared questions", *base, "--out", small_data)
    out = tmp_path / "out"
    for name in ("scores.json", "predictions/greedy.json", "failures/greedy.json"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text('{"q1": "years of work"}')
        refused(f"{name}: exists and is not part of an evaluation that Squadron wrote", *base, "--out", out)
        (out / name).unlink()
    for _ in range(2):
        assert squadron(*base, "--out", out).code == 0
        assert squadron("evaluate", run, "--limit", 2, "--max-new-tokens", 2, "--out", run).code == 0


def test_a_build_does_not_overwrite_a_foreign_folder(refused: Any, byte_base_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(byte_base_dir, tmp_path / "base")
    (tmp_path / "base" / "README.md").write_text("mine")
    refused("--out .*: not empty; choose another", "pocket", "build", "--out", tmp_path / "base")
    import torch

    save_file({"w": torch.zeros(1)}, tmp_path / "base" / "checkpoint.safetensors")
    refused("not a checkpoint of this version", "pocket", "build", "--out", tmp_path / "base")


def test_a_training_that_fails_removes_only_what_it_made(refused: Any, command: Any, tmp_path: Path) -> None:
    bad = (*command, "--base", "nowhere/at/all")
    (tmp_path / "run").mkdir()
    refused("nowhere/at/all", *bad)
    assert (tmp_path / "run").is_dir()
    assert os.listdir(tmp_path / "run") == []
    (tmp_path / "run").rmdir()
    refused("nowhere/at/all", *bad)
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").write_text("mine")
    refused("not empty, and not a run folder", *command)
    (tmp_path / "run" / ".lock").write_text("")
    (tmp_path / "run" / ".x.part").write_text("mine")
    refused("not empty, and not a run folder", *command)


@pytest.mark.parametrize("form", ["peft", "merged", "hub-folder"])
def test_an_export_is_atomic(
    squadron: Squadron, run: Path, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(export, "write_json", full)  # when the adapter's weights are there
        patch.setattr(export, "save_model", full)
        outcome = squadron("export", run, "--to", form, "--out", out)
    assert (outcome.code, "the disk is full" in outcome.err) == (2, True)
    assert not out.exists()
    assert not list(tmp_path.glob(".*"))
    assert squadron("export", run, "--to", form, "--out", out).code == 0


def test_making_a_base_is_atomic(
    squadron: Squadron, byte_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("base", "init", "--size", "gpt2", "--tokenizer", byte_base_dir, "--out", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(bases, "random_model", lambda *_, **__: None)
        patch.setattr(bases, "save_model", killed)
        with pytest.raises(Killed):
            squadron(*command)
    assert os.listdir(tmp_path) == []
    assert save_model is bases.save_model


@pytest.mark.parametrize("again", ["--resume", "--replace"])
def test_a_killed_replacement_resumes_as_the_new_run(
    squadron: Squadron, run: Path, command: Any, again: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = (*command, "--rank", 2)
    remove = run_folder.remove_owned

    def half(folder: Path, *_: object, **__: object) -> None:
        (folder / "metrics.jsonl").unlink()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "remove_owned", half)
        with pytest.raises(Killed):
            squadron(*other, "--replace")
    assert run_folder.remove_owned is remove
    assert json.loads((run / "run.json").read_text())["config"]["rank"] == 2
    assert (run / "checkpoint.safetensors").is_file()  # of the old run, which must not be resumed
    refused = squadron("evaluate", run)
    assert (refused.code, "is being replaced" in refused.err) == (2, True)
    assert "rank was 2" in squadron(*command, "--resume").err
    assert squadron(*other, again).code == 0
    record = json.loads((run / "run.json").read_text())
    assert (record["status"], record["config"]["rank"], "replacing" in record) == ("done", 2, False)
    assert not (run / "scores.json").exists()
    assert (
        squadron(*other[: other.index("--out")], "--out", tmp_path / "alone", *other[other.index("--out") + 2 :]).code
        == 0
    )
    name = "adapter/adapter_model.safetensors"
    assert (run / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_promote_replaces_only_a_run_that_is_not_in_use(
    refused: Any, squadron: Squadron, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "best"
    command = ("runs", "promote", run, "--out", out, "--replace")
    (run / "notes.txt").write_text("years of work")
    assert squadron(*command).code == 0
    assert not (out / "notes.txt").exists()  # not part of the run
    assert squadron(*command).code == 0
    with FileLock(out / ".lock"):
        refused("in use by another process", *command)
    (out / "mine.txt").write_text("years of work")
    refused("did not write: mine.txt;", *command)
    (out / "mine.txt").unlink()
    (out / "run.json").write_text('{"id": 7}')
    refused("not the record of a train run", *command)


def test_prune_keeps_a_users_file_and_reports_folders_it_cannot_write(
    squadron: Squadron, run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "status": "done"}))
    (run / "last" / "notes.txt").write_text("years of work")
    command = ("runs", "prune", run, "--last")

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(FileLock, "acquire", forbidden)
        assert squadron(*command).code == 0
        outcome = squadron(*command, "--yes")
    assert outcome.code == 2
    assert re.fullmatch(r"squadron: error: .*run: cannot be written \(Permission denied\).*\n", outcome.err)
    assert squadron(*command, "--yes").code == 0
    assert os.listdir(run / "last") == ["notes.txt"]
    assert squadron(*command, "--yes", "--json").record["paths"] == []
    shutil.rmtree(run / "last")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "adapter_model.safetensors").touch()
    (run / "last").symlink_to(tmp_path / "elsewhere")
    assert squadron(*command, "--yes", "--json").record["paths"] == []
    assert os.listdir(tmp_path / "elsewhere") == ["adapter_model.safetensors"]
