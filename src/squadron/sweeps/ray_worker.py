"""What a Ray worker does with a fleet: unpack, fly as any engine does, and send back what came of it. No Ray here."""

from __future__ import annotations

import json
import queue
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from squadron.data.prepared import load_split
from squadron.errors import command_line_text
from squadron.experiments.inputs import Material, open_material
from squadron.files import write_bytes
from squadron.model.config import Precision
from squadron.options.core import EvaluateOptions, TrainOptions
from squadron.runs.sweep_folder import SweepFolder
from squadron.sweeps.worker import SweepJob
from squadron.tracking.events import Event, Stream
from squadron.tracking.progress import Reporter
from squadron.training.precision import dtype_rule, precision_name, resolve_device

Files = dict[str, bytes]
"""Files by their paths within a folder."""
_BASE_FILES = (".safetensors", ".json", ".txt")
"""What a base is made of: weights, configuration and tokenizer."""
Message = tuple[str, Any]
"""``("event", Event)``, ``("note", text)``, ``("files", Files)`` or ``("failed", why)``."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """What all fleets of a sweep need, sent to the cluster once."""

    key: str
    name: str
    base: Files
    data: Files
    device: str
    precision: Precision
    evaluation: EvaluateOptions
    split: str
    rungs: tuple[int, ...]

    @classmethod
    def of(cls, job: SweepJob) -> Shipment:
        """That of a job."""
        folder = Path(job.material.base.folder)
        return cls(
            key=json.dumps(job.material.facts()),
            name=job.material.name,
            base={path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in _BASE_FILES},
            data={path.name: path.read_bytes() for path in Path(job.material.data).glob("*.json")},
            device=job.evaluation.device,
            precision=precision_name(job.material.base.model.dtype),
            evaluation=job.evaluation,
            split=job.split.name,
            rungs=job.rungs,
        )


@dataclass(frozen=True, slots=True)
class Order:
    """One fleet to bring to ``rung``, or to its end: its part of the sweep's folder, and its runs' options."""

    fleet: str
    rung: int | None
    files: Files
    runs: Mapping[str, Mapping[str, Any]]
    threads: int


def fly_order(shipment: Shipment, order: Order) -> Iterator[Message]:
    """Fly a fleet; yields events and notes as they come, and the fleet's files whenever they are worth keeping."""
    messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            _fly(shipment, order, messages)
        except BaseException as problem:
            messages.put(("failed", command_line_text(problem) or type(problem).__name__))
        finally:
            messages.put(None)

    threading.Thread(target=work, daemon=True).start()
    while (message := messages.get()) is not None:
        yield message


def _fly(shipment: Shipment, order: Order, messages: queue.SimpleQueue[Message | None]) -> None:
    torch.set_num_threads(order.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = SweepFolder(Path(scratch), {})
        folder.write_part(order.fleet, order.files)
        material = _material(shipment)

        def send() -> None:
            messages.put(("files", folder.read_part(order.fleet)))

        job = SweepJob(
            folder,
            {name: TrainOptions(**options) for name, options in order.runs.items()},
            material,
            shipment.evaluation,
            load_split(material.data, shipment.split),
            rungs=shipment.rungs,
            reporter=_Sender(messages),
            stream=_EventSender(messages),
            saved=send,
        )
        try:
            job.fly(order.fleet, order.rung)
        finally:
            send()


_loaded: dict[str, tuple[Material, tempfile.TemporaryDirectory[str]]] = {}
"""What this process has loaded, by key, and where its files lie: the next fleet needs the same."""


def _material(shipment: Shipment) -> Material:
    if shipment.key not in _loaded:
        _loaded.clear()
        home = tempfile.TemporaryDirectory()
        for folder, files in (("base", shipment.base), ("data", shipment.data)):
            for name, content in files.items():
                write_bytes(Path(home.name) / folder / name, content)
        data = str(Path(home.name) / "data")
        device = resolve_device(shipment.device)
        material = open_material(
            shipment.name,
            data,
            training=load_split(data, "train"),
            offline=True,
            dtype=dtype_rule(shipment.precision, device),
            device=device,
            location=str(Path(home.name) / "base"),
        )
        _loaded[shipment.key] = (material, home)
    return _loaded[shipment.key][0]


class _Sender(Reporter):
    def __init__(self, messages: queue.SimpleQueue[Message | None]) -> None:
        self._messages = messages

    def note(self, text: str) -> None:
        self._messages.put(("note", text))


class _EventSender(Stream):
    def __init__(self, messages: queue.SimpleQueue[Message | None]) -> None:
        super().__init__()
        self._messages = messages

    def send(self, event: Event) -> None:
        self._messages.put(("event", event))
