"""The facts about decoding strategies that reports and pages use, without the decoding engine."""

from __future__ import annotations

from squadron.decoding.strategies import is_random, strategy_parts

__all__ = ["is_random", "strategy_parts"]
