"""The engine's handling of messages from workers that are killed at any time, without a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from filelock import FileLock

from squadron.errors import DeviceError
from squadron.sweeps.ray_engine import RayEngine, _RunningTask
from squadron.sweeps.worker import SweepJob
from squadron.tracking.events import Event, RunEnded, RunScored, Stepped


class _RayError(Exception):
    pass


class _RayTaskError(_RayError):
    cause = "the worker's own words"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (None, r"^engine='ray': no cluster can be started on this machine \(no port\); use engine='local', or name a "),
        ("auto", r"^ray_address='auto': no cluster answers \(no port\); start one with: ray start --head$"),
    ],
)
def test_a_cluster_that_does_not_start_or_answer_has_a_next_step(
    address: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionError("no port")

    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False, init=refuse))
    with pytest.raises(DeviceError, match=words):
        RayEngine(address, gpus=None, cpus=1.0)


def get(message: Any) -> Any:
    """Return what a worker sent, or raise its error, as ``ray.get`` does."""
    if isinstance(message, Exception):
        raise message
    return message


ENDED = RunEnded("r4", "done", {"loss": 1.0})
SCORED = RunScored("r4", "validation", "greedy", {"f1": 50.0})
STEPPED = Stepped("r4", 1, {"loss": 2.0})
LOST = _RayError()


class Recorded:
    """An engine with a job that records its calls; ``attempts`` has the messages of each worker in turn."""

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


def test_the_end_of_a_run_is_reported_once_its_files_are_received() -> None:
    recorded = Recorded([event(STEPPED), event(ENDED), event(SCORED)])
    assert (recorded.events, recorded.held) == ([STEPPED], [ENDED, SCORED])
    recorded = Recorded([event(STEPPED), event(ENDED), event(SCORED), ("files", {"a": b"1"})])
    assert (recorded.events, recorded.held, recorded.files) == ([STEPPED, ENDED, SCORED], [], [{"a": b"1"}])


def test_an_end_before_a_worker_is_lost_is_reported_once() -> None:
    """Its files were not received, so the next worker trains the end again, and sends the event again."""
    recorded = Recorded(
        [event(STEPPED), event(ENDED), event(SCORED), LOST],
        [event(ENDED), event(SCORED), ("files", {"a": b"2"})],
    )
    assert recorded.events == [STEPPED, ENDED, SCORED]
    assert recorded.files == [{"a": b"2"}]
    assert recorded.notes == ["fleet 01: its worker was lost (_RayError); it is started again"]
    assert recorded.failed == {}


def test_a_worker_that_is_lost_after_its_files_were_received_loses_no_result() -> None:
    recorded = Recorded([event(ENDED), ("files", {"a": b"1"}), LOST], [event(SCORED), ("files", {"a": b"2"})])
    assert recorded.events == [ENDED, SCORED]


def test_a_fleet_whose_workers_are_lost_fails_after_four_attempts() -> None:
    recorded = Recorded([LOST], [LOST], [LOST], [event(ENDED), ("files", {})])
    assert (recorded.failed, recorded.events) == ({}, [ENDED])
    recorded = Recorded([LOST], [LOST], [LOST], [event(ENDED), LOST])
    assert recorded.failed == {"01": "its worker was lost 4 times (_RayError)"}
    assert recorded.events == []
    assert len(recorded.notes) == 4


@pytest.mark.parametrize(
    ("last", "why"), [(("failed", "no such modules"), "no such modules"), (_RayTaskError(), "the worker's own words")]
)
def test_a_fleet_that_fails_is_not_started_again(last: Any, why: str) -> None:
    recorded = Recorded([("note", "one half"), last])
    assert recorded.failed == {"01": why}
    assert recorded.notes == ["one half", f"fleet 01 failed, the others continue: {why}"]
