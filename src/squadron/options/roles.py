"""What the options of ``train`` are beside their values: metadata on each field, from which every list is derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

LAST = 1000
"""The place of what stands last in a run's name."""


@dataclass(frozen=True, slots=True)
class Role:
    """The role of an option; ``Annotated[int, Role(...)]`` gives one to a field.

    ``axis``: runs of a sweep may differ in it, and this stands before its value in a run's name. ``place``: where its
    part stands there. ``axis_name``: what configurations call it, if not by the field's name. ``adapter``: it is an
    option of adapters, without meaning where all weights are trained, and :class:`squadron.model.lora.LoraSpec` has it
    under the name of its axis. ``own``: each run of a fleet may have another value. ``later``: records hold it only
    where it is not the default, since it came after the first records, which mean the default.
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
