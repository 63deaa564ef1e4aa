"""Parquet files: good ones are read row for row; any damaged or hostile one ends in a one-line error."""

from __future__ import annotations

import datetime
import io
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from squadron.data import parquet
from squadron.data.parquet import read_parquet
from squadron.errors import DataError

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "H2-parquet"
ROWS = [
    {
        "id": f"q{i}",
        "title": "Café",
        "context": f"Town {i} was built in 1899.",
        "question": "When?",
        "answers": {"text": ["1899"], "answer_start": [22]},
    }
    for i in range(600)
]


def packed(table: pyarrow.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    pyarrow.parquet.write_table(table, stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize("options", [{}, {"compression": "zstd", "row_group_size": 7}, {"use_dictionary": False}])
def test_rows_are_read_as_written(options: dict[str, Any]) -> None:
    assert read_parquet(packed(pyarrow.Table.from_pylist(ROWS), **options), "f.parquet") == ROWS


def bad_text(count: int) -> pyarrow.Array:
    offsets = pyarrow.py_buffer(b"".join(i.to_bytes(4, "little") for i in range(count + 1)))
    return pyarrow.StringArray.from_buffers(count, offsets, pyarrow.py_buffer(b"\xff" * count))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (bad_text(600), "Invalid UTF8"),
        (pyarrow.array([2**62] * 600, pyarrow.timestamp("us")), "column 'x' .*OverflowError"),
        (pyarrow.array([0] * 600, pyarrow.timestamp("us", tz="Mars/Base")), "column 'x' .*Mars/Base"),
    ],
)
def test_a_column_that_python_cannot_represent_is_a_one_line_error(column: pyarrow.Array, words: str) -> None:
    data = packed(pyarrow.Table.from_pylist(ROWS).append_column("x", column))
    with pytest.raises(DataError, match=f"f.parquet: .*{words}.*fetch it again") as caught:
        read_parquet(data, "f.parquet")
    assert "\n" not in str(caught.value)


def test_a_column_of_times_is_read() -> None:
    times = [datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)] * 600
    data = packed(pyarrow.Table.from_pylist(ROWS).append_column("x", pyarrow.array(times)))
    assert [row["id"] for row in read_parquet(data, "f.parquet")] == [row["id"] for row in ROWS]


def test_a_file_that_claims_too_much_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(pyarrow.Table.from_pylist(ROWS))
    monkeypatch.setattr(parquet, "MOST_ROWS", 599)
    with pytest.raises(DataError, match="claims 600 rows; at most 599 are read; split the file"):
        read_parquet(data, "f.parquet")
    monkeypatch.setattr(parquet, "MOST_ROWS", 600)
    monkeypatch.setattr(parquet, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match=r"claims that its rows unpack to [\d,]+ bytes; at most 1,000"):
        read_parquet(data, "f.parquet")


def test_rows_that_unpack_to_more_than_the_file_claims_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    long = [{"context": "x" * 10_000} for _ in range(2000)]  # stored once in the file
    data = packed(pyarrow.Table.from_pylist(long))
    assert len(data) < 20_000
    monkeypatch.setattr(parquet, "MOST_BYTES", 10_000_000)
    with pytest.raises(DataError, match="its rows unpack to more than 10,000,000 bytes"):
        read_parquet(data, "f.parquet")


_MUTATE = """
import random, sys
from pathlib import Path
from squadron.data.sources import parse_data
from squadron.errors import DataError

files = [Path(name).read_bytes() for name in sys.argv[2:]]
for seed in map(int, sys.argv[1].split(",")):
    draw = random.Random(seed)
    data = bytearray(draw.choice(files))
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for _ in range(draw.choice((1, 2, 20))):
        place = draw.randrange(footer, len(data) - 8) if draw.random() < 0.6 else draw.randrange(4, len(data) - 8)
        data[place] = draw.choice((0, 127, 128, 255, data[place] ^ 1 << draw.randrange(8)))
    try:
        parse_data(bytes(data), "f.parquet")
    except DataError as problem:
        assert "\\n" not in str(problem), problem
"""


def test_random_damage_neither_crashes_nor_raises_anything_but_data_errors(tmp_path: Path) -> None:
    table = pyarrow.Table.from_pylist(ROWS[:15])
    zone = pyarrow.array([0] * 15, pyarrow.timestamp("us", tz="Mars/Base"))
    files = {
        "plain": packed(table, compression="none", use_dictionary=False),
        "packed": packed(table),
        "text": packed(table.append_column("x", bad_text(15))),
        "zone": packed(table.append_column("x", zone)),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    seeds = list(range(300))
    random.Random(0).shuffle(seeds)
    for part in range(6):  # several processes, since some damage shows only at exit
        chosen = ",".join(map(str, seeds[part::6]))
        command = [sys.executable, "-c", _MUTATE, chosen, *(str(tmp_path / name) for name in files)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, ""), chosen


@pytest.mark.parametrize("name", ["badutf8", "flip11", "trunc", "ts", "tz"])
def test_known_damage_is_a_one_line_error_with_exit_code_2(name: str, tmp_path: Path) -> None:
    path = CASES / f"{name}.parquet"
    if not path.exists():
        pytest.skip("the damaged files are not beside the project: ../shared/cases/H2-parquet is absent")
    command = [sys.executable, "-m", "squadron", "prepare", "--dataset", str(path), "--out", str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith(f"squadron: error: {path}: ")
    assert ended.stderr.count("\n") == 1
