"""The inputs that the runs of a sweep share: the base, its tokenizer, and the encoded questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from squadron.data.batches import Order
from squadron.data.encoding import Example, Truncation, encode_training
from squadron.data.prepared import Split, load_split, prepared_sizes
from squadron.errors import ConfigError, DataError, option
from squadron.experiments.pocket import base_location
from squadron.model.checkpoint import Base, DtypeRule, load_base
from squadron.model.tokenizer import Tokenizer, load_tokenizer
from squadron.training.precision import precision_name

Encoded = tuple[list[Example], Truncation]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Base, tokenizer and splits; ``name`` and ``data`` are the base and the data as the user names them."""

    name: str
    data: str
    base: Base
    tokenizer: Tokenizer
    training: Split
    validation: Split | None
    _encoded: dict[tuple[str, int, Order], Encoded] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """The device of the base."""
        return self.base.model.device

    def examples(self, max_length: int, order: Order) -> Encoded:
        """Return the encoded training questions, whose truncated contexts are shared if they are drawn by paragraph.

        Raises a :class:`SquadronError` if none fits.
        """
        positions = self.base.model.config.n_positions
        if max_length > positions:
            raise ConfigError(f"{option('max_length', max_length)}: this base has {positions} positions; lower it")
        examples, truncation = self._encode(self.training, max_length, order)
        if not examples:
            raise DataError(f"{option('max_length', max_length)}: no question of {self.data} fits; raise it")
        return examples, truncation

    def held_out(self, max_length: int) -> list[Example]:
        """Return the encoded validation questions; an empty list if there is no validation split.

        Each has a window of its own, so that the losses of runs of both orders compare.
        """
        return [] if self.validation is None else self._encode(self.validation, max_length, "question")[0]

    def cut_off(self) -> list[str]:
        """Return which training questions were left out or lost context: a line for each length and order in use."""
        told = {
            (length, order): summary
            for (split, length, order), (_, truncation) in self._encoded.items()
            if split == self.training.name and (summary := truncation.summary())
        }
        if len(told) == 1:
            return list(told.values())
        names = {key: f"max_length {key[0]}" for key in told}
        if len({order for _, order in told}) > 1:
            names = {key: f"{name}, order {key[1]}" for key, name in names.items()}
        return [f"{names[key]}: {text}" for key, text in told.items()]

    def _encode(self, split: Split, max_length: int, order: Order) -> Encoded:
        key = (split.name, max_length, order)
        if key not in self._encoded:
            shared = order == "paragraph"
            found = encode_training(split.dataset, self.tokenizer, max_length=max_length, share_windows=shared)
            self._encoded[key] = found
        return self._encoded[key]

    def facts(self) -> dict[str, Any]:
        """Return the description of these inputs for a run's record."""
        return {
            "base": {
                "name": self.name,
                "sha256": self.base.sha256,
                "parameters": self.base.model.parameter_count,
                "local": Path(self.name).is_absolute(),  # a path, not a name of the hub
                "end_token": self.tokenizer.eos,
                **({"hub": dict(self.base.hub)} if self.base.hub else {}),
            },
            "data": {"train": describe_split(self.training), "validation": describe_split(self.validation)},
            "precision": precision_name(self.base.model.dtype),
        }


def open_inputs(
    name: str,
    data: str,
    *,
    training: Split,
    offline: bool,
    dtype: torch.dtype | DtypeRule,
    device: torch.device,
    location: str | None = None,
) -> Inputs:
    """Load the base ``name`` and the validation questions beside ``training`` in ``data``.

    ``location`` is a copy of the base to load instead. Its memory is to be planned before, by
    :func:`squadron.experiments.room.check_room`. Raises a :class:`squadron.errors.SquadronError` for any problem that a
    user can cause.
    """
    base = load_base(location or base_location(name), offline=offline, dtype=dtype, device=device)
    tokenizer = load_tokenizer(base.folder, vocab_size=base.model.config.vocab_size)
    return Inputs(name, data, base, tokenizer, training, validation_split(data))


def validation_split(data: str) -> Split | None:
    """Return the validation split; None if the data is a plain file or was prepared without one."""
    if not Path(data).is_dir() or prepared_sizes(Path(data))["validation"] == 0:
        return None
    return load_split(data, "validation")


def describe_split(split: Split | None) -> Mapping[str, Any] | None:
    """Return the description of a split for a record."""
    if split is None:
        return None
    return {
        "split": split.name,
        "questions": len(split.dataset),
        "sha256": split.sha256,
        "set_aside": len(split.dataset.set_aside),
        **({"hub": dict(split.hub)} if split.hub else {}),
    }
