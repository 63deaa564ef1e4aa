"""Engines that run fleets. The local engine runs them one after another, beside any processes that joined.

A process uses one device. If there are several GPUs, the coordinator starts a helper process for each of the others:
the same command with ``--join``.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from filelock import Timeout

from squadron.errors import InterruptedRunError, command_line_text
from squadron.options.base import flag_name
from squadron.options.sweep import SweepOptions
from squadron.sweeps.worker import SweepJob

_PAUSE_SECONDS = 0.5


class Engine(Protocol):
    """Run fleets to a rung or to their end."""

    workers: int
    """The number of fleets that run at the same time."""

    def run(
        self,
        job: SweepJob,
        fleets: Sequence[str],
        rung: int | None,
        *,
        failed: dict[str, str],
        after: Callable[[], None],
    ) -> None:
        """Run every fleet of ``fleets`` once, to epoch ``rung`` or, if it is None, to the end.

        A fleet that fails is added to ``failed`` with the reason, and the others continue; fleets that are already in
        ``failed`` are skipped. ``after`` is called after each fleet. Raises :class:`InterruptedRunError` if a person
        interrupts it.
        """
        ...

    def close(self) -> None:
        """Release all resources; no fleet will be run after this."""
        ...


class LocalEngine:
    """Run fleets on this machine. Other processes may work on the same folder, since each fleet is locked by one."""

    def __init__(self, helpers: Sequence[Sequence[str]] = ()) -> None:
        """``helpers`` are the commands of processes that join the sweep."""
        self.workers = 1 + len(helpers)
        self._commands = list(helpers)
        self._helpers: list[subprocess.Popen[bytes]] = []

    def run(
        self,
        job: SweepJob,
        fleets: Sequence[str],
        rung: int | None,
        *,
        failed: dict[str, str],
        after: Callable[[], None],
    ) -> None:
        """Run the fleets; see :class:`Engine`. Fleets of other processes are continued here if those end early."""
        while self._commands:
            self._helpers.append(subprocess.Popen(self._commands.pop(), stdout=subprocess.DEVNULL))
        waiting = [fleet for fleet in fleets if fleet not in failed]
        while waiting:
            worked = False
            for fleet in tuple(waiting):
                if job.interruption.asked:
                    raise InterruptedRunError(f"{job.folder.path}: stopped between two fleets")
                lock = job.folder.fleet_lock(fleet)
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    continue
                worked = True
                waiting.remove(fleet)
                try:
                    job.check_sweep()  # only now: one that replaces it holds the lock until the record says so
                    job.check_ended(fleet)
                    _run_fleet(job, fleet, rung, failed)
                finally:
                    lock.release()
                after()
            if waiting and not worked:
                time.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """Stop the helpers; a helper that is training finishes its current step first."""
        for helper in self._helpers:
            helper.terminate()
        for helper in self._helpers:
            helper.wait()


def _run_fleet(job: SweepJob, fleet: str, rung: int | None, failed: dict[str, str]) -> None:
    """Run one fleet; if it fails, add the reason to ``failed``."""
    try:
        job.run_fleet(fleet, rung)
    except InterruptedRunError:
        raise
    except Exception as problem:
        failed[fleet] = command_line_text(problem) or type(problem).__name__
        job.reporter.note(f"fleet {fleet} failed, the others continue: {failed[fleet]}")


def join_command(options: SweepOptions, device: str) -> list[str]:
    """Return the command of a process that joins the sweep of ``options`` on ``device``."""
    flags: list[str] = []
    given = options.model_dump(mode="json", exclude={"config", "device"}, exclude_none=True, exclude_defaults=True)
    for key, value in given.items():
        flags += [flag_name(key)] if value is True else [flag_name(key), str(value)]
    return [sys.executable, "-m", "squadron", "sweep", options.config, *flags, "--device", device, "--join"]
