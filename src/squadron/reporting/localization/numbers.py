"""Format numbers, signs and dates in each language. Both languages round alike, so their numbers agree."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from squadron.reporting.localization.calendars import jalali

MINUS = "−"
_PERSIAN = str.maketrans("0123456789.,%", "۰۱۲۳۴۵۶۷۸۹٫٬٪")
_WESTERN = str.maketrans("۰۱۲۳۴۵۶۷۸۹٫٬٪", "0123456789.,%")
_SMALLEST_P = 0.001


@dataclass(frozen=True, slots=True)
class Numerals:
    """Number format of a language. ``persian`` uses Persian digits, ٫ as decimal point, ٬ for thousands and ٪."""

    persian: bool

    def write(self, value: Any, style: str) -> str:
        """Format a number in one of these styles; ``None``, NaN and infinity give a dash.

        ``count`` 1,639; ``plain`` 1639 (years, names); ``points`` 51.2; ``points2`` 51.24; ``signed`` +3.2;
        ``percent`` 18% and ``percent2`` 0.18%, of shares; ``decimal`` 0.123; ``rate`` 0.0001; ``reach`` ±3.1;
        ``p`` 0.012, a p-value, and ``p_is`` p = 0.012; ``megabytes`` of bytes; ``seconds``, ``minutes`` and
        ``hours`` of seconds.
        """
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return "–"
        written = _WRITERS[style](value)
        return self.digits(written)

    def digits(self, text: str) -> str:
        """Return text with digits and signs of the language."""
        return text.translate(_PERSIAN) if self.persian else text

    def date(self, day: datetime.date, months: tuple[str, ...]) -> str:
        """Format a date in words, in the language's calendar."""
        if self.persian:
            year, month, date = jalali(day)
            return self.digits(f"{date} {months[month - 1]} {year}")
        return f"{day.day} {months[day.month - 1]} {day.year}"


def western(text: str) -> str:
    """Return text with Western digits and signs, to compare the numbers of two languages."""
    return text.translate(_WESTERN)


def _signed(value: float, places: int = 1) -> str:
    shown = f"{abs(value):.{places}f}"
    if not float(shown):
        return shown
    return f"{MINUS if value < 0 else '+'}{shown}"


def _fixed(value: float, places: int) -> str:
    return f"{value:.{places}f}".replace("-", MINUS)


def _rate(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".") if 1e-9 < abs(value) < 1e6 else f"{value:g}"


def _p(value: float) -> str:
    return f"< {_SMALLEST_P}" if value < _SMALLEST_P else f"{value:.3f}"


_WRITERS: dict[str, Callable[[Any], str]] = {
    "count": lambda value: f"{round(value):,}".replace("-", MINUS),
    "plain": lambda value: f"{value}",
    "points": lambda value: _fixed(value, 1),
    "points2": lambda value: _fixed(value, 2),
    "signed": _signed,
    "percent": lambda value: f"{100 * value:.0f}%",
    "percent2": lambda value: f"{100 * value:.2f}%",
    "decimal": lambda value: _fixed(value, 3),
    "rate": _rate,
    "p": _p,
    "p_is": lambda value: f"p {_p(value)}" if value < _SMALLEST_P else f"p = {_p(value)}",
    "reach": lambda value: f"±{_fixed(value, 1)}",
    "megabytes": lambda value: f"{value / 2**20:,.0f}",
    "seconds": lambda value: f"{value:,.1f}",
    "minutes": lambda value: f"{value / 60:,.1f}",
    "hours": lambda value: f"{value / 3600:,.1f}",
}
