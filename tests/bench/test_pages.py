"""Generated pages match the figures beside them."""

from __future__ import annotations

import json

import pytest

from helpers import ROOT, load_script


@pytest.mark.parametrize(
    ("script", "page"), [("benchmarks/performance.py", "performance"), ("scripts/pocket_study.py", "pocket")]
)
def test_a_page_matches_its_record(script: str, page: str) -> None:
    record = json.loads((ROOT / "docs" / f"{page}.json").read_text())
    assert load_script(script).page(record) == (ROOT / "docs" / f"{page}.md").read_text()
