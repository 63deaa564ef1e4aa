"""``squadron report``."""

from __future__ import annotations

from pathlib import Path

from cli.conftest import Squadron
from made_study import make_run


def test_a_report_is_written_and_its_path_is_printed(squadron: Squadron, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "sweep")
    shown = squadron("report", folder, "--lang", "fa", "--json")
    assert shown.code == 0
    path = Path(shown.record["report"])
    assert path == folder / "report" / "report.fa.html"
    assert '<html lang="fa" dir="rtl">' in path.read_text("utf-8")
    other = squadron("report", folder, "--format", "pdf", "--out", tmp_path / "here.pdf")
    assert "here.pdf" in other.out
    assert (tmp_path / "here.pdf").read_bytes().startswith(b"%PDF")


def test_a_folder_that_is_not_a_study_is_a_one_line_error(squadron: Squadron, tmp_path: Path) -> None:
    shown = squadron("report", tmp_path)
    assert shown.code == 2
    assert shown.err.count("\n") == 1
    assert str(tmp_path) in shown.err
