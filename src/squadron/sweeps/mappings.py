"""Types of a configuration's mappings, in which every key has a type of its own, and of its lists of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, create_model

from squadron.sweeps.axes import STRICT
from squadron.sweeps.problems import MOST_RUNS


def keyed(types: Mapping[str, Any]) -> BeforeValidator:
    """Return the check of a mapping with these keys, which may be absent. The order in the file is kept."""
    fields: dict[str, Any] = {key: (kind, None) for key, kind in types.items()}
    model = create_model("Mapping", __config__=STRICT, **fields)

    def check(given: Any) -> dict[str, Any]:
        found = model.model_validate(given)
        return {key: getattr(found, key) for key in given}

    return BeforeValidator(check)


def several(kind: Any) -> Any:
    """Return the type of a list with one value or more."""
    # YAML has lists, not tuples: the tuple alone is not strict.
    return Annotated[tuple[kind, ...], Field(strict=False, min_length=1, max_length=MOST_RUNS)]


def once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return values of which none is there twice. Raises :class:`ValueError` for others."""
    value, times = Counter(values).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{value!r} is there more than once; keep one")
    return values
