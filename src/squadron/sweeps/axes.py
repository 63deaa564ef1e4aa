"""The axes in which the runs of a sweep may differ: the option that each sets, its type, its part in run names."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict

from squadron.errors import ConfigError
from squadron.model.targets import resolve_targets
from squadron.options.axes import AXES, NAME_PARTS
from squadron.options.core import PrepareOptions, TrainOptions

DATA_OPTIONS = (
    *("train_size", "val_size", "test_size", "test_split", "split_by"),
    *("hub_split", "hub_config", "columns", "strict"),
)
"""Options of ``prepare`` that a configuration may set."""
FROM_COMMAND = {"base": "base", "data": "dataset", "out": "out", "device": "device", "offline": "offline"}
"""Options that are given on the command line alone, with their names there."""

STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
"""How configurations are validated: text is not converted to numbers, nor true to 1."""

_LONGEST_NAME = 80
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that Windows reserves for devices."""


def axis_options(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of ``train`` that these values of axes set."""
    return {AXES[axis]: _names(value) if axis == "targets" else value for axis, value in changes.items()}


def same_run(options: Mapping[str, Any]) -> str:
    """Return a key that is equal for options that train the same adapter, with defaults and presets expanded."""
    resolved = {**_DEFAULTS, **options}
    resolved["target_modules"] = resolve_targets(resolved["target_modules"])
    return json.dumps(resolved, sort_keys=True)


def run_name(changes: Mapping[str, Any]) -> str:
    """Return the name of a run, made from what it changes: ``r4-lr1e-3-attention``.

    Different changes have different names. The order of the axes is fixed, whatever their order in the file.
    """
    parts = [NAME_PARTS[axis] + _shown(axis, changes[axis]) for axis in NAME_PARTS if axis in changes]
    name = "-".join(parts) or "default"
    if len(name) > _LONGEST_NAME:
        # Cut; a checksum of the whole name keeps it unique.
        name = f"{name[: _LONGEST_NAME - 9].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name


def name_problem(name: Any) -> str | None:
    """Return why a name that a person gave cannot name a folder; None if it can."""
    if not isinstance(name, str) or not _SAFE.fullmatch(name) or name.endswith("."):
        return "not a name for a folder; use ASCII letters (a-z, A-Z), digits, and . _ + - within it"
    if len(name) > _LONGEST_NAME:
        return f"longer than {_LONGEST_NAME} characters; shorten it"
    return "a name that Windows reserves for a device; choose another" if _RESERVED.fullmatch(name) else None


def checked_name(name: Any) -> Any:
    """Return a valid name unchanged. Raises :class:`ValueError` with the :func:`name_problem` of any other."""
    if wrong := name_problem(name):
        raise ValueError(wrong)
    return name


def _check_targets(value: Any) -> tuple[str, ...]:
    names = _names(value)
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("not a module, a preset or a list of them; write attention, or [attn.c_attn, attn.c_proj]")
    try:
        resolve_targets(names)
    except ConfigError as problem:
        raise ValueError(problem.detail) from None
    return names


def _names(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _shown(axis: str, value: Any) -> str:
    """Return a value as part of a run's name: short, safe in file names, and unique."""
    if axis == "targets":
        return "+".join(_names(value))
    if axis == "scaling":
        return "alpha-sqrt-r" if "sqrt" in value else "alpha-r"
    if not isinstance(value, float):
        return str(value)
    number = Decimal(repr(value)).normalize()
    # Learning rates are most readable as 1e-3, other numbers as 0.05.
    return f"{number:e}".replace("e+0", "e0") if axis == "lr" else f"{number:f}"


_DEFAULTS = {name: field.default for name, field in TrainOptions.model_fields.items() if not field.is_required()}
OPTIONS: dict[str, Any] = {
    name: Annotated[field.annotation, *field.metadata, field.description]  # without the default
    for model in (PrepareOptions, TrainOptions)
    for name, field in model.model_fields.items()
    if name not in FROM_COMMAND and (model is TrainOptions or name in DATA_OPTIONS)
} | {"target_modules": Annotated[Any, AfterValidator(_check_targets)]}
"""The type of every option of ``train`` and ``prepare`` that a configuration may set."""
_TARGETS: Any = OPTIONS["target_modules"]
AXIS_TYPES: dict[str, Any] = {axis: OPTIONS[field] for axis, field in AXES.items()} | {
    "targets": Annotated[_TARGETS, AfterValidator(lambda names: names[0] if len(names) == 1 else names)]
}
"""The type of every axis. One module is text, several are a tuple."""
