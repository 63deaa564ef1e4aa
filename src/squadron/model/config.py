"""The shape of a GPT-2 model: ``config.json`` in the hub's format, and the four published sizes."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from squadron.errors import ModelError
from squadron.files import read_json

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""The number format of a base's weights and activations."""


@dataclass(frozen=True, slots=True)
class GPT2Config:
    """The dimensions of a GPT-2, under the names of the hub's ``config.json``."""

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int = 3072
    layer_norm_epsilon: float = 1e-5

    @property
    def parameter_count(self) -> int:
        """The number of parameters. The output projection is tied to ``wte`` and counts once."""
        width, inner = self.n_embd, self.n_inner
        attention = 4 * width * width + 4 * width
        mlp = 2 * width * inner + inner + width
        return (self.vocab_size + self.n_positions) * width + self.n_layer * (attention + mlp + 4 * width) + 2 * width

    def to_hub(self, eos_id: int | None = None) -> dict[str, Any]:
        """Return the content of ``config.json`` in the hub's format, which ``transformers`` reads.

        ``eos_id`` is the id of the token that ends a sequence: GPT-2's is the last one.
        """
        eos_id = self.vocab_size - 1 if eos_id is None else eos_id
        return {
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "vocab_size": self.vocab_size,
            "n_positions": self.n_positions,
            "n_ctx": self.n_positions,
            "n_embd": self.n_embd,
            "n_layer": self.n_layer,
            "n_head": self.n_head,
            "n_inner": self.n_inner,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "activation_function": "gelu_new",
            "attn_pdrop": 0.1,
            "embd_pdrop": 0.1,
            "resid_pdrop": 0.1,
            "initializer_range": 0.02,
            "scale_attn_weights": True,
            "tie_word_embeddings": True,
            "bos_token_id": eos_id,
            "eos_token_id": eos_id,
        }


SIZES: Mapping[str, GPT2Config] = {
    "gpt2": GPT2Config(),
    "gpt2-medium": GPT2Config(n_embd=1024, n_layer=24, n_head=16, n_inner=4096),
    "gpt2-large": GPT2Config(n_embd=1280, n_layer=36, n_head=20, n_inner=5120),
    "gpt2-xl": GPT2Config(n_embd=1600, n_layer=48, n_head=25, n_inner=6400),
}
"""The published sizes, by the hub's names: 124M, 355M, 774M and 1,558M parameters."""

# Settings that change the arithmetic, with the values that this implementation supports.
_SUPPORTED: Mapping[str, tuple[Any, ...]] = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
}

# Far above any GPT-2. Larger values come from a damaged or hostile file and would use up memory before they fail.
_HIGHEST: Mapping[str, int] = {
    "vocab_size": 10_000_000,
    "n_positions": 1_000_000,
    "n_embd": 100_000,
    "n_layer": 1_000,
    "n_head": 100_000,
    "n_inner": 1_000_000,
}


def read_config(path: Path) -> GPT2Config:
    """Read and check a ``config.json``.

    Raises :class:`ModelError`, which gives the key, its value and what is expected, if a value is not supported.
    """
    values = read_json(path, what="a GPT-2 config.json", error=ModelError)
    if not isinstance(values, dict):
        raise ModelError(f"{path}: a JSON object is expected, not {type(values).__name__}")
    if values.get("model_type", "gpt2") != "gpt2":
        raise ModelError(f"{path}: model_type is {reprlib.repr(values['model_type'])}; Squadron reads gpt2 checkpoints")
    for key, allowed in _SUPPORTED.items():
        if values.get(key, allowed[0]) not in allowed:
            raise ModelError(f"{path}: {key} is {reprlib.repr(values[key])}; Squadron's GPT-2 has {allowed[0]!r}")

    def positive(key: str, default: int) -> int:
        value = values.get(key)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ModelError(f"{path}: {key} is {reprlib.repr(value)}; a positive integer is expected")
        if value > _HIGHEST[key]:
            raise ModelError(f"{path}: {key} is {reprlib.repr(value)}; at most {_HIGHEST[key]:,} is taken")
        return value

    n_embd, n_head = positive("n_embd", 768), positive("n_head", 12)
    if n_embd % n_head:
        raise ModelError(f"{path}: n_embd {n_embd} is not a multiple of n_head {n_head}")
    epsilon = values.get("layer_norm_epsilon", 1e-5)
    if not isinstance(epsilon, float | int) or not 0 < epsilon < 1:
        raise ModelError(f"{path}: layer_norm_epsilon is {reprlib.repr(epsilon)}; a number between 0 and 1 is expected")
    return GPT2Config(
        vocab_size=positive("vocab_size", 50257),
        n_positions=positive("n_positions", 1024),
        n_embd=n_embd,
        n_layer=positive("n_layer", 12),
        n_head=n_head,
        n_inner=positive("n_inner", 4 * n_embd),
        layer_norm_epsilon=float(epsilon),
    )
