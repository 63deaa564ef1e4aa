"""The embedded base, which users call ``pocket``, and the command that builds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from squadron.options.core import PocketBuildOptions
from squadron.pocket.base import NAME, Recipe, pocket_base
from squadron.pocket.build import build
from squadron.tracking.progress import Reporter


def base_location(name: str) -> str:
    """Return the location of a base: the path of the embedded one for ``pocket``, any other name unchanged."""
    return str(pocket_base()) if name == NAME else name


def build_pocket(options: PocketBuildOptions, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Build tokenizer, base and model card; return the recipe with sizes and hashes."""
    reporter = reporter or Reporter()
    recipe = Recipe(
        seed=options.seed,
        tokens=options.tokens,
        learning_rate=options.learning_rate,
        matrix_rate=options.matrix_rate,
    )
    reporter.start("pre-training", recipe.steps, "step")
    try:
        record = build(Path(options.out), recipe, progress=lambda step, loss: reporter.reach(step, loss=loss))
    finally:
        reporter.finish()
    return {"base": options.out, **record}
