"""``squadron pocket build``: make tokenizer, base and model card from scratch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from squadron.errors import ModelError, option
from squadron.files import sha256_file, write_json, write_text
from squadron.model.checkpoint import WEIGHTS, save_model
from squadron.ownership import Layout, any_file, only_leftovers, refuse_foreign
from squadron.pocket.base import RECIPE, Recipe
from squadron.pocket.pretrain import pretrain
from squadron.pocket.tokens import train_tokenizer
from squadron.training.checkpoint import load_checkpoint

_CHECKPOINT = "checkpoint.safetensors"
_FILES = (_CHECKPOINT, WEIGHTS, "config.json", "tokenizer.json", "tokenizer_config.json", "README.md", RECIPE)
_LAYOUT = Layout(dict.fromkeys(_FILES, any_file))
"""Files that an interrupted build may have left."""


def build(out: Path, recipe: Recipe, *, progress: Callable[[int, float], None] | None = None) -> dict[str, Any]:
    """Build the pocket base in ``out``, or resume a build there; return its recipe with sizes and hashes.

    Raises :class:`ModelError` if ``out`` has other files, or a finished base.
    """
    if (out / RECIPE).is_file():
        raise ModelError(f"{option('out', out)}: holds a finished base; choose another folder")
    if out.exists() and not out.is_dir():
        raise ModelError(f"{option('out', out)}: a file; give a folder")
    if out.is_dir():
        begun = (out / _CHECKPOINT).is_file() and "recipe" in load_checkpoint(out / _CHECKPOINT)[1]
        if not begun and not only_leftovers(out, _LAYOUT):
            raise ModelError(f"{option('out', out)}: not empty; choose another folder")
        refuse_foreign(out, _LAYOUT, error=ModelError)
    tokenizer = train_tokenizer(vocabulary=recipe.vocabulary, seed=recipe.seed)
    model, loss, seconds = pretrain(recipe, tokenizer, out / _CHECKPOINT, progress=progress)
    tokenizer.save(out)
    save_model(model.to(torch.float16), out)
    record = {
        "recipe": asdict(recipe),
        "steps": recipe.steps,
        "parameters": model.parameter_count,
        "loss": round(loss, 4),
        "seconds": round(seconds),
        "torch": torch.__version__,
        "sha256": {name: sha256_file(out / name) for name in (WEIGHTS, "config.json", "tokenizer.json")},
    }
    write_text(out / "README.md", model_card(record))
    write_json(out / RECIPE, record)  # written last: a folder with it is complete
    (out / _CHECKPOINT).unlink()
    return record


def model_card(record: dict[str, Any]) -> str:
    """Return the base's model card."""
    recipe = record["recipe"]
    size = f"{recipe['n_layer']} layers, width {recipe['n_embd']}, {recipe['n_head']} heads"
    return f"""# Squadron's pocket base

A GPT-2 of {record["parameters"]:,} parameters ({size}, {recipe["vocabulary"]:,} tokens,
{recipe["n_positions"]} positions), pre-trained on {recipe["tokens"]:,} tokens of synthetic, encyclopedia-like English:
articles, lists, notes, talk and FAQ pages of a world that exists nowhere else. It has never seen the study's prompt.

It is for trying Squadron without a network: small enough to ship, and able to learn question answering *about that
world* from 2,000 examples. It knows nothing of the real one. In the hub's layout; float16.

Made by `squadron pocket build --seed {recipe["seed"]}` in {record["steps"]:,} steps, to a loss of {record["loss"]:.3f}
nats a token. `recipe.json` has every setting and the sha256 of the files. Licence: Apache-2.0.
"""
