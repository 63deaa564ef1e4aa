"""What reports and pages may know of decoding strategies by their names, without the engine that runs them."""

from __future__ import annotations

from squadron.decoding.strategies import is_random, strategy_parts

__all__ = ["is_random", "strategy_parts"]
