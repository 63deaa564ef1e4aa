"""Handle Ctrl-C by finishing the current step, so that a run's state stays consistent."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interruption:
    """Records a request to stop: ``asked`` is True after the first Ctrl-C."""

    asked = False


@contextlib.contextmanager
def graceful_interrupt() -> Iterator[Interruption]:
    """Record the first Ctrl-C (or SIGTERM) instead of raising; a second one raises KeyboardInterrupt."""
    state = Interruption()
    # Only the main thread can set signal handlers; in other threads interrupts keep their default effect.
    if threading.current_thread() is not threading.main_thread():
        yield state
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        if state.asked:
            raise KeyboardInterrupt
        state.asked = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
