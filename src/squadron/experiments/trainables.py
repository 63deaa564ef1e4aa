"""The trainable parts of a run, by ``--method``: an adapter on a frozen base, or all weights of the base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from squadron.data.encoding import Example
from squadron.experiments.load_run import is_full, weights_folder
from squadron.model.adapters import load_adapter, save_adapter
from squadron.model.checkpoint import Base, load_base, save_model
from squadron.model.config import GPT2Config, Precision
from squadron.model.fleet import Fleet
from squadron.model.full import FullWeights
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec
from squadron.model.targets import TARGETS, trainable_parameters
from squadron.model.tokenizer import Tokenizer
from squadron.model.trainable import Trainable
from squadron.model.updates import measure_update
from squadron.options.axes import ADAPTER_AXES
from squadron.options.core import TrainOptions
from squadron.runs.folder import RunFolder
from squadron.training.memory import free_bytes, most_tokens, padded_parameters, plan_checkpointing


def adapter_spec(options: TrainOptions) -> LoraSpec | None:
    """Return the adapter to train; None if all weights are trained."""
    if options.method == "full":
        return None
    own: dict[str, Any] = {axis: getattr(options, field) for axis, field in ADAPTER_AXES.items()}
    return LoraSpec(seed=options.seed, **own)


def run_parameters(options: TrainOptions, model: GPT2) -> int:
    """Return the number of parameters that a run trains on this base."""
    spec = adapter_spec(options)
    if spec is None:
        return model.parameter_count
    return trainable_parameters(model.config, spec.targets, spec.rank)


def make_fleet(runs: Sequence[TrainOptions], base: Base) -> tuple[GPT2, Trainable]:
    """Return the model and its trainable part: ``base`` with a fleet of adapters, or a copy of it with all weights.

    The copy's weights start as they are in the checkpoint file, in fp32, not rounded to the precision of ``base``; the
    copy still computes in that precision.
    """
    specs = [spec for run in runs if (spec := adapter_spec(run)) is not None]
    if specs:
        assert len(specs) == len(runs), runs
        return base.model, Fleet(base.model.config, specs, device=base.model.device)
    assert len(runs) == 1, "a run that trains all weights runs alone"
    own = load_base(str(base.folder), dtype=torch.float32, device=base.model.device).model
    return own, FullWeights(own, base.model.dtype)


def needs_checkpointing(runs: Sequence[TrainOptions], model: GPT2, examples: Sequence[Example]) -> bool:
    """Return True if a run alone fits in a GPU's memory only if activations are computed again; False on a CPU."""
    if model.device.type == "cpu":
        return False
    config, dtype = model.config, model.dtype
    tokens, free = most_tokens(examples, runs[0].batch_size), free_bytes(model.device)
    return any(
        plan_checkpointing(
            config,
            dtype=dtype,
            parameters=config.parameter_count if spec is None else padded_parameters(config, spec.targets, spec.rank),
            tokens=tokens,
            free_bytes=free,
            targets=TARGETS if spec is None else spec.targets,
        )
        for spec in map(adapter_spec, runs)
    )


def save_trained(
    fleet: Trainable, k: int, folder: RunFolder, which: str, *, options: TrainOptions, tokenizer: Tokenizer
) -> None:
    """Write the current weights of run ``k`` to its folder, as its best (``adapter``) or its ``last``."""
    place = weights_folder(folder, which)
    if isinstance(fleet, FullWeights):
        tokenizer.save(place)
        save_model(fleet.precise_model(), place, eos_id=tokenizer.eos_id)
    else:
        assert isinstance(fleet, Fleet), type(fleet)
        save_adapter(place, fleet.weights(k), base=options.base, dropout=options.dropout)


def update_facts(folder: RunFolder, config: GPT2Config) -> dict[str, Any]:
    """Return what a run's record says of the update that its best adapter is; nothing if all weights were trained.

    ``config`` is that of the base. See :class:`squadron.model.updates.Update`.
    """
    if is_full(folder):
        return {}
    update = measure_update(load_adapter(weights_folder(folder), config))
    return {} if update is None else {"update": update.to_json()}


def requested_precision(options: TrainOptions, folder: RunFolder) -> Precision:
    """Return the requested number format; with ``auto``, a resumed run keeps the format that it began with."""
    begun: Precision | None = folder.record.get("precision")
    return begun if begun and options.precision == "auto" else options.precision
