"""``squadron analyze``: its tables, charts and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import html5lib
import pytest

from cli.conftest import Squadron
from made_study import HOSTILE, make_run, make_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A partial sweep with hostile data and a hostile name."""
    out = tmp_path_factory.mktemp("analyze") / HOSTILE[1].replace("/", "")
    return make_study(out, ranks=(4, 64), rates=(1e-4, 1e-3), seeds=(0, 1), hostile=True, failed=1, unfinished=1)


def test_it_writes_tables_and_charts_and_fits_the_terminal(squadron: Squadron, folder: Path) -> None:
    shown = squadron("analyze", "--results-dir", folder, "--lang", "fa")
    assert shown.code == 0, shown.err
    lines = shown.out.splitlines()
    assert max(map(len, lines[:-1])) <= 80  # the last one has the folder's full path
    for words in ("F1 by rank", "F1 by targets", "decoding of the best run", "error types", "missing: failed (1)"):
        assert words in shown.out
    assert "between seeds" in shown.out
    report = folder / "report"
    assert {path.name for path in report.iterdir()} == {"analysis.json", "charts", "charts.html", "tables", "tables.md"}
    svgs, pngs = (sorted(path.stem for path in (report / "charts").glob(f"*.{kind}")) for kind in ("svg", "png"))
    assert svgs == pngs
    assert {"heatmap", "losses", "models"} <= set(svgs)
    assert json.loads((report / "analysis.json").read_text())["schema"] == 1
    page = (report / "charts.html").read_text()
    document = html5lib.HTMLParser(strict=True).parse(page)
    assert (document.get("lang"), document.get("dir")) == ("fa", "rtl")
    tags = [element.tag.rpartition("}")[2] for element in document.iter() if isinstance(element.tag, str)]
    assert tags.count("script") == 2
    assert "img" not in tags
    assert tags.count("figure") == len(svgs)


def test_json_is_one_object(squadron: Squadron, tmp_path: Path) -> None:
    run = make_run(tmp_path / "sweep")
    record = squadron("analyze", "--results-dir", run, "--out", tmp_path / "out", "--json").record
    assert [one["status"] for one in record["runs"]] == ["done"]
    assert record["best_run"] == run.name
    assert {one["what"] for one in record["missing"]} == {"baseline", "full_fine_tuning", "seeds"}
    assert all((tmp_path / "out" / path).is_file() for path in record["tables"] + record["charts"])


def test_user_errors_are_one_line(squadron: Squadron, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for arguments in (
        ("--results-dir", tmp_path / "nowhere"),
        ("--results-dir", tmp_path),
        ("--results-dir", tmp_path / "file"),
    ):
        refused = squadron("analyze", *arguments)
        assert refused.code == 2
        assert len(refused.err.strip().splitlines()) == 1
