"""Run folders: created, resumed, replaced and refused as the user asks; leftovers of killed writes are removed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import RunError
from squadron.runs.folder import RunFolder

CONFIG = {"rank": 4, "lr": 0.1, "out": "here"}
KILLED = """
import os, signal, sys
from pathlib import Path
from squadron.files import atomic_folder, atomic_path
place = Path(sys.argv[1])
with atomic_path(place / "run.json") as file, atomic_folder(place / "adapter") as folder:
    file.write_text("{")
    (folder / "weights").write_text("half of them")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def create(path: Path, config: dict[str, Any] = CONFIG, *, resume: bool = False, replace: bool = False) -> RunFolder:
    return RunFolder.create(path, config, kind="train", resume=resume, replace=replace, may_differ={"out"})


def names(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


def kill_a_write(path: Path) -> set[str]:
    """Kill a process while it writes a file and a folder; return the leftovers."""
    before = names(path)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    return names(path) - before


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_leftovers_of_a_killed_write_are_removed_by_the_next_process(tmp_path: Path) -> None:
    first = create(tmp_path / "run")
    first.update(status="done")
    first.release()
    left = kill_a_write(first.path)
    assert len(left) == 2  # a file and a folder
    assert json.loads((first.path / "run.json").read_text())["status"] == "done"  # the old one, whole
    again = create(tmp_path / "run", resume=True)
    assert names(first.path) == {"run.json", ".lock"}
    again.release()
    # A folder with nothing else counts as empty.
    (tmp_path / "empty").mkdir()
    assert len(kill_a_write(tmp_path / "empty")) == 2
    fresh = create(tmp_path / "empty")
    assert fresh.is_new
    assert names(fresh.path) == {".lock"}
    fresh.release()


def test_an_existing_folder_is_resumed_or_replaced_as_the_user_asks(tmp_path: Path) -> None:
    first = create(tmp_path / "run")
    assert (first.is_new, first.replaces) == (True, False)
    first.update(status="done", loss=1.5)
    first.write_metrics([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5}])
    first.release()
    with pytest.raises(RunError, match="a run is there already; add resume=True to continue it, or replace=True"):
        create(tmp_path / "run")
    taken = create(tmp_path / "run", {**CONFIG, "out": "elsewhere"}, resume=True)
    assert (taken.is_new, taken.replaces) == (False, False)
    assert taken.record["loss"] == 1.5
    assert taken.record["config"]["out"] == "elsewhere"
    assert taken.read_metrics() == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5}]
    taken.release()
    with pytest.raises(RunError, match="rank was 4 and is now 8; resume with the same options, or use replace=True"):
        create(tmp_path / "run", {**CONFIG, "rank": 8}, resume=True)
    replaced = create(tmp_path / "run", {**CONFIG, "rank": 8}, replace=True)
    assert replaced.replaces
    assert "metrics.jsonl" in names(replaced.path)  # nothing is removed before all inputs are ready
    replaced.begin()
    assert names(replaced.path) == {".lock", "run.json"}
    replaced.update(status="running")
    assert json.loads((replaced.path / "run.json").read_text())["config"]["rank"] == 8
    replaced.release()


def test_a_folder_has_one_process_at_a_time(tmp_path: Path) -> None:
    first = create(tmp_path / "run")
    first.update(status="running")
    with pytest.raises(RunError, match="in use by another process; wait for it or choose another"):
        create(tmp_path / "run", resume=True)
    first.release()
    create(tmp_path / "run", resume=True).release()


def end_before_the_lock_is_taken(monkeypatch: pytest.MonkeyPatch, path: Path, **record: Any) -> None:
    """Let another process write this record just before the next one gets the lock."""
    take = RunFolder.try_take

    def late(self: RunFolder) -> bool:
        monkeypatch.setattr(RunFolder, "try_take", take)
        other = create(path, resume=True)
        other.update(**record)
        other.release()
        return take(self)

    monkeypatch.setattr(RunFolder, "try_take", late)


def test_a_run_is_resumed_from_what_the_process_before_wrote_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    first = create(path)
    first.update(status="running")
    first.release()
    end_before_the_lock_is_taken(monkeypatch, path, status="done", loss=1.5)
    taken = create(path, {**CONFIG, "out": "elsewhere"}, resume=True)
    assert (taken.record["status"], taken.record["loss"], taken.record["config"]["out"]) == ("done", 1.5, "elsewhere")
    taken.release()
    end_before_the_lock_is_taken(monkeypatch, path, config={**CONFIG, "rank": 8})
    with pytest.raises(RunError, match="rank was 8 and is now 4"):
        create(path, resume=True)
    create(path, {**CONFIG, "rank": 8}, resume=True).release()  # the lock was released


def test_a_run_that_another_process_made_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    end_before_the_lock_is_taken(monkeypatch, path, status="done", loss=1.5)
    with pytest.raises(RunError, match="a run is there already"):
        create(path)
    assert json.loads((path / "run.json").read_text())["loss"] == 1.5
    create(path, resume=True).release()


def test_a_folder_that_is_not_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file': a file; give a folder"):
        create(tmp_path / "file")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    for how in ("resume", "replace"):
        with pytest.raises(RunError, match=r"not empty, and not a run folder \(run\.json is missing\)"):
            create(tmp_path / "thesis", **{how: True})
    assert names(tmp_path / "thesis") == {"chapter.txt"}
    with pytest.raises(RunError, match="no such run folder"):
        RunFolder.open(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "words"),
    [({"schema": 2}, "schema: 2 is not 1"), ({"kind": "sweep"}, "kind: 'sweep' is not 'train'")],
)
def test_a_record_of_another_kind_or_schema_is_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    folder = create(tmp_path / "run")
    folder.update(status="done")
    folder.release()
    assert RunFolder.open(tmp_path / "run").record["status"] == "done"
    folder.update(**change)
    with pytest.raises(RunError, match=rf"run\.json: {words}"):
        RunFolder.open(tmp_path / "run")


def test_a_folder_without_results_is_removed_again(tmp_path: Path) -> None:
    folder = create(tmp_path / "run")
    folder.discard()
    assert not (tmp_path / "run").exists()
