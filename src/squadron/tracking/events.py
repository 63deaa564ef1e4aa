"""Typed events of training runs, for the live table and the trackers.

A run's events come in this order: ``RunStarted`` (again after a resume), ``Stepped`` for every optimizer step,
``EpochEnded`` after the last step of an epoch, ``RunEnded``, then ``RunScored`` for every decoding strategy. The events
of a fleet's runs are interleaved. Events are plain values that can be sent between processes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run starts, or resumes after ``step`` of ``steps``. ``config`` is the one in its ``run.json``."""

    run: str
    folder: str
    config: Mapping[str, Any]
    trainable_parameters: int
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """An optimizer step (counted from 1). ``figures`` is its line in ``metrics.jsonl``: ``epoch``, ``loss``,
    ``gradient_norm``, ``learning_rate``, ``questions`` and ``tokens``; None stands for NaN or infinity."""

    run: str
    step: int
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch ended after ``step``. ``figures`` is its line in ``metrics.jsonl``: ``validation_loss`` and, if there
    were answers, ``validation_exact_match``, ``validation_f1`` and ``validation_p_gold`` (points); empty without
    validation."""

    run: str
    step: int
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run's training ended: ``status`` is ``done``, ``diverged``, ``stopped`` (dropped by halving), ``interrupted``
    or ``failed``; ``summary`` is the record that ``train`` returns, or has only ``reason`` if there is none."""

    run: str
    status: str
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunScored:
    """A run's answers were scored. ``scores`` is the record in ``scores.json``, with EM, F1 and P(gold) in points."""

    run: str
    split: str
    decoding: str
    scores: Mapping[str, Any]


Event = RunStarted | Stepped | EpochEnded | RunEnded | RunScored


class Listener:
    """Ignores every event; a subclass overrides the methods for the events it needs."""

    def run_started(self, event: RunStarted) -> None:
        """Handle the start or resumption of a run."""

    def stepped(self, event: Stepped) -> None:
        """Handle an optimizer step."""

    def epoch_ended(self, event: EpochEnded) -> None:
        """Handle the end of an epoch."""

    def run_ended(self, event: RunEnded) -> None:
        """Handle the end of a run's training, successful or not."""

    def run_scored(self, event: RunScored) -> None:
        """Handle the scores of a run's answers."""

    def close(self) -> None:
        """Close the listener: no more events will come."""


class Stream:
    """Sends every event to every listener.

    A listener that raises is closed and dropped, with a note, so none can break a run.
    """

    def __init__(self, listeners: Sequence[Listener] = (), *, note: Callable[[str], None] = lambda _: None) -> None:
        self._listeners = list(listeners)
        self._note = note

    def send(self, event: Event) -> None:
        """Send one event to every listener."""
        self._each(lambda listener: _dispatch(listener, event))

    def close(self) -> None:
        """Close every listener."""
        self._each(lambda listener: listener.close())

    def _each(self, call: Callable[[Listener], None]) -> None:
        for listener in tuple(self._listeners):
            try:
                call(listener)
            except Exception as problem:
                self._listeners.remove(listener)
                with contextlib.suppress(Exception):  # the first problem is the one to tell
                    listener.close()
                self._note(
                    f"{type(listener).__name__} failed and is dropped, the runs continue: "
                    f"{type(problem).__name__}: {problem}"
                )


def _dispatch(listener: Listener, event: Event) -> None:
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
