"""Metadata on the options of ``train``, from which every list of options is derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

LAST = 1000
"""The place of the last part of a run's name."""


@dataclass(frozen=True, slots=True)
class Role:
    """The role of an option; ``Annotated[int, Role(...)]`` gives one to a field.

    ``axis``: the option is an axis of sweeps, with this prefix in a run's name. ``place``: the order of its part in
    that name. ``axis_name``: its name in configurations, if not the field's. ``adapter``: it is an option of adapters,
    which does not apply when all weights are trained; :class:`squadron.model.lora.LoraSpec` has it under the name of
    its axis. ``own``: the runs of a fleet may differ in it. ``later``: it was added after the first records, so it is
    recorded only if it is not the default, and records without it mean the default.
    """

    axis: str | None = None
    place: int = LAST - 1
    axis_name: str | None = None
    adapter: bool = False
    own: bool = False
    later: bool = False


def roles(model: type[BaseModel]) -> Mapping[str, Role]:
    """Return the role of every field of ``model``, by the field's name."""
    found = {}
    for name, field in model.model_fields.items():
        given = [one for one in field.metadata if isinstance(one, Role)]
        assert len(given) <= 1, name
        found[name] = given[0] if given else Role()
    return found
