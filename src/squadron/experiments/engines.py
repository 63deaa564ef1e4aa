"""How fleets come to be worked on: one after the other in this process, beside any others that joined."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from filelock import Timeout

from squadron.errors import InterruptedRunError
from squadron.experiments.sweep_job import SweepJob

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
    """This process. Other processes may work on the same folder: each fleet is locked by the one that has it."""

    workers = 1

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
                    failed[fleet] = str(problem) or type(problem).__name__
                    job.reporter.note(f"fleet {fleet} failed, the others go on: {failed[fleet]}")
                finally:
                    lock.release()
                after()
            if waiting and not worked:
                time.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """Nothing is held."""
