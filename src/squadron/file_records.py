"""Validated JSON files: the base class of the types into which Squadron's files are read.

Whatever a file holds, reading it gives a value of its type or raises one error: one line with the file, the key, the
wrong value and the next step. Types are not converted, and unknown keys are kept as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from squadron.errors import RunError, SquadronError, shortened
from squadron.files import read_json

_DEEPEST = 50
"""Most levels of a record; Squadron's own have fewer than ten."""
_LARGEST = 2**63
_LONGEST_SHOWN = 60

Model = TypeVar("Model", bound=BaseModel)
Count = Annotated[int, Field(ge=0)]
Figure = Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Points = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Interval = Annotated[list[Figure], Field(min_length=2, max_length=2)]


class RecordPart(BaseModel):
    """An object within a file."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class HubFacts(RecordPart):
    """Where on the hub something is from: its repository and the commit; of data, also configuration and split."""

    id: str
    commit: str
    revision: str | None = None
    config: str | None = None
    split: str | None = None


class FileRecord(RecordPart):
    """The content of one file. ``content`` is the same as plain JSON values, unchanged."""

    what: ClassVar[str]
    next_step: ClassVar[str]
    error: ClassVar[type[SquadronError]] = RunError
    _content: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def content(self) -> dict[str, Any]:
        """The content of the file as plain JSON values."""
        return self._content

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file at ``path``. Raises :attr:`error` with one line if it is not valid."""
        return cls.of(path, read_json(path, what=cls.what, error=cls.error))

    @classmethod
    def of(cls, path: Path, content: Any) -> Self:
        """Validate the ``content`` of the file at ``path``. Raises :attr:`error` as :meth:`read` does."""
        record = validated(cls, path, content, next_step=cls.next_step, error=cls.error)
        record._content = content
        return record


class VersionedFile(FileRecord):
    """The content of a file with a schema version."""

    schema_version: Literal[1] = Field(alias="schema")


def validated(
    model: type[Model],
    path: Path,
    content: Any,
    *,
    next_step: str,
    within: str = "",
    error: type[SquadronError] = RunError,
) -> Model:
    """Return ``content`` as a ``model``; ``within`` is its key in the file at ``path``.

    Raises ``error`` with one line for the first problem.
    """
    where = f"{path}: {within}: " if within else f"{path}: "
    if not isinstance(content, dict):
        raise error(f"{where}{shown(content)} is not an object; {next_step}")
    problem = _unusable(content, within)
    if problem is not None:
        raise error(f"{path}: {problem}; {next_step}")
    try:
        return model.model_validate(content)
    except ValidationError as found:
        raise error(f"{where}{_first_problem(found)}; {next_step}") from None


def shown(value: Any) -> str:
    """Return a value for an error message: one line of at most 60 characters."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = ascii(value) if isinstance(value, str) else json.dumps(value)
    return shortened(text, _LONGEST_SHOWN)


def _first_problem(problem: ValidationError) -> str:
    """Describe the first problem: the key, the value, and what it should be."""
    first = problem.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{key}: missing"
    if first["type"] in ("model_type", "dict_type"):
        return f"{key}: {shown(first['input'])} is not an object"
    if key == "schema":
        return f"schema: {shown(first['input'])} is not 1, the version that this Squadron reads"
    message = first["msg"]
    for start, wanted in (
        ("Input should be ", ""),
        ("String should ", "text that should "),
        ("List should ", "a list that should "),
    ):
        if message.startswith(start):
            message = wanted + message.removeprefix(start)
    return f"{key}: {shown(first['input'])} is not {message}"


def _unusable(value: Any, key: str, depth: int = 0) -> str | None:
    """Describe the first value, at any depth, that no reader can use; return None if there is none.

    Such values are numbers that are not finite or exceed 64 bits, lone surrogates, and objects nested too deeply.
    """
    if depth > _DEEPEST:
        return f"{key[:_LONGEST_SHOWN]}...: nested more than {_DEEPEST} levels deep"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{key}: {value} is not a finite number"
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return f"{key}: a number of {value.bit_length():,} bits does not fit into 64"
    if isinstance(value, str) and not _is_text(value):
        return f"{key}: {shown(value)} is not text (it contains half a character)"
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for name, own in pairs:
        inner = f"{key}.{name}" if key else str(name)
        if isinstance(name, str) and not _is_text(name):
            return f"{shown(name)} is not a text key (it contains half a character)"
        problem = _unusable(own, inner, depth + 1)
        if problem is not None:
            return problem
    return None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
