"""Check what a fleet's checkpoint holds before training goes on from it: a checksum proves no origin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from squadron.data.batches import SCHEMES, Order
from squadron.errors import RunError, option
from squadron.file_records import Amount, Count, Figure, RecordPart, validated

_NEXT_STEP = "put a copy of it back, or remove it to start again"
_Several = Annotated[list[Count], Field(min_length=1)]


class MemberState(RecordPart):
    """One run of the fleet, with its lowest validation loss so far and the step of it."""

    name: str
    best_loss: Figure | None
    best_step: Count


class TrainerState(RecordPart):
    """What the next step depends on besides tensors; all lists have one value per run."""

    step: Count
    optimizer_steps: _Several
    stopped: dict[str, str]
    loss_scales: Annotated[list[Annotated[Figure, Field(gt=0)]], Field(min_length=1)]
    good_steps: _Several


class CheckpointState(RecordPart):
    """The state in a checkpoint of a fleet."""

    members: Annotated[list[MemberState], Field(min_length=1)]
    trainer: TrainerState
    seconds: Amount
    examples: Count
    tokens: Count
    batches: Count = 1
    """The version of the rule that drew the batches; none was recorded before there were two."""


def read_state(path: Path, state: Any, *, order: Order) -> CheckpointState:
    """Return the state of the checkpoint at ``path``, checked. Raises :class:`RunError` with one line.

    A run must not go on with batches that are drawn by another rule than the one that began it.
    """
    found = validated(CheckpointState, path, state, next_step=_NEXT_STEP)
    if found.batches != SCHEMES[order]:
        raise RunError(
            f"{path}: trained with {option('order', order)} on batches that this version draws differently; remove it "
            f"to start again, or go on with the version that began it"
        )
    size, trainer = len(found.members), found.trainer
    for key, own in (
        ("optimizer_steps", trainer.optimizer_steps),
        ("loss_scales", trainer.loss_scales),
        ("good_steps", trainer.good_steps),
    ):
        if len(own) != size:
            raise RunError(f"{path}: trainer.{key}: {len(own)} values for {size} runs; {_NEXT_STEP}")
    for number in trainer.stopped:
        if number not in map(str, range(size)):
            raise RunError(f"{path}: trainer.stopped: {ascii(number)[:60]} is not a run of the fleet; {_NEXT_STEP}")
    return found


def check_tensors(path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise :class:`RunError` unless a checkpoint has tensors of the expected names, shapes and dtypes."""
    for name, own in expected.items():
        stored = tensors.get(name)
        if stored is None or (stored.shape, stored.dtype) != (own.shape, own.dtype):
            has = "none" if stored is None else f"{tuple(stored.shape)} {stored.dtype}"
            raise RunError(
                f"{path}: tensor {name} is {has}, this run's is {tuple(own.shape)} {own.dtype}: "
                f"the checkpoint is of another run; {_NEXT_STEP}"
            )
