"""``squadron report``."""

from __future__ import annotations

from pathlib import Path

from cli.conftest import Squadron
from made_study import make_run


def test_a_report_is_written_and_named(squadron: Squadron, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "sweep")
    told = squadron("report", folder, "--lang", "fa", "--json")
    assert told.code == 0
    path = Path(told.record["report"])
    assert path == folder / "report" / "report.fa.html"
    assert '<html lang="fa" dir="rtl">' in path.read_text("utf-8")
    other = squadron("report", folder, "--format", "pdf", "--out", tmp_path / "here.pdf")
    assert "here.pdf" in other.out
    assert (tmp_path / "here.pdf").read_bytes().startswith(b"%PDF")


def test_what_is_no_study_is_one_line(squadron: Squadron, tmp_path: Path) -> None:
    told = squadron("report", tmp_path)
    assert told.code == 2
    assert told.err.count("\n") == 1
    assert str(tmp_path) in told.err
