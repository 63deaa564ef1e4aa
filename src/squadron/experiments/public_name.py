"""The name of a base in what is published: its id and commit on the hub, or a name without the path on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class PublicBase:
    """A base as others may know it. ``id`` and ``commit`` are the hub's; None if it is not from there."""

    name: str
    id: str | None = None
    commit: str | None = None

    @property
    def text(self) -> str:
        """The base in a sentence."""
        return f"{self.id} at commit `{self.commit}`" if self.id else f"the base {self.name}"


def public_base(name: str, hub: Mapping[str, Any] | None) -> PublicBase:
    """Return the public name of a base that is ``name`` here, and at the commit ``hub`` if it is the hub's."""
    if hub:
        return PublicBase(str(hub["id"]), str(hub["id"]), str(hub["commit"]))
    return PublicBase(Path(name).name or name)
