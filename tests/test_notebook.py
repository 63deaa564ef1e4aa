"""The notebook for Colab and Kaggle: stored without outputs, and running top to bottom on the pocket base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "squadron.ipynb"
POCKET = """
BASE = DATASET = "pocket"
SIZES = {"train_size": 8, "val_size": 2, "test_size": 4, "epochs": 1}
PRECISION = "fp32"
"""


@pytest.fixture(scope="module")
def stored() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_stored_without_outputs(stored: Any) -> None:
    nbformat.validate(stored)
    cells = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert len(cells) == 8
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)
    assert len({cell.id for cell in stored.cells}) == len(stored.cells)
    assert set(stored.metadata) == {"accelerator", "colab", "kernelspec", "language_info"}  # nothing of who ran it


def test_it_runs_top_to_bottom_on_the_pocket_base(stored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters are given as papermill gives them: in a cell after the one with the tag ``parameters``."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (place,) = [n for n, cell in enumerate(stored.cells) if "parameters" in cell.metadata.get("tags", [])]
    made = nbformat.from_dict({**stored, "cells": list(stored.cells)})
    made.cells.insert(place + 1, nbformat.v4.new_code_cell(POCKET))
    where = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(made, timeout=300, kernel_name="python3", resources=where)
    client.execute()  # an error in a cell is raised
    said = {cell.id: "".join(one.get("text", "") for one in cell.outputs) for cell in made.cells if "outputs" in cell}
    assert said["machine"].startswith("device: ")
    assert said["scores"].count("F1") == 10  # five strategies, with the base and with its best adapter
    assert "4 questions" in said["scores"]
    (page,) = [
        one.data["text/html"] for cell in made.cells if cell.id == "report" for one in cell.outputs if "data" in one
    ]
    assert page.startswith('<div><iframe srcdoc="&lt;!DOCTYPE html')
    assert [line.split()[0] for line in said["ask"].splitlines()] == ["greedy", "span"]
    assert "1/4 runs" not in said["study"]  # a live table is for terminals
    assert "writing the report: en, html" in said["study"]
    assert "not uploaded; set PUSH_TO to do it" in said["push"]
    assert "adapter_model.safetensors" in said["push"]
    assert "# adapter" in said["push"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ipython", "study"]
