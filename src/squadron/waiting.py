"""How idle threads of PyTorch's OpenMP runtime wait while a process runs: by the load of the machine.

A thread of libgomp that waits spins first, then sleeps. On a free machine it should spin, as the pocket base's products
are too short to wake a thread for each. Beside other load it should not: it would use up its share of a processor in
waiting, and then get it a hundredth of a second late.

The runtime reads its settings once. But while a process has more OpenMP threads than processors, they do not spin if
``OMP_WAIT_POLICY`` is PASSIVE (the manual of libgomp, under ``GOMP_SPINCOUNT``). So while the process's threads have to
wait for processors, idle threads are added, which only sleep. No result depends on it.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import torch

from squadron.threads import GRAIN, SPINNING, usable_processors

INTERVAL = 0.25
"""Seconds between two looks at the threads."""
LOADED, FREE = 0.2, 0.1
"""Shares of its time that a thread waits for a processor, from which on the machine is loaded, below which free."""
_LEAST_SHARE = 0.1
"""Share of an interval that a thread must have wanted to run in to count."""

Times = Mapping[str, tuple[int, int]]
"""The nanoseconds that each thread has run, and has waited for a processor, by its number."""


def thread_times(root: Path = Path("/")) -> Times:
    """Return the times of this process's threads; of none if the system does not report them, as only Linux does."""
    found = {}
    try:
        folders = list((root / "proc/self/task").iterdir())
    except OSError:
        return {}
    for folder in folders:
        try:
            ran, waited = (folder / "schedstat").read_text(encoding="ascii").split()[:2]
            found[folder.name] = int(ran), int(waited)
        except (OSError, ValueError):  # the thread has ended
            continue
    return found


def waiting_share(before: Times, after: Times) -> float:
    """Return the share of its time that the worst thread waited for a processor between two looks, 0 to 1."""
    worst = 0.0
    for name, (ran, waited) in after.items():
        ran_before, waited_before = before.get(name, (ran, waited))
        wanted = ran + waited - ran_before - waited_before
        if wanted >= _LEAST_SHARE * INTERVAL * 1e9:
            worst = max(worst, (waited - waited_before) / wanted)
    return worst


class IdleThreads:
    """OpenMP threads that only sleep: while there are some, the runtime has more threads than processors."""

    def __init__(self, processors: int) -> None:
        """Prepare for a runtime that counts ``processors``; nothing is started."""
        own = torch.get_num_threads()
        self._pools = math.ceil((processors - own + 1) / (own - 1)) if 1 < own <= processors else 0
        self._are_close = 2 * own >= processors
        self._end: threading.Event | None = None

    @property
    def are_useful(self) -> bool:
        """True if threads of this process can be in each other's way: it has several, on half the processors or more.

        With fewer, a thread finds a free processor where others are busy.
        """
        return self._pools > 0 and self._are_close

    def start(self) -> None:
        """Start them, if they are not there."""
        if self._end is None:
            self._end = threading.Event()
            for _ in range(self._pools):
                started = threading.Event()
                threading.Thread(target=_keep_pool, args=(started, self._end), name="idle", daemon=True).start()
                started.wait()

    def stop(self) -> None:
        """End them, if they are there."""
        if self._end is not None:
            self._end.set()
            self._end = None


def _keep_pool(started: threading.Event, end: threading.Event) -> None:
    """Make a pool of threads of its own for this thread, and keep it until ``end``."""
    try:
        torch.zeros(torch.get_num_threads() * GRAIN).add_(1)
    finally:
        started.set()
    end.wait()


def follow_load(idle: IdleThreads, end: threading.Event) -> None:
    """Start and stop ``idle`` by the load, until ``end``."""
    before = thread_times()
    while not end.wait(INTERVAL):
        after = thread_times()
        share = waiting_share(before, after)
        if share >= LOADED:
            with contextlib.suppress(RuntimeError):  # the system allows no more threads
                idle.start()
        elif share < FREE:
            idle.stop()
        before = after
    idle.stop()


_watched: set[int] = set()
"""Processes whose load is followed: this one, or the one that it was forked from."""


def watch_load() -> None:
    """Have a thread follow the load from now on, once a process, where how threads wait is Squadron's to set."""
    is_ours = all(os.environ.get(name) == value for name, value in SPINNING.items())
    idle = IdleThreads(len(usable_processors()))
    if not (is_ours and idle.are_useful and thread_times()) or os.getpid() in _watched:
        return
    _watched.add(os.getpid())
    end = threading.Event()
    thread = threading.Thread(target=follow_load, args=(idle, end), name="load", daemon=True)
    thread.start()
    atexit.register(_end, thread, end)


def _end(thread: threading.Thread, end: threading.Event) -> None:
    """End the thread before the interpreter does, which must not happen within an operation of PyTorch."""
    end.set()
    thread.join(timeout=2)
