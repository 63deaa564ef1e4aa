"""What the engine does with the messages of workers that die, whenever that is; no cluster is needed to tell."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from filelock import FileLock

from squadron.sweeps.ray_engine import RayEngine, _RunningTask
from squadron.sweeps.worker import SweepJob
from squadron.tracking.events import Event, RunEnded, RunScored, Stepped


class _RayError(Exception):
    pass


class _RayTaskError(_RayError):
    cause = "the worker's own words"


def get(message: Any) -> Any:
    """As ``ray.get``: what a worker sent, or what became of it."""
    if isinstance(message, Exception):
        raise message
    return message


ENDED = RunEnded("r4", "done", {"loss": 1.0})
SCORED = RunScored("r4", "validation", "greedy", {"f1": 50.0})
STEPPED = Stepped("r4", 1, {"loss": 2.0})
DIED = _RayError()


class Told:
    """An engine with a job that only remembers; ``attempts`` are the messages of one worker after the other."""

    def __init__(self, *attempts: list[Any]) -> None:
        self.events: list[Event] = []
        self.notes: list[str] = []
        self.files: list[dict[str, bytes]] = []
        self.failed: dict[str, str] = {}
        self._attempts: Iterator[Iterator[Any]] = map(iter, attempts)
        self.engine = RayEngine.__new__(RayEngine)
        self.engine._ray = SimpleNamespace(
            get=get, exceptions=SimpleNamespace(RayError=_RayError, RayTaskError=_RayTaskError)
        )
        self.engine._send = lambda *_: next(self._attempts)  # type: ignore[method-assign]
        self.job = cast(
            SweepJob,
            SimpleNamespace(
                stream=SimpleNamespace(send=self.events.append),
                reporter=SimpleNamespace(note=self.notes.append),
                folder=SimpleNamespace(write_part=lambda _, files: self.files.append(files)),
            ),
        )
        task = _RunningTask("01", cast(FileLock, None), 1, next(self._attempts), [])
        while self.engine._advance(self.job, task, None, self.failed):
            pass
        self.held = task.held


def event(one: Event) -> tuple[str, Event]:
    return "event", one


def test_a_run_s_end_is_told_once_its_files_are_there() -> None:
    told = Told([event(STEPPED), event(ENDED), event(SCORED)])
    assert (told.events, told.held) == ([STEPPED], [ENDED, SCORED])
    told = Told([event(STEPPED), event(ENDED), event(SCORED), ("files", {"a": b"1"})])
    assert (told.events, told.held, told.files) == ([STEPPED, ENDED, SCORED], [], [{"a": b"1"}])


def test_a_worker_that_dies_after_a_run_ended_tells_that_end_once_all_the_same() -> None:
    """The files had not come, so the next worker trains the end again, and tells it again."""
    told = Told(
        [event(STEPPED), event(ENDED), event(SCORED), DIED],
        [event(ENDED), event(SCORED), ("files", {"a": b"2"})],
    )
    assert told.events == [STEPPED, ENDED, SCORED]
    assert told.files == [{"a": b"2"}]
    assert told.notes == ["fleet 01: its worker was lost (_RayError); it is started again"]
    assert told.failed == {}


def test_a_worker_that_dies_after_its_files_came_loses_nothing() -> None:
    told = Told([event(ENDED), ("files", {"a": b"1"}), DIED], [event(SCORED), ("files", {"a": b"2"})])
    assert told.events == [ENDED, SCORED]


def test_a_fleet_that_kills_its_workers_is_given_up_after_four() -> None:
    told = Told([DIED], [DIED], [DIED], [event(ENDED), ("files", {})])
    assert (told.failed, told.events) == ({}, [ENDED])
    told = Told([DIED], [DIED], [DIED], [event(ENDED), DIED])
    assert told.failed == {"01": "its worker was lost 4 times (_RayError)"}
    assert told.events == []
    assert len(told.notes) == 4


@pytest.mark.parametrize(
    ("last", "why"), [(("failed", "no such modules"), "no such modules"), (_RayTaskError(), "the worker's own words")]
)
def test_a_fleet_that_fails_by_itself_is_not_sent_out_again(last: Any, why: str) -> None:
    told = Told([("note", "one half"), last])
    assert told.failed == {"01": why}
    assert told.notes == ["one half", f"fleet 01 failed, the others continue: {why}"]
