"""The base that ships with the package: where it lies, and what is known of how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from squadron.errors import ModelError
from squadron.files import read_json

NAME = "pocket"
RECIPE = "recipe.json"


def pocket_base() -> Path:
    """The folder of the shipped base. Raises :class:`ModelError` where the installation lacks it."""
    folder = Path(__file__).parent / "base"
    if not (folder / "model.safetensors").is_file():
        raise ModelError(f"--base {NAME}: {folder} has no weights; make them with: squadron pocket build --out DIR")
    return folder


def recipe(folder: Path) -> dict[str, Any]:
    """How a pocket base was made: seed, sizes, steps, loss, and the sha256 of its files."""
    record: dict[str, Any] = read_json(folder / RECIPE, what="the recipe of a pocket base", error=ModelError)
    return record
