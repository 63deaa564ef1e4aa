"""Numbers, signs and dates of both languages."""

from __future__ import annotations

import datetime

import pytest

from squadron.reporting.localization.calendars import is_leap, jalali
from squadron.reporting.localization.numbers import Numerals, western

ENGLISH, PERSIAN = Numerals(persian=False), Numerals(persian=True)


@pytest.mark.parametrize(
    ("value", "style", "english", "persian"),
    [
        (10570, "count", "10,570", "۱۰٬۵۷۰"),
        (51.25, "points", "51.2", "۵۱٫۲"),
        (-3.21, "signed", "−3.2", "−۳٫۲"),
        (3.21, "signed", "+3.2", "+۳٫۲"),
        (-0.04, "signed", "0.0", "۰٫۰"),  # zero has no sign
        (0.1849, "percent", "18%", "۱۸٪"),
        (0.001849, "percent2", "0.18%", "۰٫۱۸٪"),
        (7e-5, "rate", "0.00007", "۰٫۰۰۰۰۷"),
        (1e-3, "rate", "0.001", "۰٫۰۰۱"),
        (32.0, "rate", "32", "۳۲"),
        (0, "rate", "0", "۰"),
        (0.0004, "p", "< 0.001", "< ۰٫۰۰۱"),
        (0.0004, "p_is", "p < 0.001", "p < ۰٫۰۰۱"),
        (0.0124, "p_is", "p = 0.012", "p = ۰٫۰۱۲"),
        (41.81, "reach", "±41.8", "±۴۱٫۸"),
        (150 * 2**20, "megabytes", "150", "۱۵۰"),
        (90.0, "minutes", "1.5", "۱٫۵"),
        (None, "points", "–", "–"),
        (float("nan"), "points", "–", "–"),
    ],
)
def test_number_styles(value: float | None, style: str, english: str, persian: str) -> None:
    assert ENGLISH.write(value, style) == english
    assert PERSIAN.write(value, style) == persian
    assert western(persian) == western(english)


@pytest.mark.parametrize(
    ("day", "date"),
    [
        # From Unicode's CLDR (Intl.DateTimeFormat, u-ca-persian); every day from 21 March 1925 to 19 February 2100
        # was compared with it.
        ((1925, 3, 21), (1304, 1, 1)),
        ((1979, 2, 11), (1357, 11, 22)),
        ((2000, 1, 1), (1378, 10, 11)),
        ((2017, 3, 20), (1395, 12, 30)),
        ((2021, 3, 20), (1399, 12, 30)),
        ((2021, 3, 21), (1400, 1, 1)),
        ((2024, 9, 21), (1403, 6, 31)),
        ((2024, 9, 22), (1403, 7, 1)),
        ((2025, 3, 20), (1403, 12, 30)),
        ((2025, 3, 21), (1404, 1, 1)),
        ((2026, 3, 20), (1404, 12, 29)),
        ((2026, 11, 24), (1405, 9, 3)),
        ((2099, 12, 31), (1478, 10, 11)),
    ],
)
def test_dates_of_the_solar_hijri_calendar(day: tuple[int, int, int], date: tuple[int, int, int]) -> None:
    assert jalali(datetime.date(*day)) == date


def test_days_are_consecutive_and_leap_years_have_one_more() -> None:
    start = datetime.date(1990, 3, 21)
    days = [jalali(start + datetime.timedelta(days=number)) for number in range(20 * 366)]
    assert len(set(days)) == len(days)
    assert days == sorted(days)
    whole = [year for year in range(1370, 1388) if sum(one[0] == year for one in days) == 366]
    assert whole == [year for year in range(1370, 1388) if is_leap(year)] == [1370, 1375, 1379, 1383, 1387]


def test_dates_in_words() -> None:
    day = datetime.date(2026, 11, 24)
    assert PERSIAN.date(day, (*[""] * 8, "آذر", *[""] * 3)) == "۳ آذر ۱۴۰۵"
    assert ENGLISH.date(day, (*[""] * 10, "November", "")) == "24 November 2026"
