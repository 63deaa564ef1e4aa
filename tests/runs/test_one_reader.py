"""Every kind of file is parsed in one place, so that all verbs read and refuse it in the same way."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "squadron"
PARSERS = {
    "files.py": "the one function that reads JSON",
    "file_records.py": "the typed files of runs/reader.py, and data.json of manifest.py",
    "runs/reader.py": "lines of metrics.jsonl",
    "scoring/predictions.py": "predictions",
    "marks.py": "whether Squadron wrote a file, analysis.json and predictions' details among them; no values",
    "data/sources.py": "data sets",
    "data/raw.py": "answers that stand as JSON in a text of a data set",
    "model/peft_settings.py": "adapter_config.json",
    "hub.py": "the list of a repository's files that is kept in the hub's cache",
    "model/hub.py": "a checkpoint's index",
    "model/config.py": "config.json",
    "model/end_token.py": "tokenizer_config.json and special_tokens_map.json",
    "model/tokenizer.py": "tokenizer.json and vocab.json",
    "training/checkpoint.py": "the state within a checkpoint",
    "web/gate.py": "what a browser sends",
    "bench/plan.py": "a benchmark's plan",
    "bench/worker.py": "a benchmark's plan",
    "bench/processes.py": "what a benchmark's process prints",
    "bench/squadron_side.py": "the adapter's configuration of the other side",
}
"""The modules that parse JSON, each with its kinds of file. Every kind has one of them."""
RECOGNIZERS = {"marks.py", "data/prepared.py"}
"""The modules that check if a JSON file is Squadron's, damaged or not."""


def modules() -> list[Path]:
    found = sorted(SOURCE.rglob("*.py"))
    assert len(found) > 40
    return found


def called(path: Path) -> set[str]:
    """Return the names of all functions and methods that a module calls; ``json.loads`` with its module."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            names.add(ast.unparse(node.func))
    return names


def test_every_kind_of_file_is_parsed_in_one_place() -> None:
    parse = {"read_json", "json.load", "json.loads", "json.JSONDecoder", "loads"}
    found = {str(path.relative_to(SOURCE)): called(path) for path in modules()}
    assert {name for name, calls in found.items() if calls & parse} == set(PARSERS)
    assert {name for name, calls in found.items() if "json_object" in calls} == RECOGNIZERS
    assert {name for name, calls in found.items() if "read_metrics" in calls} <= {
        "runs/board.py",
        "runs/folder.py",
        "runs/study.py",
    }


def test_every_type_of_file_is_defined_once() -> None:
    homes: dict[str, list[str]] = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name.endswith("File") and node.bases:
                homes.setdefault(node.name, []).append(str(path.relative_to(SOURCE)))
    runs = {"RunFile", "TrainedRunFile", "SweepFile", "LeaderboardFile", "FleetFile", "RungFile", "ScoresFile"}
    expected = {name: ["runs/reader.py"] for name in (*runs, "FailuresFile")}
    assert homes == {**expected, "VersionedFile": ["file_records.py"], "ManifestFile": ["manifest.py"]}
