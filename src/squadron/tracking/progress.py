"""What a long job tells while it runs. The library is silent; the command line shows a bar."""

from __future__ import annotations


class Reporter:
    """Hears of progress and does nothing with it; a subclass shows it."""

    def start(self, what: str, total: int, unit: str) -> None:
        """A job of ``total`` ``unit`` begins."""

    def reach(self, done: int, **figures: float) -> None:
        """``done`` are done so far, in all; ``figures`` are the latest values to show, by name."""

    def finish(self) -> None:
        """The job has ended, well or not."""

    def note(self, text: str) -> None:
        """Something a user should read: one line."""
