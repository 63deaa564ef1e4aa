"""What a program does on the emulated device: launches, waits of the host, copies, bytes, and memory."""

from __future__ import annotations

import sys
import weakref
from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Kind = Literal["launch", "read", "upload", "asynchronous upload", "asynchronous read"]
"""``launch``: an operation of the device. ``read``: the host waits for a value or a size that the device computes.
``upload``: a copy to the device from pageable memory, for which the host waits as well. The asynchronous copies
(``non_blocking=True``) wait for nothing."""

WAITS: tuple[Kind, ...] = ("read", "upload")
_PACKAGE = "/squadron/"


class Event(NamedTuple):
    """An operation or copy: its kind, its operator, and the innermost line of the package that asked for it."""

    kind: Kind
    operator: str
    line: str


def source_line() -> str:
    """Return the innermost line of ``src/squadron`` on the stack, such as ``model/lora.py:146``; ``?`` if none."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if "/src" + _PACKAGE in name:
            return f"{name.rsplit(_PACKAGE, 1)[1]}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "?"


class Memory:
    """The bytes of the device's storages: ``live`` now, and ``peak`` since :meth:`reset_peak`.

    A storage counts from its first tensor until nothing holds it, autograd included, as on a GPU whose allocator loses
    nothing. The workspaces within an operation are not known, and not counted. ``at_peak`` has the bytes by the line
    that allocated them, when the peak was reached to 1 %.
    """

    def __init__(self) -> None:
        self.live = self.peak = 0
        self.at_peak: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()
        self._known: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def add(self, tensor: Tensor) -> None:
        """Count the storage of ``tensor``, unless it is counted already."""
        storage = tensor.untyped_storage()
        key, size = id(storage), storage.nbytes()
        if key in self._known:
            return
        line = source_line()
        self._known[key] = weakref.ref(storage, lambda _: self._remove(key, size, line))
        self.live += size
        self._lines[line] += size
        self.peak = max(self.peak, self.live)
        if self.live > 1.01 * self.at_peak.total():
            self.at_peak = self._lines.copy()

    def _remove(self, key: int, size: int, line: str) -> None:
        del self._known[key]
        self.live -= size
        self._lines[line] -= size

    def reset_peak(self) -> None:
        """Start a new peak at what is live now."""
        self.peak = self.live
        self.at_peak = self._lines.copy()


class Counts:
    """The events so far and their bytes, and the device's memory."""

    def __init__(self) -> None:
        self.events: Counter[Event] = Counter()
        self.bytes: Counter[Event] = Counter()
        self.memory = Memory()

    def reset(self) -> None:
        """Forget all events, and start a new peak."""
        self.events.clear()
        self.bytes.clear()
        self.memory.reset_peak()

    def add(self, kind: Kind, operator: str, size: int) -> None:
        """Count an event that moves ``size`` bytes."""
        event = Event(kind, operator, source_line())
        self.events[event] += 1
        self.bytes[event] += size

    def total(self, *kinds: Kind) -> int:
        """Return the number of events of these kinds."""
        return sum(count for event, count in self.events.items() if event.kind in kinds)

    @property
    def operations(self) -> int:
        """The number of launches. Views and allocations are none."""
        return self.total("launch")

    @property
    def syncs(self) -> int:
        """How often the host waited for the device: reads and blocking uploads."""
        return self.total(*WAITS)

    @property
    def moved(self) -> int:
        """The bytes that all launches read and wrote."""
        return sum(size for event, size in self.bytes.items() if event.kind == "launch")

    def by(self, field: Literal["operator", "line"], *kinds: Kind, size: bool = False) -> list[tuple[str, int]]:
        """Return the events of these kinds by operator or by source line, most first: their number, or their bytes."""
        found: Counter[str] = Counter()
        for event, count in (self.bytes if size else self.events).items():
            if event.kind in kinds:
                found[getattr(event, field)] += count
        return found.most_common()


def tensor_bytes(tensors: Iterable[Tensor]) -> int:
    """Return the bytes of ``tensors``; an expanded one is read once."""
    return sum(min(x.numel() * x.element_size(), x.untyped_storage().nbytes()) for x in tensors)
