"""Run a fleet on a Ray worker: unpack its files, run it as any engine does, send back its results.

This module does not import Ray.
"""

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
from squadron.experiments.inputs import Inputs, open_inputs
from squadron.experiments.room import check_room
from squadron.files import write_bytes
from squadron.model.config import Precision
from squadron.options.core import EvaluateOptions, TrainOptions
from squadron.options.runs import By
from squadron.runs.sweep_folder import SweepFolder
from squadron.sweeps.worker import SweepJob
from squadron.tracking.events import Event, Stream
from squadron.tracking.progress import Reporter
from squadron.training.precision import dtype_rule, precision_name, resolve_device

Files = dict[str, bytes]
"""The contents of files by their paths within a folder."""
_BASE_FILES = (".safetensors", ".json", ".txt")
"""The suffixes of a base's files: weights, configuration and tokenizer."""
Message = tuple[str, Any]
"""``("event", Event)``, ``("note", text)``, ``("files", Files)`` or ``("failed", why)``."""


@dataclass(frozen=True, slots=True)
class SweepPayload:
    """The inputs and settings that all fleets of a sweep need, sent to the cluster once."""

    key: str
    name: str
    base: Files
    data: Files
    device: str
    precision: Precision
    evaluation: EvaluateOptions
    split: str
    rungs: tuple[int, ...]
    by: By

    @classmethod
    def of(cls, job: SweepJob) -> SweepPayload:
        """Return the payload of a job."""
        folder = Path(job.inputs.base.folder)
        return cls(
            key=json.dumps(job.inputs.facts()),
            name=job.inputs.name,
            base={path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in _BASE_FILES},
            data={path.name: path.read_bytes() for path in Path(job.inputs.data).glob("*.json")},
            device=job.evaluation.device,
            precision=precision_name(job.inputs.base.model.dtype),
            evaluation=job.evaluation,
            split=job.split.name,
            rungs=job.rungs,
            by=job.by,
        )


@dataclass(frozen=True, slots=True)
class FleetTask:
    """One fleet to run to ``rung``, or to its end: its files of the sweep's folder, and its runs' options."""

    fleet: str
    rung: int | None
    files: Files
    runs: Mapping[str, Mapping[str, Any]]
    threads: int


def run_task(payload: SweepPayload, task: FleetTask) -> Iterator[Message]:
    """Run a fleet; yield events and notes as they come, and the fleet's files after every checkpoint and at the end."""
    messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            _run(payload, task, messages)
        except BaseException as problem:
            messages.put(("failed", command_line_text(problem) or type(problem).__name__))
        finally:
            messages.put(None)

    threading.Thread(target=work, daemon=True).start()
    while (message := messages.get()) is not None:
        yield message


def _run(payload: SweepPayload, task: FleetTask, messages: queue.SimpleQueue[Message | None]) -> None:
    torch.set_num_threads(task.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = SweepFolder(Path(scratch), {})
        folder.write_part(task.fleet, task.files)
        runs = {name: TrainOptions(**options) for name, options in task.runs.items()}
        inputs = _open_inputs(payload, runs)

        def send() -> None:
            messages.put(("files", folder.read_part(task.fleet)))

        job = SweepJob(
            folder,
            runs,
            inputs,
            payload.evaluation,
            load_split(inputs.data, payload.split),
            rungs=payload.rungs,
            by=payload.by,
            reporter=_MessageReporter(messages),
            stream=_MessageStream(messages),
            saved=send,
        )
        try:
            job.run_fleet(task.fleet, task.rung)
        finally:
            send()


_loaded: dict[str, tuple[Inputs, tempfile.TemporaryDirectory[str]]] = {}
"""The inputs that this process has loaded, by key, with their folder: the next fleet needs the same."""


def _open_inputs(payload: SweepPayload, runs: Mapping[str, TrainOptions]) -> Inputs:
    """Return the inputs, loaded unless they are: then ``runs``, which are the first to need them, have to fit."""
    if payload.key not in _loaded:
        _loaded.clear()
        home = tempfile.TemporaryDirectory()
        try:
            _loaded[payload.key] = (_load_inputs(payload, runs, Path(home.name)), home)
        except BaseException:
            home.cleanup()
            raise
    return _loaded[payload.key][0]


def _load_inputs(payload: SweepPayload, runs: Mapping[str, TrainOptions], home: Path) -> Inputs:
    for folder, files in (("base", payload.base), ("data", payload.data)):
        for name, content in files.items():
            write_bytes(home / folder / name, content)
    data, location = str(home / "data"), str(home / "base")
    device = resolve_device(payload.device)
    dtype = dtype_rule(payload.precision, device)
    check_room(payload.name, location, runs, offline=True, dtype=dtype, device=device)
    return open_inputs(
        payload.name,
        data,
        training=load_split(data, "train"),
        offline=True,
        dtype=dtype,
        device=device,
        location=location,
    )


class _MessageReporter(Reporter):
    def __init__(self, messages: queue.SimpleQueue[Message | None]) -> None:
        self._messages = messages

    def note(self, text: str) -> None:
        self._messages.put(("note", text))


class _MessageStream(Stream):
    def __init__(self, messages: queue.SimpleQueue[Message | None]) -> None:
        super().__init__()
        self._messages = messages

    def send(self, event: Event) -> None:
        self._messages.put(("event", event))
