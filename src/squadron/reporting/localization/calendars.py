"""Dates of the Solar Hijri (Jalali) calendar, for Persian reports."""

from __future__ import annotations

import datetime

_CYCLE = 33
"""Years of a cycle, in which the years below are leap years. Valid from 1925 to the end of this century."""
_LEAP = frozenset([1, 5, 9, 13, 17, 22, 26, 30])
_EPOCH = datetime.date(1925, 3, 21)
"""1 Farvardin 1304, the year in which Iran adopted the calendar."""
_FIRST_YEAR = 1304
_LAST_YEAR = 1478
"""The last year in which the 33-year cycle agrees with the astronomical equinox."""


def jalali(day: datetime.date) -> tuple[int, int, int]:
    """Return year, month (1 to 12) and day of the Solar Hijri calendar, for 1304 to 1478 (1925 to 2100)."""
    left = (day - _EPOCH).days
    year = _FIRST_YEAR
    assert left >= 0, day
    while left >= (length := 366 if is_leap(year) else 365):
        left -= length
        year += 1
    assert year <= _LAST_YEAR, day
    # Six months of 31 days, then months of 30; the last has 29 or 30.
    month, date = divmod(left, 31) if left < 186 else divmod(left - 186, 30)
    return year, month + (1 if left < 186 else 7), date + 1


def is_leap(year: int) -> bool:
    """Return True if a Solar Hijri year has 366 days."""
    return year % _CYCLE in _LEAP
