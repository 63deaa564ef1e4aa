"""Files appear whole or not at all, also where the power is cut: bytes reach the disk before the name does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from squadron import files
from squadron.files import atomic_path, write_bytes, write_json, write_text

Write = Callable[[Path], None]


def by_hand(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"1")


@pytest.mark.skipif(os.name != "posix", reason="folders are flushed on POSIX alone")
@pytest.mark.parametrize("before", [None, "the old one"])
@pytest.mark.parametrize(
    "write",
    [
        by_hand,
        lambda path: write_bytes(path, b"1"),
        lambda path: write_text(path, "1"),
        lambda path: write_json(path, 1),
    ],
    ids=["atomic_path", "write_bytes", "write_text", "write_json"],
)
def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write, before: str | None
) -> None:
    path = tmp_path / "result.json"
    if before is not None:
        path.write_text(before)
    flushed: list[tuple[int, str | None, int]] = []
    fsync = os.fsync

    def spy(handle: int) -> None:
        status = os.fstat(handle)
        flushed.append((status.st_ino, path.read_text() if path.exists() else None, status.st_size))
        fsync(handle)

    monkeypatch.setattr(files.os, "fsync", spy)
    write(path)
    own, folder = path.stat().st_ino, tmp_path.stat().st_ino
    assert [(inode, seen) for inode, seen, _ in flushed] == [(own, before), (folder, path.read_text())]
    assert flushed[0][2] == path.stat().st_size > 0  # all that was written, not what a buffer had let go so far


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_text(path, "old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        fail()
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, float("nan"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]
    assert path.read_text() == "old"
