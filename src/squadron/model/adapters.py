"""Adapter files in PEFT's format, in and out, and adapters merged into their base.

PEFT keeps ``adapter_config.json`` beside ``adapter_model.safetensors``, with A ``[r, in]`` and B ``[out, r]`` a layer.
The slices of ``c_attn`` (``attn.q``, ``attn.k``, ``attn.v``) are written as one ``c_attn`` adapter: its rank is the sum
of theirs, and its B is zero outside each one's columns. ``alpha`` is written so that ``alpha / rank`` is the scale,
or for rsLoRA ``alpha / sqrt(rank)``.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from squadron.errors import ModelError
from squadron.files import atomic_path, read_json, write_json
from squadron.model.config import GPT2Config
from squadron.model.gpt2 import GPT2, Projection
from squadron.model.lora import AdapterWeights
from squadron.model.targets import describe_targets

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_KEY = re.compile(
    r"base_model\.model\.(?:transformer\.)?(h\.\d+\.(?:attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj))"
    r"\.lora_([AB])(?:\.default)?\.weight"
)
# What an adapter file may switch on that changes the arithmetic; Squadron's adapters have none of it.
_OFF: Mapping[str, tuple[Any, ...]] = {
    "bias": ("none", None),
    "use_dora": (False, None),
    "modules_to_save": (None, []),
    "lora_bias": (False, None),
    "layer_replication": (None, []),
    "trainable_token_indices": (None, [], {}),
}


def save_adapter(folder: Path, adapter: AdapterWeights, *, base: str, dropout: float = 0.0) -> None:
    """Write an adapter so that ``peft`` opens ``folder``. ``base`` is the name of its base model."""
    ranks = {name: a.shape[0] for name, (a, _) in adapter.layers.items()}
    rank = min(ranks.values())
    odd = {name: value for name, value in ranks.items() if value != rank}
    tensors = {}
    for name, (a, b) in adapter.layers.items():
        tensors[f"base_model.model.transformer.{name}.lora_A.weight"] = a.contiguous()
        tensors[f"base_model.model.transformer.{name}.lora_B.weight"] = b.contiguous()

    def alpha(rank: int) -> float | int:
        """Return what ``peft`` divides by the rank, or by its root, to get the scale."""
        return _tidy(adapter.scale * (math.sqrt(rank) if adapter.is_stabilized else rank))

    with atomic_path(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
    write_json(
        folder / CONFIG,
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base,
            "r": rank,
            "lora_alpha": alpha(rank),
            "lora_dropout": dropout,
            "rank_pattern": odd,
            "alpha_pattern": {name: alpha(value) for name, value in odd.items()},
            "target_modules": sorted({name.split(".", 2)[2] for name in ranks}),
            "fan_in_fan_out": True,
            "bias": "none",
            "inference_mode": True,
            "use_rslora": adapter.is_stabilized,
            "use_dora": False,
            "modules_to_save": None,
            "init_lora_weights": True,
        },
    )


def load_adapter(folder: Path, config: GPT2Config) -> AdapterWeights:
    """Read an adapter that Squadron or ``peft`` wrote, for a base of shape ``config``; float32, on the CPU.

    Raises :class:`ModelError`, naming file, key and value, for pickled weights, another kind of adapter, a tensor that
    does not belong and a shape that does not fit.
    """
    if (folder / "adapter_model.bin").is_file() and not (folder / WEIGHTS).is_file():
        raise ModelError(
            f"{folder / 'adapter_model.bin'}: pickled weights are refused, opening them can run code; "
            f"save the adapter as {WEIGHTS}"
        )
    settings = read_json(folder / CONFIG, what="a PEFT adapter's configuration", error=ModelError)
    if not isinstance(settings, dict) or settings.get("peft_type") != "LORA":
        kind = settings.get("peft_type") if isinstance(settings, dict) else settings
        raise ModelError(f"{folder / CONFIG}: peft_type is {kind!r}; Squadron reads LORA adapters")
    for key, allowed in _OFF.items():
        if settings.get(key, allowed[0]) not in allowed:
            raise ModelError(f"{folder / CONFIG}: {key} is {settings[key]!r}; Squadron's adapters have {allowed[0]!r}")
    pairs = _read_pairs(folder / WEIGHTS, config)
    scales = {name: _scale(folder / CONFIG, settings, name, a.shape[0]) for name, (a, _) in pairs.items()}
    scale = next(iter(scales.values()))
    layers = {}
    for name, (a, b) in pairs.items():
        # An adapter has one scale here; where a file has several, the others go into B.
        same = math.isclose(scales[name], scale, rel_tol=1e-9)
        layers[name] = (a, b if same else b * (scales[name] / scale))
    return AdapterWeights(layers, scale, bool(settings.get("use_rslora")))


@torch.no_grad()
def merge(model: GPT2, adapter: AdapterWeights) -> GPT2:
    """A copy of ``model`` with ``W + scale * B A`` in place of W; the sum is made in float32."""
    merged = copy.deepcopy(model)
    projections: dict[str, Projection] = dict(merged.projections())
    for name, (a, b) in adapter.layers.items():
        weight = projections[name].weight
        delta = adapter.scale * (b.to(weight.device) @ a.to(weight.device))  # [out, in]
        weight.copy_(weight.float() + delta)
    return merged


def _read_pairs(path: Path, config: GPT2Config) -> dict[str, tuple[Tensor, Tensor]]:
    """A and B of every layer, by the layer's name, checked against the base's shape."""
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; is its folder an adapter's?") from None
    except (SafetensorError, OSError) as problem:
        raise ModelError(f"{path}: cannot be read as safetensors ({problem})") from None
    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in sorted(tensors.items()):
        match = _KEY.fullmatch(key)
        if match is None:
            raise ModelError(f"{path}: tensor {key!r} is not a LoRA matrix of a GPT-2 linear layer")
        found.setdefault(match[1], {})[match[2]] = tensor.float()
    pairs = {}
    for name, parts in found.items():
        if set(parts) != {"A", "B"}:
            raise ModelError(f"{path}: layer {name} has lora_{next(iter(parts))} alone; A and B are expected")
        a, b = parts["A"], parts["B"]
        target = describe_targets(config, name.split(".", 2)[2])
        layer, rank = int(name.split(".")[1]), a.shape[0]
        if layer >= config.n_layer or a.shape != (rank, target.n_in) or b.shape != (target.n_out, rank):
            raise ModelError(
                f"{path}: layer {name} has A {tuple(a.shape)} and B {tuple(b.shape)}; this base has {config.n_layer} "
                f"layers and expects A (r, {target.n_in}), B ({target.n_out}, r): the adapter is for another base"
            )
        pairs[name] = (a, b)
    if not pairs:
        raise ModelError(f"{path}: holds no LoRA matrices")
    return pairs


def _scale(path: Path, settings: Mapping[str, Any], name: str, rank: int) -> float:
    """What ``peft`` multiplies B A by in the layer called ``name``."""
    alpha = _by_pattern(path, settings, "alpha_pattern", name, settings.get("lora_alpha"))
    written = _by_pattern(path, settings, "rank_pattern", name, settings.get("r"))
    if written != rank:
        raise ModelError(f"{path}: rank of layer {name} is {written!r}, its matrices have {rank}")
    if not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise ModelError(f"{path}: lora_alpha of layer {name} is {alpha!r}; a number is expected")
    return float(alpha) / (math.sqrt(rank) if settings.get("use_rslora") else rank)


def _by_pattern(path: Path, settings: Mapping[str, Any], key: str, name: str, default: Any) -> Any:
    """The value that the pattern fitting the end of a layer's full name gives. Only plain names are taken: the file may
    come from anywhere, and an expression in it could run for ever."""
    for pattern, value in (settings.get(key) or {}).items():
        if not re.fullmatch(r"[\w.]+", pattern):
            raise ModelError(f"{path}: {key} has the expression {pattern!r}; write plain layer names instead")
        if f".transformer.{name}".endswith(f".{pattern}"):
            return value
    return default


def _tidy(value: float) -> float | int:
    """A whole number, but for rounding, as an integer: PEFT writes alpha so."""
    return round(value) if math.isclose(value, round(value), rel_tol=1e-12) else value
