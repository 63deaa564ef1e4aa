"""Round values for ticks of axes and legends: at least two within any range, and no text twice."""

from __future__ import annotations

import math

_STEPS = (1.0, 2.0, 5.0)


def linear_ticks(low: float, high: float, most: int = 5) -> tuple[list[float], int]:
    """Return round values from ``low`` to ``high``, at least two and about ``most``, and the decimals they need.

    A range without extent has one value: its own.
    """
    if not high > low:
        return [low], _decimals(low)
    step = _step_at_least((high - low) / max(1, most - 1))
    for _ in range(4):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first >= 1:
            break
        step = _step_at_least(step / 3)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return [round(index * step, places + 2) for index in range(first, last + 1)], places


def log_ticks(low: float, high: float, least: int = 2) -> list[float]:
    """Return round values from ``low`` to ``high`` for a logarithmic axis, at least two where the two ends differ.

    They are powers of ten; if fewer than ``least``, then also 2 and 5 times them, then 3 times them, then round steps.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 2, 5), (1, 2, 3, 5)):
        found = [factor * 10.0**power for power in powers for factor in factors]
        found = [value for value in found if low <= value * (1 + 1e-9) and value <= high * (1 + 1e-9)]
        if len(found) >= least:
            return found
    return linear_ticks(low, high, most=least + 1)[0]


def _step_at_least(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in _STEPS if factor * power >= least * (1 - 1e-9)), 10.0 * power)


def _decimals(value: float) -> int:
    return 0 if value == round(value) else 1
