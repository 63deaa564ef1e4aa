"""Open a trained run: its folder, the base that it was trained on, and its adapter.

A run with ``--method full`` has a checkpoint instead of an adapter: it is opened as a base with an empty adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from squadron.errors import RunError
from squadron.experiments.places import check_base, find_base
from squadron.experiments.pocket import base_location
from squadron.model.adapters import WEIGHTS, load_adapter
from squadron.model.checkpoint import WEIGHTS as MODEL_WEIGHTS
from squadron.model.checkpoint import Base, DtypeRule, base_sha256, load_base, locate_base
from squadron.model.lora import AdapterWeights
from squadron.runs.folder import RunFolder, require_weights, verify_weights
from squadron.runs.layout import RECORD
from squadron.runs.places import Tell, quiet
from squadron.runs.reader import TrainedRunFile


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run's folder, base and adapter; ``weights`` is the file of the trained weights."""

    folder: RunFolder
    base: Base
    adapter: AdapterWeights
    weights: Path


def is_full(folder: RunFolder) -> bool:
    """Return True if a run trained all weights instead of an adapter."""
    return bool(folder.record["config"].get("method") == "full")


def weights_folder(folder: RunFolder, which: str = "adapter") -> Path:
    """Return the folder of a run's best adapter or model (``adapter``), or of its ``last``."""
    return folder.path / ("model" if which == "adapter" and is_full(folder) else which)


def weights_path(folder: RunFolder, which: str = "adapter") -> Path:
    """Return the file of a run's best or last weights."""
    return weights_folder(folder, which) / (MODEL_WEIGHTS if is_full(folder) else WEIGHTS)


def _open_trained(path: Path) -> RunFolder:
    """Open a run's folder; check that its weights were not pruned and that its record suffices to load them."""
    folder = RunFolder.open(path)
    require_weights(path, folder.record)
    TrainedRunFile.of(path / RECORD, folder.record)
    return folder


def run_base(path: Path, given: str | None = None, *, tell: Tell = quiet) -> str:
    """Return the base that a run's adapter needs: the one it was trained on, or, for a full run, its own checkpoint.

    ``given`` is tried if the base is not where it was. Raises :class:`RunError` if it is in neither place, or if a full
    run has no checkpoint yet.
    """
    folder = _open_trained(path)
    return str(_require_kept(folder)) if is_full(folder) else untouched_base(path, given, tell=tell)


def untouched_base(path: Path, given: str | None = None, *, tell: Tell = quiet) -> str:
    """Return the base that a run was trained on, as :func:`run_base` does; of a full run, too."""
    folder = _open_trained(path)
    try:
        return find_base(folder, tell=tell)
    except RunError:
        if given is None:
            raise
        return find_base(folder, given)


def _require_kept(folder: RunFolder, which: str = "adapter") -> Path:
    kept = weights_folder(folder, which)
    if not kept.is_dir():
        status = folder.record["status"]
        raise RunError(f"{folder.path}: has no {kept.name} yet (status: {status}); train it to its end")
    return kept


def open_run(
    path: Path,
    *,
    which: str = "adapter",
    base: Base | None = None,
    base_place: str | None = None,
    offline: bool = False,
    dtype: torch.dtype | DtypeRule = torch.float32,
    device: torch.device | str = "cpu",
    tell: Tell = quiet,
) -> OpenRun:
    """Open a run's best adapter (or its ``last``) with its base, which is loaded unless it is given.

    ``base_place`` is where the base that the run was trained on is now; by default, where it was, or where it was moved
    to together with the run, which ``tell`` says.

    Raises :class:`RunError` if the run has no adapter yet or was pruned, if its weights have changed since the run
    ended, or if the base is not the one it was trained on.
    """
    folder = _open_trained(path)
    kept = _require_kept(folder, which)
    verify_weights(path, folder.record, weights_path(folder, which), which)
    if is_full(folder):
        if base_place is not None:
            check_base(folder, base_sha256(locate_base(base_location(base_place), offline=offline)), base_place)
        if base is None:
            base = load_base(str(kept), dtype=dtype, device=device)
        assert base.folder == kept, (base.folder, kept)
        return OpenRun(folder, base, AdapterWeights({}, 1.0), weights_path(folder, which))
    if base is None:
        place = base_location(find_base(folder, base_place, tell=tell))
        base = load_base(place, offline=offline, dtype=dtype, device=device)
    check_base(folder, base.sha256, base.name)
    return OpenRun(folder, base, load_adapter(kept, base.model.config), weights_path(folder, which))
