"""Synthetic studies that many tests read; no test may write into one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from made_study import make_run, make_study
from squadron.languages import LANGUAGES, Language
from squadron.reporting.analysis.findings import Analysis
from squadron.runs.records import Study
from squadron.runs.study import read_study

if TYPE_CHECKING:
    from squadron.reporting.document.blocks import Report


@pytest.fixture(scope="session")
def paper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a complete sweep of the study's 75 runs."""
    return make_study(tmp_path_factory.mktemp("paper") / "sweep", updates=True)


@pytest.fixture(scope="session")
def paper(paper_folder: Path) -> Study:
    """Return :func:`paper_folder` as a study."""
    return read_study(paper_folder)


@pytest.fixture(scope="session")
def paper_analysis(paper: Study) -> Analysis:
    """Return the findings of :func:`paper`."""
    from squadron.reporting.analysis.study import analyze_study  # charts are slow to import

    return analyze_study(paper)


@pytest.fixture(scope="session")
def paper_reports(paper: Study, paper_analysis: Analysis) -> dict[Language, Report]:
    """Return the report of :func:`paper` in each language, charts included."""
    from squadron.reporting.report import build_report

    return {language: build_report(paper, paper_analysis, language) for language in LANGUAGES}


@pytest.fixture(scope="session")
def paper_pages(paper_reports: dict[Language, Report]) -> dict[Language, str]:
    """Return :func:`paper_reports` as HTML."""
    from squadron.reporting.render.html import to_html

    return {language: to_html(report) for language, report in paper_reports.items()}


@pytest.fixture(scope="session")
def paper_pdfs(paper_reports: dict[Language, Report]) -> dict[Language, bytes]:
    """Return :func:`paper_reports` as archive PDFs with Unicode text: Typst fails if any character has no glyph."""
    from squadron.reporting.charts.rendering import to_svg
    from squadron.reporting.render.pdf import to_pdf

    return {language: to_pdf(report, to_svg, standards=("a-2u",)) for language, report in paper_reports.items()}


@pytest.fixture(scope="session")
def varied_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small sweep with replicates, three training-set sizes and full fine-tuning."""
    return make_study(
        tmp_path_factory.mktemp("varied") / "sweep",
        ranks=(4, 16),
        rates=(1e-4, 1e-3),
        modules=("attention",),
        seeds=(0, 1, 2),
        train_sizes=(250, 500, 1000),
        full=True,
        updates=True,
    )


@pytest.fixture(scope="session")
def hostile_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a partial sweep with hostile strings in its data."""
    return make_study(
        tmp_path_factory.mktemp("hostile") / "sweep",
        ranks=(4, 8),
        rates=(1e-4, 1e-3),
        hostile=True,
        failed=1,
        diverged=1,
        unfinished=2,
    )


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a single run without a sweep."""
    return make_run(tmp_path_factory.mktemp("single") / "sweep")


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build reports without their charts, which take most of the time."""
    monkeypatch.setattr("squadron.reporting.report.chart_specs", lambda *_, **__: {})
