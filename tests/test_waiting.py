"""Waiting threads: they stop spinning while others need the processors, and no result depends on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import squadron
from squadron import waiting
from squadron.threads import SPINNING
from squadron.waiting import IdleThreads, follow_load, thread_times, waiting_share

SECOND = 10**9


def test_times_are_those_of_all_threads(tmp_path: Path) -> None:
    for name, times in (("7", "5 2 3\n"), ("8", "1 0 3\n")):
        (tmp_path / "proc/self/task" / name).mkdir(parents=True)
        (tmp_path / "proc/self/task" / name / "schedstat").write_text(times)
    (tmp_path / "proc/self/task/9").mkdir()  # a thread that ends while it is looked at
    assert thread_times(tmp_path) == {"7": (5, 2), "8": (1, 0)}
    assert thread_times(tmp_path / "nothing") == {}


def test_times_are_the_systems_own() -> None:
    before = thread_times()
    if not before:
        pytest.skip("this system does not report the times of threads")
    deadline = time.thread_time() + 0.05
    while time.thread_time() < deadline:
        pass
    own = str(threading.get_native_id())
    assert thread_times()[own][0] - before[own][0] > 0.03 * SECOND


@pytest.mark.parametrize(
    ("ran", "waited", "share"),
    [
        ({"a": 200, "b": 200}, {"a": 0, "b": 0}, 0.0),
        ({"a": 200, "b": 150}, {"a": 0, "b": 50}, 0.25),
        ({"a": 200, "b": 100, "new": 1}, {"a": 50, "b": 100, "new": 200}, 0.5),  # a new thread has no interval yet
        ({"a": 200, "idle": 1}, {"a": 0, "idle": 9}, 0.0),
    ],
)
def test_the_share_is_that_of_the_thread_that_waited_most(
    ran: dict[str, int], waited: dict[str, int], share: float
) -> None:
    before = {name: (7, 5) for name in ran if name != "new"}
    after = {name: (7 + ran[name] * SECOND // 1000, 5 + waited[name] * SECOND // 1000) for name in ran}
    assert waiting_share(before, after) == pytest.approx(share)


class Recorded(IdleThreads):
    """Idle threads that only note what they are told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self) -> None:
        self.told.append("start")

    def stop(self) -> None:
        self.told.append("stop")


def test_idle_threads_come_and_go_with_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two limits nothing changes. Each look is told with the share that a thread waited since the last."""
    shares = [0, 15, 25, 15, 40, 5]
    idle, end = Recorded(), threading.Event()
    left = iter(shares)
    ran = waited = 0

    def scripted() -> waiting.Times:
        nonlocal ran, waited
        if ran:  # the first look has none before it
            share = next(left)
            idle.told.append(str(share))
            waited += share * SECOND
            if share == shares[-1]:
                end.set()
            ran -= share * SECOND
        ran += 100 * SECOND
        return {"1": (ran, waited)}

    monkeypatch.setattr(waiting, "INTERVAL", 0.001)
    monkeypatch.setattr(waiting, "thread_times", scripted)
    follow_load(idle, end)
    assert idle.told == ["0", "stop", "15", "25", "start", "15", "40", "start", "5", "stop", "stop"]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def system_threads() -> int:
    """The number of this process's threads that the system knows, OpenMP's included; 0 if it does not tell."""
    return len(thread_times())


def eventually(is_true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not is_true() and time.monotonic() < deadline:
        time.sleep(0.002)
    return is_true()


@pytest.mark.usefixtures("two_threads")
def test_idle_threads_exist_while_they_are_wanted_and_change_no_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(300, 256, generator=generator), torch.randn(256, 768, generator=generator)

    def result() -> torch.Tensor:
        return torch.tanh(x @ weight).logsumexp(-1)

    def idle_threads() -> int:
        return [thread.name for thread in threading.enumerate()].count("idle")

    alone = result()
    before, others = system_threads(), idle_threads()
    idle = IdleThreads(2)
    assert idle.are_useful
    idle.stop()  # nothing is there
    idle.start()
    idle.start()  # once is enough
    try:
        assert idle_threads() == others + 1
        if before:
            assert system_threads() >= before + 2, "no OpenMP thread was added"
        assert torch.get_num_threads() == 2
        assert torch.equal(result(), alone)
    finally:
        idle.stop()
    assert eventually(lambda: idle_threads() == others)
    assert torch.equal(result(), alone)


@pytest.mark.parametrize(
    ("threads", "processors", "useful"),
    [(2, 2, True), (2, 4, True), (2, 5, False), (3, 8, False), (4, 8, True), (1, 2, False), (3, 2, False)],
)
@pytest.mark.usefixtures("two_threads")
def test_they_are_of_use_where_threads_can_be_in_each_others_way(threads: int, processors: int, useful: bool) -> None:
    torch.set_num_threads(threads)
    assert IdleThreads(processors).are_useful is useful


WATCHED = """
import json, threading, torch
from pathlib import Path
from squadron.model.checkpoint import load_base, save_model, random_model
from squadron.model.config import GPT2Config
import squadron.waiting as waiting
waiting.thread_times = lambda: {"1": (1, 1)}
waiting.usable_processors = lambda: frozenset(range(2))
torch.set_num_threads(2)
config = GPT2Config(vocab_size=8, n_positions=8, n_embd=4, n_layer=1, n_head=1)
save_model(random_model(config, seed=0), Path("."))
for _ in range(2):
    load_base(".")
print(json.dumps([thread.name for thread in threading.enumerate()].count("load")))
"""


@pytest.mark.parametrize(
    ("own", "watched"), [({}, 1), ({"OMP_WAIT_POLICY": "ACTIVE"}, 0), ({"GOMP_SPINCOUNT": "7"}, 0)]
)
def test_a_base_on_the_cpu_is_watched_once_unless_the_user_chose(
    own: dict[str, str], watched: int, tmp_path: Path
) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in SPINNING}
    path = str(Path(squadron.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        env={**kept, "PYTHONPATH": path, **own},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == watched
