"""Types for a configuration's mappings, in which every key has its own type, and for its lists of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, create_model

from squadron.sweeps.axes import STRICT
from squadron.sweeps.problems import MOST_RUNS


def keyed(types: Mapping[str, Any]) -> BeforeValidator:
    """Return a validator of mappings with these optional keys. It keeps the order of the file."""
    fields: dict[str, Any] = {key: (kind, None) for key, kind in types.items()}
    model = create_model("Mapping", __config__=STRICT, **fields)

    def check(given: Any) -> dict[str, Any]:
        found = model.model_validate(given)
        return {key: getattr(found, key) for key in given}

    return BeforeValidator(check)


def list_of(kind: Any) -> Any:
    """Return the type of a list with at least one value."""
    # YAML has lists, not tuples: the tuple alone is not strict.
    return Annotated[tuple[kind, ...], Field(strict=False, min_length=1, max_length=MOST_RUNS)]


def unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values unchanged. Raises :class:`ValueError` if one is repeated."""
    value, times = Counter(values).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{value!r} is there more than once; keep one")
    return values
