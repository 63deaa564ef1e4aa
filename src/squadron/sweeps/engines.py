"""How fleets come to be worked on: one after the other in this process, beside any others that joined.

A process drives one device. Where there are several GPUs, the leader starts a helper for each of the others: the same
command with ``--join``.
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
    """Brings fleets to a rung or to their end."""

    workers: int
    """How many fleets are worked on at a time."""

    def fly(
        self,
        job: SweepJob,
        fleets: Sequence[str],
        rung: int | None,
        *,
        failed: dict[str, str],
        after: Callable[[], None],
    ) -> None:
        """Work on every fleet of ``fleets``, each once.

        A fleet that fails is noted in ``failed`` with why, and the others go on; one that is there already is left
        alone. ``after`` is called when a fleet is done with. Raises :class:`InterruptedRunError` once a person asks.
        """
        ...

    def close(self) -> None:
        """Nothing more is to be done."""
        ...


class LocalEngine:
    """This machine. Other processes may work on the same folder: each fleet is locked by the one that has it."""

    def __init__(self, helpers: Sequence[Sequence[str]] = ()) -> None:
        """``helpers`` are commands, each that of a process that joins."""
        self.workers = 1 + len(helpers)
        self._commands = list(helpers)
        self._helpers: list[subprocess.Popen[bytes]] = []

    def fly(
        self,
        job: SweepJob,
        fleets: Sequence[str],
        rung: int | None,
        *,
        failed: dict[str, str],
        after: Callable[[], None],
    ) -> None:
        """See :class:`Engine`. Waits for fleets that others work on, and takes them up if those end."""
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
                    job.fly(fleet, rung)
                except InterruptedRunError:
                    raise
                except Exception as problem:
                    failed[fleet] = command_line_text(problem) or type(problem).__name__
                    job.reporter.note(f"fleet {fleet} failed, the others go on: {failed[fleet]}")
                finally:
                    lock.release()
                after()
            if waiting and not worked:
                time.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """End the helpers: all fleets are done, or they finish the step under way."""
        for helper in self._helpers:
            helper.terminate()
        for helper in self._helpers:
            helper.wait()


def join_command(options: SweepOptions, device: str) -> list[str]:
    """The command of a process that joins the sweep of ``options`` and drives ``device``."""
    flags: list[str] = []
    given = options.model_dump(mode="json", exclude={"config", "device"}, exclude_none=True, exclude_defaults=True)
    for key, value in given.items():
        flags += [flag_name(key)] if value is True else [flag_name(key), str(value)]
    return [sys.executable, "-m", "squadron", "sweep", options.config, *flags, "--device", device, "--join"]
