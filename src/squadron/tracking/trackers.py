"""Experiment trackers as listeners of the run events: TensorBoard, MLflow and Weights & Biases.

Each is a thin layer over its own library, which is imported only if the tracker is requested. They write beside the
runs, in ``tensorboard/``, ``mlruns/`` and ``wandb/`` of the run's or sweep's folder; nothing is sent anywhere unless
the library's own environment variables (``MLFLOW_TRACKING_URI``, ``WANDB_MODE``) say so. A tracker that raises is
dropped by :class:`squadron.tracking.events.Stream`; the runs continue.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from squadron.errors import ConfigError, option
from squadron.tracking.events import EpochEnded, Listener, RunEnded, RunScored, RunStarted, Stepped


def open_trackers(names: Sequence[str], folder: Path) -> list[Listener]:
    """Open the named trackers, each once, for runs whose results are in ``folder``.

    Raises :class:`ConfigError` for an unknown name, or if a tracker's library is not installed.
    """
    found: list[Listener] = []
    for name in dict.fromkeys(names):
        if name not in TRACKERS:
            raise ConfigError(f"{option('track', name)}: unknown; trackers are {', '.join(TRACKERS)}")
        try:
            found.append(TRACKERS[name](folder))
        except ImportError as problem:
            raise ConfigError(
                f"{option('track', name)}: its library is not installed ({problem}); pip install 'squadron[trackers]'"
            ) from None
    return found


class Tracker(Listener):
    """Base class of trackers: keeps track of the open runs, and extracts the figures to log from events.

    A run stays open after its training, since scores come later; it is closed when runs of another fleet start, and
    reopened if more events come. So at most one fleet's runs are open.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, Any] = {}
        self._known: dict[str, RunStarted] = {}
        self._ended: set[str] = set()
        self._begun: set[str] = set()

    def run_started(self, event: RunStarted) -> None:
        """Open the run, and close those that have ended."""
        for run in self._ended & self._open.keys():
            self.end(self._open.pop(run))
        self._ended.discard(event.run)
        self._known[event.run] = event
        self._handle(event.run)

    def stepped(self, event: Stepped) -> None:
        """Log a step's loss, gradient norm and learning rate."""
        self.log(self._handle(event.run), event.step, _numbers("train", event.figures))

    def epoch_ended(self, event: EpochEnded) -> None:
        """Log the validation figures."""
        self.log(self._handle(event.run), event.step, _numbers("validation", event.figures))

    def run_ended(self, event: RunEnded) -> None:
        """Log how the run ended. A run that never started has nothing to log."""
        if event.run in self._known:
            self.conclude(self._handle(event.run), event.status, event.summary)
            self._ended.add(event.run)

    def run_scored(self, event: RunScored) -> None:
        """Log EM, F1 and P(gold). A run that was trained in another process is unknown here and is skipped."""
        if event.run in self._known:
            figures = {name: event.scores.get(name) for name in ("exact_match", "f1", "p_gold")}
            self.log(self._handle(event.run), 0, _numbers(f"{event.split}/{event.decoding}", figures))

    def close(self) -> None:
        """Close every run, also after one that fails. Raises the first problem."""
        first: Exception | None = None
        for handle in self._open.values():
            try:
                self.end(handle)
            except Exception as problem:
                first = first or problem
        self._open.clear()
        if first is not None:
            raise first

    def _handle(self, run: str) -> Any:
        if run not in self._open:
            self._open[run] = self.begin(self._known[run], again=run in self._begun)
            self._begun.add(run)
        return self._open[run]

    @abstractmethod
    def begin(self, event: RunStarted, *, again: bool) -> Any:
        """Open a run, for the first time in this process or ``again``. Return a handle of it."""

    @abstractmethod
    def log(self, run: Any, step: int, figures: Mapping[str, float]) -> None:
        """Log figures of a step."""

    @abstractmethod
    def conclude(self, run: Any, status: str, summary: Mapping[str, Any]) -> None:
        """Log how a run's training ended."""

    def end(self, run: Any) -> None:
        """Close a run."""


