"""The common types and bounds of options, the options of every verb, and their validation."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    field_validator,
    model_validator,
)

from squadron.errors import ConfigError, argument, option, shortened
from squadron.model.config import Precision
from squadron.options.roles import LAST, Role

PLACE = BeforeValidator(lambda value: os.fspath(value) if isinstance(value, os.PathLike) else value)
Place = Annotated[str, PLACE]
"""A file, a folder, or a name that may stand for one, as text or as a path."""
MOST = 1_000_000_000
"""The highest count that is accepted; a larger one is taken for a typing error."""
Positive = Annotated[int, Field(ge=1, le=MOST)]
Count = Annotated[int, Field(ge=0, le=MOST)]
ALL = "all"
"""The size of a split that takes all questions there are for it."""


def _size(value: Any) -> Any:
    """Return a number of questions, or ``all``."""
    if value == ALL or (type(value) is int and 0 <= value <= MOST):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and int(value[:12]) <= MOST:
        return int(value)
    raise ValueError(f"a number from 0 to {MOST:,}, or all, is expected")


Size = Annotated[int | Literal["all"], PlainValidator(_size)]
Length = Annotated[int, Field(ge=16, le=MOST)]
Several = Annotated[int, Field(ge=1, le=1000)]
"""Answers or hypotheses for one question, all held in memory."""
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Model = TypeVar("Model", bound="Options")
FLAG = re.compile(r"--([a-z][a-z-]*)")
"""An option in a help text."""


class Options(BaseModel):
    """Options that every verb accepts, so that scripts can pass them everywhere; unknown ones are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _text_is_text(cls, value: Any) -> Any:
        """Refuse text that files, records and messages cannot hold."""
        for text in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(text, str):
                if any("\ud800" <= letter <= "\udfff" for letter in text):
                    raise ValueError("not UTF-8; rename it, or type it in UTF-8")
                if "\0" in text:
                    raise ValueError("holds the character U+0000; leave it out")
        return value

    seed: Annotated[Seed, Role(axis="s", place=LAST)] = Field(0, description="Seed of all random draws.")
    offline: bool = Field(False, description="Do not use the network; take the hub's files from the local cache.")
    device: str = Field("auto", description="Device: auto (a GPU if there is one), cpu, cuda or cuda:N.")
    precision: Precision = Field(
        "auto",
        description="Number format of the base: auto is fp32; bf16 with AMX and n_embd >= 512; on a GPU bf16 or fp16.",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_for_several(cls, given: Any) -> Any:
        """Convert a single text to a list of one if the option accepts several."""
        if not isinstance(given, dict):
            return given
        several = {name for name, field in cls.model_fields.items() if get_origin(field.annotation) is tuple}
        return {
            name: (value,) if name in several and isinstance(value, str) else value for name, value in given.items()
        }


def with_whole_test_split(given: Any) -> Any:
    """Return given options with the size of the test split: all of one that is named, unless a size is given."""
    if isinstance(given, dict) and given.get("test_split") is not None and given.get("test_size") is None:
        return {**given, "test_size": ALL}
    return given


def checked(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Return validated options. Raises :class:`ConfigError` with all problems at once, each with option and value."""
    try:
        return model(**values)
    except ValidationError as problem:
        lines = []
        for error in problem.errors(include_url=False):
            key = str(error["loc"][0]) if error["loc"] else "options"
            named = argument if is_argument(model, key) else option
            if error["type"] == "missing":
                lines.append(f"{named(key)}: missing; give {_described(model, key)}")
            elif error["type"] == "extra_forbidden":
                lines.append(f"{named(key)}: unknown option; known are {', '.join(model.model_fields)}")
            else:
                why = _lower(error["msg"].removeprefix("Value error, "))
                lines.append(f"{named(key, _bounded(error['input']))}: {why}")
        raise ConfigError("; ".join(dict.fromkeys(lines))) from None


def is_argument(model: type[Options], key: str) -> bool:
    """Return True if this option is a positional argument of commands."""
    field = model.model_fields.get(key)
    return field is not None and isinstance(field.json_schema_extra, dict) and "argument" in field.json_schema_extra


def flag_name(field: str) -> str:
    """Return the flag of a field."""
    return f"--{field.replace('_', '-')}"


def _bounded(value: Any) -> Any:
    """Return an invalid value for an error message, shortened if its text is long."""
    text = str(value)
    cut = shortened(text)
    return value if cut == text else cut


def _described(model: type[Options], key: str) -> str:
    field = model.model_fields.get(key)
    text = _lower((field.description if field else None) or "a value").rstrip(".")
    return FLAG.sub(lambda flag: option(flag[1].replace("-", "_")), text)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
