"""Recognise files that Squadron wrote by their structure, or by a mark in them.

None of these functions raises: a file that cannot be read is not recognised.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

GENERATOR = "Squadron report"
"""The mark in every report: ``<meta name="generator">`` of an HTML page, a keyword of a PDF."""
ANALYSIS = "analysis.json"
"""The file of an analysis that lists all others (``files``), by relative path."""
_MOST_MARK_BYTES = 1 << 16


def has_keys(*names: str, **values: Any) -> Callable[[Path], bool]:
    """Return the check for a JSON file that holds an object with these keys and these values."""

    def check(path: Path) -> bool:
        found = json_object(path)
        return all(name in found for name in names) and all(found.get(key) == one for key, one in values.items())

    return check


def json_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if the file holds anything else or cannot be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


is_scores = has_keys("splits", schema=1)
is_failures = has_keys("about", "kinds", "failures", schema=1)


def details_beside(predictions: Path) -> Path:
    """Return the file of the details beside a file of predictions, ``STEM.json``."""
    return predictions.with_name(f"{predictions.stem}.details.json")


def is_predictions(path: Path) -> bool:
    """Return True for predictions, ``STEM.json``, and their ``STEM.details.json``. The details are written first, so
    predictions without them are not Squadron's."""
    if path.name.endswith(".details.json"):
        found = json_object(path).values()
        return all(isinstance(details, list) and all(map(_is_detail, details)) for details in found)
    details = details_beside(path)
    if not details.is_file() or not is_predictions(details):
        return False
    texts = json_object(path)
    return all(isinstance(text, str) for text in texts.values()) and texts.keys() == json_object(details).keys()


def is_report(path: Path) -> bool:
    """Return True for a report, as HTML or PDF."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    if content.startswith(b"%PDF-"):
        return GENERATOR.encode() in content
    return f'<meta name="generator" content="{GENERATOR}">'.encode() in content[:_MOST_MARK_BYTES]


def analysis_files(folder: Path) -> set[str]:
    """Return the files of the analysis in ``folder``, by relative path; none if there is no analysis."""
    found = json_object(folder / ANALYSIS)
    if found.get("schema") != 1 or "analysis" not in found or not isinstance(found.get("files"), list):
        return set()
    return {name for name in found["files"] if isinstance(name, str)}


def _is_detail(value: Any) -> bool:
    return isinstance(value, dict) and {"text", "tokens", "stopped"} <= value.keys()
