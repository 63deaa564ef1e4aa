"""A sweep's live table on standard error: runs, epoch, loss, F1 so far, time left."""

from __future__ import annotations

import time
from dataclasses import dataclass

import rich.console
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from squadron.cli.output import figure
from squadron.tracking.events import EpochEnded, Listener, RunEnded, RunScored, RunStarted, Stepped
from squadron.tracking.progress import Reporter

_SPARE_LINES = 7
"""Terminal lines that are not for runs: the table's frame, the bar, and a margin."""


@dataclass(slots=True)
class _Row:
    """The latest state of a run."""

    steps: int
    step: int = 0
    first_step: int = 0
    epoch: int = 0
    status: str = "running"
    loss: float | None = None
    validation_loss: float | None = None
    f1: float | None = None
    final: bool = False


class SweepTable(Reporter, Listener):
    """Receives a sweep's events; shows a live table on a terminal, else prints a line for each important event.

    Time left is estimated from steps: those made since this process began, and those left in all runs.
    """

    def __init__(self, console: rich.console.Console) -> None:
        self._console = console
        self._rows: dict[str, _Row] = {}
        self._title = self._unit = ""
        self._total = self._done = 0
        self._began = time.monotonic()
        self._live: Live | None = None

    def start(self, what: str, total: int, unit: str) -> None:
        self._title, self._unit = f"{what} of {total:,} {unit}s", unit
        self._total, self._began = total, time.monotonic()
        if self._console.is_terminal:
            self._live = Live(get_renderable=self.render, console=self._console, refresh_per_second=4, transient=True)
            self._live.start()

    def reach(self, done: int, **_figures: float) -> None:
        self._done = done

    def finish(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def note(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def run_started(self, event: RunStarted) -> None:
        row = self._rows.setdefault(event.run, _Row(event.steps, first_step=event.step))
        row.status, row.step = "running", event.step

    def stepped(self, event: Stepped) -> None:
        row = self._rows[event.run]
        row.step, row.epoch, row.loss = event.step, event.figures["epoch"], event.figures["loss"]

    def epoch_ended(self, event: EpochEnded) -> None:
        row = self._rows[event.run]
        row.validation_loss = event.figures.get("validation_loss")
        row.f1 = event.figures.get("validation_f1")

    def run_ended(self, event: RunEnded) -> None:
        row = self._rows.setdefault(event.run, _Row(0))
        row.status = event.status
        if event.status in ("diverged", "failed"):
            self.note(f"{event.run} {event.status}: {event.summary.get('reason', '')}")

    def run_scored(self, event: RunScored) -> None:
        row = self._rows.get(event.run)
        if row is not None and not row.final:
            row.f1, row.final = event.scores["f1"], True
            if not self._console.is_terminal:
                scores = event.scores
                self.note(f"{event.run}: EM {scores['exact_match']:.1f}, F1 {scores['f1']:.1f} ({event.split})")

    def render(self) -> RenderableType:
        """Return the current table: runs in training first, then the best of those that ended."""
        table = Table(
            title=self._title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold"
        )
        table.add_column("run", overflow="ellipsis", no_wrap=True, min_width=20)
        for column in ("status", "epoch", "loss", "validation", "F1"):
            table.add_column(column, justify="left" if column == "status" else "right", no_wrap=True)
        active = [(name, row) for name, row in self._rows.items() if row.status == "running"]
        ended = [(name, row) for name, row in self._rows.items() if row.status != "running"]
        ended.sort(key=lambda item: -(item[1].f1 if item[1].f1 is not None else -1.0))
        room = max(3, self._console.height - _SPARE_LINES)
        shown = active[: max(room - min(len(ended), 5), room // 2)]
        shown += ended[: room - len(shown)]
        for name, row in shown:
            table.add_row(
                name,
                row.status,
                str(row.epoch or "-"),
                figure(row.loss, 3),
                figure(row.validation_loss, 3),
                figure(row.f1, 1) + ("" if row.final or row.f1 is None else "*"),
            )
        hidden = len(active) + len(ended) - len(shown)
        lines: list[RenderableType] = [table]
        if hidden:
            lines.append(Text(f"... and {hidden} more", style="dim"))
        share = self._share()
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            f"{self._done}/{self._total} {self._unit}s",
            ProgressBar(total=1.0, completed=share, width=30),
            f"{clock(time.monotonic() - self._began)}, {self._left()} left",
            Text("* on part of the validation questions", style="dim"),
        )
        return Group(*lines, bar)

    def _steps(self) -> tuple[int, int]:
        """Return the steps done by all runs, skipped or dropped ones included, and the total."""
        longest = max((row.steps for row in self._rows.values()), default=0)
        known = sum(
            row.step if row.status in ("running", "interrupted") else row.steps or longest
            for row in self._rows.values()
        )
        return known, longest * max(self._total, len(self._rows))

    def _share(self) -> float:
        known, total = self._steps()
        return known / total if total else 0.0

    def _left(self) -> str:
        known, total = self._steps()
        skipped = sum(row.first_step for row in self._rows.values())
        made = known - skipped
        if made <= 0 or not total:
            return "?"
        return clock((time.monotonic() - self._began) * (total - known) / made)


def clock(seconds: float) -> str:
    """Return a duration as text."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
