"""Fleets on a Ray cluster: each is a task that is sent all it needs and sends back all it made.

The workers share no disk with the sweep's folder. A task gets base, questions and the fleet's part of the folder, and
streams events and, at every checkpoint, that part as it is then. When a worker dies, the fleet is sent out again from
the last part that came back. A run's end is told, and its files are final, once the whole part has arrived: whatever
dies in between, every result comes once.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from filelock import FileLock, Timeout

from squadron.errors import ConfigError, DeviceError, InterruptedRunError, command_line_text, option
from squadron.sweeps.ray_worker import Files, Order, Shipment, fly_order
from squadron.sweeps.worker import SweepJob
from squadron.tracking.events import RunEnded, RunScored

_ATTEMPTS = 4
"""How often a fleet is sent out before its workers' deaths count as its own fault."""
_WAIT_SECONDS = 0.5


@dataclass(slots=True)
class _Flight:
    """A fleet that is under way: the stream of its messages, and what waits for its files to arrive."""

    fleet: str
    lock: FileLock
    attempt: int
    messages: Any
    held: list[RunEnded | RunScored]


class RayEngine:
    """A Ray cluster; see :class:`squadron.sweeps.engines.Engine`."""

    def __init__(self, address: str | None, *, gpus: float | None, cpus: float) -> None:
        """Join the cluster at ``address``, or start one on this machine. Raises :class:`squadron.errors.SquadronError`
        where there is no Ray or no cluster."""
        # What Ray would send home, and a warning about its own future.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            ray: Any = importlib.import_module("ray")
        except ImportError:
            raise ConfigError(f"{option('engine', 'ray')}: Ray is not installed; pip install 'squadron[ray]'") from None
        self._ray = ray
        self._owns = not ray.is_initialized()
        if self._owns:
            own = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"} if address is None else {}
            try:
                ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
            except (ConnectionError, ValueError, RuntimeError) as problem:
                raise DeviceError(
                    f"{option('ray_address', address)}: no cluster answers ({problem}); "
                    f"start one with: ray start --head"
                ) from None
        resources = ray.cluster_resources()
        self._gpus = float(min(1, resources.get("GPU", 0))) if gpus is None else gpus
        self._cpus = cpus
        self.workers = int(resources.get("CPU", 1) // cpus)
        if self._gpus:
            self.workers = min(self.workers, int(resources.get("GPU", 0) // self._gpus))
        if self.workers < 1:
            self.close()
            raise DeviceError(
                f"{option('cpus_per_fleet', _whole(cpus))}, {option('gpus_per_fleet', _whole(self._gpus))}: "
                f"the cluster has {resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs; ask for less"
            )
        self._shipment: Any = None

    def close(self) -> None:
        """Leave the cluster."""
        if self._owns:
            self._ray.shutdown()

    def fly(
        self,
        job: SweepJob,
        fleets: Sequence[str],
        rung: int | None,
        *,
        failed: dict[str, str],
        after: Callable[[], None],
    ) -> None:
        """See :class:`squadron.sweeps.engines.Engine`."""
        if self._shipment is None:
            self._shipment = self._ray.put(Shipment.of(job))
        waiting = [fleet for fleet in fleets if fleet not in failed]
        flights: list[_Flight] = []
        try:
            while waiting or flights:
                if job.interruption.asked:
                    raise InterruptedRunError(f"{job.folder.path}: stopped; fleets go on from their last checkpoint")
                for fleet in tuple(waiting):
                    if len(flights) < self.workers and (lock := _taken(job, fleet)):
                        waiting.remove(fleet)
                        flights.append(_Flight(fleet, lock, 1, self._send(job, fleet, rung), []))
                for flight in self._ready(flights):
                    if not self._advance(job, flight, rung, failed):
                        flights.remove(flight)
                        flight.lock.release()
                        after()
        finally:
            for flight in flights:
                self._ray.cancel(flight.messages, force=False)
                flight.lock.release()

    def _send(self, job: SweepJob, fleet: str, rung: int | None) -> Any:
        """Send a fleet out as a task; returns the stream of its messages."""
        task = self._ray.remote(num_cpus=self._cpus, num_gpus=self._gpus, max_retries=0)(fly_order)
        order = Order(
            fleet=fleet,
            rung=rung,
            files=job.folder.read_part(fleet),
            runs={run: job.runs[run].settings() for run in job.folder.runs_of(fleet)},
            threads=max(1, int(self._cpus)),
        )
        return task.remote(self._shipment, order)

    def _ready(self, flights: Sequence[_Flight]) -> list[_Flight]:
        """Flights that have a message, or have ended."""
        if not flights:
            return []
        by_stream = {flight.messages: flight for flight in flights}
        ready, _ = self._ray.wait(list(by_stream), num_returns=1, timeout=_WAIT_SECONDS)
        return [by_stream[stream] for stream in ready]

    def _advance(self, job: SweepJob, flight: _Flight, rung: int | None, failed: dict[str, str]) -> bool:
        """Take a flight's next message; False once it has landed, well or not."""
        try:
            kind, content = self._ray.get(next(flight.messages))
        except StopIteration:
            return False
        except self._ray.exceptions.RayTaskError as problem:
            failed[flight.fleet] = command_line_text(problem.cause)
            job.reporter.note(f"fleet {flight.fleet} failed, the others go on: {failed[flight.fleet]}")
            return False
        except self._ray.exceptions.RayError as problem:
            if flight.attempt == _ATTEMPTS:
                failed[flight.fleet] = f"its worker died {_ATTEMPTS} times ({type(problem).__name__})"
                job.reporter.note(f"fleet {flight.fleet} failed, the others go on: {failed[flight.fleet]}")
                return False
            job.reporter.note(f"fleet {flight.fleet}: its worker died ({type(problem).__name__}); it is sent out again")
            flight.attempt += 1
            flight.held.clear()
            flight.messages = self._send(job, flight.fleet, rung)
            return True
        if kind == "note":
            job.reporter.note(content)
        elif kind == "failed":
            failed[flight.fleet] = content
            job.reporter.note(f"fleet {flight.fleet} failed, the others go on: {content}")
        elif kind == "files":
            files: Files = content
            job.folder.write_part(flight.fleet, files)
            for event in flight.held:
                job.stream.send(event)
            flight.held.clear()
        elif isinstance(content, RunEnded | RunScored):
            flight.held.append(content)
        else:
            job.stream.send(content)
        return True


def _whole(count: float) -> float:
    """Return a whole number as one, as people type it."""
    return int(count) if count.is_integer() else count


def _taken(job: SweepJob, fleet: str) -> FileLock | None:
    """The lock of a fleet, taken; None where another process has it."""
    lock = job.folder.fleet_lock(fleet)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock
