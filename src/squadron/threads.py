"""How the threads of PyTorch's OpenMP runtime wait, and how many there are: settings made before it is loaded.

The runtime reads its environment once, when ``torch`` is loaded, so ``import squadron`` sets these variables first.
Processes that Squadron starts inherit them. Whatever the user has set stays.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, MutableMapping
from pathlib import Path

SPINNING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "300000"}
"""How threads wait unless the user says otherwise: those of libgomp spin for as many rounds as its own default has, a
few milliseconds, but do not while there are more of them than processors, which :mod:`squadron.waiting` makes use of;
those of libiomp sleep at once."""
GRAIN = 1 << 15
"""Elements from which on PyTorch divides an operation among threads, ``at::internal::GRAIN_SIZE``."""
_V1_CONTROLLERS = ("cpu", "cpu,cpuacct", "cpuacct,cpu")
"""Folders below /sys/fs/cgroup in which version 1 has the CPU's limits."""


def set_thread_defaults(environment: MutableMapping[str, str] | None = None, *, root: Path = Path("/")) -> None:
    """Let threads spin as :data:`SPINNING` says, and limit their number to what this process may use.

    A user's ``OMP_WAIT_POLICY``, ``GOMP_SPINCOUNT`` or ``KMP_BLOCKTIME`` goes before it. ``OMP_NUM_THREADS`` is set
    only where there are fewer physical cores, or the cgroup gives less CPU time, than the processors that the runtime
    would count.
    """
    environment = os.environ if environment is None else environment
    is_counted = "OMP_NUM_THREADS" in environment or "MKL_NUM_THREADS" in environment
    if is_counted and "OMP_WAIT_POLICY" in environment:
        return
    if "OMP_WAIT_POLICY" not in environment:
        for name, value in SPINNING.items():
            environment.setdefault(name, value)
    processors = usable_processors()
    limit = thread_limit(processors, root=root)
    if not is_counted and limit < len(processors):
        environment["OMP_NUM_THREADS"] = str(limit)


def set_cache_defaults(environment: MutableMapping[str, str] | None = None) -> None:
    """Let oneDNN and PyTorch's layer over it keep 32 matrix products each that were prepared for a shape, not 1,024.

    Batches differ in length, so nearly every step prepares products of its own, up to a megabyte each; a step needs
    fewer than 32. Both read their variable once, when they are loaded.
    """
    environment = os.environ if environment is None else environment
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        environment.setdefault(name, "32")


def usable_processors() -> frozenset[int]:
    """Return the numbers of the logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def thread_limit(processors: Iterable[int], *, root: Path = Path("/")) -> int:
    """Return how many threads can compute at a time: at least 1, at most one per physical core, and no more than the
    CPU time that the cgroup gives, rounded down. ``root`` is where ``proc`` and ``sys`` are."""
    cores = _physical_cores(processors, root)
    return max(1, math.floor(min(cores, cpu_quota(root))))


def _physical_cores(processors: Iterable[int], root: Path) -> int:
    """Count the cores of these processors; one whose siblings are unknown counts as a core."""
    cores = set()
    for processor in processors:
        siblings = root / f"sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list"
        cores.add(_text(siblings) or str(processor))
    return len(cores)


def cpu_quota(root: Path = Path("/")) -> float:
    """Return how many CPUs' time the cgroups of this process give it; infinity without a limit.

    Version 2 (``cpu.max``) and version 1 (``cpu.cfs_quota_us``) are read, in the process's own group and all above it:
    the lowest limit counts. In a container, the group's path may be the host's; then only the root is found.
    """
    lowest = math.inf
    mounted = root / "sys/fs/cgroup"
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        group = Path(path.lstrip("/"))
        if number == "0" and not controllers:
            homes = [mounted, mounted / "unified"]
        elif "cpu" in controllers.split(","):
            homes = [mounted / name for name in _V1_CONTROLLERS]
        else:
            continue
        for home in homes:
            lowest = min(lowest, *(_quota(home / one) for one in (group, *group.parents)))
    return lowest


def _quota(group: Path) -> float:
    """Return the limit of one cgroup, in CPUs."""
    given = (_text(group / "cpu.max") or "").split()
    if not given:
        given = [_text(group / name) or "" for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")]
    try:
        quota, period = (int(value) for value in given)
    except ValueError:
        return math.inf  # "max", or there is no such file
    return quota / period if quota > 0 and period > 0 else math.inf


def processor_facts(path: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Return what the kernel tells of the first processor, such as ``vendor_id`` and ``flags``; empty if nothing."""
    facts: dict[str, str] = {}
    for line in (_text(path) or "").splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    return facts


def _text(path: Path) -> str | None:
    """Return the text of a small file of the kernel, stripped; None if it cannot be read."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip() or None
    except OSError:
        return None