class TensorBoard(Tracker):
    """Event files, in one folder per run: ``tensorboard --logdir FOLDER/tensorboard``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter

    def begin(self, event: RunStarted, *, again: bool) -> Any:
        """Open a writer; TensorBoard discards what a killed process logged after this step."""
        purge = None if again else event.step + 1
        writer = self._writer(str(self.folder / "tensorboard" / event.run), purge_step=purge)
        if event.step == 0 and not again:
            writer.add_text("config", "\n".join(f"    {name}: {value}" for name, value in event.config.items()))
        return writer

    def log(self, run: Any, step: int, figures: Mapping[str, float]) -> None:
        """Log each figure as a scalar."""
        for name, value in figures.items():
            run.add_scalar(name, value, step)

    def conclude(self, run: Any, status: str, summary: Mapping[str, Any]) -> None:
        """Log the status as text."""
        run.add_text("status", f"{status}: {summary['reason']}" if "reason" in summary else status)
        run.flush()

    def end(self, run: Any) -> None:
        """Close the writer."""
        run.close()


class MLflow(Tracker):
    """Runs of one experiment in a store of files; ``MLFLOW_TRACKING_URI`` names another store."""

    _STATUS = {"done": "FINISHED", "stopped": "KILLED", "interrupted": "KILLED"}  # noqa: RUF012
    _TAG = "squadron.run"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow reads it at import
        self._entities = importlib.import_module("mlflow.entities")
        self._make_client = importlib.import_module("mlflow.tracking").MlflowClient
        self._client: Any = None
        self._experiment = ""
        self._ids: dict[str, str] = {}

    def _connect(self) -> None:
        """Open the store. This makes its folder, so it must wait until the run's own folder exists."""
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if uri is None:
            # MLflow 3 prefers a database and refuses a store of files by default; files need no extra dependency.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            uri = (self.folder.absolute() / "mlruns").as_uri()
        self._client = self._make_client(tracking_uri=uri)
        name = str(self.folder.absolute())
        found = self._client.get_experiment_by_name(name)
        self._experiment = self._client.create_experiment(name) if found is None else found.experiment_id

    def begin(self, event: RunStarted, *, again: bool) -> Any:
        """Return the run's MLflow id; a resumed run keeps the id it had."""
        if again:
            return self._ids[event.run]
        if self._client is None:
            self._connect()
        self._ids[event.run] = self._find(event) or self._create(event)
        return self._ids[event.run]

    def _find(self, event: RunStarted) -> str | None:
        """Return the id of the run that an earlier process created, if this event resumes one."""
        if event.step == 0:
            return None
        tag = _identity(self.folder, event)
        before = self._client.search_runs([self._experiment], f"tags.`{self._TAG}` = '{tag}'", max_results=1)
        if not before:
            return None
        self._client.set_terminated(before[0].info.run_id, "RUNNING")
        return str(before[0].info.run_id)

    def _create(self, event: RunStarted) -> str:
        """Create a run with its options, and return its id."""
        tag = _identity(self.folder, event)
        run = self._client.create_run(self._experiment, run_name=event.run, tags={self._TAG: tag}).info.run_id
        parameters = [self._entities.Param(name, str(value)[:500]) for name, value in event.config.items()]
        self._client.log_batch(run, params=parameters)
        return str(run)

    def log(self, run: Any, step: int, figures: Mapping[str, float]) -> None:
        """Log all figures of a step in one batch."""
        now = int(time.time() * 1000)
        self._client.log_batch(
            run, metrics=[self._entities.Metric(name, value, now, step) for name, value in figures.items()]
        )

    def conclude(self, run: Any, status: str, summary: Mapping[str, Any]) -> None:
        """Set MLflow's status, and Squadron's as a tag."""
        self._client.set_tag(run, "squadron.status", status)
        if "reason" in summary:
            self._client.set_tag(run, "squadron.reason", summary["reason"])
        self._client.set_terminated(run, self._STATUS.get(status, "FAILED"))


class WeightsAndBiases(Tracker):
    """Offline runs of one project; ``wandb sync FOLDER/wandb/offline-run-*`` uploads them. ``WANDB_MODE`` overrides."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # wandb reads it at import
        self._wandb = importlib.import_module("wandb")

    def begin(self, event: RunStarted, *, again: bool) -> Any:  # noqa: ARG002 (the id is enough)
        """Open a run, with the same id each time, so that its parts are joined when they are uploaded."""
        return self._wandb.init(
            project=self.folder.absolute().name,
            name=event.run,
            id=_identity(self.folder, event),
            resume="allow",
            reinit="create_new",  # the runs of a fleet are open at the same time
            dir=str(self.folder),
            mode=os.environ.get("WANDB_MODE", "offline"),
            config=dict(event.config),
            # Silent: standard output may have to be one JSON object. Collect no console output, code or system data.
            settings=self._wandb.Settings(
                silent=True, console="off", disable_git=True, save_code=False, x_disable_stats=True
            ),
        )

    def log(self, run: Any, step: int, figures: Mapping[str, float]) -> None:
        """Log the figures of a step; scores, which have no step, go into the summary."""
        if step:
            run.log(dict(figures), step=step)
        else:
            run.summary.update(dict(figures))

    def conclude(self, run: Any, status: str, summary: Mapping[str, Any]) -> None:
        """Write the run's summary and status."""
        plain = {name: value for name, value in summary.items() if isinstance(value, (int, float, str))}
        run.summary.update({**plain, "status": status})

    def end(self, run: Any) -> None:
        """Finish the run."""
        run.finish()


TRACKERS: Mapping[str, type[Tracker]] = {"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": WeightsAndBiases}


def _numbers(where: str, figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the numeric figures, by the names they are logged under."""
    return {
        f"{where}/{name.removeprefix('validation_')}": float(value)
        for name, value in figures.items()
        if isinstance(value, (int, float)) and name not in ("step", "epoch")
    }


def _identity(folder: Path, event: RunStarted) -> str:
    """Return an id of a run that is unique on this machine: 32 hexadecimal digits."""
    return hashlib.sha256(f"{folder.absolute()}\n{event.run}".encode()).hexdigest()[:32]
