"""The base that ships with the package: its folder, and the recipe that it is made by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from squadron.errors import ModelError, option
from squadron.model.config import GPT2Config

NAME = "pocket"
RECIPE = "recipe.json"


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings that the pocket base depends on."""

    seed: int = 0
    vocabulary: int = 4096
    n_embd: int = 256
    n_layer: int = 4
    n_head: int = 8
    n_positions: int = 512
    batch_tokens: int = 6144
    tokens: int = 26_000_000
    learning_rate: float = 3e-3
    matrix_rate: float = 1e-2
    warmup_steps: int = 100
    weight_decay: float = 0.05
    bf16: bool = False

    @property
    def config(self) -> GPT2Config:
        """The model's shape."""
        return GPT2Config(
            vocab_size=self.vocabulary,
            n_positions=self.n_positions,
            n_embd=self.n_embd,
            n_layer=self.n_layer,
            n_head=self.n_head,
            n_inner=4 * self.n_embd,
        )

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return math.ceil(self.tokens / self.batch_tokens)


def pocket_base() -> Path:
    """Return the folder of the shipped base. Raises :class:`ModelError` if it has no weights."""
    folder = Path(__file__).parent / "base"
    if not (folder / "model.safetensors").is_file():
        raise ModelError(
            f"{option('base', NAME)}: {folder} has no weights; make them with: squadron pocket build --out DIR"
        )
    return folder
