"""What tells a file that Squadron wrote from another of the same name: its shape, or a mark that was put into it.

None of these raises: what cannot be read is not recognised.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

GENERATOR = "Squadron report"
"""Stands in every report: as ``<meta name="generator">`` of a page, among the keywords of a PDF."""
ANALYSIS = "analysis.json"
"""The file of an analysis that names all others (``files``), by their paths beside it."""
_MOST_MARK_BYTES = 1 << 16


def has_keys(*names: str, **values: Any) -> Callable[[Path], bool]:
    """The check of a JSON file that is an object with these keys, and these values."""

    def check(path: Path) -> bool:
        found = json_object(path)
        return all(name in found for name in names) and all(found.get(key) == one for key, one in values.items())

    return check


def json_object(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds; empty where it holds anything else."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


is_scores = has_keys("splits", schema=1)
is_failures = has_keys("about", "kinds", "failures", schema=1)


def is_predictions(path: Path) -> bool:
    """The check of predictions, ``STEM.json``, and of ``STEM.details.json``, which is written before them: a file of
    predictions without its details is somebody else's."""
    if path.name.endswith(".details.json"):
        found = json_object(path).values()
        return all(isinstance(one, list) and all(_is_detail(made) for made in one) for one in found)
    details = path.with_name(f"{path.stem}.details.json")
    if not details.is_file() or not is_predictions(details):
        return False
    texts = json_object(path)
    return all(isinstance(text, str) for text in texts.values()) and texts.keys() == json_object(details).keys()


def is_report(path: Path) -> bool:
    """The check of a report, as a page or as a PDF."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    if content.startswith(b"%PDF-"):
        return GENERATOR.encode() in content
    return f'<meta name="generator" content="{GENERATOR}">'.encode() in content[:_MOST_MARK_BYTES]


def analysis_files(folder: Path) -> set[str]:
    """The files of the analysis in ``folder``, by their paths in it; none where there is no analysis."""
    found = json_object(folder / ANALYSIS)
    if found.get("schema") != 1 or "analysis" not in found or not isinstance(found.get("files"), list):
        return set()
    return {name for name in found["files"] if isinstance(name, str)}


def _is_detail(made: Any) -> bool:
    return isinstance(made, dict) and {"text", "tokens", "stopped"} <= made.keys()
