"""Read and write adapters in PEFT's format, and merge an adapter into its base.

PEFT keeps ``adapter_config.json`` beside ``adapter_model.safetensors``, which holds A ``[r, in]`` and B ``[out, r]`` of
every layer. The slices of ``c_attn`` (``attn.q``, ``attn.k``, ``attn.v``) are written as one ``c_attn`` adapter: its
rank is the sum of theirs, and a slice's part of B is zero outside the slice's own outputs. ``alpha`` is written so that
``alpha / rank``, or ``alpha / sqrt(rank)`` for rsLoRA, is the scale.
"""

from __future__ import annotations

import copy
import math
import re
import reprlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from squadron.errors import ModelError, shortened
from squadron.files import atomic_path, write_json
from squadron.model.config import GPT2Config
from squadron.model.gpt2 import GPT2, Projection
from squadron.model.lora import AdapterWeights
from squadron.model.peft_settings import CONFIG as CONFIG
from squadron.model.peft_settings import WEIGHTS as WEIGHTS
from squadron.model.peft_settings import read_settings, scale_of
from squadron.model.targets import describe_target

_KEY = re.compile(
    r"base_model\.model\.(?:transformer\.)?(h\.\d{1,6}\.(?:attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj))"
    r"\.lora_([AB])(?:\.default)?\.weight"
)


def save_adapter(folder: Path, adapter: AdapterWeights, *, base: str, dropout: float = 0.0) -> None:
    """Write an adapter to ``folder``, which ``peft`` can load. ``base`` is the name of its base model."""
    ranks = {name: a.shape[0] for name, (a, _) in adapter.layers.items()}
    rank = min(ranks.values())
    other_ranks = {name: value for name, value in ranks.items() if value != rank}
    tensors = {}
    for name, (a, b) in adapter.layers.items():
        tensors[f"base_model.model.transformer.{name}.lora_A.weight"] = a.contiguous()
        tensors[f"base_model.model.transformer.{name}.lora_B.weight"] = b.contiguous()

    def alpha(rank: int) -> float | int:
        """Return the alpha that ``peft`` divides by the rank, or by its square root, to get the scale."""
        return _whole_or_float(adapter.scale * (math.sqrt(rank) if adapter.is_stabilized else rank))

    with atomic_path(folder / WEIGHTS, apart=True) as temporary:
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
            "rank_pattern": other_ranks,
            "alpha_pattern": {name: alpha(value) for name, value in other_ranks.items()},
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
    """Read an adapter that Squadron or ``peft`` wrote, for a base of shape ``config``, as float32 on the CPU.

    The matrices in the file say which layers are adapted. Raises :class:`ModelError`, which names file, key and value,
    if the weights are pickled, the adapter is not plain LoRA or rsLoRA (:mod:`squadron.model.peft_settings`), a tensor
    is unexpected or its shape does not fit the base.
    """
    if (folder / "adapter_model.bin").is_file() and not (folder / WEIGHTS).is_file():
        raise ModelError(
            f"{folder / 'adapter_model.bin'}: pickled weights are refused, opening them can run code; "
            f"save the adapter as {WEIGHTS}"
        )
    settings = read_settings(folder)
    pairs = _read_pairs(folder / WEIGHTS, config)
    scales = {name: scale_of(folder / CONFIG, settings, name, a.shape[0]) for name, (a, _) in pairs.items()}
    scale = next(filter(None, scales.values()), 1.0)
    layers = {}
    for name, (a, b) in pairs.items():
        # AdapterWeights has one scale; if the layers of a file differ in theirs, the difference goes into B.
        same = math.isclose(scales[name], scale, rel_tol=1e-9)
        layers[name] = (a, b if same else b * (scales[name] / scale))
    return AdapterWeights(layers, scale, bool(settings.get("use_rslora")))


@torch.no_grad()
def merge(model: GPT2, adapter: AdapterWeights) -> GPT2:
    """Return a copy of ``model`` with ``W + scale * B A``, computed in float32, in place of each adapted W."""
    merged = copy.deepcopy(model)
    projections: dict[str, Projection] = dict(merged.projections())
    for name, (a, b) in adapter.layers.items():
        weight = projections[name].weight
        delta = adapter.scale * (b.to(weight.device) @ a.to(weight.device))  # [out, in]
        weight.copy_(weight.float() + delta)
    return merged


def _read_pairs(path: Path, config: GPT2Config) -> dict[str, tuple[Tensor, Tensor]]:
    """Return A and B of every layer by the layer's name, checked against the base's shape."""
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; is its folder an adapter's?") from None
    except (SafetensorError, OSError) as problem:
        raise ModelError(f"{path}: cannot be read as safetensors ({shortened(str(problem))})") from None
    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in sorted(tensors.items()):
        match = _KEY.fullmatch(key)
        if match is None:
            raise ModelError(f"{path}: tensor {reprlib.repr(key)} is not a LoRA matrix of a GPT-2 linear layer")
        if not tensor.is_floating_point():
            raise ModelError(
                f"{path}: tensor {reprlib.repr(key)} is {tensor.dtype}; floating-point numbers are expected"
            )
        found.setdefault(match[1], {})[match[2]] = tensor.float()
    pairs = {}
    for name, parts in found.items():
        if set(parts) != {"A", "B"}:
            raise ModelError(f"{path}: layer {name} has lora_{next(iter(parts))} alone; A and B are expected")
        a, b = parts["A"], parts["B"]
        target = describe_target(config, name.split(".", 2)[2])
        layer, rank = int(name.split(".")[1]), a.shape[0] if a.dim() else 0
        if layer >= config.n_layer or rank < 1 or a.shape != (rank, target.n_in) or b.shape != (target.n_out, rank):
            raise ModelError(
                f"{path}: layer {name} has A {tuple(a.shape)} and B {tuple(b.shape)}; this base has {config.n_layer} "
                f"layers and expects A (r, {target.n_in}), B ({target.n_out}, r): the adapter is for another base"
            )
        pairs[name] = (a, b)
    if not pairs:
        raise ModelError(f"{path}: holds no LoRA matrices")
    return pairs


def _whole_or_float(value: float) -> float | int:
    """Return a value that is whole up to rounding as an integer, as PEFT writes alpha."""
    return round(value) if math.isclose(value, round(value), rel_tol=1e-12) else value
