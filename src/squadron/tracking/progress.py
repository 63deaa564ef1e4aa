"""Progress of long jobs. The library reports nothing by default; the command line shows a bar."""

from __future__ import annotations


class Reporter:
    """Ignores progress; a subclass shows it."""

    def start(self, what: str, total: int, unit: str) -> None:
        """Start a job ``what`` of ``total`` units."""

    def reach(self, done: int, **figures: float) -> None:
        """Report that ``done`` units are finished in total; ``figures`` are the latest values to show, by name."""

    def finish(self) -> None:
        """End the job, successful or not."""

    def note(self, text: str) -> None:
        """Show one line to the user."""
