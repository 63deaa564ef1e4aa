"""Every error that Squadron raises for something a user can cause.

::

    SquadronError             exit code 2: one line with what was wrong, where, and the next step
    ├── DataError             a data file, article, paragraph, question or split
    ├── ModelError            a checkpoint, a tokenizer, an adapter file, a target module
    ├── ConfigError           an option, a flag, a configuration file, a combination of them
    ├── RunError              a run folder: it exists, is missing, is broken or is in use
    ├── DeviceError           this machine cannot do it: device, precision, memory, disk
    └── InterruptedRunError   a person stopped it: exit code 130, everything finished is kept

``assert`` is for what no user can cause; it names the values.
"""

from __future__ import annotations


class SquadronError(Exception):
    """The root. Its text is one line that names the file or flag, the value and the next step."""


class DataError(SquadronError):
    """A data file, article, paragraph, question or split is not usable."""


class ModelError(SquadronError):
    """A checkpoint, tokenizer, adapter file or target module is not usable."""


class ConfigError(SquadronError):
    """An option or a configuration file is not usable."""


class RunError(SquadronError):
    """A run folder exists, is missing, is broken or is in use."""


class DeviceError(SquadronError):
    """This machine cannot do what was asked."""


class InterruptedRunError(SquadronError):
    """A person stopped a run; what it had done is kept and can be resumed."""


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error says that memory, the machine's or a GPU's, is used up."""
    # torch raises its own class for GPUs and a bare RuntimeError for the CPU.
    return (
        isinstance(problem, MemoryError)
        or type(problem).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(problem)
    )
