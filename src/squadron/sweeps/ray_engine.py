"""Run fleets on a Ray cluster, each as a task.

The workers share no disk with the sweep's folder. A task gets the base, the questions and the fleet's files of that
folder, and streams back events and, at every checkpoint, the current files. If a worker is killed, its fleet starts
again elsewhere from the last files that were received. The end of a run is reported only once its final files are
received, so that every result is reported exactly once, whichever worker is killed.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from filelock import FileLock, Timeout

from squadron.errors import ConfigError, DeviceError, InterruptedRunError, command_line_text, option
from squadron.sweeps.ray_worker import Files, FleetTask, SweepPayload, run_task
from squadron.sweeps.worker import SweepJob
from squadron.tracking.events import RunEnded, RunScored

_ATTEMPTS = 4
"""Attempts per fleet before it counts as the cause of its workers' failures."""
_WAIT_SECONDS = 0.5


@dataclass(slots=True)
class _RunningTask:
    """A running fleet: the stream of its messages, and the events that are held until its files are received."""

    fleet: str
    lock: FileLock
    attempt: int
    messages: Any
    held: list[RunEnded | RunScored]


class RayEngine:
    """A Ray cluster; see :class:`squadron.sweeps.engines.Engine`."""

    def __init__(self, address: str | None, *, gpus: float | None, cpus: float) -> None:
        """Connect to the cluster at ``address``, or start one on this machine if it is None.

        Raises :class:`squadron.errors.SquadronError` if Ray is not installed or the cluster is missing or too small.
        """
        # Turn off usage statistics, and a warning about a future change in Ray.
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
                if address is None:
                    raise DeviceError(
                        f"{option('engine', 'ray')}: no cluster can be started on this machine ({problem}); use "
                        f"{option('engine', 'local')}, or name a cluster by {option('ray_address')}"
                    ) from None
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
        self._payload: Any = None

    def close(self) -> None:
        """Disconnect from the cluster."""
        if self._owns:
            self._ray.shutdown()

    def run(
        self,
        job: SweepJob,
        fleets: Sequence[str],
        rung: int | None,
        *,
        failed: dict[str, str],
        after: Callable[[], None],
    ) -> None:
        """Run the fleets; see :class:`squadron.sweeps.engines.Engine`."""
        if self._payload is None:
            self._payload = self._ray.put(SweepPayload.of(job))
        waiting = [fleet for fleet in fleets if fleet not in failed]
        running: list[_RunningTask] = []
        try:
            while waiting or running:
                if job.interruption.asked:
                    raise InterruptedRunError(f"{job.folder.path}: stopped; fleets resume from their last checkpoint")
                for fleet in tuple(waiting):
                    if len(running) < self.workers and (lock := _try_lock(job, fleet)):
                        waiting.remove(fleet)
                        running.append(_RunningTask(fleet, lock, 1, self._send(job, fleet, rung), []))
                for task in self._ready(running):
                    if not self._advance(job, task, rung, failed):
                        running.remove(task)
                        task.lock.release()
                        after()
        finally:
            for task in running:
                self._ray.cancel(task.messages, force=False)
                task.lock.release()

    def _send(self, job: SweepJob, fleet: str, rung: int | None) -> Any:
        """Submit a fleet as a task; return the stream of its messages."""
        remote = self._ray.remote(num_cpus=self._cpus, num_gpus=self._gpus, max_retries=0)(run_task)
        task = FleetTask(
            fleet=fleet,
            rung=rung,
            files=job.folder.read_part(fleet),
            runs={run: job.runs[run].settings() for run in job.folder.runs_of(fleet)},
            threads=max(1, int(self._cpus)),
        )
        return remote.remote(self._payload, task)

    def _ready(self, running: Sequence[_RunningTask]) -> list[_RunningTask]:
        """Return the tasks that have a message or have ended."""
        if not running:
            return []
        by_stream = {task.messages: task for task in running}
        ready, _ = self._ray.wait(list(by_stream), num_returns=1, timeout=_WAIT_SECONDS)
        return [by_stream[stream] for stream in ready]

    def _advance(self, job: SweepJob, task: _RunningTask, rung: int | None, failed: dict[str, str]) -> bool:
        """Process a task's next message; return False once the task has ended, successfully or not."""
        try:
            kind, content = self._ray.get(next(task.messages))
        except StopIteration:
            return False
        except self._ray.exceptions.RayTaskError as problem:
            failed[task.fleet] = command_line_text(problem.cause)
            job.reporter.note(f"fleet {task.fleet} failed, the others continue: {failed[task.fleet]}")
            return False
        except self._ray.exceptions.RayError as problem:
            if task.attempt == _ATTEMPTS:
                failed[task.fleet] = f"its worker was lost {_ATTEMPTS} times ({type(problem).__name__})"
                job.reporter.note(f"fleet {task.fleet} failed, the others continue: {failed[task.fleet]}")
                return False
            job.reporter.note(
                f"fleet {task.fleet}: its worker was lost ({type(problem).__name__}); it is started again"
            )
            task.attempt += 1
            task.held.clear()
            task.messages = self._send(job, task.fleet, rung)
            return True
        if kind == "note":
            job.reporter.note(content)
        elif kind == "failed":
            failed[task.fleet] = content
            job.reporter.note(f"fleet {task.fleet} failed, the others continue: {content}")
        elif kind == "files":
            files: Files = content
            job.folder.write_part(task.fleet, files)
            for event in task.held:
                job.stream.send(event)
            task.held.clear()
        elif isinstance(content, RunEnded | RunScored):
            task.held.append(content)
        else:
            job.stream.send(content)
        return True


def _whole(count: float) -> float:
    """Return a whole number without a fraction, as people type it."""
    return int(count) if count.is_integer() else count


def _try_lock(job: SweepJob, fleet: str) -> FileLock | None:
    """Acquire the lock of a fleet; return None if another process holds it."""
    lock = job.folder.fleet_lock(fleet)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock
