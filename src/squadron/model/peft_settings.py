"""The settings of an adapter in PEFT's format: which kinds are read, and the scale of each layer.

An adapter is read if the model with it is the untouched base plus a scaled product B A in each adapted layer: plain
LoRA and rsLoRA, with ranks and alphas of their own by layer. All else is refused by the name of its setting.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from squadron.errors import ModelError, option
from squadron.files import read_json

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
# Settings that change the arithmetic, with the values that switch them off.
_SWITCHED_OFF: Mapping[str, tuple[Any, ...]] = {
    "bias": ("none", None),
    "use_dora": (False, None),
    "modules_to_save": (None, []),
    "lora_bias": (False, None),
    "layer_replication": (None, []),
    "trainable_token_indices": (None, [], {}),
    "target_parameters": (None, []),
    "alora_invocation_tokens": (None, []),
    "use_qalora": (False, None),
    "use_bdlora": (None, False),
    "arrow_config": (None,),
    "kasa_config": (None,),
    "velora_config": (None,),
    "monteclora_config": (None,),
    "megatron_config": (None,),
}
# Settings that are used here, or that say what the matrices themselves show, or how the adapter was trained. Those of
# an initialization have an effect only with that initialization.
_HARMLESS = {
    *("peft_type", "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision"),
    *("inference_mode", "r", "target_modules", "exclude_modules", "lora_alpha", "lora_dropout", "fan_in_fan_out"),
    *("use_rslora", "init_lora_weights", "layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern"),
    *("loftq_config", "eva_config", "corda_config", "lora_ga_config", "qalora_group_size", "megatron_core"),
    *("runtime_config", "ensure_weight_tying"),
}
_PLAIN_STARTS = ("gaussian", "orthogonal")
"""Initializations, beside peft's own (true) and none (false), that leave the base as it is and B A at zero."""
_MERGE = f"Merge it with peft (merge_and_unload, then save_pretrained), and give the result as {option('base')}"
"""The next step with an adapter that is not read: merged, it is a base."""
_MOST_BITS = 18
"""The logarithm of the most steps that an expression may take on a layer's name."""
_MOST_EXPRESSIONS = 256


def read_settings(folder: Path, *, subject: str | None = None) -> dict[str, Any]:
    """Return the settings of an adapter. Raises :class:`ModelError`, which names the setting, if it cannot be read.

    ``subject`` is what the error begins with, by default the file's path.
    """
    settings = read_json(folder / CONFIG, what="a PEFT adapter's configuration", error=ModelError)
    path = subject or folder / CONFIG
    if not isinstance(settings, dict) or settings.get("peft_type") != "LORA":
        kind = settings.get("peft_type") if isinstance(settings, dict) else settings
        raise ModelError(f"{path}: peft_type is {reprlib.repr(kind)}; Squadron reads LORA adapters")
    for key, allowed in _SWITCHED_OFF.items():
        if settings.get(key, allowed[0]) not in allowed:
            raise ModelError(
                f"{path}: {key} is {reprlib.repr(settings[key])}; Squadron's adapters have {allowed[0]!r}. {_MERGE}"
            )
    start = settings.get("init_lora_weights", True)
    if not isinstance(start, bool) and start not in _PLAIN_STARTS:
        raise ModelError(
            f"{path}: init_lora_weights is {reprlib.repr(start)}, so its matrices may belong to a base that this "
            f"initialization changed; save it from peft as plain LoRA (save_pretrained with "
            f"path_initial_model_for_weight_conversion)"
        )
    for key in sorted(settings.keys() - _SWITCHED_OFF.keys() - _HARMLESS):
        if settings[key]:
            raise ModelError(
                f"{path}: {key} is {reprlib.repr(settings[key])}, a setting that Squadron does not know. {_MERGE}"
            )
    for key in ("rank_pattern", "alpha_pattern"):
        patterns = settings.get(key) or {}
        if not isinstance(patterns, dict) or len(patterns) > _MOST_EXPRESSIONS:
            raise ModelError(f"{path}: {key} is not a table of at most {_MOST_EXPRESSIONS} layers with their values")
    return settings


def scale_of(path: Path, settings: Mapping[str, Any], name: str, rank: int) -> float:
    """Return the factor by which ``peft`` multiplies B A in the layer called ``name``, whose matrices have ``rank``."""
    alpha = _pattern_value(path, settings, "alpha_pattern", name, settings.get("lora_alpha"))
    written = _pattern_value(path, settings, "rank_pattern", name, settings.get("r"))
    if written != rank:
        raise ModelError(f"{path}: rank of layer {name} is {reprlib.repr(written)}, its matrices have {rank}")
    # As float32: no integer of Python's is too large for the comparison.
    if (
        not isinstance(alpha, int | float)
        or isinstance(alpha, bool)
        or not abs(alpha) <= torch.finfo(torch.float32).max
    ):
        raise ModelError(f"{path}: lora_alpha of layer {name} is {reprlib.repr(alpha)}; a number is expected")
    return float(alpha) / (math.sqrt(rank) if settings.get("use_rslora") else rank)


def _pattern_value(path: Path, settings: Mapping[str, Any], key: str, name: str, default: Any) -> Any:
    """Return the value of the first pattern that matches the end of a layer's full name, else ``default``.

    As in ``peft``, a pattern is an expression for the whole name or its end after a dot.
    """
    for pattern, value in (settings.get(key) or {}).items():
        if re.fullmatch(r"[\w.]+", pattern):
            found = f".transformer.{name}".endswith(f".{pattern}")
        else:
            _check_expression(path, key, pattern)
            found = re.match(rf"(.*\.)?({pattern})$", f"transformer.{name}") is not None
        if found:
            return value
    return default


def _check_expression(path: Path, key: str, pattern: str) -> None:
    """Refuse an expression of an untrusted file that could run forever, by a bound on the steps that it can take.

    A repeated character takes up to 64 ways through a name, an alternative two; a repeated group or a look-around has
    no such bound.
    """
    bits = 6 * len(re.findall(r"[*+{]", pattern)) + len(re.findall(r"[?|]", pattern))
    if re.search(r"\)[*+?{]|\(\?(?!:)|\\\d", pattern) or bits > _MOST_BITS:
        raise ModelError(f"{path}: {key} has the expression {reprlib.repr(pattern)}; write plain layer names instead")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise ModelError(f"{path}: {key} has {reprlib.repr(pattern)}, which is no valid expression") from None
