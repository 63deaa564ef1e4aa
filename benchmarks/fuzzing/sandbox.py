"""Run a command in a process of its own, within limits, and record what it did to the files around it.

The process is forked from one that has imported all, so that thousands take minutes.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import shutil
import signal
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from squadron.temporaries import final_name

FOLDERS = ("in", "cwd", "home", "tmp", "elsewhere", "told")
MOST_SECONDS = 10.0
"""Seconds that a command may take, without those in which other work had all cores."""
_MOST_WAITING = 90.0
"""Seconds after which a command is stopped even if it had hardly a core."""
MOST_BYTES = 2 * 10**9
_MOST_ASKED = 8 * 2**30
"""Bytes of private memory after which the system refuses more, to protect the machine."""
_MOST_WRITTEN = 64 * 2**20
"""Bytes of one file after which the system refuses more; a valid input makes files of a few hundred KB."""
_WRITING: dict[str, tuple[slice, int | None]] = {
    "os.mkdir": (slice(1), 2),
    "os.rename": (slice(2), 2),
    "os.remove": (slice(1), 1),
    "os.rmdir": (slice(1), 1),
    "os.link": (slice(2), 2),
    "os.symlink": (slice(1, 2), 2),
    "os.truncate": (slice(1), None),
    "os.chmod": (slice(1), 2),
    "shutil.rmtree": (slice(1), None),
}
"""Python's audit events that write: which of their values are paths, and which is the folder of relative ones.

Paths that are relative to an open folder are left to the comparison before and after.
"""
_PEAK = "/proc/self/clear_refs"
"""Written to by a trial of a sweep, to measure its peak of memory."""
_REFUSED = ("socket.connect", "socket.bind", "pickle.find_class", "os.system", "os.exec", "os.posix_spawn")
Call = Callable[[Sequence[str]], None]
State = dict[str, tuple[int, int, int, str]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, the paths that it may write to, and the exit codes that its input may end with."""

    words: tuple[str, ...]
    owns: tuple[Path, ...]
    codes: tuple[int, ...] = (0, 2)


@dataclass(slots=True)
class Outcome:
    """What a command did: its exit code (negative: the signal that ended it), output, seconds, peak bytes, events.

    ``seconds`` leaves out those in which the process was ready and other work had all cores.
    ``place`` is where it was when it was stopped for taking too long; ``changed`` has the files outside of what it may
    write to that it made, changed or removed; ``events`` what Python's audit saw: writing outside, connecting,
    unpickling, starting programs.
    """

    command: Command
    code: int = 0
    out: str = ""
    err: str = ""
    seconds: float = 0.0
    peak_bytes: int = 0
    hung: bool = False
    swollen: bool = False
    place: str = ""
    changed: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


def clear(box: Path) -> None:
    """Make the folders of a sandbox, all empty: the inputs, and those in which nothing may appear."""
    shutil.rmtree(box, ignore_errors=True)
    for name in FOLDERS:
        (box / name).mkdir(parents=True)
    (box / "elsewhere" / "mine.json").write_text('{"schema": 1}\n')


class Running:
    """A command that runs in a forked process; ``watched`` are more folders in which it must change nothing."""

    def __init__(self, command: Command, box: Path, call: Call, watched: Iterable[Path] = ()) -> None:
        self._watched = (box, *watched)
        self._told = box / "told"
        self.outcome = Outcome(command)
        self._before = _state(self._watched, command.owns)
        self._began = time.monotonic()
        self._starved = 0.0
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            _be_child(command, box, call)

    def poll(self, *, most_seconds: float = MOST_SECONDS) -> Outcome | None:
        """Return the outcome if the process has ended; stop it if it takes too long or too much memory."""
        pid, status, usage = os.wait4(self._pid, os.WNOHANG)
        if pid == 0:
            elapsed = time.monotonic() - self._began
            self._starved = max(_starved(self._pid), self._starved)
            self.outcome.hung = elapsed - self._starved > most_seconds or elapsed > _MOST_WAITING
            self.outcome.swollen = _resident(self._pid) > MOST_BYTES
            if not (self.outcome.hung or self.outcome.swollen):
                return None
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGUSR1)  # writes where it is
                time.sleep(0.3)
                os.killpg(self._pid, signal.SIGKILL)
            _, status, usage = os.wait4(self._pid, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)  # programs that it started and left
        return self._finish(status, usage)

    def _finish(self, status: int, usage: Any) -> Outcome:
        found = self.outcome
        found.code = os.waitstatus_to_exitcode(status)
        found.seconds = max(time.monotonic() - self._began - self._starved, 0.0)
        found.peak_bytes = usage.ru_maxrss * 1024
        found.out, found.err, place, events = (
            (self._told / name).read_bytes().decode("utf-8", "replace") for name in ("out", "err", "place", "events")
        )
        found.place = " < ".join(line.strip() for line in place.splitlines()[1:6])
        found.events = sorted(set(filter(None, events.split("\n"))))
        after = _state(self._watched, found.command.owns)
        for path in sorted(self._before.keys() | after.keys()):
            if self._before.get(path) != after.get(path):
                how = "removed" if path not in after else "made" if path not in self._before else "changed"
                found.changed.append(f"{path} {how}")
        return found


