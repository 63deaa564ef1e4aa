"""Ctrl-C that lets the step under way finish, so that what was done is kept whole."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interruption:
    """Whether a person has asked to stop."""

    asked = False


@contextlib.contextmanager
def graceful_interrupt() -> Iterator[Interruption]:
    """Note the first Ctrl-C (or SIGTERM) instead of raising; a second one stops at once, as it always does."""
    state = Interruption()
    # Signal handlers belong to the main thread; elsewhere an interrupt ends the work as it always does.
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
