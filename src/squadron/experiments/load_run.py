"""A run that is there to be used: its folder, the very base that it was trained on, and its adapter.

A run with ``--method full`` has a checkpoint in place of an adapter: that is its base, and its adapter changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from squadron.errors import RunError
from squadron.experiments.pocket import base_location
from squadron.model.adapters import WEIGHTS, load_adapter
from squadron.model.checkpoint import WEIGHTS as MODEL_WEIGHTS
from squadron.model.checkpoint import Base, DtypeRule, load_base
from squadron.model.lora import AdapterWeights
from squadron.runs.folder import RunFolder, require_weights, verify_weights
from squadron.runs.layout import RECORD
from squadron.runs.reader import TrainedRunFile


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run's folder, base and adapter; ``weights`` is the file of what was trained."""

    folder: RunFolder
    base: Base
    adapter: AdapterWeights
    weights: Path


def is_full(folder: RunFolder) -> bool:
    """Whether all weights were trained in a run, rather than an adapter."""
    return bool(folder.record["config"].get("method") == "full")


def kept_at(folder: RunFolder, which: str = "adapter") -> Path:
    """Where a run keeps its best adapter or model (``adapter``), or its ``last``."""
    return folder.path / ("model" if which == "adapter" and is_full(folder) else which)


def kept_weights(folder: RunFolder, which: str = "adapter") -> Path:
    """The file of the numbers that a run keeps."""
    return kept_at(folder, which) / (MODEL_WEIGHTS if is_full(folder) else WEIGHTS)


def _usable(path: Path) -> RunFolder:
    """A run's folder, with all in its record that is needed to use what it trained."""
    folder = RunFolder.open(path)
    require_weights(path, folder.record)
    TrainedRunFile.of(path / RECORD, folder.record)
    return folder


def run_base(path: Path) -> str:
    """The base that a run's adapter belongs on: the one it was trained on; of a full run, its own checkpoint.

    Raises :class:`RunError` where a full run has none yet: nobody may take its path for the name of a base.
    """
    folder = _usable(path)
    return str(_require_kept(folder)) if is_full(folder) else str(folder.record["config"]["base"])


def _require_kept(folder: RunFolder, which: str = "adapter") -> Path:
    kept = kept_at(folder, which)
    if not kept.is_dir():
        status = folder.record["status"]
        raise RunError(f"{folder.path}: has no {kept.name} yet (status: {status}); train it to its end")
    return kept


def open_run(
    path: Path,
    *,
    which: str = "adapter",
    base: Base | None = None,
    offline: bool = False,
    dtype: torch.dtype | DtypeRule = torch.float32,
    device: torch.device | str = "cpu",
) -> OpenRun:
    """Open a run's best adapter (or its ``last``) on its base, which is loaded unless it is given.

    Raises :class:`RunError` where the run has no adapter yet, or none any more, where its weights are not those that
    it ended with, and where the base is not the one it was trained on.
    """
    folder = _usable(path)
    kept = _require_kept(folder, which)
    verify_weights(path, folder.record, kept_weights(folder, which), which)
    if is_full(folder):
        if base is None:
            base = load_base(str(kept), dtype=dtype, device=device)
        assert base.folder == kept, (base.folder, kept)
        return OpenRun(folder, base, AdapterWeights({}, 1.0), kept_weights(folder, which))
    name = folder.record["config"]["base"]
    if base is None:
        base = load_base(base_location(name), offline=offline, dtype=dtype, device=device)
    trained_on = folder.record["base"]["sha256"]
    if base.sha256 != trained_on:
        raise RunError(
            f"{folder.path}: was trained on another {name} (sha256 was {trained_on[:12]}..., is "
            f"{base.sha256[:12]}...); put the base back"
        )
    return OpenRun(folder, base, load_adapter(kept, base.model.config), kept_weights(folder, which))
