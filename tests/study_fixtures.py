"""Made-up studies that many tests read. Tests must not write into them."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_study import make_run, make_study
from squadron.reporting.analysis.findings import Analysis
from squadron.runs.records import Study
from squadron.runs.study import read_study


@pytest.fixture(scope="session")
def paper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete sweep of the study's 75 runs."""
    return make_study(tmp_path_factory.mktemp("paper") / "sweep")


@pytest.fixture(scope="session")
def paper(paper_folder: Path) -> Study:
    """:func:`paper_folder`, read."""
    return read_study(paper_folder)


@pytest.fixture(scope="session")
def paper_analysis(paper: Study) -> Analysis:
    """The findings of :func:`paper`."""
    from squadron.reporting.analysis.study import analyze_study  # charts are slow to import

    return analyze_study(paper)


@pytest.fixture(scope="session")
def varied_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sweep with replicates, three training-set sizes and full fine-tuning."""
    return make_study(
        tmp_path_factory.mktemp("varied") / "sweep",
        ranks=(4, 16),
        rates=(1e-4, 1e-3),
        modules=("attention",),
        seeds=(0, 1, 2),
        train_sizes=(250, 500, 1000),
        full=True,
    )


@pytest.fixture(scope="session")
def hostile_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A partial sweep whose texts contain markup, control characters and the like."""
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
    """A single run's folder, without a sweep around it."""
    return make_run(tmp_path_factory.mktemp("single") / "sweep")
