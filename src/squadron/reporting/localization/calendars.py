"""Dates of the Solar Hijri (Jalali) calendar, which Persian documents are dated by."""

from __future__ import annotations

import datetime

_CYCLE = 33
"""Years; within a cycle, the years below are leap years. Right from 1 January 1925 to the end of this century."""
_LEAP = frozenset([1, 5, 9, 13, 17, 22, 26, 30])
_EPOCH = datetime.date(1925, 3, 21)
"""The first of Farvardin 1304, the year in which the calendar became Iran's."""
_FIRST_YEAR = 1304
_LAST_YEAR = 1478
"""Up to here the 33-year cycle and the astronomical equinox agree."""


def jalali(day: datetime.date) -> tuple[int, int, int]:
    """Year, month (1 to 12) and day of the Solar Hijri calendar. Holds for 1304 to 1478 (1925 to 2100)."""
    left = (day - _EPOCH).days
    year = _FIRST_YEAR
    assert left >= 0, day
    while left >= (length := 366 if is_leap(year) else 365):
        left -= length
        year += 1
    assert year <= _LAST_YEAR, day
    # Six months of 31 days, then of 30; the last has 29 or 30.
    month, date = divmod(left, 31) if left < 186 else divmod(left - 186, 30)
    return year, month + (1 if left < 186 else 7), date + 1


def is_leap(year: int) -> bool:
    """Whether a Solar Hijri year has 366 days."""
    return year % _CYCLE in _LEAP
