"""Layouts: recognised and foreign entries, and what is removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from squadron.errors import RunError, option
from squadron.ownership import (
    Layout,
    any_file,
    foreign,
    is_empty,
    refuse_foreign,
    refuse_inputs_inside,
    refuse_overwrite,
    remove_owned,
)
from squadron.runs.contents import RUN, sweep_layout

LAYOUT = Layout(
    {"run.json": any_file, ".lock": is_empty, "inner": Layout({"*.json": any_file}), "latest": any_file},
    links=("latest",),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with only entries of the layout."""
    home = tmp_path / "home"
    (home / "inner").mkdir(parents=True)
    for name in ("run.json", "inner/a.json", "inner/.b.json.squadron-0a1b2c3d.part"):
        (home / name).write_text("x")
    (home / ".lock").touch()
    (home / "latest").symlink_to("inner")
    return home


def state(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_entries_of_the_layout_are_recognised(folder: Path) -> None:
    assert list(foreign(folder, LAYOUT)) == []
    refuse_foreign(folder, LAYOUT)
    remove_owned(folder, LAYOUT, keep=["run.json"])
    assert os.listdir(folder) == ["run.json"]


def test_foreign_entries_are_reported_and_kept(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "c.json").touch()
    (folder / "inner" / "notes.txt").touch()
    (folder / "inner" / "link.json").symlink_to(elsewhere / "c.json")
    (folder / "other").symlink_to(elsewhere)
    (folder / ".notes.squadron-0a1b2c3d.part").touch()  # a temporary whose target is not in the layout
    (folder / ".x.part").touch()
    (folder / "inner.json").mkdir()
    (folder / ".lock").write_text("mine")
    mine = {"inner/notes.txt", "inner/link.json", "other", ".notes.squadron-0a1b2c3d.part", ".x.part", "inner.json"}
    assert set(foreign(folder, LAYOUT)) == {*mine, ".lock"}
    with pytest.raises(
        RunError, match=r"has files that Squadron did not write: \.lock, .* and 2 more; move them elsewhere"
    ):
        refuse_foreign(folder, LAYOUT)
    remove_owned(folder, LAYOUT)
    assert state(folder) == {*mine, ".lock", "inner"}
    assert os.listdir(elsewhere) == ["c.json"]


def test_a_folder_with_the_name_of_a_file_is_foreign(folder: Path) -> None:
    (folder / "run.json").unlink()
    (folder / "run.json").mkdir()
    assert list(foreign(folder, LAYOUT)) == ["run.json"]


def test_a_run_that_is_not_in_the_sweep_is_foreign(tmp_path: Path) -> None:
    for name in ("r4", "r[4]", "mine"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "metrics.jsonl").touch()
    assert list(foreign(tmp_path, sweep_layout(["r[4]"]))) == ["runs/mine", "runs/r4"]


def test_predictions_are_recognised_by_their_details_file(tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "greedy.json").write_text('{"a": "b"}')
    assert list(foreign(tmp_path, RUN)) == ["predictions/greedy.json"]
    detail = '{"a": [{"text": "b", "tokens": 1, "stopped": true}]}'
    (tmp_path / "predictions" / "greedy.details.json").write_text(detail)
    assert list(foreign(tmp_path, RUN)) == []
    (tmp_path / "predictions" / "greedy.details.json").write_text('{"a": "mine"}')
    assert len(list(foreign(tmp_path, RUN))) == 2


def test_an_input_within_the_replaced_folder_is_refused_by_any_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out" / "data").mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    (tmp_path / "link").symlink_to("out")
    (tmp_path / "out" / "data" / "train.json").touch()
    (tmp_path / "beside" / "train.json").symlink_to(tmp_path / "out" / "data" / "train.json")
    monkeypatch.chdir(tmp_path)
    out = Path("out")
    for given in ("out", "out/data", "link/data", "beside/../out/data", str(tmp_path / "out"), "beside"):
        with pytest.raises(RunError, match=r"^data='.*': lies within out, which replace=True would remove"):
            refuse_inputs_inside(out, {option("data", given): given})
        with pytest.raises(RunError, match=r"^base='"):
            refuse_inputs_inside(Path("link"), {option("data"): None, option("base", given): given})
    refuse_inputs_inside(out, {option("data"): "squad", option("base"): str(tmp_path)})
    refuse_inputs_inside(Path("nowhere"), {option("data"): "out"})


def test_only_recognised_files_are_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "file"
    refuse_overwrite(path, is_empty, what="a lock")
    path.touch()
    refuse_overwrite(path, is_empty, what="a lock")
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "full").write_text("x")
    for other in (tmp_path, tmp_path / "link", tmp_path / "full"):
        with pytest.raises(RunError, match=r"exists and is not a lock that Squadron wrote; choose another name, or"):
            refuse_overwrite(other, is_empty, what="a lock")
