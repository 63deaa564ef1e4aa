"""Seeded random checkpoints in the hub's layout, with GPT-2's shapes, for tests, benchmarks and offline use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from squadron.errors import ConfigError, ModelError, option
from squadron.files import atomic_folder, sha256_file
from squadron.model.checkpoint import WEIGHTS, random_model, save_model
from squadron.model.config import SIZES
from squadron.model.tokenizer import load_tokenizer
from squadron.options.core import BaseInitOptions


def init_base(options: BaseInitOptions) -> dict[str, Any]:
    """Make a checkpoint folder with seeded random weights.

    Raises a :class:`squadron.errors.SquadronError` for any problem that a user can cause.
    """
    if options.size not in SIZES:
        raise ConfigError(f"{option('size', options.size)}: unknown; sizes are {', '.join(SIZES)}")
    out = Path(options.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{option('out', out)}: exists and is not an empty folder; choose another")
    config = SIZES[options.size]
    tokenizer = load_tokenizer(Path(options.tokenizer), vocab_size=config.vocab_size)
    model = random_model(config, seed=options.seed)
    with atomic_folder(out) as fresh:
        tokenizer.save(fresh)
        save_model(model, fresh, eos_id=tokenizer.eos_id)
    return {"base": str(out), "parameters": model.parameter_count, "sha256": sha256_file(out / WEIGHTS)}
