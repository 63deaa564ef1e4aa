"""Open an adapter that is no run's: a folder of PEFT's files, or a repository of the hub, on a base that is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squadron.errors import ConfigError, ModelError, option
from squadron.files import sha256_file
from squadron.model.adapters import CONFIG, WEIGHTS, load_adapter
from squadron.model.checkpoint import Base
from squadron.model.hub import locate_adapter
from squadron.model.lora import AdapterWeights
from squadron.model.peft_settings import read_settings
from squadron.runs.layout import RECORD


@dataclass(frozen=True, slots=True)
class PublishedAdapter:
    """An adapter with its name, folder, settings (PEFT's) and the SHA-256 of its weights.

    ``hub`` describes its commit if it is the hub's.
    """

    name: str
    folder: Path
    weights: AdapterWeights
    settings: Mapping[str, Any]
    sha256: str
    hub: Mapping[str, Any] | None


def open_adapter(name: str, base: Base, *, offline: bool = False) -> PublishedAdapter:
    """Open an adapter for ``base``. Raises :class:`ModelError` if there is none or if it does not fit."""
    located = locate_adapter(name, offline=offline)
    folder = located.folder
    if not (folder / CONFIG).is_file() and (folder / RECORD).is_file():
        raise ModelError(f"{option('adapter', name)}: a run folder; give it as a run")
    weights = load_adapter(folder, base.model.config)
    return PublishedAdapter(name, folder, weights, read_settings(folder), sha256_file(folder / WEIGHTS), located.hub)


def require_base(verb: str, adapter: str | None, base: str | None, *runs: str | None) -> None:
    """Raise :class:`ConfigError` if an adapter is given without its base, or beside a run that it would replace."""
    if adapter is None:
        return
    if any(runs):
        raise ConfigError(f"{verb}: {option('adapter', adapter)} and a run; choose one")
    if base is None:
        raise ConfigError(
            f"{verb}: {option('adapter', adapter)} needs {option('base')}; name the base that it was trained on"
        )
