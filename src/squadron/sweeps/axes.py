"""What the runs of a sweep may differ in: each axis with its option of ``train``, its check and its part of a name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from squadron.errors import ConfigError
from squadron.model.targets import resolve_targets
from squadron.options.axes import AXES, NAME_PARTS
from squadron.options.core import PrepareOptions, TrainOptions
from squadron.sweeps.problems import Problems, meant

DATA_OPTIONS = ("train_size", "val_size", "test_size", "split_by", "hub_split", "strict")
"""Options of ``prepare`` that a configuration may set."""

_LONGEST_NAME = 80
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


def check_option(field: str, value: Any) -> Any:
    """The value of an option of ``train`` or ``prepare`` as its type has it.

    Raises :class:`ValueError` with what is wrong with it and what may be given.
    Checks are strict: text is no number and true is not 1. Modules may be one name or several.
    """
    if field == "target_modules":
        return _check_targets(value)
    try:
        return _ADAPTERS[field].validate_python(value)
    except ValidationError as problem:
        text = problem.errors(include_url=False)[0]["msg"]
        raise ValueError(text[:1].lower() + text[1:]) from None


def check_axis(key: str, axis: str, value: Any, problems: Problems) -> bool:
    """Whether ``axis`` is one; where it is not, ``problems`` are told, with the ``value`` that it was given."""
    if axis in AXES:
        return True
    if axis in TrainOptions.model_fields or axis in DATA_OPTIONS:
        problems.add(key, value, "the same for all runs of a sweep; put it under base")
    else:
        problems.add(key, value, f"unknown axis{meant(axis, AXES)}; known are {', '.join(AXES)}")
    return False


def axis_value(key: str, axis: str, value: Any, problems: Problems) -> Any:
    """The value of an axis as :func:`tidy` has it; None where it is not right, which ``problems`` are told."""
    try:
        return tidy(axis, value)
    except ValueError as problem:
        problems.add(key, value, str(problem))
        return None


def axis_options(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The options of ``train`` that the values of axes set."""
    return {AXES[axis]: _names(value) if axis == "targets" else value for axis, value in changes.items()}


def tidy(axis: str, value: Any) -> Any:
    """The value of an axis, checked: one module is text, several are a tuple. Raises :class:`ValueError`."""
    checked = check_option(AXES[axis], value)
    return checked[0] if axis == "targets" and len(checked) == 1 else checked


def same_run(options: Mapping[str, Any]) -> str:
    """A text that is equal for options that train the same adapter: defaults and presets are written out."""
    resolved = {**_DEFAULTS, **options}
    resolved["target_modules"] = resolve_targets(resolved["target_modules"])
    return json.dumps(resolved, sort_keys=True)


def run_name(changes: Mapping[str, Any]) -> str:
    """The stable name of a run from what it changes: ``r4-lr1e-3-attention``.

    Different changes have different names; the axes come in one fixed order, whatever order the file has.
    """
    parts = [NAME_PARTS[axis] + _shown(axis, changes[axis]) for axis in NAME_PARTS if axis in changes]
    name = "-".join(parts) or "default"
    if len(name) > _LONGEST_NAME:
        # Cut, and told apart by a checksum of the whole.
        name = f"{name[: _LONGEST_NAME - 9].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name


def name_problem(name: Any) -> str | None:
    """Why a name that a person gave is not one for a folder; None where it is."""
    if not isinstance(name, str) or not _SAFE.fullmatch(name) or name.endswith("."):
        return "not a name for a folder; use letters, digits, and . _ + - within it"
    if len(name) > _LONGEST_NAME:
        return f"longer than {_LONGEST_NAME} characters; shorten it"
    return "a name that Windows keeps for a device; choose another" if _RESERVED.fullmatch(name) else None


def _check_targets(value: Any) -> tuple[str, ...]:
    names = _names(value)
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("not a module, a preset or a list of them; write attention, or [attn.c_attn, attn.c_proj]")
    try:
        resolve_targets(names)
    except ConfigError as problem:
        raise ValueError(str(problem).partition(": ")[2]) from None
    return names


def _names(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _shown(axis: str, value: Any) -> str:
    """A value within a name: short, safe in a file's name, and different for different values."""
    if axis == "targets":
        return "+".join(_names(value))
    if axis == "scaling":
        return "alpha-sqrt-r" if "sqrt" in value else "alpha-r"
    if not isinstance(value, float):
        return str(value)
    number = Decimal(repr(value)).normalize()
    # Learning rates read best as 1e-3, all else as 0.05.
    return f"{number:e}".replace("e+0", "e0") if axis == "lr" else f"{number:f}"


_DEFAULTS = {name: field.default for name, field in TrainOptions.model_fields.items() if not field.is_required()}
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(Annotated[field.annotation, field], config=_STRICT)  # type: ignore[arg-type]
    for model in (PrepareOptions, TrainOptions)
    for name, field in model.model_fields.items()
    if model is TrainOptions or name in DATA_OPTIONS
}
