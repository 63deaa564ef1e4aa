"""Print results on standard output, and progress and errors on standard error."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NoReturn

import rich.box
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
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from squadron.errors import ConfigError, InterruptedRunError, SquadronError, as_flags, is_out_of_memory
from squadron.files import disk_is_full
from squadron.options.base import flag_name
from squadron.runs.folder import TRAIN_AGAIN
from squadron.tracking.progress import Reporter
from squadron.visible import escaped

CLOSED_PIPE = 141
"""Exit code if the reader of standard output has gone: what shells report of a program that SIGPIPE ends."""


class Console:
    """Output of a verb. With ``json_output`` the result is printed as one JSON object instead of tables."""

    def __init__(self, *, json_output: bool, debug: bool) -> None:
        self.json_output, self.debug = json_output, debug
        self._out = Terminal()
        self.err = Terminal(stderr=True)

    def result(self, record: dict[str, Any], show: Callable[[rich.console.Console], None]) -> None:
        """Print a result: the record as JSON, or whatever ``show`` prints."""
        if self.json_output:
            # In ASCII, so that the bytes do not depend on the terminal, and no text of the record can control it.
            text = json.dumps(record, ensure_ascii=True, allow_nan=False) + "\n"
            try:
                sys.stdout.write(text)
                sys.stdout.flush()
            except BrokenPipeError:
                end_on_closed_pipe()
        else:
            show(self._out)

    def reporter(self) -> Reporter:
        """Return a progress bar on standard error."""
        return _Bar(self.err)


class Terminal(rich.console.Console):
    """A console for texts from data: no markup, invisible characters escaped, and substitutes for those it lacks."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    @property
    def encoding(self) -> str:
        """The encoding of the stream; rich takes UTF-8 for every standard stream."""
        return (getattr(self.file, "encoding", None) or "utf-8").lower()

    def render_str(self, text: str, **settings: Any) -> Text:
        """Return a text escaped before it is measured, so that tables fit it."""
        return super().render_str(escaped(text, encoding=self.encoding), **settings)

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the pieces of anything printed, escaped."""
        for segment in super().render(renderable, options):
            if segment.control is None:
                yield Segment(escaped(segment.text, keep="\n", encoding=self.encoding), segment.style)
            else:
                yield segment

    def on_broken_pipe(self) -> None:
        """End quietly if nobody reads the results; go on with the work if nobody reads the progress."""
        self.quiet = True
        if not self.stderr:
            end_on_closed_pipe()
        _discard(sys.stderr)


def end_on_closed_pipe() -> NoReturn:
    """Exit without a word, since the reader of standard output has gone."""
    _discard(sys.stdout)
    raise SystemExit(CLOSED_PIPE)


def ready_streams() -> None:
    """Let standard output and error take any text, whatever the terminal can show, and replace closed ones."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def flush_streams() -> None:
    """Flush standard output and error; what cannot be written any more is dropped, as it was reported before."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _discard(stream)


def _discard(stream: Any) -> None:
    """Send what is still written to a stream nowhere: Python's own flush at the exit would fail aloud."""
    with contextlib.suppress(OSError, ValueError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, stream.fileno())
        os.close(sink)


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


_LIMITS = (errno.EMFILE, errno.ENFILE, errno.EIO, errno.EFBIG, errno.ENXIO, errno.ENODEV)
"""Errors of the system that name no file and still are no bug."""


_MEMORY = ("batch_size", "max_length", "fleet_size")
"""Options whose lower values need less memory."""


def guarded(call: Callable[[], int], console: Console, options: Collection[str] = ()) -> int:
    """Run a verb and return its exit code; an error is printed as one line on standard error.

    ``options`` are the names of the verb's options, of which an error may advise one.
    """
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
            _complain(console, f"out of memory ({problem}); {_memory_step(options)}")
            return 2
        if isinstance(problem, OSError) and (problem.filename is not None or problem.errno in _LIMITS):
            _complain(console, _system_error(problem))
            return 2
        if console.debug:
            raise
        _complain(console, f"{type(problem).__name__}: {problem} (a bug in Squadron; --debug shows where)")
        return 1


def _memory_step(options: Collection[str]) -> str:
    """Return what a verb with these options can do to need less memory."""
    if lower := [flag_name(name) for name in _MEMORY if name in options]:
        return f"use a smaller {' or '.join(lower)}"
    return f"{'use a smaller base, or ' if 'base' in options else ''}free some memory and run the same command again"


def _system_error(problem: OSError) -> str:
    if problem.filename is None:
        return f"the system refuses ({problem.strerror}); see its limits and disks, and run the same command again"
    path = os.fsdecode(problem.filename) if isinstance(problem.filename, (str, bytes)) else str(problem.filename)
    step = "shorten its name" if problem.errno == errno.ENAMETOOLONG else "choose another path"
    return f"{path}: cannot be reached ({problem.strerror}); {step}"


def _complain(console: Console, text: str, *, listed: bool = False) -> None:
    if console.debug and sys.exc_info()[0] is not None:
        sys.stderr.write(escaped(traceback.format_exc(), keep="\n"))
    # One line, except for a configuration with several problems: one line each.
    lines = text.split("\n") if listed else [text]
    shown = [escaped(" ".join(line.split())) for line in lines]
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write("squadron: error: " + "\n  ".join(shown) + "\n")


def two_columns(rows: Sequence[tuple[str, rich.console.RenderableType]]) -> Table:
    """Return a table of names and values."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    for name, value in rows:
        table.add_row(name, value)
    return table


def narrow_table(title: str) -> Table:
    """Return a table without lines between its columns, so that figures with their intervals fit 80 columns."""
    return Table(title=title, box=rich.box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)


_TEXTS = ("status", "decoding")
"""Columns of words, which start at the left; figures end at the right."""


def print_fitting(
    out: rich.console.Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, needed: int
) -> None:
    """Print a table whose names are not broken, and which columns it lacks because the terminal is narrow.

    The first ``needed`` columns, of which the first has names, are always there; later ones as far as they fit.
    """
    for count in range(len(columns), needed - 1, -1):
        table = narrow_table(title)
        table.add_column(columns[0], overflow="fold")
        for column in columns[1:count]:
            table.add_column(column, justify="left" if column in _TEXTS else "right", no_wrap=True)
        for row in rows:
            table.add_row(*row[:count])
        if out.measure(table, options=out.options.update(width=10_000)).maximum <= out.width:
            break
    out.print(table)
    if left_out := columns[count:]:
        out.print(f"left out, as the terminal is narrow: {', '.join(left_out)}; --json has all", soft_wrap=True)


def counted(count: int, noun: str) -> str:
    """Return a number of things in words: ``1 run``, ``75 runs``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def pruned_line(count: int) -> str:
    """Return the line that reports pruned runs, or runs that would be pruned."""
    return f"runs pruned: {count:,}; record, scores and answers stay; {as_flags(TRAIN_AGAIN)}"


def figure(value: float | None, digits: int) -> str:
    """Return a number as text, or a dash if there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def megabytes(count: int) -> str:
    """Return a number of bytes as text, in MiB."""
    return f"{count / 2**20:,.0f} MiB"
