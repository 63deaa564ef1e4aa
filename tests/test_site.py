"""The documentation site builds without a warning, and its pages load nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "form": "action"}
"""Attributes whose address a browser opens by itself, by element."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. A warning, such as of a link that leads nowhere, is an error (not with ``--quiet``)."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built(site: Path) -> None:
    written = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    built = {page.relative_to(site) for page in site.rglob("*.html")}
    assert len(written) >= 20
    assert built == written | {Path("404.html")}


class Addresses(HTMLParser):
    """The addresses that a browser opens by itself."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name == LOADING.get(tag)]


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    seen = 0
    for page in site.rglob("*.html"):
        for address in Addresses(page.read_text()).found:
            assert not re.match(r"(?i)\s*([a-z]+:)?//", address), f"{page.name}: {address}"
            seen += 1
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?i)(url\(|@import)\s*[\"']?([a-z]+:)?//", sheet.read_text()), sheet.name
    assert seen > 100


def test_pages_have_no_place_of_this_machine(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert str(ROOT) not in page.read_text(), page.name
