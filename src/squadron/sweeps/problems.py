"""All that is wrong with a configuration, told at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from squadron.errors import ConfigError

MOST_RUNS = 10_000
_MOST_SHOWN = 30
"""Problems told of one file; where there are more, their number is told."""


class Problems:
    """What is wrong, collected. ``source`` is the file."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: list[str] = []

    def add(self, key: str, value: Any, text: str) -> None:
        """Note that ``key`` has the ``value``, and what is wrong with it."""
        shown = repr(value)
        self.lines.append(f"{key} {shown if len(shown) <= 60 else shown[:59] + '…'}: {text}")

    def raise_if_any(self) -> None:
        """Raise one :class:`ConfigError` with all problems, a line each."""
        lines = list(dict.fromkeys(self.lines))
        if lines:
            head = f"{self.source}: {len(lines)} {'problem' if len(lines) == 1 else 'problems'}; nothing was started"
            more = [f"... and {len(lines) - _MOST_SHOWN:,} more"] if len(lines) > _MOST_SHOWN else []
            raise ConfigError("\n".join([head, *lines[:_MOST_SHOWN], *more]))


def meant(word: str, known: Iterable[str]) -> str:
    """``, perhaps rank`` where a known word is close to an unknown one."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", perhaps {close[0]}" if close else ""
