"""What happens to runs while they train, as a small stream of typed events; the live table and the trackers listen.

A run's events come in this order: ``RunStarted`` (again after a resume), ``Stepped`` for every optimizer step,
``EpochEnded`` after the last step of an epoch, ``RunEnded``, then ``RunScored`` for every decoding strategy. The runs
of a fleet take turns. Events are plain values: they can be sent from one process to another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins, or goes on after ``step`` of ``steps``. ``config`` is that of its ``run.json``."""

    run: str
    folder: str
    config: Mapping[str, Any]
    trainable_parameters: int
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """An optimizer step (counted from 1). ``figures`` is its line in ``metrics.jsonl``: ``epoch``, ``loss``,
    ``gradient_norm``, ``learning_rate``, ``questions`` and ``tokens``; None stands for what is no number."""

    run: str
    step: int
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch ended after ``step``. ``figures`` is its line in ``metrics.jsonl``: ``validation_loss`` and, where
    questions were answered, ``validation_exact_match`` and ``validation_f1`` (points); empty without validation."""

    run: str
    step: int
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run's training ended: ``status`` is ``done``, ``diverged``, ``stopped`` (dropped by halving), ``interrupted``
    or ``failed``; ``summary`` is what ``train`` returns, or ``reason`` alone where it did not come to that."""

    run: str
    status: str
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunScored:
    """A run's answers were scored: ``scores`` is the record of ``scores.json``, EM and F1 in points."""

    run: str
    split: str
    decoding: str
    scores: Mapping[str, Any]


Event = RunStarted | Stepped | EpochEnded | RunEnded | RunScored


class Listener:
    """Hears every event and does nothing with it; a subclass overrides what it cares for."""

    def run_started(self, event: RunStarted) -> None:
        """A run begins or goes on."""

    def stepped(self, event: Stepped) -> None:
        """A run made a step."""

    def epoch_ended(self, event: EpochEnded) -> None:
        """A run ended an epoch."""

    def run_ended(self, event: RunEnded) -> None:
        """A run's training ended, well or not."""

    def run_scored(self, event: RunScored) -> None:
        """A run's answers were scored."""

    def close(self) -> None:
        """Nothing more will come."""


class Stream:
    """Tells every event to every listener. One that raises is dropped, with a note: no listener can break a run."""

    def __init__(self, listeners: Sequence[Listener] = (), *, note: Callable[[str], None] = lambda _: None) -> None:
        self._listeners = list(listeners)
        self._note = note

    def tell(self, event: Event) -> None:
        """Tell one event."""
        self._each(lambda listener: _tell(listener, event))

    def close(self) -> None:
        """Nothing more will come."""
        self._each(lambda listener: listener.close())

    def _each(self, call: Callable[[Listener], None]) -> None:
        for listener in tuple(self._listeners):
            try:
                call(listener)
            except Exception as problem:
                self._listeners.remove(listener)
                self._note(f"{type(listener).__name__} is dropped, the runs go on: {type(problem).__name__}: {problem}")


def _tell(listener: Listener, event: Event) -> None:
    match event:
        case RunStarted():
            listener.run_started(event)
        case Stepped():
            listener.stepped(event)
        case EpochEnded():
            listener.epoch_ended(event)
        case RunEnded():
            listener.run_ended(event)
        case RunScored():
            listener.run_scored(event)
