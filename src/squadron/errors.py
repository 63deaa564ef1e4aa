"""The errors that Squadron raises for problems a user can cause.

::

    SquadronError             exit code 2: one line with the problem, its place and the next step
    ├── DataError             a data file, article, paragraph, question or split
    ├── ModelError            a checkpoint, a tokenizer, an adapter file, a target module
    ├── ConfigError           an option, a flag, a configuration file, a combination of them
    ├── RunError              a run folder that exists, is missing, is broken or is in use
    ├── DeviceError           a limit of this machine: device, precision, memory, disk
    └── InterruptedRunError   the user stopped a run: exit code 130, finished work is kept

A message names an option by :func:`option`, in one way for both of its readers: ``rank=0`` from Python, ``--rank 0``
from the command line. ``assert`` is for bugs that no user can cause; its message has the values.
"""

from __future__ import annotations

import os
import re

from squadron.visible import escaped

# Noncharacters: Unicode keeps them for use within a program, so that no text that is read should have them.
_START, _PYTHON, _END = "\ufdd0", "\ufdd1", "\ufdd2"
_MARKS = str.maketrans("", "", _START + _PYTHON + _END)
_REFERENCE = re.compile(f"{_START}([^{_START}-{_END}]*){_PYTHON}([^{_START}-{_END}]*){_END}")


class SquadronError(Exception):
    """The root. Its text is one line that names the file or option, the value and the next step.

    ``str`` gives the text for Python, :meth:`for_command_line` the one for the command line.
    """

    def __str__(self) -> str:
        return _REFERENCE.sub(r"\2", self.marked)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    @property
    def marked(self) -> str:
        """The text with its options still marked, to be a part of another error's text."""
        return super().__str__()

    @property
    def detail(self) -> str:
        """The marked text without the file or option that it begins with."""
        subject = _REFERENCE.match(self.marked)
        return self.marked[subject.end() if subject else 0 :].partition(": ")[2]

    def for_command_line(self) -> str:
        """Return the text with options as flags: ``--rank 0``."""
        return as_flags(self.marked)


class DataError(SquadronError):
    """A data file, article, paragraph, question or split is not usable."""


class ModelError(SquadronError):
    """A checkpoint, tokenizer, adapter file or target module is not usable."""


class ConfigError(SquadronError):
    """An option or a configuration file is not usable."""


class RunError(SquadronError):
    """A run folder exists, is missing, is broken or is in use."""


class DeviceError(SquadronError):
    """This machine cannot do what was requested."""


class InterruptedRunError(SquadronError):
    """The user stopped a run; its work is kept and can be resumed."""


def option(name: str, *value: object) -> str:
    """Return a reference to an option, with the value that it has or is to have, for a :class:`SquadronError`'s text.

    ``option("rank", 0)`` is shown as ``rank=0`` or ``--rank 0``, ``option("replace", True)`` as ``replace=True`` or
    ``--replace``, and without a value ``option("rank")`` as ``rank`` or ``--rank``. In any other text its marks would
    stay; there, :func:`as_flags` removes them.
    """
    flag = f"--{name.replace('_', '-')}"
    return _reference(flag if value and value[0] is True else _words(flag, value), _assignment(name, value))


def argument(name: str, *value: object) -> str:
    """Return a reference to an option that commands take by its place: ``config='quick'`` or ``CONFIG quick``."""
    return _reference(_words(name.upper(), value), _assignment(name, value))


def as_flags(text: str) -> str:
    """Return a text with the options that are marked in it as flags."""
    return _REFERENCE.sub(r"\1", text)


def command_line_text(problem: BaseException) -> str:
    """Return the text of an error for records, which are read at the command line and in reports."""
    return problem.for_command_line() if isinstance(problem, SquadronError) else str(problem)


def _reference(command_line: str, python: str) -> str:
    return f"{_START}{command_line.translate(_MARKS)}{_PYTHON}{python.translate(_MARKS)}{_END}"


def _words(name: str, values: tuple[object, ...]) -> str:
    """Return a flag and its value as they are typed; of a list, one after another."""
    typed = [str(one) for value in values for one in (value if isinstance(value, (list, tuple)) else (value,))]
    return escaped(" ".join([name, *typed]).translate(_MARKS))


def _assignment(name: str, values: tuple[object, ...]) -> str:
    return "=".join([name, *map(_literal, values)])


def _literal(value: object) -> str:
    """Return a value as Python code: paths as text, tuples as lists."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(os.fspath(value)) if isinstance(value, (str, os.PathLike)) else str(value)


def shortened(text: str, longest: int = 200) -> str:
    """Return a text for an error message, cut to ``longest`` characters: libraries quote what they could not read."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


_OUT_OF_MEMORY = re.compile(
    r"""
    \A (?: Triton\ Error\ \[\w+\]:\ | (?:CUDA|HIP|XPU)\ (?:(?:driver\ )?error:\ )? ) out\ of\ memory
    | \A cuda\ runtime\ error\ \(2\)
    | \A std::bad_alloc
    | \A (?: \[enforce\ fail | DefaultCPUAllocator:) .* (?: can't\ allocate | not\ enough )\ memory
    | \b (?: CU|HIP|ROC|MIOPEN) [A-Z]* _STATUS_ (?:[A-Z_]*_)? ALLOC(?:ATION)?_FAILED \b  # cuBLAS, cuDNN, cuSPARSE ...
    """,
    re.VERBOSE,
)
"""The texts by which PyTorch, and the libraries that it calls, say in a bare RuntimeError that there is no memory left.

Most begin with what is matched: in the middle of a text it may be a file's name. Triton's ``out of resource`` is about
a kernel's size.
"""


def is_out_of_memory(problem: BaseException) -> bool:
    """Return True if an error means that the machine or a GPU is out of memory.

    That includes PyTorch's errors that hide another, out of memory, during whose handling they were raised: one that
    ends the capture of a CUDA graph is followed by one about the capture.
    """
    seen: set[int] = set()
    found: BaseException | None = problem
    while found is not None and id(found) not in seen:
        if isinstance(found, MemoryError) or type(found).__name__ == "OutOfMemoryError":
            return True
        if not isinstance(found, RuntimeError):  # PyTorch's own are: RuntimeError, AcceleratorError, OutOfMemoryError
            return False
        if _OUT_OF_MEMORY.search(str(found)):
            return True
        seen.add(id(found))
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return False
