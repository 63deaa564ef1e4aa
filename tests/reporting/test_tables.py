"""Tables as CSV, Markdown and JSON: the numbers of the run folders, and data as text."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from made_study import HOSTILE
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.tables import DataTable, all_tables, to_csv, to_json, to_markdown
from squadron.runs.records import Study
from squadron.runs.study import read_study

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula."""
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_the_runs_table_has_the_scores(paper: Study, paper_analysis: Analysis) -> None:
    tables = {table.name: table for table in all_tables(paper, paper_analysis)}
    assert set(tables) == {
        "runs",
        "models",
        "effects",
        "contrasts",
        "variance",
        "interactions",
        "decodings",
        "failures",
        "published",
    }
    header, *rows = cells(to_csv(tables["runs"]))
    assert len(rows) == 75
    for place, (row, run) in enumerate(zip(rows, paper.runs, strict=True), 1):
        own = dict(zip(header, row, strict=True))
        score = paper.score(run)
        assert score is not None
        assert (int(own["place"]), own["run"], float(own["f1"])) == (place, run.name, score.f1)
        assert (float(own["f1_low"]), float(own["f1_high"])) == score.f1_interval
        assert own["p_gold"] == own["p_gold_low"] == ""  # this study is from before there was P(gold)
        assert (int(own["rank"]), own["targets"]) == (run.rank, run.modules)
    assert len(cells(to_csv(tables["contrasts"]))) == 1 + 2 * (10 + 1 + 10 + 1 + 3)


def test_partial_and_single_studies_have_the_possible_tables(varied_folder: Path, run_folder: Path) -> None:
    varied, single = read_study(varied_folder), read_study(run_folder)
    assert "seeds" in {table.name for table in all_tables(varied, analyze_study(varied))}
    names = {table.name for table in all_tables(single, analyze_study(single))}
    assert names == {"runs", "models", "decodings", "failures", "published"}


def test_p_gold_is_in_the_runs_table(paper: Study, paper_analysis: Analysis) -> None:
    best = paper.runs[0]
    score = paper.score(best)
    assert score is not None
    known = replace(score, p_gold=31.5, p_gold_interval=(25.0, 38.0))
    study = replace(paper, runs=(replace(best, scores={paper.split: {paper.decoding: known}}), *paper.runs[1:]))
    tables = {table.name: table for table in all_tables(study, paper_analysis)}
    header, first, second, *_ = cells(to_csv(tables["runs"]))
    own, other = (dict(zip(header, row, strict=True)) for row in (first, second))
    assert [own[f"p_gold{end}"] for end in ("", "_low", "_high")] == ["31.5", "25.0", "38.0"]
    assert [other[f"p_gold{end}"] for end in ("", "_low", "_high")] == [""] * 3


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\u202e=1"])
def test_no_text_is_a_formula(text: str) -> None:
    ((_,), (cell, number)) = (
        cells(to_csv(DataTable("t", "t", ("a",), ())))[0],
        cells(to_csv(DataTable("t", "t", ("a", "b"), ((text, -1.5),))))[1],
    )
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert text.strip("\t\r\u202e") in cell
    assert number == "-1.5"  # a number stays a number


def test_hostile_data_is_text(hostile_folder: Path) -> None:
    study = read_study(hostile_folder)
    assert any(run.reason == HOSTILE[0] for run in study.runs)
    tables = [
        *all_tables(study, analyze_study(study)),
        DataTable("evil", "evil", ("text",), tuple((one,) for one in HOSTILE)),
    ]
    page = to_markdown([*tables, DataTable("long", "long", ("text",), (("y" * 10_000,), ("a|b\nc",)))])
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script>" in page
    assert "\u202e" not in page
    assert "a\\|b c" in page
    assert max(map(len, page.splitlines())) < 2000
    for table in tables:
        for row in cells(to_csv(table)):
            for cell in row:
                assert "\u202e" not in cell
                # A number may have a sign: it is one. Anything else that begins like a formula is none of ours.
                assert not cell.startswith(FORMULA) or NUMBER.fullmatch(cell), cell


@pytest.mark.parametrize("start", FORMULA)
def test_a_run_s_name_and_reason_are_no_formulas_wherever_they_stand(hostile_folder: Path, start: str) -> None:
    """Through the tables of a study, not the writer alone: each start that a spreadsheet acts on."""
    study = read_study(hostile_folder)
    text = f"{start}HYPERLINK(1)"
    runs = tuple(replace(run, name=f"{text}{place}", reason=text) for place, run in enumerate(study.runs))
    own = replace(study, runs=runs)
    found = [cell for table in all_tables(own, analyze_study(own)) for row in cells(to_csv(table)) for cell in row]
    told = [cell for cell in found if "HYPERLINK(1)" in cell]
    assert len(told) >= 2 * len(runs)  # each name and each reason
    assert all(cell.startswith("'") for cell in told)


def test_findings_become_json(paper_analysis: Analysis) -> None:
    found = json.loads(json.dumps(to_json(paper_analysis), allow_nan=False))
    assert found["effects"][0]["axis"] == "rank"
    assert found["interactions"][0]["cells"][0]["at"] == [4, 7e-5]
    assert found["best"]["names"] == list(paper_analysis.best.names if paper_analysis.best else ())
