"""Requests: the options of a verb, and how to start (resume, replace, join), which records do not keep."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import Field, model_validator

from squadron.errors import ConfigError, option
from squadron.options.base import Options
from squadron.options.core import TrainOptions
from squadron.options.sweep import ReproduceOptions, SweepOptions
from squadron.tracking.trackers import TRACKERS

Kept = TypeVar("Kept", bound=Options)
_TRACK = f"Log to {', '.join(TRACKERS)}, in files beside the runs; repeat the flag for several."


class TrainRequest(TrainOptions):
    """Options of ``train``, with the way to start. Raises :class:`ConfigError` if two ways are requested."""

    resume: bool = Field(
        False, description="Resume the run in --out from its last checkpoint; start it if there is none."
    )
    replace: bool = Field(False, description="Replace an existing run in --out.")
    track: tuple[str, ...] = Field((), description=_TRACK, json_schema_extra={"repeated": True})

    @model_validator(mode="after")
    def _begin_in_one_way(self) -> TrainRequest:
        require_one(self, "resume", "replace")
        return self

    def kept(self) -> TrainOptions:
        """Return the options that the run's record keeps."""
        return narrowed(self, TrainOptions)


class SweepRequest(SweepOptions):
    """Options of ``sweep``, with the way to start. Raises :class:`ConfigError` if two ways are requested."""

    resume: bool = Field(False, description="Resume the sweep in --out; start it if there is none.")
    replace: bool = Field(False, description="Replace an existing sweep in --out.")
    join: bool = Field(
        False, description="Join the sweep in --out that another process coordinates, and train some of its fleets."
    )
    dry_run: bool = Field(False, description="Only print runs, fleets, memory and a time estimate from a short trial.")
    track: tuple[str, ...] = Field((), description=_TRACK, json_schema_extra={"repeated": True})

    @model_validator(mode="after")
    def _begin_in_one_way(self) -> SweepRequest:
        require_one(self, "dry_run", "resume", "replace", "join")
        return self

    def kept(self) -> SweepOptions:
        """Return the options that the sweep's record keeps."""
        return narrowed(self, SweepOptions)


class ReproduceRequest(ReproduceOptions):
    """Options of ``reproduce``, with the way to start."""

    replace: bool = Field(False, description="Replace an existing study in --out instead of resuming it.")
    track: tuple[str, ...] = Field((), description=_TRACK, json_schema_extra={"repeated": True})

    def kept(self) -> ReproduceOptions:
        """Return the options that the study's record keeps."""
        return narrowed(self, ReproduceOptions)


def require_one(request: Options, *names: str) -> None:
    """Raise :class:`ConfigError` if more than one of these on-off options is on."""
    chosen = [option(name, True) for name in names if getattr(request, name)]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen[:2])}: choose one")


def narrowed(request: Options, kind: type[Kept]) -> Kept:
    """Return the options of ``kind`` from a request; options that were not given remain unset."""
    given: dict[str, Any] = {name: getattr(request, name) for name in request.model_fields_set}
    return kind(**{name: value for name, value in given.items() if name in kind.model_fields})
