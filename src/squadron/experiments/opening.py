"""A run that is there to be used: its folder, the very base that it was trained on, and its adapter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from squadron.errors import RunError
from squadron.experiments.pocket import base_location
from squadron.experiments.run_folder import RunFolder
from squadron.model.adapters import WEIGHTS, load_adapter
from squadron.model.checkpoint import Base, load_base
from squadron.model.lora import AdapterWeights


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run's folder, base and adapter; ``weights`` is the file that the adapter was read from."""

    folder: RunFolder
    base: Base
    adapter: AdapterWeights
    weights: Path


def run_base(path: Path) -> str:
    """The name of the base that a run was trained on."""
    return str(RunFolder.open(path).record["config"]["base"])


def open_run(
    path: Path,
    *,
    which: str = "adapter",
    base: Base | None = None,
    offline: bool = False,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> OpenRun:
    """Open a run's best adapter (or its ``last``) on its base, which is loaded unless it is given.

    Raises :class:`RunError` where the run has no adapter yet, and where the base is not the one it was trained on.
    """
    folder = RunFolder.open(path)
    if not (folder.path / which).is_dir():
        status = folder.record["status"]
        raise RunError(f"{folder.path}: has no {which} yet (status: {status}); train it to its end")
    name = folder.record["config"]["base"]
    if base is None:
        base = load_base(base_location(name), offline=offline, dtype=dtype, device=device)
    trained_on = folder.record["base"]["sha256"]
    if base.sha256 != trained_on:
        raise RunError(
            f"{folder.path}: was trained on another {name} (sha256 was {trained_on[:12]}..., is "
            f"{base.sha256[:12]}...); put the base back"
        )
    return OpenRun(folder, base, load_adapter(folder.path / which, base.model.config), folder.path / which / WEIGHTS)
