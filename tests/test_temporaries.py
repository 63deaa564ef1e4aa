"""Temporary files: their names, their removal after a kill and never before, and atomic replacement of folders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from squadron import temporaries
from squadron.errors import DeviceError
from squadron.files import atomic_folder, atomic_path, write_text
from squadron.ownership import Layout, any_file, foreign
from squadron.runs.contents import RUN
from squadron.temporaries import final_name, temporary, temporary_name
from squadron.training.checkpoint import save_checkpoint

LEFT = ".a.json.squadron-0a1b2c3d.part"


def test_a_temporary_name_contains_the_final_name() -> None:
    name = temporary_name(Path("home") / "a.json")
    assert name.parent == Path("home")
    assert final_name(name.name) == "a.json"
    assert final_name(temporary_name(name).name) == "a.json"
    assert name != temporary_name(Path("home") / "a.json")
    for other in (".a.json.abc.part", "a.json.squadron-0a1b2c3d.part", ".a.json.squadron-0A1B2C3D.part", ".x.part"):
        assert final_name(other) is None


def test_a_write_removes_only_the_leftovers_of_killed_writes(tmp_path: Path) -> None:
    others = {".a.json.abc.part", ".a.json.part", ".b.json.squadron-0a1b2c3d.part", "a.json.bak"}
    for name in (*others, LEFT):
        (tmp_path / name).write_text("x")
    (tmp_path / ".a.json.squadron-ffffffff.part").symlink_to(tmp_path / "a.json.bak")
    write_text(tmp_path / "a.json", "{}")
    assert set(os.listdir(tmp_path)) == {*others, "a.json", ".a.json.squadron-ffffffff.part"}


def test_the_temporaries_of_a_running_process_stay(tmp_path: Path) -> None:
    with temporary(tmp_path / "a") as file, temporary(tmp_path / "b", folder=True) as folder:
        write_text(tmp_path / "a", "other")
        with atomic_folder(tmp_path / "b") as fresh:
            write_text(fresh / "inner", "other")
        assert file.is_file()
        assert folder.is_dir()
    assert set(os.listdir(tmp_path)) == {"a", "b"}


@pytest.fixture(params=[0o022, 0o077])
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_permissions_follow_the_umask(tmp_path: Path, mask: int) -> None:
    with atomic_folder(tmp_path / "folder") as fresh:
        write_text(fresh / "file", "x")
    with atomic_path(tmp_path / "other") as place:
        place.write_bytes(b"x")
    save_checkpoint(tmp_path / "weights", {"a": torch.zeros(2)}, {})
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("folder", "folder/file", "other", "weights")]
    assert modes == [0o777 & ~mask, *[0o666 & ~mask] * 3]


def test_what_a_library_leaves_beside_its_file_goes_too(tmp_path: Path) -> None:
    """safetensors writes to a file of its own, called at random."""
    with atomic_path(tmp_path / "a", apart=True) as place:
        (place.parent / ".tmpPiA4J").touch()
        place.write_text("new")
    assert os.listdir(tmp_path) == ["a"]
    left = tmp_path / ".a.squadron-0a1b2c3d.part"
    left.mkdir()
    (left / ".tmpPiA4J").touch()
    assert list(foreign(tmp_path, Layout({"a": any_file}))) == []
    save_checkpoint(tmp_path / "a", {"a": torch.zeros(2)}, {})
    assert os.listdir(tmp_path) == ["a"]


def test_a_kill_while_weights_are_written_leaves_nothing_but_temporaries(tmp_path: Path) -> None:
    program = f"""
import os, pathlib, threading, torch
from squadron.training.checkpoint import save_checkpoint
path = pathlib.Path({str(tmp_path)!r}) / "checkpoint.safetensors"
def wait():
    while not list(path.parent.rglob(".tmp*")):
        pass
    os._exit(9)
threading.Thread(target=wait).start()
while True:
    save_checkpoint(path, {{"a": torch.zeros(4_000_000)}}, {{}})
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=120).returncode == 9
    assert [name for name in os.listdir(tmp_path) if final_name(name)] != []
    assert list(foreign(tmp_path, RUN)) == []
    save_checkpoint(tmp_path / "checkpoint.safetensors", {"a": torch.zeros(2)}, {})
    assert os.listdir(tmp_path) == ["checkpoint.safetensors"]


def _killed(folder: Path, *lines: str) -> None:
    """Replace a folder in another process, which exits at once at the point that ``lines`` patch."""
    program = [
        "import os, shutil",
        "from pathlib import Path",
        "from squadron import temporaries",
        "from squadron.files import atomic_folder",
        *lines,
        f"with atomic_folder(Path({str(folder)!r}), replace=True) as fresh: (fresh / 'new').touch()",
    ]
    assert subprocess.run([sys.executable, "-c", "\n".join(program)], check=False).returncode == 9


_NO_SWAP = "temporaries.swap = lambda *_: False"
_AT_RENAME = """
plain, calls = Path.rename, []
def rename(self, target):
    calls.append(target)
    if len(calls) == 2: os._exit(9)
    return plain(self, target)
Path.rename = rename
"""


@pytest.mark.parametrize(
    ("lines", "there"),
    [
        (["temporaries.shutil.rmtree = lambda *_, **__: os._exit(9)"], {"new"}),
        ([_NO_SWAP, "temporaries.shutil.rmtree = lambda *_, **__: os._exit(9)"], {"new"}),
        ([_NO_SWAP, _AT_RENAME], set()),
    ],
)
def test_a_kill_leaves_the_old_folder_or_the_new_one(tmp_path: Path, lines: list[str], there: set[str]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").touch()
    _killed(folder, *lines)
    assert (set(os.listdir(folder)) if folder.exists() else set()) == there
    assert any(final_name(name) == "folder" for name in os.listdir(tmp_path))
    temporaries.sweep_leftovers(folder)  # as the next command does
    assert set(os.listdir(folder)) == (there or {"old"})
    assert os.listdir(tmp_path) == ["folder"]


def test_without_replace_the_folder_must_be_empty(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with atomic_folder(tmp_path / "mine") as fresh:
        write_text(fresh / "a", "x")
    words = r"mine: cannot be written .* choose another folder"
    with pytest.raises(DeviceError, match=words), atomic_folder(tmp_path / "mine") as fresh:
        write_text(fresh / "b", "x")
    assert os.listdir(tmp_path / "mine") == ["a"]
    assert os.listdir(tmp_path) == ["mine"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "old").touch()
    (tmp_path / "link").symlink_to("there")
    with atomic_folder(tmp_path / "link", replace=True) as fresh:
        write_text(fresh / "new", "x")
    assert (tmp_path / "link").is_symlink()
    assert os.listdir(tmp_path / "there") == ["new"]


def test_the_current_folder_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeviceError, match="this command runs in that folder"), atomic_folder(Path()):
        pass
