"""Data files are read up to a bound, whatever they unpack to and whatever they are."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from squadron import files
from squadron.data import prepared, sources
from squadron.data.reading import read_data
from squadron.data.sources import load_data, load_file
from squadron.data.squad import Dataset
from squadron.errors import DataError
from squadron.files import json_memory, read_json

ROWS = b'[{"id": "q", "context": "Ada.", "question": "Who?", "answers": {"text": ["Ada"], "answer_start": [0]}}]'


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_file_is_read_whole_up_to_the_bound(pack: type[bytes], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(pack(ROWS))
    assert read_data(path, max_bytes=len(ROWS)) == ROWS
    with pytest.raises(
        DataError, match=f"file: over {len(ROWS) - 1:,} bytes, unpacked; split it, .*squadron prepare --max-bytes MORE$"
    ):
        read_data(path, max_bytes=len(ROWS) - 1)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_bomb_stops_at_the_bound(pack: type[bytes], tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(pack(b"0" * 2**28))
    tracemalloc.start()
    with pytest.raises(DataError, match="over 4,000,000 bytes"):
        load_data(path, max_bytes=4_000_000)
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["zeros2g.xz", "nl400m.gz"])
def test_the_bombs_end_in_one_line(name: str) -> None:
    path = Path(__file__).resolve().parents[3] / "shared" / "cases" / "H3-bomb" / name
    if not path.exists():
        pytest.skip("no ../shared/cases here")
    with pytest.raises(DataError, match="over 20,000,000 bytes, unpacked"):
        load_data(path, max_bytes=20_000_000)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_device_without_end_stops_at_the_bound() -> None:
    with pytest.raises(DataError, match="/dev/zero: over 3,000,000 bytes"):
        load_data("/dev/zero", max_bytes=3_000_000)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_pipe_is_read(pack: type[bytes], tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[pack(ROWS)])
    writer.start()
    data = load_data(path)
    writer.join()
    assert [question.id for paragraph in data.paragraphs for question in paragraph.questions] == ["q"]


def test_blanks_alone_are_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "blank.gz"
    path.write_bytes(gzip.compress(b"\n" * 100))
    with pytest.raises(DataError, match="the file is empty"):
        load_data(path)


def test_prepared_splits_are_read_whatever_their_size(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way out that the error names must lead out: `prepare` may have read more than the usual bound."""
    monkeypatch.setattr(prepared, "MOST_BYTES", 10)
    bounds: list[int] = []

    def spy(path: Path, *, max_bytes: int = 10) -> Dataset:
        bounds.append(max_bytes)
        return load_data(path, max_bytes=max_bytes)

    monkeypatch.setattr(prepared, "load_data", spy)
    assert len(prepared.load_split(small_data, "train").dataset) == 20
    assert bounds == [(small_data / "train.json").stat().st_size]


DENSE = ("[],", '{"a":1},', '{"a":[1,2,3]},', '["é"],', "7.5,", '"ab",', '"x🙂",')


@pytest.mark.parametrize("piece", DENSE, ids=ascii)
def test_the_memory_of_json_is_not_underestimated(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_SMALL_JSON", 0)
    data = ("[" + piece * 50_000)[:-1].encode() + b"]"
    tracemalloc.start()
    values = json.loads(data)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(values) == 50_000
    assert taken < json_memory(data) < 3 * taken


def test_json_is_refused_before_its_values_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "dense.json"
    data = b"[" + b"[]," * 12_000_000 + b"[]]"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"take about 1\.6 GB of memory; split it, .* --max-bytes MORE"):
        load_data(path, max_bytes=10**9)
    monkeypatch.setattr(files, "MOST_JSON_MEMORY", 10**9)
    with pytest.raises(DataError, match=r"dense.json: its values would take about 1\.6 GB of memory; expected pred"):
        read_json(path, what="predictions", error=DataError)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * len(data)


def test_a_files_bytes_are_freed_before_its_text_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.json"
    path.write_bytes(ROWS + b" " * 10_000_000)
    held: list[int] = []

    def spy(text: str, _source: str) -> object:
        held.append(tracemalloc.get_traced_memory()[0])
        return json.loads(text)

    monkeypatch.setattr(sources, "_parsed", spy)
    tracemalloc.start()
    load_data(path)
    tracemalloc.stop()
    assert held[0] < 11_000_000


def test_the_hash_is_of_the_files_bytes_not_of_what_they_unpack_to(tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    for data in (gzip.compress(ROWS), gzip.compress(ROWS) + b"\0" * 3_000_000, ROWS):
        path.write_bytes(data)
        assert load_file(path)[1] == hashlib.sha256(data).hexdigest()
    path.write_bytes(gzip.compress(ROWS) + b"\0" * 4_000_000)
    with pytest.raises(DataError, match="over 3,000,000 bytes"):
        load_file(path, max_bytes=3_000_000)
