"""The errors that Squadron raises for problems a user can cause.

::

    SquadronError             exit code 2: one line with the problem, its place and the next step
    ├── DataError             a data file, article, paragraph, question or split
    ├── ModelError            a checkpoint, a tokenizer, an adapter file, a target module
    ├── ConfigError           an option, a flag, a configuration file, a combination of them
    ├── RunError              a run folder that exists, is missing, is broken or is in use
    ├── DeviceError           a limit of this machine: device, precision, memory, disk
    └── InterruptedRunError   the user stopped a run: exit code 130, finished work is kept

``assert`` is for bugs that no user can cause; its message has the values.
"""

from __future__ import annotations


class SquadronError(Exception):
    """The base class. Its message is one line with the file or flag, the value and the next step."""


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


def is_out_of_memory(problem: BaseException) -> bool:
    """Return True if an error means that the machine or a GPU is out of memory."""
    # PyTorch raises its own class for GPUs and a bare RuntimeError for the CPU.
    return (
        isinstance(problem, MemoryError)
        or type(problem).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(problem)
    )