def run(
    command: Command, box: Path, call: Call, watched: Iterable[Path] = (), *, most_seconds: float = MOST_SECONDS
) -> Outcome:
    """Run a command to its end, as :class:`Running` does."""
    running = Running(command, box, call, watched)
    while (found := running.poll(most_seconds=most_seconds)) is None:
        time.sleep(0.005)
    return found


def _be_child(command: Command, box: Path, call: Call) -> None:
    """Run the command in this process and end it; the streams become files in the folder ``told``."""
    code: Any = 1
    try:
        os.setpgid(0, 0)
        told = {
            name: os.open(box / "told" / name, os.O_WRONLY | os.O_CREAT, 0o600)
            for name in ("out", "err", "place", "events")
        }
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(told["out"], 1)
        os.dup2(told["err"], 2)
        sys.stdout, sys.stderr = (open(fd, "w", encoding="utf-8", closefd=False) for fd in (1, 2))  # noqa: SIM115
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        faulthandler.register(signal.SIGUSR1, file=told["place"], all_threads=False)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_ASKED, _MOST_ASKED))
        resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_WRITTEN, _MOST_WRITTEN))
        os.environ.update(HOME=str(box / "home"), TMPDIR=str(box / "tmp"), COLUMNS="100")
        tempfile.tempdir = None
        os.chdir(box / "cwd")
        _audit(told["events"], (*command.owns, box / "tmp"))
        call(command.words)
        code = 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _audit(sink: int, owns: Iterable[Path]) -> None:
    """Write what this process does to other files, to the network and to programs from now on to a file descriptor."""
    own = tuple(os.path.abspath(path) for path in (*owns, os.devnull, _PEAK))
    parents = {os.path.dirname(path) for path in own}

    def outside(path: Any, event: str) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False  # a file that is open already
        full = Path(os.path.abspath(os.fsdecode(path)))
        full = Path(*(final_name(part) or part for part in full.parts))  # as a temporary, it is filled beside its place
        made_before = event == "os.mkdir" and str(full) in parents  # trying to is no harm
        return not made_before and not any(full.is_relative_to(one) for one in own)

    def hook(event: str, values: tuple[Any, ...]) -> None:
        paths: tuple[Any, ...] = ()
        if event == "open":
            path, mode, flags = values
            if flags & (os.O_WRONLY | os.O_RDWR) if mode is None else set(mode) & set("wax+"):
                paths = (path,)
        elif event in _WRITING:
            which, folder = _WRITING[event]
            paths = values[which] if folder is None or values[folder] == -1 else ()
        elif event not in _REFUSED:
            return
        if event in _REFUSED or any(outside(path, event) for path in paths):
            shown = " ".join(repr(value)[:200] for value in (paths or values)[:2])
            os.write(sink, f"{event} {shown}\n".encode("utf-8", "replace"))

    sys.addaudithook(hook)


def _state(folders: Iterable[Path], owns: Iterable[Path]) -> State:
    """Return size, time, mode and target of everything under the folders, except what a command owns."""
    found: State = {}
    owned = {str(path) for path in owns}
    waiting = [str(folder) for folder in folders]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.path in owned or entry.path.endswith("/told"):
                    continue
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(facts.st_mode):
                    found[entry.path] = (0, 0, facts.st_mode, "")
                    waiting.append(entry.path)
                else:
                    target = os.readlink(entry.path) if stat.S_ISLNK(facts.st_mode) else ""
                    found[entry.path] = (facts.st_size, facts.st_mtime_ns, facts.st_mode, target)
    return found


def _starved(pid: int) -> float:
    """Return the seconds that the threads of a process were ready to run and had no core; 0 if it has ended."""
    total = 0
    with contextlib.suppress(OSError, IndexError, ValueError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as stream:
                total += int(stream.read().split()[1])
    return total / 1e9


def _resident(pid: int) -> int:
    """Return the memory in bytes that a process holds now; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as stream:
            return int(stream.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0
