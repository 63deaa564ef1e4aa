"""The facts about decoding strategies that reports and pages use, without the decoding engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from squadron.decoding.strategies import PARAMETERS, is_random, resolve_strategies, strategy_parts
from squadron.errors import ConfigError

__all__ = ["is_random", "strategy_parts", "strategy_settings"]


def strategy_settings(name: str, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a strategy: as ``recorded`` in its scores, else by default; none if it is not known."""
    parts = strategy_parts(name)
    given = {
        key: recorded[key]
        for key, parameter in PARAMETERS.items()
        if recorded.get(key) is not None and parameter.owner in parts
    }
    try:
        (strategy,) = resolve_strategies([name], **given)
    except ConfigError:
        return {}
    return strategy.values()
