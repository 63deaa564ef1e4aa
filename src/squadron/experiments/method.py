"""What a run trains, by ``--method``: an adapter on a frozen base, or all of the base's weights."""

from __future__ import annotations

import torch

from squadron.experiments.opening import kept_at
from squadron.experiments.options import TrainOptions
from squadron.experiments.run_folder import RunFolder
from squadron.model.adapters import save_adapter
from squadron.model.checkpoint import Base, save_model
from squadron.model.config import Precision
from squadron.model.full import FullWeights
from squadron.model.lora import Fleet, LoraSpec
from squadron.model.tokenizer import Tokenizer


def adapter_spec(options: TrainOptions) -> LoraSpec | None:
    """The adapter to train; None where all weights are trained."""
    if options.method == "full":
        return None
    return LoraSpec(
        rank=options.rank,
        alpha=options.alpha,
        dropout=options.dropout,
        targets=options.target_modules,
        scaling=options.scaling,
        seed=options.seed,
    )


def stored_dtype(spec: LoraSpec | None, dtype: torch.dtype) -> torch.dtype:
    """How the base is loaded: weights that are trained begin as their file has them, not as ``dtype`` rounds them."""
    return dtype if spec else torch.float32


def make_fleet(spec: LoraSpec | None, base: Base, dtype: torch.dtype) -> Fleet:
    """What the trainer moves; ``base`` was loaded in :func:`stored_dtype` and computes in ``dtype``."""
    if spec is None:
        return FullWeights(base.model, dtype)
    return Fleet(base.model.config, [spec], device=base.model.device)


def keep(fleet: Fleet, folder: RunFolder, which: str, *, options: TrainOptions, tokenizer: Tokenizer) -> None:
    """Write what is trained, as it is now, into the run folder: as its best (``adapter``) or its ``last``."""
    place = kept_at(folder, which)
    if isinstance(fleet, FullWeights):
        tokenizer.save(place)
        save_model(fleet.precise_model(), place)
    else:
        save_adapter(place, fleet.weights(0), base=options.base, dropout=options.dropout)


def asked_precision(options: TrainOptions, folder: RunFolder) -> Precision:
    """The number format that was asked for; a run that goes on by ``auto`` keeps the one that it began with."""
    begun: Precision | None = folder.record.get("precision")
    return begun if begun and options.precision == "auto" else options.precision
