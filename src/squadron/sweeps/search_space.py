"""The ``search`` section of a configuration: method, number of trials, and space."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, model_validator

from squadron.options.base import Count, Positive
from squadron.sweeps.axes import AXIS_TYPES, STRICT
from squadron.sweeps.mappings import keyed, list_of
from squadron.sweeps.problems import MOST_RUNS

Value = TypeVar("Value")


class Range(BaseModel, Generic[Value]):
    """A range of an axis from ``low`` to ``high``, both included; of integers if the axis has integers."""

    model_config = STRICT

    low: Value = Field(description="the lowest value")
    high: Value = Field(description="the highest value")
    log: bool = Field(False, description="Draw evenly by the logarithm.")

    @model_validator(mode="after")
    def _ordered(self) -> Range[Value]:
        low: Any = self.low
        high: Any = self.high
        if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
            raise ValueError("not an axis of numbers; write a list of values")
        if low >= high:
            raise ValueError("low is not below high; swap them, or give a list of values")
        if self.log and low <= 0:
            raise ValueError("log needs a low above 0; raise it, or leave log out")
        return self


def _range_or_values(kind: Any) -> Any:
    values, numbers = TypeAdapter(list_of(kind), config=STRICT), Range[kind]

    def check(given: Any) -> Any:
        return numbers.model_validate(given) if isinstance(given, dict) else values.validate_python(given)

    return Annotated[Any, BeforeValidator(check)]


class Search(BaseModel):
    """Settings of a search for runs."""

    model_config = STRICT

    method: Literal["random", "optuna"] = Field(description="random or optuna")
    trials: Annotated[int, Field(ge=1, le=MOST_RUNS)] = Field(description="how many runs to make")
    batch: Positive = Field(8, description="Runs that Optuna proposes at once.")
    seed: Count | None = Field(None, description="Seed of the search. Default: the shared one.")
    space: Annotated[
        dict[str, Any], keyed({axis: _range_or_values(kind) for axis, kind in AXIS_TYPES.items()}), Field(min_length=1)
    ] = Field(description="axes with values or a range, such as {rank: [4, 8], lr: {low: 1e-5, high: 1e-2}}")
