"""The roles of ``train``'s options: metadata on each field, from which all lists of options are derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

LAST = 1000
"""The place of the last part of a run's name."""


@dataclass(frozen=True, slots=True)
class Role:
    """The role of an option; ``Annotated[int, Role(...)]`` gives one to a field.

    ``axis``: runs of a sweep may differ in it, and this is the prefix of its value in run names. ``place``: the order
    of its part there. ``axis_name``: its name in configurations, if not the field's. ``adapter``: it is an option of
    adapters, which does not apply if all weights are trained; :class:`squadron.model.lora.LoraSpec` has it under the
    name of its axis. ``own``: the runs of a fleet may differ in it. ``later``: it was added after the first records,
    which imply its default, so records hold it only if it differs from that.
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
