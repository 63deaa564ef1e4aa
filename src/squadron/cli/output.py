"""Print results on standard output, and progress and errors on standard error."""

from __future__ import annotations

import errno
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import rich.console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from squadron.errors import ConfigError, InterruptedRunError, SquadronError, as_flags, is_out_of_memory
from squadron.files import disk_is_full
from squadron.runs.folder import TRAIN_AGAIN
from squadron.tracking.progress import Reporter


class Console:
    """Output of a verb. With ``json_output`` the result is printed as one JSON object instead of tables."""

    def __init__(self, *, json_output: bool, debug: bool) -> None:
        self.json_output, self.debug = json_output, debug
        # Printed texts come from data: [b] in them is not markup.
        self._out = rich.console.Console(highlight=False, markup=False)
        self.err = rich.console.Console(stderr=True, highlight=False, markup=False)

    def result(self, record: dict[str, Any], show: Callable[[rich.console.Console], None]) -> None:
        """Print a result: the record as JSON, or whatever ``show`` prints."""
        if self.json_output:
            sys.stdout.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
            sys.stdout.flush()
        else:
            show(self._out)

    def reporter(self) -> Reporter:
        """Return a progress bar on standard error."""
        return _Bar(self.err)


class _Bar(Reporter):
    def __init__(self, console: rich.console.Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def start(self, what: str, total: int, unit: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit + "s {task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._progress.start()
        self._task = self._progress.add_task(what, total=total, figures="")

    def reach(self, done: int, **figures: float) -> None:
        if self._progress is not None:
            shown = " ".join(f"{name} {value:.4g}" for name, value in figures.items())
            fields: dict[str, Any] = {"figures": shown} if figures else {}
            self._progress.update(self._task, completed=done, **fields)

    def finish(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def note(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


_UNREACHABLE = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EROFS)
"""Of a path that a user named: even to ask what is there is refused."""


def guarded(call: Callable[[], int], console: Console) -> int:
    """Run a verb and return its exit code; an error is printed as one line on standard error."""
    try:
        return call()
    except InterruptedRunError as problem:
        _complain(console, problem.for_command_line())
        return 130
    except SquadronError as problem:
        _complain(console, problem.for_command_line(), listed=isinstance(problem, ConfigError))
        return 2
    except KeyboardInterrupt:
        _complain(console, "stopped")
        return 130
    except Exception as problem:
        if disk_is_full(problem):
            _complain(console, f"the disk is full ({problem}); free some space and run the same command again")
            return 2
        if is_out_of_memory(problem):
            _complain(console, f"out of memory ({problem}); use a smaller --batch-size or --max-length")
            return 2
        if isinstance(problem, OSError) and problem.filename is not None and problem.errno in _UNREACHABLE:
            _complain(console, f"{problem.filename}: cannot be reached ({problem.strerror}); choose another path")
            return 2
        if console.debug:
            raise
        _complain(console, f"{type(problem).__name__}: {problem} (a bug in Squadron; --debug shows where)")
        return 1


def _complain(console: Console, text: str, *, listed: bool = False) -> None:
    if console.debug and sys.exc_info()[0] is not None:
        traceback.print_exc()
    # One line, except for a configuration with several problems: one line each.
    lines = [" ".join(line.split()) for line in text.splitlines()] if listed else [" ".join(text.split())]
    sys.stderr.write("squadron: error: " + "\n  ".join(lines) + "\n")


def two_columns(rows: list[tuple[str, str]]) -> Table:
    """Return a table of names and values."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    for name, value in rows:
        table.add_row(name, value)
    return table


def pruned_line(count: int) -> str:
    """Return the line that reports pruned runs, or runs that would be pruned."""
    return f"runs pruned: {count:,}; record, scores and answers stay; {as_flags(TRAIN_AGAIN)}"


def megabytes(count: int) -> str:
    """Return a number of bytes as text, in MiB."""
    return f"{count / 2**20:,.0f} MiB"
