"""Generated documentation is up to date."""

from __future__ import annotations

import re
from pathlib import Path

import squadron
from squadron.cli import api_reference
from squadron.cli.main import build
from squadron.cli.reference import reference

ROOT = Path(__file__).resolve().parents[2]


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == reference(), "python -m squadron.cli.reference > docs/cli.md"


def test_the_reference_of_the_python_api_is_up_to_date() -> None:
    written = (ROOT / "docs" / "api.md").read_text()
    assert written == api_reference.reference(), "python -m squadron.cli.api_reference > docs/api.md"
    for name in squadron.__all__:
        assert f"### `{name}`" in written


def test_every_command_that_the_documents_show_exists() -> None:
    app = build()
    verbs = {command.name for command in (*app.registered_commands, *app.registered_groups)}
    flags = set(re.findall(r"--[a-z][a-z-]+", reference())) | {"--help", "--version"}
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    assert len(pages) >= 20
    shown = 0
    for page in pages:
        for line in re.findall(r"^\s*(?:\.venv/bin/)?squadron ([a-z].*)$", page.read_text(), re.MULTILINE):
            shown += 1
            assert line.split()[0] in verbs, f"{page.name}: squadron {line}"
            assert set(re.findall(r"--[a-z][a-z-]+", line)) <= flags, f"{page.name}: squadron {line}"
    assert shown >= 5


def test_the_public_names_are_there() -> None:
    for name in squadron.__all__:
        assert getattr(squadron, name).__doc__
