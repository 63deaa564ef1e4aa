"""Rules for the source code: imports between packages go one way, modules stay small, no paths of one machine."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "squadron"
ENGINE = {"training", "decoding", "scoring", "data", "model"}
BELOW_EXPERIMENTS = {"runs", "options", "tracking", "pocket", *ENGINE}
MAY_USE = {
    "tracking": set(),
    "model": set(),
    "data": set(),
    "scoring": set(),
    "training": {"model", "data", "scoring"},
    "decoding": {"model", "data"},
    "pocket": {"data", "model", "training"},
    "options": {"pocket", "tracking", *ENGINE},
    "runs": {"options", "tracking", "scoring", "data", "model"},
    "reporting": {"runs", "options", "scoring", "data"},
    "experiments": BELOW_EXPERIMENTS,
    "sweeps": {"experiments", "reporting", *BELOW_EXPERIMENTS},
    "bench": {"sweeps", "experiments", *BELOW_EXPERIMENTS},
    "web": {"sweeps", "experiments", "reporting", *BELOW_EXPERIMENTS},
    "cli": {"web", "bench", "sweeps", "experiments", "reporting", *BELOW_EXPERIMENTS},
}
"""The packages that each package may import, besides itself and the top-level modules. `reporting` reads run folders
only through `runs`."""


def modules() -> list[Path]:
    found = sorted(SOURCE.rglob("*.py"))
    assert len(found) > 40
    return found


def imported_packages(path: Path) -> set[str]:
    packages = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names = [node.module or ""]
        packages |= {name.split(".")[1] for name in names if name.startswith("squadron.")}
    return {package for package in packages if (SOURCE / package).is_dir()}


def test_imports_between_packages_go_one_way() -> None:
    for path in modules():
        package = path.relative_to(SOURCE).parts[0]
        if (SOURCE / package).is_dir():
            assert imported_packages(path) - {package} <= MAY_USE[package], path


def test_scoring_imports_no_torch_and_the_engine_no_reference_libraries() -> None:
    for path in modules():
        text = path.read_text()
        if "scoring" in path.parts:
            assert not re.search(r"^\s*(import|from) torch", text, re.MULTILINE), path
        if "bench" not in path.parts:  # which measures them as peers
            assert not re.search(r"^\s*(import|from) (transformers|peft|trl)\b", text, re.MULTILINE), path
        assert "pickle" not in re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE), path
        assert not re.search(r"torch\.(load|save)\(", text), path


def test_modules_stay_small() -> None:
    for path in modules():
        if path.name != "typed.py":  # it is generated
            assert len(path.read_text().splitlines()) <= 400, f"{path}: split it"


def test_no_file_has_a_path_of_one_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: the list of files comes from git")
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    names = [name for name in names if name]
    assert len(names) > 60
    paths = re.compile(r"(?<![.\w])/(?:work|farm|home/\w+|root|Users/\w+)/")
    for name in names:
        text = (ROOT / name).read_bytes().decode("utf-8", errors="replace")
        assert not paths.search(text), f"{name}: {paths.search(text)}"
